"""Contact sheet: the faces of many people on one picture of bounded size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from faceunlock.reports.lettering import font, height, shortened

ACROSS, DOWN = 10, 2
"""Faces in a row, and rows per person."""

FACES_SHOWN = ACROSS * DOWN
PEOPLE_SHOWN = 40
"""Maximum faces per person and maximum people on one sheet, which is then at most 9,600 pixels high."""

THUMB, GAP, MARGIN = 96, 6, 28
PAPER, INK, FAINT, RULE = "#ffffff", "#141414", "#595959", "#d9d9d9"


@dataclass(frozen=True, slots=True, eq=False)
class SheetRow:
    """One person on the sheet.

    Attributes
    ----------
    title : str
        The name, and the counts shown with it.
    faces : list of ndarray of uint8, shape (THUMB, THUMB, 3)
        At most `FACES_SHOWN`.
    """

    title: str
    faces: list[NDArray[np.uint8]] = field(default_factory=list, repr=False)


def spread(count: int, most: int) -> tuple[int, ...]:
    """Return at most `most` of `count` positions, evenly spread and including the first.

    Examples
    --------
    >>> spread(3, 5), spread(10, 4)
    ((0, 1, 2), (0, 2, 5, 7))
    """
    return tuple(range(count)) if count <= most else tuple(i * count // most for i in range(most))


def thumbnail(crop: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a crop at its size on the sheet; shape (`THUMB`, `THUMB`, 3)."""
    return np.asarray(Image.fromarray(crop).resize((THUMB, THUMB), Image.Resampling.LANCZOS))


def contact_sheet(title: str, rows: Sequence[SheetRow]) -> Image.Image:
    """Draw people below each other, each with a name and faces.

    Parameters
    ----------
    title : str
        The headline, with the numbers of faces and people.
    rows : sequence of SheetRow
        At most `PEOPLE_SHOWN`.

    Returns
    -------
    PIL.Image.Image
        RGB, 1070 pixels wide.
    """
    head, name = font(20, bold=True, text=title), font(16, bold=True)
    wide = 2 * MARGIN + ACROSS * (THUMB + GAP) - GAP
    step = height(name) + GAP
    lines = [max(1, -(-len(row.faces) // ACROSS)) for row in rows]
    high = (
        MARGIN + height(head) + MARGIN + sum(step + n * (THUMB + GAP) + 3 * GAP for n in lines) + MARGIN // 2
    )
    sheet = Image.new("RGB", (wide, high), PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((MARGIN, MARGIN), shortened(title, head, wide - 2 * MARGIN), font=head, fill=INK)
    top = MARGIN + height(head) + MARGIN
    for row, count in zip(rows, lines, strict=True):
        draw.line((MARGIN, top - GAP, wide - MARGIN, top - GAP), fill=RULE)
        face = font(16, bold=True, text=row.title)
        draw.text((MARGIN, top), shortened(row.title, face, wide - 2 * MARGIN), font=face, fill=INK)
        top += step
        if not row.faces:
            draw.text((MARGIN, top + GAP), "no face", font=font(16), fill=FAINT)
        for position, picture in enumerate(row.faces):
            left = MARGIN + position % ACROSS * (THUMB + GAP)
            sheet.paste(Image.fromarray(picture), (left, top + position // ACROSS * (THUMB + GAP)))
        top += count * (THUMB + GAP) + 3 * GAP
    return sheet
