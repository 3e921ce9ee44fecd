"""The resident process: it keeps models loaded, and ``verify`` asks it if it responds."""
