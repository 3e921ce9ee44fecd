"""Folders of this machine that a page shows: a photo is asked for by its number, never by a path."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from pathlib import Path
from typing import Any, Generic, TypeVar

from faceunlock.errors import PhotoError
from faceunlock.photos.photo import find_photos
from faceunlock.tasks.workspace import as_path

KEPT = 8
"""Folders that stay open; opening one more closes the one opened first."""

MOST = 500
"""Photos of a folder that are shown."""

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


def whole_path(text: str) -> Path | None:
    """Return a path that a page names, absolute or with ``~`` for the home directory; None for any other."""
    path = Path(as_path(text.strip())).expanduser()
    return path if path.is_absolute() else None


def folder_of(text: str) -> Path:
    """Return a folder that a page names; ``photo-not-found`` unless its path is whole."""
    folder = whole_path(text)
    if folder is None:
        raise PhotoError("photo-not-found", "Name the folder by its whole path, or begin with ~.")
    return folder


class Folders:
    """The folders that were opened."""

    def __init__(self) -> None:
        self._open: Kept[tuple[Path, ...]] = Kept(KEPT)

    def open(self, path: str) -> dict[str, Any]:
        """Open a folder, and return its name and what its photos are called.

        Parameters
        ----------
        path : str
            Absolute, or with ``~`` for the home directory.

        Raises
        ------
        PhotoError
            ``photo-not-found`` for a path that is no folder, or has no photos; ``unreadable-photo``.
        """
        folder = folder_of(path)
        if not folder.is_dir():
            raise PhotoError("photo-not-found", f"{folder} is not a folder.")
        listing = find_photos([folder])
        if not listing.photos:
            raise PhotoError("photo-not-found", f"{folder} contains no photos{listing.others}")
        shown = listing.photos[:MOST]
        return {
            "folder": self._open.keep(shown),
            "photos": [str(photo.relative_to(folder)) for photo in shown],
            "more": len(listing.photos) - len(shown),
        }

    def photo(self, folder: str, number: int) -> Path:
        """Return the path of a photo by its number, from 0.

        Raises
        ------
        PhotoError
            ``photo-not-found``.
        """
        photos = self._open.find(folder) or ()
        if not 0 <= number < len(photos):
            raise PhotoError("photo-not-found", "This photo is not shown any more; open its folder again.")
        return photos[number]
