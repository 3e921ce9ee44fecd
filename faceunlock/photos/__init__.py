"""Photo files and cameras to upright arrays; a face on a photo."""
