"""Limits of the system on memory, open files and threads, reported as what they are."""

from __future__ import annotations

import errno
import sys

from faceunlock.errors import SettingsError

MEBIBYTE = 1 << 20
COMMAND_MEMORY, COMMAND_FILES = 256 * MEBIBYTE, 16
"""What every command needs: NumPy alone takes 150 MiB of address space."""

NETWORK_MEMORY, NETWORK_FILES = 1024 * MEBIBYTE, 64
"""What loading networks needs; below about 800 MiB, native code ends the process in ways of its own."""

STACK = 1024 * 1024
"""Stack that the main thread and each other thread need; 64 KiB are too little to convert a network."""

_TOO_MUCH = {
    errno.EMFILE: "too many open files",
    errno.ENFILE: "too many open files on this machine",
    errno.ENOMEM: "not enough memory",
    errno.EAGAIN: "too many processes or threads",
    errno.EFBIG: "a file became larger than allowed",
}
_WORDS = {
    # What the dynamic linker, CPython and native libraries say.
    "Too many open files": "too many open files",
    "Error 24": "too many open files",
    "failed to map segment": "not enough memory",
    "Cannot allocate memory": "not enough memory",
    "cannot allocate memory": "not enough memory",
    "bad_alloc": "not enough memory",
    "can't start new thread": "too many processes or threads, or not enough memory for one more",
}


def require(memory: int = COMMAND_MEMORY, files: int = COMMAND_FILES) -> None:
    """Refuse to work under a limit that is known to be too low.

    Parameters
    ----------
    memory : int
        Bytes of address space that are needed.
    files : int
        File descriptors that are needed.

    Raises
    ------
    SettingsError
        ``system-limit``.
    """
    if sys.platform == "win32":
        return
    import resource

    for limit, needed, unit, said, command in (
        (resource.RLIMIT_AS, memory, MEBIBYTE, "{} MiB of memory", "ulimit -v"),
        # Most of the address space is code and files, which do not count as data.
        (resource.RLIMIT_DATA, memory // 4, MEBIBYTE, "{} MiB of data", "ulimit -d"),
        (resource.RLIMIT_STACK, STACK, MEBIBYTE, "{} MiB of stack", "ulimit -s"),
        (resource.RLIMIT_NOFILE, files, 1, "{} open files", "ulimit -n"),
    ):
        allowed, _ = resource.getrlimit(limit)
        if allowed != resource.RLIM_INFINITY and allowed < needed:
            raise SettingsError(
                "system-limit",
                f"a limit of the system allows this process {said.format(allowed // unit)}; "
                f"at least {needed // unit} are needed",
                hint=f"Raise the limit: {command}",
            )


def no_core_dump() -> None:
    """Keep a crash from writing memory, with biometric data in it, to a file."""
    if sys.platform == "win32":
        return
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def reached(error: BaseException) -> SettingsError | None:
    """Return the error to report if a limit of the system caused another one; None if it was something else.

    Parameters
    ----------
    error : BaseException
        Any error. The errors that caused it are looked at, too.

    Examples
    --------
    >>> reached(OSError(24, "Too many open files")).message
    'a limit of the system was reached: too many open files'
    >>> reached(OSError(2, "No such file or directory")) is None
    True
    """
    seen: BaseException | None = error
    while seen is not None:
        reason = _reason(seen)
        if reason is not None:
            return SettingsError("system-limit", f"a limit of the system was reached: {reason}")
        seen = seen.__cause__ or seen.__context__
    return None


def _reason(error: BaseException) -> str | None:
    if isinstance(error, MemoryError):
        return "not enough memory"
    if isinstance(error, OSError) and error.errno in _TOO_MUCH:
        return _TOO_MUCH[error.errno]
    if isinstance(error, ImportError | RuntimeError | OSError):
        text = str(error)
        return next((reason for word, reason in _WORDS.items() if word in text), None)
    return None
