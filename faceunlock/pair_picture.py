"""The picture of a comparison: two faces side by side as the network sees them, and what came of it."""

from __future__ import annotations

from pathlib import PurePath

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from faceunlock.reports.lettering import font, height, shortened
from faceunlock.tasks.compare import PairComparison

FACE = 400
"""Side of a face in the picture, in pixels."""

MARGIN, GAP = 32, 24
PAPER, INK, FAINT, RULE = "#ffffff", "#141414", "#595959", "#c9c9c9"
YES, NO = "#00603f", "#9c3a00"
"""Green and vermilion of equal darkness: the words say it, too."""


def pair_picture(comparison: PairComparison) -> Image.Image:
    """Draw the photo in question and the most similar other one.

    Parameters
    ----------
    comparison : PairComparison
        Its crops are enlarged, not changed.

    Returns
    -------
    PIL.Image.Image
        RGB, 888 pixels wide.
    """
    other = comparison.others[0]
    title, name, text, small = font(30, bold=True), font(20, bold=True), font(22), font(16)
    verdict = "the same person" if other.match else "not alike enough"
    sign = "≥" if other.match else "<"
    lines = [
        (verdict, title, YES if other.match else NO),
        (f"similarity {other.similarity:.4f} {sign} threshold {comparison.threshold:.4f}", text, INK),
        (f"distance of the unit vectors {other.distance:.4f}", text, INK),
        (f"model {comparison.identity.model}, {_meaning(comparison)}", small, FAINT),
    ]
    wide = 2 * (MARGIN + FACE) + GAP
    below = MARGIN + FACE + GAP // 2 + height(name) + GAP
    high = below + sum(height(face) + 8 for _, face, _ in lines) + MARGIN
    picture = Image.new("RGB", (wide, high), PAPER)
    draw = ImageDraw.Draw(picture)
    for column, (crop, photo) in enumerate(
        zip(comparison.crops, (comparison.photo, other.photo), strict=True)
    ):
        left = MARGIN + column * (FACE + GAP)
        picture.paste(enlarged(crop, FACE), (left, MARGIN))
        draw.rectangle((left - 1, MARGIN - 1, left + FACE, MARGIN + FACE), outline=RULE)
        label = shortened("/".join(PurePath(photo).parts[-2:]), name, FACE, keep_end=True)
        draw.text((left + FACE / 2, MARGIN + FACE + GAP // 2), label, font=name, fill=INK, anchor="ma")
    top = below
    for words, face, colour in lines:
        line = shortened(words, face, wide - 2 * MARGIN)
        draw.text((wide / 2, top), line, font=face, fill=colour, anchor="ma")
        top += height(face) + 8
    return picture


def enlarged(crop: NDArray[np.uint8], side: int) -> Image.Image:
    """Return a crop at another size, smooth as it is."""
    return Image.fromarray(crop).resize((side, side), Image.Resampling.BICUBIC)


def _meaning(comparison: PairComparison) -> str:
    calibration = comparison.calibration
    if comparison.point is None:
        return "your own threshold, nothing is known about it"
    if calibration.status == "not-calibrated" or calibration.fmr is None:
        return "not calibrated: the error rate of this threshold is not known"
    fmr = calibration.fmr
    return f"threshold from {calibration.data}: {fmr.errors:,} false matches in {fmr.trials:,} comparisons"
