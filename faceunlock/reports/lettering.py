"""Text in pictures: a font of any size, and texts cut to the width that there is."""

from __future__ import annotations

from functools import lru_cache
from typing import cast

from PIL import ImageFont

from faceunlock.files.packages import find_in_package

Font = ImageFont.FreeTypeFont

REGULAR = ("matplotlib", "mpl-data/fonts/ttf/DejaVuSans.ttf")
BOLD = ("matplotlib", "mpl-data/fonts/ttf/DejaVuSans-Bold.ttf")
"""Latin, Greek, Cyrillic, Hebrew, Arabic and more; comes with a dependency."""

ELLIPSIS = "…"


@lru_cache(maxsize=64)
def font(size: int, *, bold: bool = False) -> Font:
    """Return the font at a size in pixels; Pillow's own, of fewer scripts, where matplotlib has none."""
    file = find_in_package(*(BOLD if bold else REGULAR))
    if file is None:
        return cast("Font", ImageFont.load_default(size))
    # The plain layout: whether Pillow has another one depends on the machine.
    return ImageFont.truetype(file, size, layout_engine=ImageFont.Layout.BASIC)


def width(text: str, face: Font) -> int:
    """Return how wide a line of text is, in pixels."""
    return round(face.getlength(text))


def height(face: Font) -> int:
    """Return how high a line is, from the highest ascender to the lowest descender, in pixels."""
    ascent, descent = face.getmetrics()
    return ascent + descent


def shortened(text: str, face: Font, limit: int, *, keep_end: bool = False) -> str:
    """Return as much of a text as fits, with an ellipsis for what does not.

    Parameters
    ----------
    text : str
        One line.
    face : Font
    limit : int
        Width in pixels.
    keep_end : bool
        Leave out of the middle, as for file names, whose ends differ.

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
