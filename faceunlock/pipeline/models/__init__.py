"""Models: the registry, architectures, model folders, and what ships with the program."""
