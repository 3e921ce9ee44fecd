"""What several answers share: parts of their JSON documents, whose names are stable from the first version on."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from faceunlock.matching.calibration import Calibration
    from faceunlock.matching.templates import ModelIdentity
    from faceunlock.pipeline.samples import LeftOut

Document = dict[str, Any]
"""The ``data`` of a JSON document, in plain values."""


def left_out(photo: LeftOut) -> Document:
    """Return one photo that was not used."""
    return {"photo": photo.photo, "reason": photo.reason, "detail": photo.detail}


def identity(made_by: ModelIdentity) -> Document:
    """Return what made an embedding."""
    return asdict(made_by)


def threshold(measured: Calibration) -> Document:
    """Return a threshold with its provenance."""
    return {
        "value": measured.threshold,
        "status": measured.status,
        "target_fmr": measured.target_fmr,
        "data": measured.data,
        "created": measured.created,
        "people": measured.people,
        "photos": measured.photos,
        "fmr": fmr(measured),
        "fnmr": None if measured.fnmr is None else measured.fnmr.to_dict(),
    }


def fmr(measured: Calibration) -> Document | None:
    """Return the FMR of a threshold, if it is known."""
    return None if measured.fmr is None else measured.fmr.to_dict()
