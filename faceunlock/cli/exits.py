"""The name of the program and its exit codes, on grep's scale."""

from __future__ import annotations

PROGRAM = "faceunlock"


EXIT_DONE, EXIT_NO, EXIT_COULD_NOT, EXIT_INTERRUPTED = 0, 1, 2, 130
