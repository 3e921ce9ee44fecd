"""Studies of a model: numbers from a folder of photos of known people."""
