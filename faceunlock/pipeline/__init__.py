"""A photo becomes faces, vectors, a template."""
