"""Photo files and camera frames become upright arrays; faces in them."""
