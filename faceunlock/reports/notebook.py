"""Results as a notebook shows them: a line for each answer, with its mark and the face it is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from faceunlock.reports.figures import data_address

MOST_LINES = 20
"""Lines that are shown; a notebook is no place for a thousand."""

SIDE = 56
"""Height of a face, in CSS pixels."""

_MARKS = {True: ("✓", "#009E73"), False: ("✗", "#D55E00"), None: ("", "inherit")}
"""Sign and colour of an answer; both colours can be read on white and on black."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a result.

    Attributes
    ----------
    mark : bool or None
        Yes or no; None for a line that answers nothing.
    text : str
    faces : tuple of bytes
        The faces it is about, as JPEG.
    """

    mark: bool | None
    text: str
    faces: tuple[bytes, ...] = ()


def as_html(lines: Sequence[Line]) -> str:
    """Return the HTML of a result: no script, no style sheet, nothing loaded, readable on light and dark.

    Examples
    --------
    >>> "&lt;me&gt;" in as_html([Line(None, "<me>")])
    True
    """
    shown = [*lines[:MOST_LINES]]
    if len(lines) > MOST_LINES:
        shown.append(Line(None, f"and {len(lines) - MOST_LINES:,} more"))
    return f'<table style="border:0;color:inherit">{"".join(map(_row, shown))}</table>'


def _row(line: Line) -> str:
    sign, colour = _MARKS[line.mark]
    faces = "".join(
        f'<img alt="face" height="{SIDE}" style="display:inline;margin:0 2px 0 0" '
        f'src="{data_address("image/jpeg", face)}">'
        for face in line.faces
    )
    return (
        f'<tr><td>{faces}</td><td style="color:{colour}">{sign}</td>'
        f'<td style="text-align:left">{escape(line.text)}</td></tr>'
    )
