"""The tasks of faceunlock: one module for each."""
