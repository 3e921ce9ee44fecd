"""The text, picture and JSON document of ``faceunlock compare``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from faceunlock.cli.answers.parts import Document, fmr, identity, left_out, threshold_status, unproven
from faceunlock.files.text import Table, Verdict, printable, table
from faceunlock.matching.wording import counted, needed, probability, rate, threshold_meaning, unmeasured

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

    from faceunlock.tasks.compare import PairComparison


def text(comparison: PairComparison, top: int = 0) -> list[Verdict | Table | str]:
    """Return one line for two photos; for a folder, a summary and a table of the best `top` photos.

    With `top` 0, the table has them all.
    """
    if not comparison.is_folder:
        (other,) = comparison.others
        words = "the same person" if other.match else "not alike enough"
        return [Verdict(other.match, f"{words}  {needed(other.similarity, comparison.threshold)}")]
    shown = comparison.others[: top or None]
    rows = [
        ("yes" if one.match else "no", f"{one.similarity:.4f}", one.photo, f"{one.distance:.4f}")
        for one in shown
    ]
    count = len(comparison.others)
    summary = (
        f"{comparison.matches:,} of {counted(count, 'photo')} "
        f"{'matches' if count == 1 else 'match'} {printable(comparison.photo)} "
        f"(needs {comparison.threshold:.3f})"
    )
    parts: list[Verdict | Table | str] = [
        Verdict(comparison.matches > 0, summary),
        table(
            *("match", "similarity", "photo", "distance"), rows=rows, paths=("photo",), details=("distance",)
        ),
    ]
    if len(shown) < count:
        less = counted(count - len(shown), "photo")
        parts.append(f"Not listed: {less}, less alike; to list all, add --top 0.")
    return parts


def details(comparison: PairComparison) -> list[str]:
    """Return what only ``--verbose`` says: the distance, and what the threshold means."""
    said = [f"{threshold_meaning(comparison.calibration, comparison.point)}."]
    if not comparison.is_folder:
        said.insert(0, f"distance of the unit vectors {comparison.others[0].distance:.4f}")
    count, bound = len(comparison.others), comparison.false_match_bound
    if bound is not None and count > 1:
        said.append(
            f"If all {count:,} photos showed strangers, the chance of any match "
            f"would be at most {probability(bound)}."
        )
    measured = comparison.calibration.fnmr
    if not comparison.matches and comparison.point is not None and measured is not None:
        said.append(f"Pairs of the same person that stay below this threshold: {rate(measured)}")
    return said


def notes(comparison: PairComparison, output: Path | None) -> list[str]:
    """Return the notes below the answer."""
    found = unproven(comparison.calibration, comparison.point)
    if comparison.identical:
        found.append("Both files have the same content, so this comparison says nothing.")
    if comparison.undecided:
        found.append(f"No photo matches, but {len(comparison.left_out):,} could not be compared.")
    measured = comparison.calibration.fnmr
    if not comparison.matches and comparison.point is not None and measured is not None:
        found.append(
            f"A no does not prove different people: {round(100 * measured.value)} in 100 pairs of the same "
            "person stay below this threshold."
        )
    if output is not None:
        found.append(f"Wrote {printable(output)}")
    return found


def document(comparison: PairComparison, output: Path | None) -> Document:
    """Return the data of ``compare``."""
    point = comparison.point
    missed = comparison.calibration.fnmr
    return {
        "match": comparison.matches > 0,
        "matches": comparison.matches,
        "photo": comparison.photo,
        "quality": asdict(comparison.quality),
        "others": [asdict(other) for other in comparison.others],
        "left_out": [left_out(photo) for photo in comparison.left_out],
        "skipped": comparison.skipped,
        "identical": comparison.identical,
        "threshold": comparison.threshold,
        "threshold_status": threshold_status(comparison.calibration, point),
        "target_fmr": None if point is None else point.fmr,
        "fmr": None if point is None else fmr(comparison.calibration),
        "fnmr": None if point is None or missed is None else missed.to_dict(),
        "false_match_bound": comparison.false_match_bound,
        "picture": None if output is None else str(output),
        "model": identity(comparison.identity),
    }


FACE = 400
"""Side of a face in the picture, in pixels."""

MARGIN, GAP = 32, 24
PAPER, INK, FAINT, RULE = "#ffffff", "#141414", "#595959", "#c9c9c9"


def pair_picture(comparison: PairComparison) -> Image.Image:
    """Return a picture of the photo beside the most similar other photo.

    Parameters
    ----------
    comparison : PairComparison
        The comparison to draw; its crops are enlarged, but not otherwise changed.

    Returns
    -------
    PIL.Image.Image
        RGB, 888 pixels wide.
    """
    from PIL import Image, ImageDraw

    from faceunlock.reports.lettering import font, height, shortened
    from faceunlock.reports.pair_sheet import NO, YES

    other = comparison.others[0]
    title, name, text = font(30, bold=True), font(20, bold=True), font(22)
    verdict = "the same person" if other.match else "not alike enough"
    sign = "≥" if other.match else "<"
    meaning = f"model {comparison.identity.model}, {_meaning(comparison)}"
    lines = [
        (verdict, title, YES if other.match else NO),
        (f"similarity {other.similarity:.4f} {sign} threshold {comparison.threshold:.4f}", text, INK),
        (f"distance of the unit vectors {other.distance:.4f}", text, INK),
        (meaning, font(16, text=meaning), FAINT),
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
        label = "/".join(PurePath(photo).parts[-2:])
        name = font(20, bold=True, text=label)
        label = shortened(label, name, FACE, keep_end=True)
        draw.text((left + FACE / 2, MARGIN + FACE + GAP // 2), label, font=name, fill=INK, anchor="ma")
    top = below
    for words, face, colour in lines:
        line = shortened(words, face, wide - 2 * MARGIN)
        draw.text((wide / 2, top), line, font=face, fill=colour, anchor="ma")
        top += height(face) + 8
    return picture


def enlarged(crop: NDArray[np.uint8], side: int) -> Image.Image:
    """Return a crop resized to a square of `side` pixels, with bicubic interpolation."""
    from PIL import Image

    return Image.fromarray(crop).resize((side, side), Image.Resampling.BICUBIC)


def _meaning(comparison: PairComparison) -> str:
    calibration = comparison.calibration
    unknown, found = unmeasured(calibration, comparison.point), calibration.fmr
    if unknown is not None or found is None:
        return str(unknown)
    return (
        f"threshold from {calibration.data}: {found.errors:,} false matches in {found.trials:,} comparisons"
    )
