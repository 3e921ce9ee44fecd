"""A budget of memory that threads share, so that a peak does not grow with the number of cores."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

MOST = 2 << 30
"""Most memory in bytes that decoded photos may take together, 2 GiB."""

SHARE = 4
"""On a small machine they may take one part of its memory in this many."""


class Budget:
    """A number of bytes that may be in use at once; who needs more than is left waits.

    Something larger than the whole budget is let in alone. A thread must not ask again while it holds some.

    Parameters
    ----------
    total : int
        In bytes.

    Examples
    --------
    >>> with Budget(100).holding(250):
    ...     print("alone")
    alone
    """

    def __init__(self, total: int) -> None:
        self._total, self._used = total, 0
        self._changed = threading.Condition()

    @contextmanager
    def holding(self, size: int) -> Iterator[None]:
        """Wait until `size` bytes are free, and keep them until the block ends."""
        with self._changed:
            self._changed.wait_for(lambda: not self._used or self._used + size <= self._total)
            self._used += size
        try:
            yield
        finally:
            with self._changed:
                self._used -= size
                self._changed.notify_all()


def _bytes_for_photos() -> int:
    """Return `MOST`, or less on a small machine."""
    try:
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return MOST
    return max(1 << 28, min(MOST, memory // SHARE))


FILES = Budget(_bytes_for_photos())
"""For the content of files; held while a photo is worked on, and asked for before `PIXELS`, never after."""

PIXELS = Budget(_bytes_for_photos())
"""For decoded photos."""
