"""Checks that nobody but root, or but the user and root, could change what a path leads to."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from faceunlock.errors import GalleryError, ModelError
from faceunlock.files.access_lists import ACCESS, DEFAULT, other_lists, posix_list, posix_writers
from faceunlock.files.private import OTHERS_ANY, OTHERS_WRITE

MOST_LINKS = 40


def distrusted(path: Path, *, created_later: bool = False) -> Iterator[str]:
    """Yield every reason why a path cannot be trusted.

    Every directory on the way, every symbolic link and everything they lead to must belong to root, and
    nobody else may be able to write to it, by its mode or by an access control list, of which every kind must
    be understood. A directory on the way
    may be shared if it has the sticky bit, because nobody can replace root's files there.

    Parameters
    ----------
    path : Path
        Absolute.
    created_later : bool
        Whether the path may be missing now, or be replaced. Then the directory that holds it, or holds the
        first missing part of it, must not be shared, because anybody could make the missing part there.

    Yields
    ------
    str
        A sentence.

    Examples
    --------
    >>> list(distrusted(Path("/")))
    []
    """
    if not path.is_absolute():
        yield f"{path} is not an absolute path"
        return
    holder = Path("/")
    try:
        for place, last in _way(path):
            info = place.lstat()
            if created_later and (last or stat.S_ISLNK(info.st_mode)):
                yield from _sharing(holder)
            yield from _problems(place, info, last=last)
            holder = place
    except FileNotFoundError as error:
        if created_later:
            yield from _sharing(holder)
        else:
            yield f"{path} cannot be accessed: {error.strerror}"
    except OSError as error:
        yield f"{path} cannot be accessed: {error.strerror}"


def distrusted_all(directory: Path) -> Iterator[str]:
    """Yield every reason why a directory, or anything below it, cannot be trusted.

    Links below it are followed: what they lead to is judged like what lies there.
    """
    told: set[str] = set()
    for problem in _everywhere(directory):
        if problem not in told:
            told.add(problem)
            yield problem


def _everywhere(directory: Path) -> Iterator[str]:
    yield from distrusted(directory)
    waiting, seen = [directory], set[str]()
    while waiting:
        top = waiting.pop()
        failed: list[OSError] = []
        for folder, folders, files in os.walk(top.resolve(), onerror=failed.append):
            if folder in seen:
                folders.clear()
                continue
            seen.add(folder)
            with contextlib.suppress(FileNotFoundError):  # journals come and go
                yield from _problems(Path(folder), os.lstat(folder), last=True)
            links = [place for name in folders if (place := Path(folder, name)).is_symlink()]
            waiting += links
            for name in files:
                place = Path(folder, name)
                with contextlib.suppress(FileNotFoundError):
                    info = place.lstat()
                    if stat.S_ISLNK(info.st_mode):
                        links.append(place)
                    else:
                        yield from _problems(place, info, last=True)
            for link in links:
                yield from distrusted(link, created_later=not link.exists())
        for error in failed:
            if not isinstance(error, FileNotFoundError):
                yield f"{error.filename or top} cannot be accessed: {error.strerror}"


def _way(path: Path) -> Iterator[tuple[Path, bool]]:
    """Yield every place that the system visits on the way to a path, and whether it is the end."""
    todo = list(path.parts[1:])
    place, links = Path("/"), 0
    yield place, not todo
    while todo:
        part = todo.pop(0)
        place = place.parent if part == ".." else place / part
        if place.is_symlink():
            yield place, False
            links += 1
            if links > MOST_LINKS:
                raise OSError(errno.ELOOP, "too many symbolic links")
            target = place.readlink()
            todo = [*(target.parts[1:] if target.is_absolute() else target.parts), *todo]
            place = Path("/") if target.is_absolute() else place.parent
            if not todo:  # the link leads to "/" or to the directory it is in
                yield place, True
        else:
            yield place, not todo


def _sharing(directory: Path) -> Iterator[str]:
    """Yield why anybody can make files in a directory that is trusted on the way."""
    info = directory.lstat()
    if stat.S_ISDIR(info.st_mode) and info.st_mode & stat.S_ISVTX:
        yield from _problems(directory, info, last=True)


def _problems(place: Path, info: os.stat_result, *, last: bool) -> Iterator[str]:
    if info.st_uid != 0:
        yield f"{place} belongs to a user other than root (uid {info.st_uid})"
    if stat.S_ISLNK(info.st_mode) or stat.S_ISCHR(info.st_mode):
        return  # writing to a device does not change what it is
    if last or not (stat.S_ISDIR(info.st_mode) and info.st_mode & stat.S_ISVTX):
        listed = posix_list(place, ACCESS)
        writable = 0 if listed else info.st_mode & OTHERS_WRITE  # with a list, the group's bits are its mask
        if info.st_gid == 0:
            writable &= ~stat.S_IWGRP
        if writable:
            yield f"users other than root can change {place} (mode {stat.S_IMODE(info.st_mode):04o})"
        for who in posix_writers(listed, info):
            yield f"users other than root can change {place} (its access control list: {who})"
        yield from (f"{place} {what}" for what in other_lists(place, info))
    if stat.S_ISDIR(info.st_mode):
        for who in posix_writers(posix_list(place, DEFAULT), info):
            yield f"users other than root can change new files in {place} (its default access list: {who})"


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
