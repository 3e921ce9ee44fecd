"""From photos to faces, vectors and templates."""
