"""PNG files without what is not pixels: notes and profiles, however large or damaged, do not cost the photo.

Chunks: W3C Portable Network Graphics (PNG) Specification, third edition.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import NamedTuple

MAX_NOTE = 1 << 20
"""Largest text chunk that is kept, uncompressed, in bytes; Pillow refuses a photo with a larger one."""

MAX_PROFILE = 8 << 20
"""Largest colour profile that is used, uncompressed, in bytes."""

_SIGNATURE = 8
_ORIENTATION = (b"XML:com.adobe.xmp", b"Raw profile type exif")
"""Keywords of the text chunks that may say how to turn the photo."""


class _Chunk(NamedTuple):
    kind: bytes
    content: bytes
    whole: bytes
    """With its length, kind and checksum."""

    @property
    def sound(self) -> bool:
        return zlib.crc32(self.kind + self.content) == int.from_bytes(self.whole[-4:], "big")


def only_pixels(data: bytes) -> tuple[bytes, bytes | None]:
    """Return a PNG file without the chunks that no pixel depends on, and its colour profile if it has one.

    Kept are critical chunks, transparency, and what says how to turn the photo, if it is sound. An animation
    becomes its still image. A file that ends in the middle of a chunk still does.
    """
    profile = None
    kept: list[bytes] = [data[:_SIGNATURE]]
    for chunk in _chunks(data):
        if chunk.kind == b"iCCP" and profile is None:
            profile = _profile(chunk)
        elif _is_kept(chunk):
            kept.append(chunk.whole)
    return b"".join(kept), profile


def _chunks(data: bytes) -> Iterator[_Chunk]:
    at = _SIGNATURE
    while at < len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        whole = data[at : at + 12 + length]
        yield _Chunk(whole[4:8], whole[8 : 8 + length], whole)
        at += 12 + length


def _is_kept(chunk: _Chunk) -> bool:
    ancillary = chunk.kind[:1].islower()  # by the case of its first letter
    if not ancillary or chunk.kind == b"tRNS":
        return True
    if chunk.kind == b"eXIf":
        return chunk.sound
    return chunk.kind in (b"tEXt", b"zTXt", b"iTXt") and chunk.sound and _turns(chunk)


def _turns(chunk: _Chunk) -> bool:
    """Return whether a text chunk may say how to turn the photo, and can be read."""
    keyword, _, rest = chunk.content.partition(b"\0")
    if keyword not in _ORIENTATION:
        return False
    if chunk.kind == b"tEXt":
        return len(rest) <= MAX_NOTE
    if chunk.kind == b"zTXt":
        return _inflated(rest[1:], MAX_NOTE) is not None
    packed, text = rest[:1], rest[2:].split(b"\0", 2)[-1]
    return (len(text) <= MAX_NOTE) if packed == b"\0" else _inflated(text, MAX_NOTE) is not None


def _profile(chunk: _Chunk) -> bytes | None:
    _, _, rest = chunk.content.partition(b"\0")
    return _inflated(rest[1:], MAX_PROFILE) if chunk.sound and rest[:1] == b"\0" else None


def _inflated(packed: bytes, limit: int) -> bytes | None:
    """Return the uncompressed content, or None if it is damaged or larger than `limit`."""
    stream = zlib.decompressobj()
    try:
        content = stream.decompress(packed, limit)
    except zlib.error:
        return None
    return content if stream.eof else None
