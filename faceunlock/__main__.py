"""Entry point of ``faceunlock`` and ``python -m faceunlock``."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and exit with its code: 0 yes or done, 1 no, 2 could not."""
    from faceunlock.cli import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
