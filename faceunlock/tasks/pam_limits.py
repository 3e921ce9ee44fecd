"""The resource limits of a login; imports nothing that reads the environment.

The user who starts ``sudo`` or ``su`` also chooses their limits. A program that runs out of something halfway
may have compared a face without counting the attempt.
"""

from __future__ import annotations

import resource
import signal

from faceunlock.tasks.pam_options import CannotAskError

NEEDED = {
    "RLIMIT_FSIZE": ("the size of a file", 256 << 20),
    "RLIMIT_NOFILE": ("open files", 256),
    "RLIMIT_AS": ("address space", 4 << 30),
    "RLIMIT_DATA": ("memory", 2 << 30),
    "RLIMIT_STACK": ("stack", 1 << 20),
    "RLIMIT_CPU": ("seconds of processor time", 600),
    "RLIMIT_NPROC": ("threads", 128),
}
"""What each limit is about and the least that is enough, several times what a 100-megapixel photo takes."""


def reset_limits() -> None:
    """Lift this process's limits as far as it may, and survive a file that gets too long.

    Raises
    ------
    CannotAskError
        If a limit stays below what a login needs.
    """
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # then a write fails, and the failure is reported
    for name, (what, needed) in NEEDED.items():
        limit: int = getattr(resource, name)
        soft, hard = resource.getrlimit(limit)
        wanted = resource.RLIM_INFINITY
        if name == "RLIMIT_NOFILE":  # the kernel has a ceiling for it, and more than needed only costs time
            wanted = soft if _enough(soft, needed) else needed
        if not _set(limit, wanted, hard if _enough(hard, wanted) else wanted):
            _set(limit, hard, hard)
        left = resource.getrlimit(limit)[0]
        if not _enough(left, needed):
            raise CannotAskError(
                f"the limit on {what} ({name}) is {left} and cannot be raised; a login needs {needed}"
            )


def _set(limit: int, soft: int, hard: int) -> bool:
    try:
        resource.setrlimit(limit, (soft, hard))
    except (OSError, ValueError):
        return False
    return True


def _enough(limit: int, needed: int) -> bool:
    """Return whether a limit allows what is needed; infinity is a number below zero to Python."""
    infinity = resource.RLIM_INFINITY
    return limit == infinity or (needed != infinity and limit >= needed)
