"""Parts that several JSON documents share; their field names are stable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from faceunlock.files.text import printable
from faceunlock.matching.security import level_of

if TYPE_CHECKING:
    from faceunlock.errors import FaceUnlockError, UnusedPhoto
    from faceunlock.matching.calibration import Calibration, OperatingPoint
    from faceunlock.matching.second_names import SameFace
    from faceunlock.matching.templates import ModelIdentity

Document = dict[str, Any]
"""The ``data`` of a JSON document, in plain values."""


def left_out(photo: UnusedPhoto) -> Document:
    """Return a photo that was left out, and why."""
    return {"photo": photo.photo, "reason": photo.reason, "detail": photo.detail}


def same_face(same: SameFace) -> Document:
    """Return a template that matches somebody enrolled under another name."""
    return asdict(same)


def warning(same: SameFace) -> str:
    """Return the sentence that tells of a second name for a face."""
    return (
        f"Warning: {same.name} matches {same.enrolled_as} (similarity {same.similarity:.3f}, threshold "
        f"{same.threshold:.3f}): a photo of one may be a yes for the other."
    )


def unproven(calibration: Calibration, point: OperatingPoint | None) -> list[str]:
    """Return the warning about a threshold that nobody measured; nothing for one of the user's own."""
    if point is None or calibration.status != "not-calibrated":
        return []
    return [
        "This threshold is not calibrated: nobody knows how many strangers reach it. "
        "To measure it: faceunlock calibrate FOLDER"
    ]


def identity(made_by: ModelIdentity) -> Document:
    """Return the model, weights and preprocessing that made an embedding."""
    return {
        "model": made_by.model,
        "weights_sha256": made_by.weights_sha256,
        "preprocessing": made_by.preprocessing,
        "dimension": made_by.dimension,
    }


def threshold(calibration: Calibration) -> Document:
    """Return a threshold and where it comes from."""
    return {
        "value": calibration.threshold,
        "status": calibration.status,
        "security": level_of(calibration),
        "target_fmr": calibration.target_fmr,
        "data": calibration.data,
        "created": calibration.created,
        "people": calibration.people,
        "photos": calibration.photos,
        "fmr": fmr(calibration),
        "fnmr": None if calibration.fnmr is None else calibration.fnmr.to_dict(),
    }


def fmr(calibration: Calibration) -> Document | None:
    """Return the measured FMR of a threshold; None if it is not known."""
    return None if calibration.fmr is None else calibration.fmr.to_dict()


def threshold_status(calibration: Calibration, point: OperatingPoint | None) -> str:
    """Return where the threshold that decided comes from; ``override`` for one of the user's own."""
    return "override" if point is None else calibration.status


def not_compared(names: Sequence[str], made_by: ModelIdentity) -> list[str]:
    """Return the note about people whose templates another model made; nothing if there are none."""
    if not names:
        return []
    return [
        "Not compared, because enrolled with a different model, weights or preprocessing than "
        f"{made_by.model}: {', '.join(map(printable, names))}"
    ]


def refusal(error: FaceUnlockError) -> Document:
    """Return an error that is one part of an answer."""
    return {"code": error.slug, "message": error.message, "hint": error.hint, "retryable": error.retryable}
