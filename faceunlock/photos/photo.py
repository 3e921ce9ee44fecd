"""Photos: files become upright RGB arrays, and folders become lists of photos."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from faceunlock.errors import PhotoError
from faceunlock.files.text import printable
from faceunlock.photos.decoding import DEFAULT_MAX_PIXELS, decode_view, recognise
from faceunlock.photos.face import RGBImage

__all__ = [
    "DEFAULT_MAX_PIXELS",
    "MAX_BYTES",
    "PHOTO_SUFFIXES",
    "STANDARD_INPUT",
    "PersonFolders",
    "Photo",
    "PhotoListing",
    "find_photos",
    "person_folders",
]

# fmt: off
PHOTO_SUFFIXES: frozenset[str] = frozenset({
    ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".tif", ".tiff", ".bmp", ".dib",
    ".gif", ".heic", ".heif", ".hif", ".avif", ".ppm", ".pgm", ".pbm", ".pnm", ".pfm",
})
# fmt: on
"""Suffixes, in lower case, by which a photo is recognised in a folder."""

MAX_BYTES = 1 << 30
"""Largest file that is read, 1 GiB: more than `DEFAULT_MAX_PIXELS` need at 16 bits without compression."""

STANDARD_INPUT = "standard input"
"""Name of a photo that was read from a stream without a name."""

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True, eq=False)
class PhotoFile:
    """The content of a photo's file, not decoded yet.

    Attributes
    ----------
    name : str
        Its name in messages: its path, or "standard input".
    data : bytes
        The whole file.
    max_pixels : int
        Limit on width x height.
    """

    name: str
    data: bytes = field(repr=False)
    max_pixels: int

    @property
    def digest(self) -> bytes:
        """SHA-256 of the content, 32 bytes."""
        return hashlib.sha256(self.data).digest()

    def view(self, at_least: int | None = None) -> Photo:
        """Return the decoded photo, in full or with at least `at_least` pixels on its longer side.

        Raises
        ------
        PhotoError
            ``photo-too-large`` or ``unreadable-photo``.
        """
        image, scale = decode_view(self.data, self.name, self.max_pixels, at_least=at_least)
        return Photo(self, image, scale)


@dataclass(frozen=True, slots=True, eq=False)
class Photo:
    """One photo, decoded.

    Attributes
    ----------
    file : PhotoFile
        What it was decoded from.
    image : ndarray of uint8, shape (height, width, 3)
        Upright, sRGB, 0 to 255; the photo in full or a reduced view of it.
    scale : float
        Width of one pixel of `image`, in pixels of the photo; at least 1.
    """

    file: PhotoFile
    image: RGBImage = field(repr=False)
    scale: float = 1.0

    @property
    def name(self) -> str:
        """Its name in messages: its path, or "standard input"."""
        return self.file.name

    @property
    def digest(self) -> bytes:
        """SHA-256 of the file's content, 32 bytes."""
        return self.file.digest


@dataclass(frozen=True, slots=True)
class PhotoListing:
    """The photos found under some files and folders.

    Attributes
    ----------
    photos : tuple of Path
        In the order of the walk, each file once.
    skipped : int
        Number of files that are not photos: another suffix, a dangling link, a pipe or device.
    """

    photos: tuple[Path, ...]
    skipped: int


@dataclass(frozen=True, slots=True)
class PersonFolders:
    """A folder with one sub-folder per person.

    Attributes
    ----------
    people : dict of str to tuple of Path
        The photos in and below each first-level sub-folder, by its NFC-normalised name; empty if it
        has none. Sub-folders whose names differ only in normalisation are one person.
    loose : tuple of Path
        Photos that lie in the folder itself and belong to nobody.
    skipped : int
        Number of files that are not photos.
    """

    people: dict[str, tuple[Path, ...]]
    loose: tuple[Path, ...]
    skipped: int

    @property
    def count(self) -> int:
        """Number of photos, with those that belong to nobody."""
        return sum(map(len, self.people.values())) + len(self.loose)

    @property
    def labelled(self) -> list[tuple[Path, str]]:
        """Each person's photos with the name of the person, in the order of the folder."""
        return [(path, person) for person, paths in self.people.items() for path in paths]


def load_photo(
    source: Path | BinaryIO | PhotoFile, *, name: str | None = None, max_pixels: int = DEFAULT_MAX_PIXELS
) -> PhotoFile:
    """Return the file of one photo, read but not decoded.

    Parameters
    ----------
    source : Path, binary file or PhotoFile
        A regular file, or an open binary stream such as ``sys.stdin.buffer``. A `PhotoFile`, such as a
        camera frame, is returned unchanged.
    name : str, optional
        Name of the photo in messages. The default is its path; for a stream, the path in its attribute
        ``name`` or, if it has none, "standard input".
    max_pixels : int
        Limit on width x height, checked in the header before anything is decoded.

    Raises
    ------
    PhotoError
        ``photo-not-found``; ``photo-too-large`` for more than `MAX_BYTES` bytes; ``unreadable-photo`` for a
        folder, pipe or device, a file without read permission, an empty file and an unknown format.
    """
    if isinstance(source, PhotoFile):
        return source
    if isinstance(source, Path):
        name = name or printable(str(source))
        data = _read_file(source, name)
    else:
        name = name or _stream_name(source)
        data = _read_stream(source, name)
    recognise(data, name)  # refuses a file that is not a photo before anything else is done with it
    return PhotoFile(name, data, max_pixels)


def find_photos(sources: Sequence[Path]) -> PhotoListing:
    """Return the photos among some files and in folders, at any depth.

    A file named in `sources` is taken whatever its suffix; in folders, only `PHOTO_SUFFIXES` count. Each
    folder is walked depth first in natural order of the names ("2.jpg" before "10.jpg", regardless of case
    and Unicode normalisation), which is the same on every platform. Names that start with a dot are silently
    ignored. Links are followed; a file or folder that is reached twice counts at its first place only.

    Parameters
    ----------
    sources : sequence of Path
        Files and folders.

    Returns
    -------
    PhotoListing

    Raises
    ------
    PhotoError
        ``photo-not-found`` if a source does not exist; ``unreadable-photo`` if one of the folders
        cannot be listed.
    """
    named = [path for path in sources if not stat.S_ISDIR(_status(path).st_mode)]
    return _walk(sources, frozenset(named))


def photos_in(*sources: Path) -> Iterator[Path]:
    """Yield the photos that `find_photos` finds; nothing is looked at before the first is asked for."""
    yield from find_photos(sources).photos


def person_folders(folder: Path) -> PersonFolders:
    """Return the photos of a folder that has one sub-folder per person.

    Each person's folder is walked separately, as in `find_photos`; a link back to `folder` is not followed.

    Parameters
    ----------
    folder : Path
        The folder above the people's folders.

    Returns
    -------
    PersonFolders
        People in the natural order of their names.

    Raises
    ------
    PhotoError
        ``photo-not-found`` if `folder` is missing or is a file; ``unreadable-photo`` if a folder cannot
        be listed.
    """
    status = _status(folder)
    if not stat.S_ISDIR(status.st_mode):
        raise PhotoError(
            "photo-not-found",
            f"{printable(str(folder))}: is a file, not a folder",
            hint="Name a folder with one sub-folder of photos per person.",
        )
    by_name: dict[str, list[Path]] = {}
    files: list[Path] = []
    for entry in _entries(folder):
        entry_status = _status_in_folder(entry)
        if entry_status is not None and stat.S_ISDIR(entry_status.st_mode):
            name = printable(unicodedata.normalize("NFC", entry.name))
            by_name.setdefault(name, []).append(entry)
        else:
            files.append(entry)
    listings = {name: _walk(folders, top=status) for name, folders in by_name.items()}
    loose = _walk(files)
    return PersonFolders(
        people={name: listing.photos for name, listing in listings.items()},
        loose=loose.photos,
        skipped=loose.skipped + sum(listing.skipped for listing in listings.values()),
    )


def _walk(
    paths: Iterable[Path], named: frozenset[Path] = frozenset(), top: os.stat_result | None = None
) -> PhotoListing:
    """Return photos, depth first: files in `named` with any suffix; the folder `top` is not entered again."""
    photos: list[Path] = []
    skipped = 0
    seen = {(top.st_dev, top.st_ino)} if top else set()
    pending = list(paths)[::-1]
    while pending:
        path = pending.pop()
        status = _status_in_folder(path)
        is_photo = path in named or (
            status is not None and stat.S_ISREG(status.st_mode) and path.suffix.lower() in PHOTO_SUFFIXES
        )
        is_folder = status is not None and stat.S_ISDIR(status.st_mode)
        if status is None or not (is_photo or is_folder):
            skipped += 1
        elif (status.st_dev, status.st_ino) not in seen:
            seen.add((status.st_dev, status.st_ino))
            if is_folder:
                pending.extend(_entries(path)[::-1])
            else:
                photos.append(path)
    return PhotoListing(tuple(photos), skipped)


def _entries(folder: Path) -> list[Path]:
    """Return the entries of a folder, without hidden names, in natural order."""
    try:
        visible = [entry for entry in folder.iterdir() if not entry.name.startswith(".")]
    except OSError as error:
        raise _cannot_open(folder, error) from error
    return sorted(visible, key=lambda entry: (_natural(entry.name), entry.name))


def _natural(name: str) -> list[str | int]:
    """Return a sort key of alternating texts and numbers, so that a text never meets a number."""
    parts = re.split("([0-9]+)", unicodedata.normalize("NFC", name).casefold())
    return [int(part) if index % 2 else part for index, part in enumerate(parts)]


def _status(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except (OSError, ValueError) as error:  # ValueError: a null character in the path
        raise _cannot_open(path, error) from error


def _status_in_folder(path: Path) -> os.stat_result | None:
    """Return the status of a path found in a folder; None for a link that leads nowhere or in a circle."""
    try:
        return path.stat()
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            return None
        raise _cannot_open(path, error) from error


def _cannot_open(path: Path, error: OSError | ValueError) -> PhotoError:
    name = printable(str(path))
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        return PhotoError("photo-not-found", f"{name}: no such file or folder")
    reason = getattr(error, "strerror", None) or error
    return PhotoError(
        "unreadable-photo", f"{name}: cannot be opened: {reason}", hint="Check its permissions."
    )


def _read_file(path: Path, name: str) -> bytes:
    """Return a regular file's content; look before opening, so no pipe can block and no device is touched."""
    status = _status(path)
    if stat.S_ISDIR(status.st_mode):
        raise PhotoError("unreadable-photo", f"{name}: is a folder, not a photo", hint="Name a photo in it.")
    if not stat.S_ISREG(status.st_mode):
        raise PhotoError(
            "unreadable-photo",
            f"{name}: is a pipe, socket or device, not a file",
            hint="Save it to a file first.",
        )
    if status.st_size > MAX_BYTES:
        raise _too_many_bytes(name)
    try:
        with path.open("rb") as stream:
            return _read_stream(stream, name)
    except OSError as error:
        raise _cannot_open(path, error) from error


def _read_stream(stream: BinaryIO, name: str) -> bytes:
    chunks: list[bytes] = []
    size = 0
    try:
        while chunk := stream.read(_CHUNK):
            chunks.append(chunk)
            size += len(chunk)
            if size > MAX_BYTES:
                raise _too_many_bytes(name)
    except OSError as error:
        raise PhotoError("unreadable-photo", f"{name}: cannot be read: {error.strerror or error}") from error
    if not size:
        raise PhotoError("unreadable-photo", f"{name}: is empty")
    return b"".join(chunks)


def _stream_name(stream: BinaryIO) -> str:
    # The name of a file opened by number is that number, and the name of standard input is in brackets.
    name = getattr(stream, "name", None)
    return printable(name) if isinstance(name, str) and not name.startswith("<") else STANDARD_INPUT


def _too_many_bytes(name: str) -> PhotoError:
    return PhotoError(
        "photo-too-large",
        f"{name}: has more than {MAX_BYTES >> 20} MiB, the limit",
        hint="Shrink it, or save it as JPEG.",
    )
