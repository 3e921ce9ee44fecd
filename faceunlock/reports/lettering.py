"""Text in pictures: a font of any size, and text shortened to the available width."""

from __future__ import annotations

from functools import lru_cache
from typing import cast

from PIL import ImageFont

from faceunlock.files.packages import find_in_package

Font = ImageFont.FreeTypeFont

REGULAR = ("matplotlib", "mpl-data/fonts/ttf/DejaVuSans.ttf")
BOLD = ("matplotlib", "mpl-data/fonts/ttf/DejaVuSans-Bold.ttf")
"""Fonts for Latin, Greek, Cyrillic, Hebrew, Arabic and more, from an installed dependency."""

ELLIPSIS = "…"


@lru_cache(maxsize=64)
def font(size: int, *, bold: bool = False) -> Font:
    """Return the font at a size in pixels; Pillow's own, with fewer scripts, if matplotlib has none."""
    file = find_in_package(*(BOLD if bold else REGULAR))
    if file is None:
        return cast("Font", ImageFont.load_default(size))
    # Use the basic layout engine, because only some machines have the other one.
    return ImageFont.truetype(file, size, layout_engine=ImageFont.Layout.BASIC)


def width(text: str, face: Font) -> int:
    """Return the width of a line of text, in pixels."""
    return round(face.getlength(text))


def height(face: Font) -> int:
    """Return the height of a line, from the highest ascender to the lowest descender, in pixels."""
    ascent, descent = face.getmetrics()
    return ascent + descent


def shortened(text: str, face: Font, limit: int, *, keep_end: bool = False) -> str:
    """Return a text shortened to fit, with an ellipsis for the missing part.

    Parameters
    ----------
    text : str
        One line.
    face : Font
    limit : int
        Width in pixels.
    keep_end : bool
        Shorten the middle instead of the end, as for file names, which differ at their ends.

    Examples
    --------
    >>> shortened("a long name.jpg", font(10), 60, keep_end=True)
    'a lon…e.jpg'
    """
    if width(text, face) <= limit:
        return text
    for kept in range(len(text) - 1, 0, -1):
        end = kept // 2 if keep_end else 0
        candidate = text[: kept - end].rstrip() + ELLIPSIS + (text[-end:].lstrip() if end else "")
        if width(candidate, face) <= limit:
            return candidate
    return ELLIPSIS
