"""Folders of this machine that a page shows: a photo is asked for by its number, never by a path."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from pathlib import Path
from typing import Any

from faceunlock.errors import PhotoError
from faceunlock.photos.photo import find_photos
from faceunlock.tasks.workspace import as_path

KEPT = 8
"""Folders that stay open; opening one more closes the one opened first."""

MOST = 500
"""Photos of a folder that are shown."""


class Folders:
    """The folders that were opened, each under a name that nobody can guess."""

    def __init__(self) -> None:
        self._open: OrderedDict[str, tuple[Path, ...]] = OrderedDict()

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
        folder = Path(as_path(path.strip())).expanduser()
        if not folder.is_absolute():
            raise PhotoError("photo-not-found", "Name the folder by its whole path, or begin with ~.")
        if not folder.is_dir():
            raise PhotoError("photo-not-found", f"{folder} is not a folder.")
        listing = find_photos([folder])
        if not listing.photos:
            raise PhotoError("photo-not-found", f"{folder} contains no photos{listing.others}")
        name = secrets.token_urlsafe(12)
        self._open[name] = listing.photos[:MOST]
        while len(self._open) > KEPT:
            self._open.popitem(last=False)
        return {
            "folder": name,
            "photos": [str(photo.relative_to(folder)) for photo in listing.photos[:MOST]],
            "more": max(0, len(listing.photos) - MOST),
        }

    def photo(self, folder: str, number: int) -> Path:
        """Return the path of a photo by its number, from 0.

        Raises
        ------
        PhotoError
            ``photo-not-found``.
        """
        photos = self._open.get(folder, ())
        if not 0 <= number < len(photos):
            raise PhotoError("photo-not-found", "This photo is not shown any more; open its folder again.")
        return photos[number]
