"""A folder for temporary work in a directory of ours, never left behind for good."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from faceunlock.files.private import make_private_directories

PREFIX = ".work-"


@contextlib.contextmanager
def workplace(parent: Path) -> Iterator[Path]:
    """Yield a new private folder, deleted at the end, and delete those that killed processes left here.

    Each process holds a lock on its own folder; the system releases it when the process ends in any way.

    Parameters
    ----------
    parent : Path
        A private directory; created if it does not exist.

    Raises
    ------
    OSError
        If nothing can be written there.
    """
    make_private_directories(parent)
    remove_abandoned(parent)
    with contextlib.ExitStack() as stack:
        folder = _new_folder(parent, stack)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _new_folder(parent: Path, stack: contextlib.ExitStack) -> Path:
    """Make and lock a folder. One that somebody takes for abandoned before it is locked is made again."""
    import tempfile

    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        with contextlib.suppress(BlockingIOError, FileNotFoundError):
            stack.enter_context(_locked(folder))
            if folder.exists():
                return folder


def remove_abandoned(parent: Path) -> int:
    """Delete the folders of `workplace` whose processes are gone, and return how many there were."""
    removed = 0
    with contextlib.suppress(OSError):
        for folder in parent.glob(f"{PREFIX}*"):
            with contextlib.suppress(OSError), _locked(folder):
                shutil.rmtree(folder)
                removed += 1
    return removed


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the lock on a folder.

    Raises
    ------
    BlockingIOError
        If another process holds it.
    """
    import fcntl

    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)
