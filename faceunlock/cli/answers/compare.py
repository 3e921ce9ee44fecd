"""What ``faceunlock compare`` says: sentences, the table, the document."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from faceunlock.cli.answers.documents import Document, identity, left_out
from faceunlock.cli.answers.parts import probability, rate, threshold_meaning
from faceunlock.files.text import Table, printable, table

if TYPE_CHECKING:
    from faceunlock.tasks.compare import PairComparison


def text(comparison: PairComparison) -> list[str | Table]:
    """Return the line that answers for two photos; for a folder, a table and a summary."""
    meaning = threshold_meaning(comparison.calibration, comparison.point)
    if not comparison.is_folder:
        (other,) = comparison.others
        sign, verdict = (
            (">=", "yes: the same person")
            if other.match
            else ("<", "no: not alike enough for the same person")
        )
        return [
            f"{verdict}, similarity {other.similarity:.4f} {sign} threshold {comparison.threshold:.4f}, "
            f"distance {other.distance:.4f} ({meaning})"
        ]
    rows = [
        (one.photo, f"{one.similarity:.4f}", f"{one.distance:.4f}", "yes" if one.match else "no")
        for one in comparison.others
    ]
    count = len(comparison.others)
    summary = (
        f"{comparison.matches:,} of {count:,} photos match {printable(comparison.photo)} "
        f"at threshold {comparison.threshold:.4f} ({meaning})"
    )
    lines: list[str | Table] = [table("photo", "similarity", "distance", "match", rows=rows), summary]
    bound = comparison.false_match_bound
    if bound is not None and count > 1:
        lines.append(
            f"Were all {count:,} photos of strangers, at least one would match "
            f"with a probability of at most {probability(bound)}."
        )
    return lines


def notes(comparison: PairComparison, output: Path | None) -> list[str]:
    """Return what else is worth knowing."""
    found = []
    if comparison.identical:
        found.append("Both files have the same content, so this comparison says nothing.")
    if comparison.undecided:
        found.append(f"No photo matches, but {len(comparison.left_out):,} could not be compared.")
    measured = comparison.calibration.fnmr
    if not comparison.matches and comparison.point is not None and measured is not None:
        found.append(f"Pairs of the same person that do not match at this threshold: {rate(measured)}")
    if output is not None:
        found.append(f"Drawn: {printable(output)}")
    return found


def document(comparison: PairComparison, output: Path | None) -> Document:
    """Return the data of ``compare``."""
    point = comparison.point
    measured, missed = comparison.calibration.fmr, comparison.calibration.fnmr
    return {
        "match": comparison.matches > 0,
        "matches": comparison.matches,
        "photo": comparison.photo,
        "quality": asdict(comparison.quality),
        "others": [asdict(other) for other in comparison.others],
        "left_out": [left_out(photo) for photo in comparison.left_out],
        "skipped": comparison.skipped,
        "identical": comparison.identical,
        "threshold": comparison.threshold,
        "threshold_status": "override" if point is None else comparison.calibration.status,
        "target_fmr": None if point is None else point.fmr,
        "fmr": None if point is None or measured is None else measured.to_dict(),
        "fnmr": None if point is None or missed is None else missed.to_dict(),
        "false_match_bound": comparison.false_match_bound,
        "picture": None if output is None else str(output),
        "model": identity(comparison.identity),
    }
