"""The resident process: models stay loaded, and ``verify`` asks it when it answers."""
