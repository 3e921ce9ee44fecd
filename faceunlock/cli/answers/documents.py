"""The ``data`` of every JSON document; the names in it are stable from the first version on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from faceunlock.gallery.export import ExportSummary, ImportSummary
    from faceunlock.matching.calibration import Calibration
    from faceunlock.matching.people import Person
    from faceunlock.matching.templates import ModelIdentity
    from faceunlock.pipeline.samples import LeftOut
    from faceunlock.studies.calibration_report import CalibrationReport
    from faceunlock.tasks.enroll import EnrolmentOutcome
    from faceunlock.tasks.models import ModelState
    from faceunlock.tasks.status import Status
    from faceunlock.tasks.verify import Verification

Document = dict[str, Any]


def enrolment(outcome: EnrolmentOutcome) -> Document:
    """Return the data of ``enroll``."""
    result = outcome.enrolment
    return {
        "name": outcome.name,
        "saved": outcome.saved,
        "photos": outcome.looked_at,
        "skipped": outcome.skipped,
        "used": list(result.used),
        "left_out": [left_out(photo) for photo in result.left_out],
        "template_photos": result.template.count,
        "mean_similarity": result.mean_similarity,
        "lowest_similarity": result.lowest_similarity,
        "model": identity(result.template.identity),
    }


def left_out(photo: LeftOut) -> Document:
    """Return one photo that was not used."""
    return {"photo": photo.photo, "reason": photo.reason, "detail": photo.detail}


def identity(made_by: ModelIdentity) -> Document:
    """Return what made an embedding."""
    return asdict(made_by)


def verification(answer: Verification) -> Document:
    """Return the data of ``verify``."""
    decision, point = answer.decision, answer.point
    return {
        "match": decision.match,
        "name": decision.name,
        "similarity": decision.similarity,
        "threshold": decision.threshold,
        "candidates": decision.candidates,
        "threshold_status": "override" if point is None else answer.calibration.status,
        "supported": point is not None and point.supported,
        "target_fmr": None if point is None else point.fmr,
        "fmr": _fmr(answer.calibration) if point is not None else None,
        "quality": asdict(answer.quality),
        "not_compared": list(answer.not_compared),
        "locked_out": list(answer.locked_out),
        "liveness": None if answer.liveness is None else [asdict(check) for check in answer.liveness],
        "model": identity(answer.identity),
    }


def _fmr(measured: Calibration) -> Document | None:
    return None if measured.fmr is None else measured.fmr.to_dict()


def calibration(report: CalibrationReport, *, saved: bool) -> Document:
    """Return the data of ``calibrate``."""
    choice = report.choice
    return {
        "saved": saved,
        "threshold": choice.threshold,
        "target_fmr": choice.target,
        "supported": choice.supported,
        "lowest_supported_fmr": choice.lowest_supported_fmr,
        "data": report.data,
        "created": report.created,
        "people": report.people,
        "photos": report.photos,
        "templates": report.templates,
        "strangers": report.strangers,
        "stranger_photos": report.stranger_photos,
        "duplicates": report.duplicates,
        "own_photos": report.own_photos,
        "skipped": report.skipped,
        "genuine_comparisons": report.genuine,
        "impostor_comparisons": report.impostor,
        "failures_to_acquire": report.failures_to_acquire.to_dict(),
        "failures": [left_out(photo) for photo in report.failures],
        "fmr": choice.fmr.to_dict(),
        "own_fmr": None if choice.own_fmr is None else choice.own_fmr.to_dict(),
        "strangers_fmr": None if choice.strangers_fmr is None else choice.strangers_fmr.to_dict(),
        "fnmr": report.fnmr.to_dict(),
        "eer": report.eer,
        "lowest_genuine": [asdict(pair) for pair in report.lowest_genuine],
        "highest_impostor": [asdict(pair) for pair in report.highest_impostor],
        "split": report.plan.split,
        "seed": report.plan.seed,
        "model": identity(report.identity),
    }


def people(enrolled: Sequence[Person]) -> Document:
    """Return the data of ``people``."""
    return {"people": [person(one) for one in enrolled]}


def person(enrolled: Person) -> Document:
    """Return the data of ``people show``."""
    template = enrolled.template
    return {
        "name": enrolled.name,
        "photos": template.count,
        "mean_similarity": template.mean_similarity,
        "lowest_similarity": template.lowest_similarity,
        "created": enrolled.created,
        "updated": enrolled.updated,
        "model": identity(template.identity),
    }


def models(states: Sequence[ModelState]) -> Document:
    """Return the data of ``models``."""
    return {"models": [model(state) for state in states]}


def model(state: ModelState) -> Document:
    """Return one model."""
    spec = state.spec
    measured = state.calibration
    return {
        "id": state.model,
        "network": spec.network,
        "dimension": spec.dimension,
        "recommended": spec.recommended,
        "licence": spec.licence,
        "training_data": spec.training_data,
        "weights": state.weights.status,
        "path": None if state.weights.path is None else str(state.weights.path),
        "size_bytes": state.weights.size_bytes or spec.size_bytes,
        "sha256": state.weights.sha256,
        "problem": state.weights.problem,
        "threshold": threshold(measured),
    }


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
        "fmr": _fmr(measured),
        "fnmr": None if measured.fnmr is None else measured.fnmr.to_dict(),
    }


def status(state: Status) -> Document:
    """Return the data of ``status``."""
    from faceunlock.cli.answers import protect as protect_text

    return {
        "data": str(state.locations.data),
        "cache": str(state.locations.cache),
        "config": str(state.locations.config),
        "device": state.settings.device,
        "gpu": state.gpu,
        "model": None if state.model is None else model(state.model),
        "people": list(state.people),
        "protection": None if state.protection is None else protect_text.document(state.protection),
        "settings": asdict(state.settings),
        "problems": list(state.problems),
    }


def exported(summary: ExportSummary) -> Document:
    """Return the data of ``export``."""
    return {
        "file": str(summary.file),
        "size_bytes": summary.size,
        "people": list(summary.people),
        "calibrations": [identity(made_by) for made_by in summary.calibrations],
    }


def imported(summary: ImportSummary) -> Document:
    """Return the data of ``import``."""
    return {
        "added": list(summary.added),
        "replaced": list(summary.replaced),
        "skipped": list(summary.skipped),
        "identical": list(summary.identical),
        "calibrations_added": [identity(made_by) for made_by in summary.calibrations_added],
        "calibrations_kept": [identity(made_by) for made_by in summary.calibrations_kept],
    }
