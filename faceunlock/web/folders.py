"""Folders of this machine that a page shows: photos and folders in it have numbers; no path is asked for."""

from __future__ import annotations

import os
import secrets
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any, Generic, TypeVar

from faceunlock.errors import CalibrationError, PhotoError
from faceunlock.photos.folders import PHOTO_SUFFIXES, cannot_open, one_level, status_of
from faceunlock.tasks.workspace import as_path

KEPT = 8
"""Folders that stay open; opening one more closes the one opened first."""

MOST = 500
"""Photos of a folder that are shown, and folders in it."""

MOST_COMPARED = 3_000
"""Photos of a folder of people that a page compares."""

_MOST_LOOKED_AT = 20_000

T = TypeVar("T")


class Kept(Generic[T]):
    """The newest few things that pages look at, each under a name that nobody can guess.

    Parameters
    ----------
    most : int
        How many stay; one more takes the place of the first.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[str, T] = OrderedDict()

    def keep(self, one: T) -> str:
        """Keep something, and return its name."""
        name = secrets.token_urlsafe(12)
        self._kept[name] = one
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return name

    def find(self, name: str) -> T | None:
        """Return what has a name; None if it is gone."""
        return self._kept.get(name)

    def __iter__(self) -> Iterator[T]:
        """Iterate over what is kept, the newest first."""
        return reversed(self._kept.values())


def whole_path(text: str) -> Path | None:
    """Return a path that a page names, absolute or with ``~`` for the home directory; None for any other."""
    try:
        path = Path(as_path(text.strip())).expanduser()
    except RuntimeError:  # the home directory of nobody
        return None
    return path if path.is_absolute() else None


def is_folder(path: Path) -> bool:
    """Return whether there is such a folder; ``unreadable-photo`` if that cannot be told."""
    try:
        return path.is_dir()
    except OSError as error:
        raise cannot_open(path, error) from error


def folder_of(text: str) -> Path:
    """Return a folder that a page names; ``photo-not-found`` unless its path is whole."""
    folder = whole_path(text)
    if folder is None:
        raise PhotoError("photo-not-found", "Give the whole path, or begin with ~.")
    return folder


def check_size(folder: Path, instead: str) -> None:
    """Refuse a folder of people that is so large that a page would wait for it, such as a whole disk.

    Parameters
    ----------
    folder : Path
    instead : str
        What to do with a large folder.

    Raises
    ------
    CalibrationError
        ``bad-folder`` for more than `MOST_COMPARED` photos, or very many files of any kind.
    PhotoError
        ``photo-not-found`` or ``unreadable-photo`` if it cannot be opened.
    """
    status_of(folder)
    photos = entries = 0
    seen = set()
    for at, folders, files in os.walk(folder, followlinks=True):
        try:
            status = Path(at).stat()
        except OSError:  # it went away
            continue
        if (status.st_dev, status.st_ino) in seen:  # a link in a circle
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = [name for name in folders if not name.startswith(".")]
        photos += sum(PurePath(name).suffix.lower() in PHOTO_SUFFIXES for name in files)
        entries += len(folders) + len(files)
        if photos > MOST_COMPARED or entries > _MOST_LOOKED_AT:
            raise CalibrationError(
                "bad-folder",
                f"{folder} holds more than {MOST_COMPARED:,} photos, or very many files: too much for a page",
                hint=instead,
            )


@dataclass(frozen=True, slots=True, eq=False)
class OpenFolder:
    """A folder that was opened.

    Attributes
    ----------
    path : Path
    folders : tuple of Path
        The folder above it, if there is one, and the folders in it, at most `MOST`.
    photos : tuple of Path
        Photos in it, at most `MOST`.
    digests : dict of Path to bytes
        SHA-256 of photos that were read already; see `faceunlock.tasks.closest`.
    """

    path: Path
    folders: tuple[Path, ...]
    photos: tuple[Path, ...]
    digests: dict[Path, bytes] = field(default_factory=dict, repr=False)


class Folders:
    """The folders that were opened."""

    def __init__(self) -> None:
        self._open: Kept[OpenFolder] = Kept(KEPT)

    def open(self, path: str) -> dict[str, Any]:
        """Open a folder, one level of it.

        Parameters
        ----------
        path : str
            Absolute, or with ``~`` for the home directory.

        Returns
        -------
        dict
            Its name, its path, the names of its folders and photos, and how many more there are of each.

        Raises
        ------
        PhotoError
            ``photo-not-found`` for a path that is no folder, or has neither photos nor folders;
            ``unreadable-photo``.
        """
        return self._entered(folder_of(path))

    def enter(self, folder: str, number: int) -> dict[str, Any]:
        """Open the folder with this number in an open one, as `open` does."""
        return self._entered(_at(self._found(folder).folders, number))

    def photo(self, folder: str, number: int) -> Path:
        """Return the path of a photo by its number, from 0.

        Raises
        ------
        PhotoError
            ``photo-not-found``.
        """
        return _at(self._found(folder).photos, number)

    def __iter__(self) -> Iterator[OpenFolder]:
        """Iterate over the open folders, the newest first."""
        return iter(self._open)

    def _found(self, folder: str) -> OpenFolder:
        found = self._open.find(folder)
        if found is None:
            raise _gone()
        return found

    def _entered(self, folder: Path) -> dict[str, Any]:
        if not is_folder(folder):
            raise PhotoError("photo-not-found", f"{folder} is not a folder.")
        level = one_level(folder)
        if not (level.photos or level.folders):
            raise PhotoError("photo-not-found", f"{folder} contains no photos.")
        above = () if folder.parent == folder else (folder.parent,)
        opened = OpenFolder(folder, (*above, *level.folders[:MOST]), level.photos[:MOST])
        return {
            "folder": self._open.keep(opened),
            "path": str(folder),
            "above": bool(above),
            "folders": [".."] * len(above) + [one.name for one in level.folders[:MOST]],
            "photos": [photo.name for photo in opened.photos],
            "more_folders": max(0, len(level.folders) - MOST),
            "more": len(level.photos) - len(opened.photos),
        }


def _at(paths: tuple[Path, ...], number: int) -> Path:
    if not 0 <= number < len(paths):
        raise _gone()
    return paths[number]


def _gone() -> PhotoError:
    return PhotoError("photo-not-found", "This photo is not shown any more; open its folder again.")
