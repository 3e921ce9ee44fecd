"""Training a model from a folder of people: data, augmentation, losses, loop, checkpoint, card."""
