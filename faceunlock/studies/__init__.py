"""What a folder of photos of known people says about a model, in numbers."""
