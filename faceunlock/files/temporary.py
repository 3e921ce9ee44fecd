"""Temporary folders, also on a machine that has no place for them, and those that killed processes left."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from faceunlock.errors import SettingsError
from faceunlock.files.private import make_private_directories


@contextmanager
def temporary_folder(prefix: str, otherwise: Path) -> Iterator[Path]:
    """Make a temporary folder that is deleted at the end.

    Parameters
    ----------
    prefix : str
        What its name starts with.
    otherwise : Path
        A folder of ours, made if it is missing, that takes the temporary folder if the system has no usable
        place, as in a container with a read-only disk. Libraries in this process then use it too.

    Raises
    ------
    SettingsError
        ``no-temporary-directory`` if that folder cannot be written either.
    """
    try:
        tempfile.gettempdir()
    except FileNotFoundError:
        try:
            make_private_directories(otherwise)
            tempfile.TemporaryFile(dir=otherwise).close()
        except OSError as error:
            raise SettingsError("no-temporary-directory") from error
        tempfile.tempdir = str(otherwise)
    with tempfile.TemporaryDirectory(prefix=prefix) as name:
        yield Path(name)


def remove_litter(prefix: str, content: str, *, hours: float = 24.0) -> int:
    """Delete temporary folders that killed processes of this user left, and return how many there were.

    Parameters
    ----------
    prefix : str
        What their names start with; `tempfile` adds eight characters.
    content : str
        A regular expression for the names of everything in them. A folder with anything else is the user's.
    hours : float
        How long nothing may have been added to a folder: what is younger may be in use.
    """
    name = re.compile(re.escape(prefix) + "[a-z0-9_]{8}")
    removed = 0
    with contextlib.suppress(OSError), os.scandir(tempfile.gettempdir()) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                if name.fullmatch(entry.name) and _is_litter(entry, content, hours):
                    shutil.rmtree(entry.path)
                    removed += 1
    return removed


def _is_litter(entry: os.DirEntry[str], content: str, hours: float) -> bool:
    info = entry.stat(follow_symlinks=False)
    private = stat.S_ISDIR(info.st_mode) and not stat.S_IMODE(info.st_mode) & 0o077
    if not private or (hasattr(os, "geteuid") and info.st_uid != os.geteuid()):
        return False
    if time.time() - info.st_mtime < hours * 3600:
        return False
    return all(re.fullmatch(content, inside) for inside in os.listdir(entry.path))  # noqa: PTH208 - names only
