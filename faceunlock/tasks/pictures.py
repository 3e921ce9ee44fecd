"""Pictures that a caller of the Python API gives and gets: arrays and PIL images in, small faces out."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from faceunlock.tasks.workspace import PhotoPath, as_path

if TYPE_CHECKING:
    from faceunlock.photos.face import RGBImage
    from faceunlock.photos.in_memory import InMemory, Picture
    from faceunlock.photos.photo import Source

    Photos = PhotoPath | Picture | Sequence[PhotoPath | Picture | Source]
    """One photo or several: paths of files and folders, pictures in memory, files that were read already."""

_Other = TypeVar("_Other")


def as_photo(photo: PhotoPath | Picture | _Other, number: int | None = None) -> Path | InMemory | _Other:
    """Return what `as_path` returns, and a NumPy array or a PIL image as a picture in memory.

    Raises as `as_path`; what is wrong with a picture is found when it is loaded.

    Parameters
    ----------
    photo : path, ndarray, Image or anything else
    number : int, optional
        The place of the photo among several, from 1.
    """
    if isinstance(photo, str | os.PathLike):
        return as_path(photo)
    import numpy as np
    from PIL import Image

    from faceunlock.photos.in_memory import InMemory

    return InMemory(photo, number) if isinstance(photo, np.ndarray | Image.Image) else photo


def as_photos(photos: Photos) -> list[Source]:
    """Return one or several photos as a list, each converted by `as_photo`; pictures in memory are numbered.

    Examples
    --------
    >>> import numpy as np
    >>> [photo.name for photo in as_photos(["a.jpg", np.zeros((3, 4), np.uint8)])]
    ['a.jpg', '<array 2: 4x3>']
    """
    one = as_photo(photos)
    if not isinstance(one, Sequence):
        return [one]
    return [as_photo(photo, number) for number, photo in enumerate(one, start=1)]


def small_faces(crops: Iterable[RGBImage | None]) -> tuple[bytes, ...]:
    """Return a small picture of each face that was kept, for a result that keeps faces.

    Parameters
    ----------
    crops : iterable of ndarray of uint8, shape (side, side, 3), or None
        None where nothing was kept.
    """
    kept = [crop for crop in crops if crop is not None]
    if not kept:
        return ()
    from faceunlock.studies.collection import thumbnail

    return tuple(map(thumbnail, kept))
