"""What people look at: pages, figures, pictures, photos with names on them."""
