"""Photos: files and streams become upright RGB arrays."""

from __future__ import annotations

import errno
import hashlib
import os
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from faceunlock.errors import PhotoError
from faceunlock.files.reading import NotAFileError, TooLargeError, given_pipe, open_file, read_stream
from faceunlock.files.text import encodable
from faceunlock.photos.decoding import DEFAULT_MAX_PIXELS, decode_view, memory_needed, recognise
from faceunlock.photos.face import RGBImage
from faceunlock.photos.folders import (
    PHOTO_SUFFIXES,
    PersonFolders,
    PhotoListing,
    cannot_open,
    find_photos,
    nothing_found,
    person_folders,
)
from faceunlock.photos.in_memory import InMemory

__all__ = [
    "DEFAULT_MAX_PIXELS",
    "MAX_BYTES",
    "PHOTO_SUFFIXES",
    "STANDARD_INPUT",
    "PersonFolders",
    "Photo",
    "PhotoListing",
    "Source",
    "find_photos",
    "in_order",
    "name_of",
    "nothing_found",
    "person_folders",
]

MAX_BYTES = 1 << 30
"""Largest file that is read, 1 GiB: more than `DEFAULT_MAX_PIXELS` need at 16 bits without compression."""

STANDARD_INPUT = "standard input"
"""Name of a photo that was read from a stream without a name."""


@dataclass(frozen=True, slots=True, eq=False)
class PhotoFile:
    """The content of a photo's file, not decoded yet.

    Attributes
    ----------
    name : str
        Its name in messages: its path, "standard input", or what `InMemory` calls it.
    data : bytes
        The whole file; for a picture without one, its pixels as a file would hold them.
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

    @property
    def memory(self) -> int:
        """Bytes that decoding it takes at most.

        Raises
        ------
        PhotoError
            ``photo-too-large`` or ``unreadable-photo``.
        """
        return memory_needed(self.data, self.name, self.max_pixels)

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


Source = Path | PhotoFile | InMemory
"""Where one of several photos comes from: a file, a file that was read already, or a picture in memory."""


def name_of(source: Source) -> str:
    """Return what a photo is called in results; any terminal, document and database can hold it."""
    return encodable(source if isinstance(source, Path) else source.name)


def in_order(sources: Sequence[Source], found: Sequence[Path]) -> list[Source]:
    """Return sources in the order given, with the photos that `find_photos` found in place of their paths.

    Examples
    --------
    >>> camera, folder, file = PhotoFile("frame", b"", 1), Path("a"), Path("b.jpg")
    >>> [name_of(photo) for photo in in_order([folder, camera, file], [Path("a/1.jpg"), file])]
    ['a/1.jpg', 'frame', 'b.jpg']
    """
    remaining, ordered = deque(found), list[Source]()
    for source in sources:
        if not isinstance(source, Path):
            ordered.append(source)
            continue
        while remaining and remaining[0].is_relative_to(source):
            ordered.append(remaining.popleft())
    return ordered


_EMPTY = ("Copy it from its source again.", "Check the command that writes to it.")
"""What helps with an empty file, and with an empty standard input."""


def load_photo(
    source: Source | BinaryIO, *, name: str | None = None, max_pixels: int = DEFAULT_MAX_PIXELS
) -> PhotoFile:
    """Return the file of one photo, read but not decoded.

    Parameters
    ----------
    source : Path, binary file, PhotoFile or InMemory
        A regular file; a pipe that a shell passes as ``/dev/fd/N``, as for ``<(...)``; or an open binary
        stream such as ``sys.stdin.buffer``. A `PhotoFile`, such as a camera frame, is returned unchanged.
        A picture in memory is checked and takes the form of a file.
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
    if isinstance(source, InMemory):
        return PhotoFile(name or source.name, source.content(max_pixels), max_pixels)
    if isinstance(source, Path):
        name = name or encodable(source)
        data = _read_file(source, name)
    else:
        name = name or _stream_name(source)
        data = _read_stream(source, name)
    recognise(data, name)  # refuses a file that is not a photo before anything else is done with it
    return PhotoFile(name, data, max_pixels)


def _read_file(path: Path, name: str) -> bytes:
    try:
        given = given_pipe(path)
        with open_file(path) if given is None else os.fdopen(os.dup(given), "rb") as stream:
            if os.fstat(stream.fileno()).st_size > MAX_BYTES:
                raise _too_many_bytes(name)
            return _read_stream(stream, name)
    except NotAFileError as error:
        is_folder = error.errno == errno.EISDIR
        raise PhotoError(
            "unreadable-photo",
            f"{name}: {'is a folder, not a photo' if is_folder else error.strerror}",
            hint="Name a photo in it." if is_folder else "Save it to a file first.",
        ) from error
    except OSError as error:
        raise cannot_open(path, error) from error


def _read_stream(stream: BinaryIO, name: str) -> bytes:
    try:
        data = read_stream(stream, MAX_BYTES, name)
    except TooLargeError as error:
        raise _too_many_bytes(name) from error
    except OSError as error:
        raise PhotoError("unreadable-photo", f"{name}: cannot be read: {error.strerror or error}") from error
    if not data:
        hint = (
            "Check the command that writes to it."
            if name == STANDARD_INPUT
            else "Copy it from its source again."
        )
        raise PhotoError("unreadable-photo", f"{name}: is empty", hint=hint)
    return data


def _stream_name(stream: BinaryIO) -> str:
    # The name of a file opened by number is that number, and the name of standard input is in brackets.
    name = getattr(stream, "name", None)
    return encodable(name) if isinstance(name, str) and not name.startswith("<") else STANDARD_INPUT


def _too_many_bytes(name: str) -> PhotoError:
    return PhotoError(
        "photo-too-large",
        f"{name}: has more than {MAX_BYTES >> 20} MiB, the limit",
        hint="Shrink it, or save it as JPEG.",
    )
