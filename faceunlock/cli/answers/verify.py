"""The text and JSON document of ``faceunlock verify``."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from faceunlock.cli.answers.parts import Document, fmr, identity
from faceunlock.matching.security import chances, level_of
from faceunlock.matching.wording import likeness_warning, threshold_meaning

if TYPE_CHECKING:
    from faceunlock.matching.likeness import Likeness
    from faceunlock.tasks.verify import Verification


def text(answer: Verification) -> str:
    """Return the answer to a verification, in one line."""
    decision = answer.decision
    sign, word = (">=", "yes") if decision.match else ("<", "no")
    best = "" if decision.match or decision.candidates == 1 else "closest "
    meaning = threshold_meaning(answer.calibration, answer.point, answer.people)
    look = "" if decision.look is None else f" ({decision.look})"
    return (
        f"{word}: {best}{decision.name}{look}, similarity {decision.similarity:.4f} {sign} "
        f"threshold {decision.threshold:.4f} ({meaning})"
    )


def notes(answer: Verification, min_sharpness: float, min_brightness: float) -> list[str]:
    """Return the notes below the answer: why it may have failed, and who was not compared."""
    notes = []
    if answer.not_compared:
        names = ", ".join(answer.not_compared)
        notes.append(
            "Not compared, because enrolled with a different model, weights or preprocessing than "
            f"{answer.identity.model}: {names}"
        )
    if answer.locked_out:
        names = ", ".join(answer.locked_out)
        notes.append(f"Not compared, because locked out after failed attempts: {names}")
    if not answer.decision.match and answer.quality.brightness < min_brightness:
        notes.append("The face is dark; more light may help.")
    if not answer.decision.match and answer.quality.sharpness < min_sharpness:
        notes.append("The face is blurred; a sharper photo may help.")
    return notes


def details(answer: Verification, likeness: Likeness | None) -> list[str]:
    """Return what only ``--verbose`` says: what the threshold means, and whether it holds here."""
    said = []
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
        "threshold_status": "override" if point is None else answer.calibration.status,
        "security": None if point is None else level_of(answer.calibration),
        "supported": point is not None and point.supported,
        "target_fmr": None if point is None else point.fmr,
        "fmr": fmr(answer.calibration) if point is not None else None,
        "quality": asdict(answer.quality),
        "not_compared": list(answer.not_compared),
        "locked_out": list(answer.locked_out),
        "liveness": None if answer.liveness is None else asdict(answer.liveness),
        "model": identity(answer.identity),
    }
