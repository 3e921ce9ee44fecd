"""Copies of photos with names drawn on them: plan where they go, and write them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from faceunlock.files.outputs import copy_name, plan_folder, write_picture
from faceunlock.photos.photo import PhotoListing, find_photos, load_photo, nothing_found

if TYPE_CHECKING:
    from faceunlock.reports.annotation import Mark


def photos_to_annotate(sources: Sequence[Path]) -> PhotoListing:
    """Return the photos to annotate: in some files and folders, without copies written earlier.

    Raises
    ------
    PhotoError
        ``photo-not-found`` if there are no photos.
    """
    listing = find_photos(sources)
    if not listing.photos:
        raise nothing_found(sources, listing.others)
    return listing


def plan_copies(
    photos: Sequence[Path], sources: Sequence[Path], destination: Path | None, *, overwrite: bool
) -> dict[Path, Path]:
    """Return the file for the copy of each photo, at the same relative path; empty without a destination.

    Raises
    ------
    ReportError
        ``file-exists`` or ``file-unwritable``; see `faceunlock.files.outputs.plan_folder`.
    """
    if destination is None:
        return {}
    folders = [_absolute(source) for source in sources if source.is_dir()]

    def relative(photo: Path) -> Path:
        whole = _absolute(photo)
        above = next((folder for folder in folders if whole.is_relative_to(folder)), whole.parent)
        return copy_name(whole.relative_to(above))

    files = plan_folder(destination, map(relative, photos), overwrite=overwrite, never=photos)
    return dict(zip(photos, files, strict=True))


def _absolute(path: Path) -> Path:
    """Return an absolute path without "..", which could lead out of a destination; links are kept."""
    return Path(os.path.abspath(path))  # noqa: PTH100


def write_copy(
    photo: Path, name: str, marks: Sequence[Mark], copy: Path, *, max_pixels: int, overwrite: bool
) -> None:
    """Draw marks on a copy of a photo.

    Parameters
    ----------
    photo : Path
    name : str
        Name of the photo, for messages.
    marks : sequence of Mark
        In pixels of the upright photo.
    copy : Path
    max_pixels : int
        A larger photo is refused.
    overwrite : bool
        Whether a file may be replaced.

    Raises
    ------
    PhotoError
        If the photo cannot be read.
    ReportError
        ``file-exists`` or ``file-unwritable``.
    """
    from faceunlock.reports.annotation import annotate

    # Decode again in full, because the search for faces keeps only smaller views in memory.
    image = load_photo(photo, name=name, max_pixels=max_pixels).view().image
    write_picture(copy, annotate(image, marks), overwrite=overwrite)
