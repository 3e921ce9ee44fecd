"""The text and JSON document of ``faceunlock verify``."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from typing import TYPE_CHECKING

from faceunlock.cli.answers.gallery import APPROXIMATE
from faceunlock.cli.answers.parts import (
    Document,
    fmr,
    identity,
    not_compared,
    refusal,
    threshold_status,
    unproven,
)
from faceunlock.files.text import Verdict, printable
from faceunlock.matching.security import chances, level_of
from faceunlock.matching.wording import counted, likeness_warning, needed, threshold_meaning
from faceunlock.photos.measures import Fault, Limits, measures

if TYPE_CHECKING:
    from faceunlock.matching.likeness import Likeness
    from faceunlock.tasks.verify import Verification
    from faceunlock.tasks.verify_each import VerifiedPhoto, VerifiedPhotos

FAULTS: dict[Fault, str] = {
    "face-too-small": "The face is small; come closer.",
    "face-cut-off": "Part of the face is outside the photo; keep the whole face in the picture.",
    "face-turned": "The face is turned to the side; look straight at the camera.",
    "eyes-shaded": "The eyes lie in shade; take off cap and dark glasses, and turn to the light.",
    "too-dark": "The face is dark; more light may help.",
    "too-blurred": "The face is blurred; a sharper photo may help.",
}
"""What may have kept a face from matching, and what to do."""


NEAR_MISS = (
    "A near miss: two photos this alike are usually of one person. "
    "Try again: look at the camera, with light on your face."
)


def text(answer: Verification) -> Verdict:
    """Return the answer to a verification, in one line; a no names nobody as the person on the photo."""
    decision = answer.decision
    who = "" if decision.match else "not " if answer.named else "closest "
    look = "" if decision.look is None else f" ({decision.look})"
    score = needed(decision.similarity, decision.threshold)
    return Verdict(decision.match, f"{who}{decision.name}{look}  {score}")


def notes(
    answer: Verification, min_sharpness: float, min_brightness: float, photo: str | None = None
) -> list[str]:
    """Return the notes below the answer: who was not compared, why it may have failed, and what to do.

    Parameters
    ----------
    answer : Verification
    min_sharpness, min_brightness : float
        The limits of a good photo.
    photo : str, optional
        The file, as the user named it.
    """
    notes = left_aside(answer) + unproven(answer.calibration, answer.point)
    if answer.decision.match:
        return notes
    if answer.approximate:
        notes.append(APPROXIMATE)
    limits = Limits(0, min_sharpness, min_brightness)
    notes += [FAULTS[one.fault] for one in measures(answer.quality, limits) if not one.good]
    if answer.near_miss:
        notes.append(NEAR_MISS)
        if photo is not None:
            notes.append(add_it(answer.decision.name, photo, answer.decision.look))
    if photo is not None:
        notes.append(_to_see_why(answer, photo))
    return notes


def add_it(name: str, photo: str, look: str | None) -> str:
    """Return how an owner adds a photo that was a near miss."""
    words = f"{_word(name)} {_word(photo)}" + ("" if look is None else f" --look {_word(look)}")
    return f"If this is {name}, add the photo: faceunlock enroll {words} --add --accept"


def _to_see_why(answer: Verification, photo: str) -> str:
    claim = f" --as {_word(answer.decision.name)}" if answer.named else ""
    return f"To see why: faceunlock explain {_word(photo)}{claim}"


def _word(text: str) -> str:
    """Return a name or a path as one word of a command that can be copied."""
    return shlex.quote(printable(text))


def left_aside(answer: Verification) -> list[str]:
    """Return who was not compared, and why."""
    notes = not_compared(answer.not_compared, answer.identity)
    if answer.locked_out:
        names = ", ".join(answer.locked_out)
        notes.append(f"Not compared, because locked out after failed attempts: {names}")
    return notes


def details(answer: Verification, likeness: Likeness | None) -> list[str]:
    """Return what only ``--verbose`` says: what the threshold means, and whether it holds here."""
    said = [f"{threshold_meaning(answer.calibration, answer.point, answer.people)}."]
    level, meaning = level_of(answer.calibration), chances(answer.calibration)
    if answer.point is not None and meaning is not None:
        said.append(f"{level or 'calibrated'}: for one look, {meaning}.")
    if likeness is not None and likeness.unexpected:
        said.append(f"{likeness_warning(likeness)}.")
    return said


def document(answer: Verification) -> Document:
    """Return the data of ``verify``."""
    decision, point = answer.decision, answer.point
    return {
        "match": decision.match,
        "name": decision.name,
        "look": decision.look,
        "similarity": decision.similarity,
        "threshold": decision.threshold,
        "candidates": decision.candidates,
        "threshold_status": threshold_status(answer.calibration, point),
        "security": None if point is None else level_of(answer.calibration),
        "supported": point is not None and point.supported,
        "target_fmr": None if point is None else point.fmr,
        "fmr": fmr(answer.calibration) if point is not None else None,
        "quality": asdict(answer.quality),
        "not_compared": list(answer.not_compared),
        "locked_out": list(answer.locked_out),
        "liveness": None if answer.liveness is None else asdict(answer.liveness),
        "search": "approximate" if answer.approximate else "exact",
        "near_miss": answer.near_miss,
        "counted": answer.counted,
        "model": identity(answer.identity),
    }


def photo_text(found: VerifiedPhoto, photo: str) -> Verdict:
    """Return the line of one of several photos."""
    if found.verification is None:
        reason = "" if found.error is None else f"{found.error.message} [{found.error.slug}]"
        return Verdict(None, printable(reason.removeprefix(f"{found.photo}: ")) + f"  {printable(photo)}")
    answer = text(found.verification)
    return Verdict(answer.match, f"{answer.words}  {printable(photo)}")


def each_notes(found: VerifiedPhotos, *, verbose: bool = False) -> list[str]:
    """Return what is said below the lines: how many match, and how many were not looked at."""
    verb = "matches" if found.photos == 1 else "match"
    said = [f"{found.matches:,} of {counted(found.photos, 'photo')} {verb}."]
    left = found.photos - len(found.answers)
    if left:
        said.append(f"Not looked at, because of failed attempts: {counted(left, 'photo')}.")
    decided = [one.verification for one in found.answers if one.verification is not None]
    if decided:
        said += left_aside(decided[-1])
        said += details(decided[-1], None) if verbose else []
    refused = next((one for one in found.answers if one.match is False), None)
    if refused is not None and refused.verification is not None:
        said.append(_to_see_why(refused.verification, str(refused.photo)))
    return said


def each_document(found: VerifiedPhotos) -> Document:
    """Return the data of ``verify`` for several photos."""
    return {
        "match": found.match,
        "matches": found.matches,
        "photos": [
            {
                "photo": str(one.photo),
                "verification": None if one.verification is None else document(one.verification),
                "error": None if one.error is None else refusal(one.error),
            }
            for one in found.answers
        ],
        "not_looked_at": found.photos - len(found.answers),
        "skipped": found.skipped,
    }
