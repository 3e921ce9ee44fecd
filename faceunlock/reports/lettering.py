"""Text in pictures: a font of any size, and text shortened to the available width."""

from __future__ import annotations

import logging
import unicodedata
from functools import lru_cache
from typing import cast

from PIL import ImageFont, features

from faceunlock.files.invisible import is_invisible
from faceunlock.files.packages import find_in_package
from faceunlock.files.text import printable
from faceunlock.reports.system_fonts import FontFile, fonts_for, missing

Font = ImageFont.FreeTypeFont

REGULAR = ("matplotlib", "mpl-data/fonts/ttf/DejaVuSans.ttf")
BOLD = ("matplotlib", "mpl-data/fonts/ttf/DejaVuSans-Bold.ttf")
"""Fonts for Latin, Greek, Cyrillic, Hebrew, Arabic and more, from an installed dependency."""

ELLIPSIS = "…"

_log = logging.getLogger(__name__)


@lru_cache(maxsize=64)
def font(size: int, *, bold: bool = False, text: str = "") -> Font:
    """Return a font at a size in pixels, for a text: an installed one if ours lacks letters of it.

    Where no font has them, boxes take their places, and the log says so. Pillow's own font, with fewer
    scripts, is used if matplotlib has none.
    """
    file = _font_file(_letters(text), bold=bold)
    if file is None:
        return cast("Font", ImageFont.load_default(size))
    # Use the basic layout engine where it will do, because only some machines have the other one.
    engine = ImageFont.Layout.RAQM if _needs_layout(text) and _has_raqm() else ImageFont.Layout.BASIC
    return ImageFont.truetype(file.path, size, file.number, layout_engine=engine)


@lru_cache(maxsize=256)
def _font_file(letters: str, *, bold: bool) -> FontFile | None:
    """Return the font that lacks the fewest letters, ours if it is as good; None for Pillow's own."""
    path = find_in_package(*(BOLD if bold else REGULAR))
    best = None if path is None else FontFile(path, 0)
    lacking = letters if best is None else missing(letters, best)
    for candidate in fonts_for(lacking, bold=bold) if lacking else ():
        still = missing(letters, candidate)
        if len(still) < len(lacking):
            best, lacking = candidate, still
        if not lacking:
            break
    if lacking:
        _log.warning(
            "No installed font has all letters of a text in a picture; boxes stand for: %s",
            printable(lacking),
        )
    return best


def _letters(text: str) -> str:
    """Return the different characters of a text that need a picture in a font, in order."""
    if text.isascii():
        return ""
    return "".join(sorted({char for char in text if not char.isspace() and not is_invisible(char)}))


def _needs_layout(text: str) -> bool:
    """Return whether a text is more than letters from left to right, one after the other."""
    if text.isascii():
        return False
    return any(
        unicodedata.bidirectional(char) in ("R", "AL") or unicodedata.category(char) in ("Mn", "Mc", "Cf")
        for char in text
    )


@lru_cache(maxsize=1)
def _has_raqm() -> bool:
    available = bool(features.check("raqm"))
    if not available:
        _log.warning(
            "This Pillow has no raqm: letters that join, or run from right to left, are drawn one by one"
        )
    return available


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
        If it draws letters one by one, invisible characters are left out: it would draw boxes for them.
    limit : int
        Width in pixels.
    keep_end : bool
        Shorten the middle instead of the end, as for file names, which differ at their ends.

    Examples
    --------
    >>> shortened("a long name.jpg", font(10), 60, keep_end=True)
    'a lon…e.jpg'
    """
    if face.layout_engine == ImageFont.Layout.BASIC:
        text = "".join(char for char in text if not is_invisible(char))
    if width(text, face) <= limit:
        return text
    for kept in range(len(text) - 1, 0, -1):
        end = kept // 2 if keep_end else 0
        candidate = text[: kept - end].rstrip() + ELLIPSIS + (text[-end:].lstrip() if end else "")
        if width(candidate, face) <= limit:
            return candidate
    return ELLIPSIS
