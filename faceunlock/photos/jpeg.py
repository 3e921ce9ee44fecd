"""JPEG files before they are decoded: how many scans they have, and whether only the end marker is missing.

Markers: ITU-T T.81, annex B.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

MAX_SCANS = 100
"""Most scans of a JPEG file. Encoders write about ten; each one costs as much as decoding the whole photo."""

_SOI, _EOI, _SOS = 0xD8, 0xD9, 0xDA
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_BARE = frozenset((0x01, *range(0xD0, 0xD9)))  # markers without a length: TEM, RST0 to RST7, SOI
_MARKER = re.compile(rb"\xff+([^\x00\xff])", re.DOTALL)
_LAST_COEFFICIENT = 63

_random = random.Random(0)  # noqa: S311  -- any bits do; they only must not repeat a pattern of the file
_NOISE = bytes(_random.randrange(1, 255) for _ in range(256))  # no 255, which begins a marker
_FILLS = (_NOISE, bytes(255 - byte for byte in _NOISE))
"""Bytes and their complements: whichever bit a decoder misses, one of the two gives the wrong one."""


class _Segment(NamedTuple):
    marker: int
    start: int
    """Where its content begins, after the length."""
    end: int


def _segments(data: bytes) -> Iterator[_Segment]:
    """Yield the marker segments of the first image, as a decoder finds them."""
    at = 2
    while (found := _MARKER.search(data, at)) is not None:
        marker, at = found[1][0], found.end()
        if marker in _BARE:
            yield _Segment(marker, at, at)
            continue
        if marker == _EOI:
            yield _Segment(marker, at, at)
            return
        end = at + int.from_bytes(data[at : at + 2], "big")
        yield _Segment(marker, at + 2, end)
        at = max(end, at)


def too_many_scans(data: bytes) -> bool:
    """Return whether a JPEG file has more than `MAX_SCANS` scans."""
    if data.count(b"\xff\xda") <= MAX_SCANS:  # the usual case, at the speed of a search
        return False
    count = 0
    for segment in _segments(data):
        count += segment.marker == _SOS
        if count > MAX_SCANS:
            return True
    return False


def with_end(data: bytes, digest: Callable[[bytes], bytes | None]) -> bytes | None:
    """Return a JPEG file with the end marker that it lacks, or None if more than that is missing.

    A decoder makes up what is missing before an end marker. So the file is decoded with different bytes
    in front of the marker: where every pixel was there before them, they change nothing.

    Parameters
    ----------
    data : bytes
        The file, cut off somewhere.
    digest : callable
        Returns a checksum of the pixels of a whole file; None if it cannot be decoded.
    """
    data = data.rstrip(b"\xff")  # half a marker
    ended = data + b"\xff\xd9"
    if not _all_scans(ended):
        return None
    restart = _next_restart(data)
    variants = (data + between + fill + b"\xff\xd9" for fill in _FILLS for between in (b"", restart))
    pixels = digest(ended)
    whole = pixels is not None and all(digest(variant) == pixels for variant in variants)
    return ended if whole else None


def _all_scans(data: bytes) -> bool:
    """Return whether the scans give every component all of its coefficients, to the last bit."""
    wanted: set[int] = set()
    complete: dict[int, set[int]] = {}
    for marker, start, end in _segments(data):
        content = data[start:end]
        if marker in _FRAMES:
            wanted = {content[6 + 3 * index] for index in range(content[5])} if len(content) > 5 else set()
        elif marker == _SOS and content:
            count = content[0]
            if len(content) < 4 + 2 * count:
                return False
            first, last, bits = content[1 + 2 * count : 4 + 2 * count]
            if bits & 15 == 0:
                for index in range(count):
                    complete.setdefault(content[1 + 2 * index], set()).update(range(first, last + 1))
    every = set(range(_LAST_COEFFICIENT + 1))
    return bool(wanted) and all(complete.get(component, set()) >= every for component in wanted)


def _next_restart(data: bytes) -> bytes:
    """Return the restart marker that would come next in the last scan."""
    last = max(data.rfind(bytes((0xFF, marker))) for marker in range(0xD0, 0xD8))
    if last <= data.rfind(b"\xff\xda"):
        return b"\xff\xd0"
    return bytes((0xFF, 0xD0 + (data[last + 1] - 0xD0 + 1) % 8))
