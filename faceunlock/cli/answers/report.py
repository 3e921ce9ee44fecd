"""The text of ``faceunlock report`` (a summary) and the page's numbers as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from faceunlock.cli.answers.parts import identity, left_out
from faceunlock.files.text import printable
from faceunlock.matching.wording import MORE_ALIKE, rate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from faceunlock.studies.overview import Operation, Study
    from faceunlock.studies.tally import PhotoPair
    from faceunlock.tasks.report import ReportOutcome


def summary(outcome: ReportOutcome) -> str:
    """Return the files written and the rates at the thresholds in use."""
    report = outcome.report
    study, samples = report.study, report.study.samples
    lines = [
        f"page                 {printable(outcome.page)}",
        *(f"picture              {printable(picture)}" for picture in outcome.pictures),
        f"people {report.people:,}, photos {len(samples):,} usable of {samples.photos:,}, "
        f"model {report.identity.model}",
        f"failures to acquire  {rate(samples.failures_to_acquire)}",
    ]
    for what, operation in (("photo", study.pairs), ("centroid", study.templates)):
        lines += [
            f"photo against {what}, threshold {operation.threshold:.4f}",
            f"  FMR                {rate(operation.fmr)}",
            f"  FNMR               {rate(operation.fnmr)}",
            *([f"  {MORE_ALIKE}."] if operation.more_alike else []),
        ]
    if samples.thumbnails:
        lines.append("The page shows faces with names: biometric data. For a copy without faces: --no-faces.")
    else:
        lines.append("The page shows no faces, but names people and files.")
    return "\n".join(lines)


def document(outcome: ReportOutcome) -> dict[str, Any]:
    """Return the data of ``report``."""
    report = outcome.report
    study, samples = report.study, report.study.samples
    projection = study.projection
    return {
        "page": str(outcome.page),
        "pictures": [str(picture) for picture in outcome.pictures],
        "data": report.data,
        "created": report.created,
        "faces_shown": bool(samples.thumbnails),
        "people": [asdict(one) for one in study.people],
        "photos": samples.photos,
        "usable": len(samples),
        "duplicates": samples.duplicates,
        "skipped": report.skipped,
        "failures_to_acquire": samples.failures_to_acquire.to_dict(),
        "failures": [left_out(photo) for photo in samples.failures],
        "photo_against_photo": _operation(study.pairs, own=report.own_threshold),
        "photo_against_centroid": _operation(study.templates, own=False),
        "map": None if projection is None else projection.method,
        "groups": list(dict.fromkeys(samples.group)),
        "variance_share": list(projection.share) if projection is not None else [],
        "lowest_genuine": _pairs(study, study.lowest_genuine),
        "highest_impostor": _pairs(study, study.highest_impostor),
        "model": identity(report.identity),
    }


def _operation(operation: Operation, *, own: bool) -> dict[str, Any]:
    return {
        "threshold": operation.threshold,
        "threshold_status": "override" if own else operation.calibration.status,
        "genuine_comparisons": operation.tally.genuine_trials,
        "impostor_comparisons": operation.tally.impostor_trials,
        "fmr": operation.fmr.to_dict(),
        "fnmr": operation.fnmr.to_dict(),
        "more_alike": operation.more_alike,
        "eer": operation.eer,
    }


def _pairs(study: Study, pairs: Sequence[PhotoPair]) -> list[dict[str, Any]]:
    samples = study.samples
    return [
        {
            "photos": [samples.photo[pair.first], samples.photo[pair.second]],
            "people": [samples.person[pair.first], samples.person[pair.second]],
            "similarity": pair.similarity,
        }
        for pair in pairs
    ]
