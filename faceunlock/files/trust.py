"""Checks that nobody but root, or but the user and root, could change what a path leads to."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from faceunlock.errors import GalleryError, ModelError
from faceunlock.files.private import OTHERS_ANY, OTHERS_WRITE

MOST_LINKS = 40


def distrust(path: Path) -> str | None:
    """Return why a path cannot be trusted, or None.

    Every directory on the way, every symbolic link and everything they lead to must belong to root, and
    nobody else may be able to write to it. A directory on the way may be shared if it has the sticky bit,
    because nobody can replace root's files there.

    Parameters
    ----------
    path : Path
        Absolute.

    Returns
    -------
    str or None
        A sentence about the first thing that is wrong.

    Examples
    --------
    >>> distrust(Path("/"))
    """
    if not path.is_absolute():
        return f"{path} is not an absolute path"
    try:
        for place in _way(path):
            problem = _problem(place, place.lstat(), last=place == path)
            if problem is not None:
                return problem
    except OSError as error:
        return f"{path} cannot be accessed: {error.strerror}"
    return None


def distrust_all(directory: Path) -> str | None:
    """Return why a directory, or anything below it, cannot be trusted, or None."""
    problem = distrust(directory)
    if problem is not None:
        return problem
    try:
        for folder, _, files in os.walk(directory.resolve(), onerror=_raise):
            for place in (Path(folder), *(Path(folder) / name for name in files)):
                problem = _problem(place, place.lstat(), last=True)
                if problem is not None:
                    return problem
    except OSError as error:
        return f"{directory} cannot be accessed: {error.strerror}"
    return None


def _way(path: Path) -> Iterator[Path]:
    """Yield every place that the system visits on the way to a path, following links."""
    todo = list(path.parts[1:])
    place, links = Path("/"), 0
    yield place
    while todo:
        part = todo.pop(0)
        place = place.parent if part == ".." else place / part
        yield place
        if place.is_symlink():
            links += 1
            if links > MOST_LINKS:
                raise OSError(0, "too many symbolic links")
            target = place.readlink()
            todo = [*(target.parts[1:] if target.is_absolute() else target.parts), *todo]
            place = Path("/") if target.is_absolute() else place.parent


def _problem(place: Path, info: os.stat_result, *, last: bool) -> str | None:
    if info.st_uid != 0:
        return f"{place} belongs to a user other than root (uid {info.st_uid})"
    if stat.S_ISLNK(info.st_mode):
        return None
    writable = info.st_mode & OTHERS_WRITE
    if info.st_gid == 0:
        writable &= ~stat.S_IWGRP
    shared = stat.S_ISDIR(info.st_mode) and info.st_mode & stat.S_ISVTX and not last
    if writable and not shared:
        return f"users other than root can change {place} (mode {stat.S_IMODE(info.st_mode):04o})"
    return None


def _raise(error: OSError) -> None:
    raise error


def refuse_if_others_write(path: Path) -> None:
    """Raise an error unless only the user or root can have written a file, or can replace files in a folder.

    Raises
    ------
    ModelError
        ``insecure-permissions``.
    """
    info = path.stat()
    if stat.S_IMODE(info.st_mode) & OTHERS_WRITE:
        raise ModelError(
            "insecure-permissions", f"other users can write to {path}", hint=f"Run: chmod go-w '{path}'"
        )
    if info.st_uid not in (os.geteuid(), 0):
        raise ModelError("insecure-permissions", f"{path} belongs to another user (uid {info.st_uid})")


def refuse_if_others_read(path: Path, info: os.stat_result) -> None:
    """Raise an error unless only the user or root can read or write an opened file with a secret.

    Parameters
    ----------
    path : Path
        Its name in the message.
    info : os.stat_result
        Of the open file. A terminal or another device holds nothing that others could read.

    Raises
    ------
    GalleryError
        ``insecure-permissions``.
    """
    if os.name != "posix" or stat.S_ISCHR(info.st_mode):
        return
    if stat.S_IMODE(info.st_mode) & OTHERS_ANY:
        raise GalleryError(
            "insecure-permissions", f"other users can read {path}", hint=f"Run: chmod 600 '{path}'"
        )
    if info.st_uid not in (os.geteuid(), 0):
        raise GalleryError("insecure-permissions", f"{path} belongs to another user (uid {info.st_uid})")
