"""What some file systems cannot do: locks (NFS without its lock service), fsync and chmod (CIFS, FUSE)."""

from __future__ import annotations

import errno
import os
from functools import lru_cache
from pathlib import Path

from faceunlock.errors import FaceUnlockError

CANNOT = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS})
"""Errors of a call that a file system does not have."""

NO_LOCKS = CANNOT | {errno.ENOLCK, errno.EBADF}
"""Errors of a file system without locks; EBADF is NFS, which cannot lock what is open for reading only."""

NO_MODES = CANNOT | {errno.EPERM}
"""Errors of a chmod of our own file where all files have the mode that the mount gives them."""

_SYNCED = frozenset({"bcachefs", "btrfs", "nfs", "nfs4", "overlay", "ramfs", "rootfs", "tmpfs", "zfs"})
"""File systems without a block device of their own that have fsync."""

_MOUNTS = Path("/proc/self/mountinfo")


def lock(descriptor: int, place: Path, kind: type[FaceUnlockError], *, wait: bool) -> bool:
    """Take the exclusive lock of an open file, and return False if another process has it.

    Parameters
    ----------
    descriptor : int
        The lock ends when it is closed.
    place : Path
        For the message.
    kind : type of FaceUnlockError
        The error class to raise.
    wait : bool
        Whether to wait for the other process.

    Raises
    ------
    FaceUnlockError
        `kind` with ``locks-unsupported``.
    OSError
        If it cannot be locked for another reason.
    """
    import fcntl  # not on Windows

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno in NO_LOCKS:
            raise kind("locks-unsupported", without_locks(place, error)) from error
        raise
    return True


def lacks_locks(directory: Path) -> OSError | None:
    """Return the error of a file system without locks like those of SQLite; None if it has them.

    None, too, if it cannot be tried. A new file is tried: to open and close the database itself would end
    SQLite's own locks.
    """
    import fcntl
    import tempfile

    try:
        with tempfile.TemporaryFile(dir=directory) as trial:
            fcntl.lockf(trial, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error if error.errno in NO_LOCKS else None
    return None


def without_locks(place: Path, error: OSError) -> str:
    """Return the sentence for a place that cannot be locked."""
    return f"{place} cannot be locked, because its file system has no locks: {error.strerror}"


def sync(descriptor: int) -> None:
    """Flush a file to the disk, where its file system can.

    Raises
    ------
    OSError
        If that fails: the content may not be on the disk.
    """
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in CANNOT:
            raise


def lacks_sync(directory: Path) -> bool:
    """Return whether the file system of a directory has no fsync; only unusual ones are tried, once each."""
    device = directory.stat().st_dev
    return _is_unusual(device) and _cannot_sync(device, directory)


@lru_cache(maxsize=16)
def _cannot_sync(device: int, directory: Path) -> bool:
    import tempfile

    try:
        with tempfile.TemporaryFile(dir=directory) as trial:
            os.fsync(trial.fileno())
    except OSError as error:
        return error.errno in CANNOT
    return False


@lru_cache(maxsize=16)
def _is_unusual(device: int) -> bool:
    """Return whether a file system may lack fsync; a trial in every command would cost too much."""
    # What has a block device of its own has fsync.
    return os.major(device) == 0 and _kind(device) not in (None, *_SYNCED)


def _kind(device: int) -> str | None:
    """Return the type of the file system with this device number, such as ``fuse.sshfs``; None if unknown."""
    number = f"{os.major(device)}:{os.minor(device)}"
    try:
        mounts = _MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    for line in mounts:
        fields, _, source = line.partition(" - ")
        if fields.split()[2:3] == [number]:
            return source.partition(" ")[0]
    return None


def set_mode(path: Path, mode: int) -> None:
    """Give a file of ours these permission bits, where its file system has any; nothing is done for nothing.

    Raises
    ------
    OSError
        If that fails for another reason.
    """
    if path.stat().st_mode & 0o7777 == mode:
        return
    try:
        path.chmod(mode)
    except OSError as error:
        if error.errno not in NO_MODES:
            raise
