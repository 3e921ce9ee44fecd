"""The text and JSON document of ``faceunlock calibrate``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from faceunlock.cli.answers.parts import Document, identity, left_out
from faceunlock.files.text import Table, printable, table
from faceunlock.matching.wording import counted, probability, rate

if TYPE_CHECKING:
    from pathlib import Path

    from faceunlock.studies.calibration_report import CalibrationReport, Pair
    from faceunlock.tasks.calibrate import Needs


def text(report: CalibrationReport, *, saved: bool = False) -> list[str | Table]:
    """Return the results of a calibration, one per line, and the pairs that decide."""
    choice = report.choice
    lines = [
        f"people {report.people:,}, photos {report.photos:,}, templates {report.templates:,}"
        + (
            f", strangers {report.strangers:,} ({counted(report.stranger_photos, 'photo')})"
            if report.strangers
            else ""
        ),
        f"failures to acquire  {rate(report.failures_to_acquire)}",
        f"comparisons          {report.genuine:,} genuine, {report.impostor:,} impostor",
        f"threshold            {choice.threshold:.4f} for FMR {probability(choice.target)}"
        + ("" if choice.supported else " (not supported by the data, for information only)"),
        f"FMR there            {rate(choice.fmr)}",
    ]
    if choice.strangers_fmr is not None:
        lines.append(f"  strangers          {rate(choice.strangers_fmr)}")
        if choice.own_fmr is not None:
            lines.append(f"  own people         {rate(choice.own_fmr)}")
    lines.append(f"FNMR there           {rate(report.fnmr)}")
    lines.append(
        "EER                  cannot tell"
        if report.eer is None
        else f"EER                  {probability(report.eer)} ({report.genuine:,} genuine, "
        f"{report.impostor:,} impostor comparisons; point estimate)"
    )
    dropped = {
        "files that are not photos or belong to nobody": report.skipped,
        "duplicates": report.duplicates,
        "photos used to build a template": report.own_photos,
    }
    counts = [f"{count:,} {what}" for what, count in dropped.items() if count]
    if counts:
        lines.append(f"left out             {', '.join(counts)}")
    parts: list[str | Table] = ["\n".join(lines)]
    parts += _pairs("least similar genuine pairs:", report.lowest_genuine)
    parts += _pairs("most similar impostor pairs:", report.highest_impostor)
    if choice.supported:
        parts.append(
            f"Saved: {report.identity.model} now uses this threshold." if saved else "No threshold was saved."
        )
    return parts


def needs(needed: Needs) -> str:
    """Return the note that says what a target needs, before any photo is read."""
    has = f"{counted(needed.people, 'person', 'people')} and {counted(needed.strangers, 'stranger')}"
    text = (
        f"For an FMR of {probability(needed.target)}, {needed.needed:,} people without a single false match "
        f"are enough. Here are {has}."
    )
    if needed.enough:
        return text
    pull = f"faceunlock strangers pull lfw --model {printable(needed.model)}"
    return f"{text} That is too few to be sure; for thousands of strangers: {pull}"


def scores_kept(file: Path) -> str:
    """Return the note that says where the comparisons were saved."""
    return f"The scores are in {printable(file)}; to use them again: faceunlock calibrate --scores FILE"


def _pairs(title: str, pairs: Sequence[Pair]) -> list[str | Table]:
    if not pairs:
        return []
    rows = [(f"{pair.similarity:.4f}", pair.person, pair.photo) for pair in pairs]
    return ["", title, table("similarity", "person", "photo", rows=rows, paths=("photo",))]


def document(report: CalibrationReport, *, saved: bool) -> Document:
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
