"""Output files for the user: where they go; none is overwritten unasked."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from faceunlock.errors import FaceUnlockError, ReportError
from faceunlock.files.private import atomic_write, make_private_directories, remove_leftovers

if TYPE_CHECKING:
    from PIL import Image

FORMATS: dict[str, tuple[str, dict[str, int | bool]]] = {
    ".png": ("PNG", {}),
    ".jpg": ("JPEG", {"quality": 92, "subsampling": 0}),
    ".jpeg": ("JPEG", {"quality": 92, "subsampling": 0}),
    ".webp": ("WEBP", {"quality": 90}),
}
"""Pillow's format and options for a picture, by the suffix of its file."""

LOSSY = {".jpe": ".jpg", ".jfif": ".jpg", ".mpo": ".jpg", ".heic": ".jpg", ".heif": ".jpg", ".hif": ".jpg",
         ".avif": ".jpg"}  # fmt: skip
"""Suffix for copies of photos in other lossy formats; any other format is copied as PNG."""


OUTPUT_MARKER = ".faceunlock-output"
"""A file that says of a folder that faceunlock made it: what is in it is no photo of anybody's."""

_MARKER_TEXT = (
    b"faceunlock made this folder; it is passed over when a folder above it is searched for photos.\n"
)


def mark_output(folder: Path) -> None:
    """Create a folder for output if it is missing, and mark it unless it holds files of somebody else.

    Raises
    ------
    ReportError
        ``file-unwritable``.
    """
    try:
        if not folder.exists():
            make_private_directories(folder)
        if not any(folder.iterdir()):
            atomic_write(folder / OUTPUT_MARKER, _MARKER_TEXT, overwrite=True)
    except OSError as error:
        raise ReportError(
            "file-unwritable", f"{folder} cannot be written: {error.strerror or error}"
        ) from error


def is_output(folder: Path) -> bool:
    """Return whether `mark_output` marked a folder."""
    try:
        return (folder / OUTPUT_MARKER).is_file()
    except OSError:
        return False


def copy_name(photo: Path) -> Path:
    """Return the name for a copy of a photo: in the same format if everybody can read it.

    Examples
    --------
    >>> [str(copy_name(Path(name))) for name in ("a.JPG", "b.png", "c.heic", "d.gif", "e")]
    ['a.JPG', 'b.png', 'c.jpg', 'd.png', 'e.png']
    """
    suffix = photo.suffix.lower()
    return photo if suffix in FORMATS else photo.with_suffix(LOSSY.get(suffix, ".png"))


_OVERWRITE = "Choose another name, or use --overwrite."


def check_destination(
    file: Path,
    *,
    overwrite: bool = False,
    kind: type[FaceUnlockError] = ReportError,
    in_new_folder: bool = False,
) -> None:
    """Raise an error for a file that cannot be written, before any work is done for it.

    Parameters
    ----------
    file : Path
        Where the file will be written.
    overwrite : bool
        Whether an existing file may be replaced.
    kind : type of FaceUnlockError
        The error class to raise.
    in_new_folder : bool
        Whether the file's folder will be created if it is missing.

    Raises
    ------
    FaceUnlockError
        ``file-exists`` if the path exists, unless `overwrite`; ``file-unwritable`` if something other than a
        regular file is there, or if the file has no directory.
    """
    folder = file.parent
    if not folder.is_dir() and (os.path.lexists(folder) or not in_new_folder):
        raise kind("file-unwritable", f"{file} cannot be written: {folder} is not a directory")
    if file.exists() and not file.is_file():
        raise kind("file-unwritable", f"{file} is not a regular file")
    if os.path.lexists(file) and not overwrite:
        raise _exists(file, kind)


def write_output(
    file: Path, content: bytes, *, overwrite: bool, kind: type[FaceUnlockError] = ReportError
) -> None:
    """Write a file with mode 0600, all or nothing: data about people is private.

    Raises
    ------
    FaceUnlockError
        `kind` with ``file-exists`` if the file exists, unless `overwrite`; with ``file-unwritable`` if it
        cannot be written.
    """
    try:
        remove_leftovers(file.parent)
        atomic_write(file, content, overwrite=overwrite)
    except FileExistsError as error:
        raise _exists(file, kind) from error
    except OSError as error:
        raise kind("file-unwritable", f"{file} cannot be written: {error.strerror or error}") from error


def _exists(file: Path, kind: type[FaceUnlockError]) -> FaceUnlockError:
    return kind("file-exists", f"{file} already exists", hint=_OVERWRITE)


def check_picture(file: Path, *, overwrite: bool) -> None:
    """Raise an error for a picture that cannot be written: as `check_destination`, or for its suffix.

    Raises
    ------
    ReportError
        ``file-exists`` or ``file-unwritable``.
    """
    if file.suffix.lower() not in FORMATS:
        known = ", ".join(FORMATS)
        raise ReportError(
            "file-unwritable",
            f"{file}: a picture's name must end in one of {known}",
            hint="Choose another name.",
        )
    check_destination(file, overwrite=overwrite)


def plan_folder(
    folder: Path, names: Iterable[Path], *, overwrite: bool, never: Sequence[Path] = ()
) -> tuple[Path, ...]:
    """Return a different path in a folder for each name, before anything is written.

    Parameters
    ----------
    folder : Path
        Where the files go; need not exist.
    names : iterable of Path
        Wanted names inside the folder; names that are equal, ignoring case, get a number: ``a-2.jpg``.
    overwrite : bool
        Whether existing files may be replaced.
    never : sequence of Path
        Files that must never be replaced, such as the source photos.

    Raises
    ------
    ReportError
        ``file-exists`` if a file must not be replaced; ``file-unwritable`` if `folder` is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise ReportError("file-unwritable", f"{folder} is not a folder", hint="Name a folder.")
    used: set[str] = set()
    planned = []
    for name in names:
        candidate, number = name, 1
        while str(candidate).casefold() in used:
            number += 1
            candidate = name.with_name(f"{name.stem}-{number}{name.suffix}")
        used.add(str(candidate).casefold())
        planned.append(folder / candidate)
    kept = {path.resolve() for path in never}
    for file in planned:
        if file.resolve() in kept:
            raise ReportError(
                "file-exists", f"{file} is one of the source photos", hint="Choose another folder."
            )
        if not overwrite and os.path.lexists(file):
            raise _exists(file, ReportError)
    for directory in {file.parent for file in planned}:
        remove_leftovers(directory)
    return tuple(planned)


def write_picture(file: Path, picture: Image.Image, *, overwrite: bool) -> None:
    """Write a picture with mode 0600, all or nothing; missing folders are created with mode 0700.

    Only pixels are written: no EXIF data, no thumbnail, no location.

    Raises
    ------
    ReportError
        ``file-exists`` or ``file-unwritable``.
    """
    name, options = FORMATS[file.suffix.lower()]
    content = BytesIO()
    try:
        picture.save(content, name, **options)
        make_private_directories(file.parent)
    except OSError as error:
        raise ReportError(
            "file-unwritable", f"{file} cannot be written: {error.strerror or error}"
        ) from error
    write_output(file, content.getvalue(), overwrite=overwrite)
