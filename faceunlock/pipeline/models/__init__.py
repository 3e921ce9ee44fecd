"""Models: the registry, architectures, model folders, and the files that ship with the program."""
