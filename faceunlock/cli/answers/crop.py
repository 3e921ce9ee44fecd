"""The text and JSON document of ``faceunlock crop``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from faceunlock.cli.answers.parts import Document, identity, left_out
from faceunlock.files.text import printable

if TYPE_CHECKING:
    from faceunlock.tasks.crop import CropOutcome


def text(outcome: CropOutcome) -> str:
    """Return how many faces were cut out and where they are."""
    faces, photos = len(outcome.crops), len(outcome.crops) + len(outcome.left_out)
    whose = "" if not outcome.people else f" of {outcome.people:,} {_people(outcome.people)}"
    lines = [
        f"Cut out {faces:,} {'face' if faces == 1 else 'faces'}{whose} to {printable(outcome.sheet.parent)}: "
        f"{outcome.size} x {outcome.size} pixels, as {outcome.identity.model} sees them."
    ]
    if outcome.left_out:
        lines.append(f"{len(outcome.left_out):,} of {photos:,} photos were left out.")
    part = (
        ""
        if outcome.faces_shown == faces
        else f" shows {outcome.faces_shown:,} of the faces"
        + (f", of {outcome.people_shown:,} {_people(outcome.people_shown)}" if outcome.people else "")
    )
    lines.append(f"Contact sheet{part}: {printable(outcome.sheet)}")
    return "\n".join(lines)


def _people(number: int) -> str:
    return "person" if number == 1 else "people"


def document(outcome: CropOutcome) -> Document:
    """Return the data of ``crop``."""
    return {
        "crops": [
            {"photo": crop.photo, "person": crop.person, "file": str(crop.file)} for crop in outcome.crops
        ],
        "people": outcome.people,
        "left_out": [left_out(photo) for photo in outcome.left_out],
        "skipped": outcome.skipped,
        "contact_sheet": str(outcome.sheet),
        "people_shown": outcome.people_shown,
        "faces_shown": outcome.faces_shown,
        "size": outcome.size,
        "model": identity(outcome.identity),
    }
