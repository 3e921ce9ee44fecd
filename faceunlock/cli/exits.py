"""The program's name and its exit codes, which follow those of grep."""

from __future__ import annotations

PROGRAM = "faceunlock"


EXIT_DONE, EXIT_NO, EXIT_COULD_NOT, EXIT_INTERRUPTED = 0, 1, 2, 130
