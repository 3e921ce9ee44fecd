"""A sheet of pairs of photos: both faces, how unlike they are, and whether they match."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from faceunlock.reports.contact_sheet import FAINT, GAP, INK, MARGIN, PAPER, RULE
from faceunlock.reports.lettering import font, height, shortened

FACE = 150
"""Side of a face, in pixels."""

YES, NO = "#00603f", "#9c3a00"
"""Green and vermilion of equal darkness; the words carry the meaning too."""

FEW, ACROSS = 12, (2, 4)
"""Up to `FEW` pairs, two stand in a row; beyond, four."""


@dataclass(frozen=True, slots=True, eq=False)
class SheetPair:
    """One pair on the sheet.

    Attributes
    ----------
    faces : tuple of two ndarray of uint8, shape (side, side, 3)
    score : str
        The dissimilarity, in words.
    verdict : str
        What that means.
    good : bool
        Whether the verdict is right or, if that is unknown, a match; its colour says so too.
    details : str
        Names of the photos.
    """

    faces: tuple[NDArray[np.uint8], NDArray[np.uint8]] = field(repr=False)
    score: str
    verdict: str
    good: bool
    details: str


def pair_sheet(title: str, lines: Sequence[str], pairs: Sequence[SheetPair]) -> Image.Image:
    """Draw pairs of faces in rows, each with its dissimilarity below.

    Parameters
    ----------
    title : str
    lines : sequence of str
        What is below the title.
    pairs : sequence of SheetPair
        At least one.

    Returns
    -------
    PIL.Image.Image
        RGB; 700 pixels wide with up to `FEW` pairs, otherwise 1,344.
    """
    across = ACROSS[0] if len(pairs) <= FEW else ACROSS[1]
    card, between = 2 * FACE + GAP, 32
    wide = 2 * MARGIN + across * card + (across - 1) * between
    head, plain = font(20, bold=True, text=title), font(14)
    strong, bold = font(16, bold=True), font(14, bold=True)
    top = MARGIN + height(head) + GAP + len(lines) * (height(plain) + 2) + MARGIN // 2
    step = FACE + GAP + height(strong) + 2 * height(plain) + 22
    rows = -(-len(pairs) // across)
    sheet = Image.new("RGB", (wide, top + rows * step + MARGIN // 2), PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((MARGIN, MARGIN), shortened(title, head, wide - 2 * MARGIN), font=head, fill=INK)
    for number, line in enumerate(lines):
        face = font(14, text=line)
        y = MARGIN + height(head) + GAP + number * (height(plain) + 2)
        draw.text((MARGIN, y), shortened(line, face, wide - 2 * MARGIN), font=face, fill=FAINT)
    for number, pair in enumerate(pairs):
        left, y = MARGIN + number % across * (card + between), top + number // across * step
        for column, face_pixels in enumerate(pair.faces):
            x = left + column * (FACE + GAP)
            picture = Image.fromarray(face_pixels).resize((FACE, FACE), Image.Resampling.BICUBIC)
            sheet.paste(picture, (x, y))
            draw.rectangle((x - 1, y - 1, x + FACE, y + FACE), outline=RULE)
        y += FACE + GAP
        draw.text((left, y), shortened(pair.score, strong, card), font=strong, fill=INK)
        y += height(strong)
        verdict = shortened(pair.verdict, bold, card)
        draw.text((left, y), verdict, font=bold, fill=YES if pair.good else NO)
        details = font(14, text=pair.details)
        text = shortened(pair.details, details, card, keep_end=True)
        draw.text((left, y + height(plain)), text, font=details, fill=FAINT)
    return sheet
