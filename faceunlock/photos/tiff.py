"""TIFF files before they are decoded: RAW files in disguise, and layouts that Pillow reads as other ones.

Tags: TIFF 6.0; Adobe DNG 1.7; TIFF/EP (ISO 12234-2).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from PIL import Image

_COMPRESSION, _PHOTOMETRIC, _BITS, _PLANAR, _SUB_IFDS = 259, 262, 258, 284, 330
_INK_SET, _SAMPLE_FORMAT, _SUBSAMPLING, _DNG_VERSION = 332, 339, 530, 50706
_WHITE_IS_ZERO, _RGB, _YCBCR = 0, 2, 6
_SENSOR = frozenset((32803, 34892))  # photometric interpretations: a colour filter array, linear raw
_OLD_JPEG = 6
_SIGNED, _FLOAT = 2, 3

_RAW = {
    name: re.compile(signature, re.DOTALL)
    for name, signature in (
        ("Canon CR2", rb"(II\*\0|MM\0\*).{4}CR"),
        ("Canon CR3", rb".{4}ftypcrx "),
        ("Canon CRW", rb"II.{4}HEAPCCDR"),
        ("Fujifilm RAF", rb"FUJIFILMCCD-RAW"),
        ("Olympus ORF", rb"IIR[OS]|MMOR"),
        ("Panasonic RW2", rb"IIU\0"),
        ("Phase One IIQ", rb"II\*\0.{4}IIII|MM\0\*.{4}MMMM"),
        ("Sigma X3F", rb"FOVb"),
        ("Minolta MRW", rb"\0MRM"),
    )
}
_MOST_DIRECTORIES = 64
_MOST_ENTRIES = 4096
_NUMBERS = {1: "B", 3: "H", 4: "I", 13: "I"}


class Layout(NamedTuple):
    """What the tags say about gray samples and Pillow's mode does not."""

    white_is_zero: bool = False
    """Whether 0 is white, and Pillow has not turned the samples over yet."""

    full: int | None = None
    """The largest sample there can be; None if there is none, or Pillow's mode says it."""


def raw_kind(data: bytes) -> str | None:
    """Return the kind of camera RAW file, or None; most kinds are TIFF files that begin with a thumbnail.

    Examples
    --------
    >>> raw_kind(b"FUJIFILMCCD-RAW 0201"), raw_kind(b"P3 2 1 255")
    ('Fujifilm RAF', None)
    """
    for name, signature in _RAW.items():
        if signature.match(data):
            return name
    if data[:4] not in (b"II*\0", b"MM\0*"):
        return None
    for tags in _directories(data):
        if _DNG_VERSION in tags:
            return "DNG"
        if _SENSOR.intersection(tags.get(_PHOTOMETRIC, ())):
            return "pixels of a sensor in TIFF"
    return None


def layout(image: Image.Image) -> Layout:
    """Return what Pillow's mode does not say about an opened TIFF file.

    Raises
    ------
    ValueError
        With a description of the layout, if Pillow would read it as a different one or the tags leave open
        what it is.
    """
    tags = getattr(image, "tag_v2")  # noqa: B009  -- only the TIFF decoder has it
    photometric, compressed = tags.get(_PHOTOMETRIC), tags.get(_COMPRESSION, 1) != 1
    bits, sample_format = tuple(tags.get(_BITS, (1,))), max(tags.get(_SAMPLE_FORMAT, (1,)))
    if photometric is None and tags.get(_COMPRESSION) != _OLD_JPEG:
        raise ValueError("without a photometric interpretation")
    if tags.get(_PLANAR, 1) == 2 and len(bits) > 1:
        usual = photometric == _RGB and (set(bits) == {8} or (compressed and set(bits) == {16}))
        if not usual:
            raise ValueError(f"{max(bits)}-bit planes, interpretation {photometric}")
    if sample_format == _SIGNED and bits == (8,):
        raise ValueError("signed 8-bit samples")
    if image.mode in ("I", "F") and compressed and tags.prefix == b"MM":
        raise ValueError(f"compressed big-endian {bits[0]}-bit samples")
    if photometric == _YCBCR and not compressed and len(bits) > 1 and tags.get(_SUBSAMPLING) != (1, 1):
        raise ValueError("uncompressed YCbCr with reduced colour")
    if tags.get(_INK_SET, 1) != 1:
        raise ValueError("inks other than CMYK")
    full = None
    if image.mode == "I" and sample_format != _FLOAT:
        full = {(1, 32): 0xFFFFFFFF, (_SIGNED, 16): 0x7FFF}.get((sample_format, bits[0]))
    return Layout(photometric == _WHITE_IS_ZERO and image.mode in ("I;16", "I", "F"), full)


def _directories(data: bytes) -> Iterator[dict[int, tuple[int, ...]]]:
    """Yield the tags of each directory: the pages, and what lies below them; damaged parts are left out."""
    order = "<" if data[:2] == b"II" else ">"
    pending, seen = [_number(data, 4, order)], set[int]()
    while pending and len(seen) < _MOST_DIRECTORIES:
        at = pending.pop(0)
        if at in seen or not 8 <= at <= len(data) - 2:
            continue
        seen.add(at)
        (count,) = struct.unpack_from(f"{order}H", data, at)
        tags: dict[int, tuple[int, ...]] = {}
        for entry in range(at + 2, at + 2 + 12 * min(count, _MOST_ENTRIES), 12):
            if entry + 12 > len(data):
                break
            tag, values = _entry(data, entry, order)
            tags[tag] = values
        pending += [_number(data, at + 2 + 12 * count, order), *tags.get(_SUB_IFDS, ())]
        yield tags


def _entry(data: bytes, at: int, order: str) -> tuple[int, tuple[int, ...]]:
    """Return the tag of a directory's entry and its values, up to 64; none for texts and fractions."""
    tag, kind, count = struct.unpack_from(f"{order}HHI", data, at)
    letter = _NUMBERS.get(kind)
    if letter is None:
        return tag, ()
    values = struct.Struct(f"{order}{min(count, _MOST_DIRECTORIES)}{letter}")
    place = at + 8 if count * struct.calcsize(letter) <= 4 else _number(data, at + 8, order)
    return tag, values.unpack_from(data, place) if place + values.size <= len(data) else ()


def _number(data: bytes, at: int, order: str) -> int:
    return int(struct.unpack_from(f"{order}I", data, at)[0]) if at + 4 <= len(data) else 0
