"""The text and JSON document of ``faceunlock crop``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from faceunlock.cli.answers.parts import Document, identity, left_out
from faceunlock.files.text import printable
from faceunlock.matching.wording import counted

if TYPE_CHECKING:
    from faceunlock.tasks.crop import CropOutcome


def text(outcome: CropOutcome) -> str:
    """Return how many faces were cut out and where they are."""
    faces, photos = len(outcome.crops), outcome.photos
    whose = "" if not outcome.people else f" of {counted(outcome.people, 'person', 'people')}"
    lines = [
        f"Cut out {counted(faces, 'face')}{whose} to {printable(outcome.sheet.parent)}: "
        f"{outcome.size} x {outcome.size} pixels, as {outcome.identity.model} sees them."
    ]
    left = len(outcome.left_out)
    if left:
        lines.append(f"{left:,} of {counted(photos, 'photo')} {'was' if photos == 1 else 'were'} left out.")
    part = (
        ""
        if outcome.faces_shown == faces
        else f" shows {outcome.faces_shown:,} of the faces"
        + (f", of {counted(outcome.people_shown, 'person', 'people')}" if outcome.people else "")
    )
    lines.append(f"Contact sheet{part}: {printable(outcome.sheet)}")
    if outcome.before is not None:
        part = "" if outcome.before_shown == photos - left else f" shows {outcome.before_shown:,} photos"
        lines.append(f"Photos beside their faces{part}: {printable(outcome.before)}")
    return "\n".join(lines)


def document(outcome: CropOutcome) -> Document:
    """Return the data of ``crop``."""
    return {
        "crops": [
            {"photo": crop.photo, "person": crop.person, "file": str(crop.file), "face": crop.face}
            for crop in outcome.crops
        ],
        "people": outcome.people,
        "left_out": [left_out(photo) for photo in outcome.left_out],
        "skipped": outcome.skipped,
        "contact_sheet": str(outcome.sheet),
        "before": None if outcome.before is None else str(outcome.before),
        "people_shown": outcome.people_shown,
        "faces_shown": outcome.faces_shown,
        "size": outcome.size,
        "model": identity(outcome.identity),
    }
