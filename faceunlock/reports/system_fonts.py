"""Fonts of the system, for letters that our own font lacks."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from PIL import ImageFont

SEARCH_SECONDS = 5.0
"""How long fontconfig may take."""

MOST_LETTERS, MOST_FONTS = 64, 16
"""How many letters are looked for at once, and how many fonts are looked at."""

_NO_LETTER = "\U0010fffe"
"""A character that never has a letter, so that every font draws its sign for a missing one."""


class FontFile(NamedTuple):
    """A font: its file, and its number in a file of several fonts."""

    path: Path
    number: int


def fonts_for(letters: str, *, bold: bool) -> Iterator[FontFile]:
    """Yield installed fonts, with fontconfig only the `MOST_FONTS` that fit best, the best first."""
    program = shutil.which("fc-match")
    found = _of_matplotlib() if program is None else _of_fontconfig(program, letters, bold=bold)
    yield from islice(dict.fromkeys(found), MOST_FONTS if program else None)


def missing(letters: Iterable[str], font: FontFile) -> str:
    """Return the letters that a font lacks; all of them if it cannot be used at every size."""
    try:
        face = _face(font)
        absent = _drawn(face, _NO_LETTER)
        return "".join(letter for letter in letters if _drawn(face, letter) == absent)
    except OSError:
        return "".join(letters)


@lru_cache(maxsize=32)
def _face(font: FontFile) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(font.path, 16, font.number, layout_engine=ImageFont.Layout.BASIC)


def _drawn(face: ImageFont.FreeTypeFont, letter: str) -> tuple[tuple[int, int], float, bytes]:
    picture = face.getmask(letter)
    return picture.size, face.getlength(letter), bytes(picture)


def _of_fontconfig(program: str, letters: str, *, bold: bool) -> Iterator[FontFile]:
    codes = " ".join(f"{ord(letter):x}" for letter in letters[:MOST_LETTERS])
    pattern = f":charset={codes}:scalable=true:color=false{':weight=bold' if bold else ''}"
    try:
        said = subprocess.run(  # noqa: S603 - no shell, and nothing but numbers in the pattern
            [program, "--sort", "--format", "%{index} %{file}\n", pattern],
            capture_output=True,
            timeout=SEARCH_SECONDS,
            check=True,
            encoding="utf-8",
            errors="surrogateescape",
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return
    for line in said.splitlines():
        number, _, path = line.partition(" ")
        if number.isdecimal() and path:
            yield FontFile(Path(path), int(number) & 0xFFFF)  # above are the styles of a variable font


def _of_matplotlib() -> Iterator[FontFile]:
    from matplotlib.font_manager import findSystemFonts

    return (FontFile(Path(path), 0) for path in sorted(findSystemFonts()))
