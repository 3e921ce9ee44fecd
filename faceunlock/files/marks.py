"""The mark in every picture that faceunlock writes: a search for photos knows by it what is no photo.

It lies in a PNG's text chunk, a JPEG's comment or an unknown chunk at the end of a WebP file, each of which
programs for pictures ignore. It goes where the file goes, whatever its new name or folder.
"""

from __future__ import annotations

import os
import zlib
from enum import Enum
from pathlib import Path

from faceunlock.files.reading import open_file

_NEAR = 96
"""A mark lies within this many bytes of the start or the end of a file."""

_PNG, _PNG_HEADER = b"\x89PNG\r\n\x1a\n", 33
_JPEG = b"\xff\xd8"


class Mark(Enum):
    """What a picture that faceunlock wrote is.

    ``CROP`` is a face cut out of a photo, which a model can learn from. ``PICTURE`` is anything else: a
    figure, a contact sheet, a photo with names drawn on it.
    """

    PICTURE = b"faceunlock\0picture"
    CROP = b"faceunlock\0face-crop"


def marked(content: bytes, mark: Mark) -> bytes:
    """Return a file's content with a mark in it; a file that is not PNG, JPEG or WebP stays as it is.

    Examples
    --------
    >>> marked(b"no picture", Mark.PICTURE)
    b'no picture'
    """
    text = mark.value
    if content.startswith(_PNG):
        chunk = b"tEXt" + text
        chunk = len(text).to_bytes(4, "big") + chunk + zlib.crc32(chunk).to_bytes(4, "big")
        return content[:_PNG_HEADER] + chunk + content[_PNG_HEADER:]
    if content.startswith(_JPEG):
        first = content[2:4] == b"\xff\xe0"  # JFIF's own segment must stay the first
        place = 4 + int.from_bytes(content[4:6], "big") if first else 2
        return content[:place] + b"\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text + content[place:]
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        chunk = b"face" + len(text).to_bytes(4, "little") + text + b"\0" * (len(text) % 2)
        size = int.from_bytes(content[4:8], "little") + len(chunk)
        return b"RIFF" + size.to_bytes(4, "little") + content[8:] + chunk
    return content


def mark_of(file: Path) -> Mark | None:
    """Return the mark of a file; None without one, or if the file cannot be read."""
    try:
        with open_file(file) as stream:
            near = os.read(stream.fileno(), _NEAR)
            if near.startswith(b"RIFF"):
                stream.seek(max(0, os.fstat(stream.fileno()).st_size - _NEAR))
                near = stream.read(_NEAR)
    except OSError:
        return None
    return next((mark for mark in Mark if mark.value in near), None)
