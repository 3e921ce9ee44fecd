"""The text of ``faceunlock audit`` (conclusion and tables) and its JSON document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from faceunlock.cli.answers.parts import identity, left_out
from faceunlock.files.text import Table, table
from faceunlock.reports.audit_words import (
    TITLES,
    basis,
    compared,
    conclusion,
    headline,
    is_measured,
    overview,
    ratios,
)

if TYPE_CHECKING:
    from pathlib import Path

    from faceunlock.studies.audit import AuditReport, GroupResult
    from faceunlock.studies.measures import Ratio

Document = dict[str, Any]


def text(report: AuditReport) -> list[str | Table]:
    """Return the conclusion, followed by the tables that it rests on."""
    audit = report.audit
    parts: list[str | Table] = [
        headline(report),
        "",
        conclusion(report),
        "",
        *basis(report),
        "",
        overview(audit),
    ]
    for measure, title in TITLES.items():
        comparison = audit.comparison(measure)
        if is_measured(audit, measure):
            parts += ["", title, compared(audit, comparison)]
    parts += ["", f"FMR ratio   {ratios(audit.fmr_ratios)}", f"FNMR ratio  {ratios(audit.fnmr_ratios)}"]
    if audit.most_similar:
        parts += ["", "most similar photos of two people in one group:"]
        rows = [(f"{pair.similarity:.4f}", pair.group, pair.photo, pair.other) for pair in audit.most_similar]
        titles = ("similarity", "group", "photo", "other photo")
        parts.append(table(*titles, rows=rows, paths=("photo", "other photo")))
    return parts


def document(report: AuditReport, output: Path | None = None, pictures: Sequence[Path] = ()) -> Document:
    """Return the data of ``audit``."""
    audit = report.audit
    calibration = report.calibration
    return {
        "folder": report.folder,
        "grouping": report.source,
        "people_known": report.people_known,
        "headline": headline(report),
        "conclusion": conclusion(report),
        "groups": [_group(group) for group in audit.groups],
        "differences": [
            {"measure": comparison.measure, **asdict(difference)}
            for comparison in audit.comparisons
            for difference in comparison.differences
        ],
        "fmr_ratios": _ratio_document(audit.fmr_ratios),
        "fnmr_ratios": _ratio_document(audit.fnmr_ratios),
        "most_similar": [
            {"group": pair.group, "photo": pair.photo, "other": pair.other, "similarity": pair.similarity}
            for pair in audit.most_similar
        ],
        "threshold": audit.threshold,
        "threshold_status": "override" if calibration is None else calibration.status,
        "threshold_data": None if calibration is None else calibration.data,
        "permutations": audit.permutations,
        "seed": audit.seed,
        "created": report.created,
        "photos": report.photos,
        "duplicates": report.duplicates,
        "ungrouped": report.ungrouped,
        "skipped": report.skipped,
        "failures": [left_out(photo) for photo in report.failures],
        "model": identity(report.identity),
        "page": None if output is None else str(output),
        "pictures": [str(file) for file in pictures],
    }


def _group(group: GroupResult) -> Document:
    return {
        "name": group.name,
        "people": group.people,
        "photos": group.photos,
        "failures_to_acquire": group.failures_to_acquire.to_dict(),
        "sum_of_squares": group.sum_of_squares,
        "sum_of_squares_per_photo": group.spread,
        "mean_distance": group.mean_distance,
        "fmr": group.fmr.to_dict(),
        "fnmr": group.fnmr.to_dict(),
    }


def _ratio_document(ratios: tuple[Ratio, Ratio]) -> Document:
    to_best, to_mean = ratios
    return {
        "worst": to_best.worst,
        "to_best": to_best.value,
        "to_geometric_mean": to_mean.value,
        "reason": to_best.reason or None,
    }
