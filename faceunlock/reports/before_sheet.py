"""A sheet of photos beside the faces that were cut out of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from faceunlock.pipeline.samples import PhotoCrops
from faceunlock.reports.annotation import INK as DARK
from faceunlock.reports.annotation import NAMED, Mark, annotate
from faceunlock.reports.contact_sheet import FAINT, GAP, INK, MARGIN, PAPER, RULE
from faceunlock.reports.lettering import font, height, shortened

PHOTO = (264, 180)
"""Room for a photo, in pixels."""

FACE, FACES_SHOWN = 87, 4
"""Side of a face if there are several, in pixels, and the most that one photo shows."""

PHOTOS_SHOWN = 60
"""Maximum photos on a sheet, which is then at most 6,800 pixels high."""

ACROSS, BETWEEN = 2, 36


@dataclass(frozen=True, slots=True, eq=False)
class Before:
    """One photo on the sheet.

    Attributes
    ----------
    title : str
        Its name.
    cut : PhotoCrops
        Its faces; with its picture.
    """

    title: str
    cut: PhotoCrops


def before_sheet(title: str, photos: Sequence[Before]) -> Image.Image:
    """Draw photos with numbered boxes around their faces, each beside the faces as the network sees them.

    Parameters
    ----------
    title : str
    photos : sequence of Before
        At least one; of more than `FACES_SHOWN` faces in a photo the sheet says how many are missing.

    Returns
    -------
    PIL.Image.Image
        RGB, 1000 pixels wide.
    """
    head, name = font(20, bold=True, text=title), font(14)
    entry = PHOTO[0] + 2 * GAP + PHOTO[1]
    wide = 2 * MARGIN + ACROSS * entry + (ACROSS - 1) * BETWEEN
    top, step = 2 * MARGIN + height(head), height(name) + PHOTO[1] + 4 * GAP
    rows = -(-len(photos) // ACROSS)
    sheet = Image.new("RGB", (wide, top + rows * step + MARGIN // 2), PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((MARGIN, MARGIN), shortened(title, head, wide - 2 * MARGIN), font=head, fill=INK)
    for number, photo in enumerate(photos):
        left, y = MARGIN + number % ACROSS * (entry + BETWEEN), top + number // ACROSS * step
        missing = len(photo.cut.crops) - FACES_SHOWN
        words = photo.title if missing <= 0 else f"{photo.title}, {missing} more faces"
        letters = font(14, text=words)
        draw.text((left, y), shortened(words, letters, entry, keep_end=True), font=letters, fill=FAINT)
        y += height(name) + GAP // 2
        picture = _photo(photo.cut)
        sheet.paste(picture, (left + (PHOTO[0] - picture.width) // 2, y))
        _faces(sheet, photo.cut, (left + PHOTO[0] + 2 * GAP, y))
        draw.line((left, y + PHOTO[1] + GAP, left + entry, y + PHOTO[1] + GAP), fill=RULE)
    return sheet


def _photo(cut: PhotoCrops) -> Image.Image:
    """Return the photo with its boxes, at its size on the sheet."""
    if cut.picture is None:
        raise ValueError(f"{cut.photo} has no picture")
    several = len(cut.boxes) > 1
    shrunk = Image.fromarray(cut.picture)
    shrunk.thumbnail(PHOTO, Image.Resampling.LANCZOS)
    scale = shrunk.width / cut.picture.shape[1]
    marks = [
        Mark((box[0] * scale, box[1] * scale, box[2] * scale, box[3] * scale), str(number), named=True)
        for number, box in enumerate(cut.boxes, start=1)
    ]
    if several:
        return annotate(np.asarray(shrunk), marks)
    draw = ImageDraw.Draw(shrunk)
    for mark in marks:
        draw.rectangle(mark.box, outline=DARK, width=4)
        draw.rectangle(mark.box, outline=NAMED, width=2)
    return shrunk


def _faces(sheet: Image.Image, cut: PhotoCrops, corner: tuple[int, int]) -> None:
    """Paste the faces: one in full height, several in rows of two with their numbers."""
    draw = ImageDraw.Draw(sheet)
    alone = len(cut.crops) == 1
    side = PHOTO[1] if alone else FACE
    for number, crop in enumerate(cut.crops[:FACES_SHOWN]):
        x, y = corner[0] + number % 2 * (side + GAP), corner[1] + number // 2 * (side + GAP)
        sheet.paste(Image.fromarray(crop).resize((side, side), Image.Resampling.BICUBIC), (x, y))
        if not alone:
            draw.rectangle((x, y, x + 16, y + 18), fill=NAMED)
            draw.text((x + 8, y + 9), str(number + 1), font=font(13, bold=True), fill=INK, anchor="mm")
