"""The text and JSON documents of ``faceunlock export`` and ``import``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from faceunlock.cli.answers.parts import Document, identity, same_face, warning
from faceunlock.files.text import printable
from faceunlock.matching.wording import counted

if TYPE_CHECKING:
    from faceunlock.gallery.export import ExportSummary, ImportSummary


def exported(summary: ExportSummary) -> str:
    """Return the answer to an export."""
    who = counted(len(summary.people), "person", "people")
    return f"Exported {who} to {printable(summary.file)} ({summary.size:,} bytes, encrypted)."


def exported_document(summary: ExportSummary) -> Document:
    """Return the data of ``export``."""
    return {
        "file": str(summary.file),
        "size_bytes": summary.size,
        "people": list(summary.people),
        "calibrations": [identity(made_by) for made_by in summary.calibrations],
    }


def imported(summary: ImportSummary) -> str:
    """Return the answer to an import."""
    parts = [
        f"{word} {', '.join(names)}"
        for word, names in (
            ("added", summary.added),
            ("replaced", summary.replaced),
            ("kept your version of", summary.skipped),
            ("already here:", summary.identical),
        )
        if names
    ]
    parts += [
        f"took the calibration of {identity.model} (threshold {threshold:.4f})"
        for identity, threshold in zip(summary.calibrations_added, summary.thresholds_added, strict=True)
    ]
    parts += [f"kept your calibration of {identity.model}" for identity in summary.calibrations_kept]
    parts += [
        f"left out the calibration of {identity.model} (use --calibrations to take it)"
        for identity in summary.calibrations_left_out
    ]
    done = f"Import: {'; '.join(parts) or 'the file holds nothing new'}."
    return " ".join([done, *map(warning, summary.same_faces)])


def imported_document(summary: ImportSummary) -> Document:
    """Return the data of ``import``."""
    return {
        "added": list(summary.added),
        "replaced": list(summary.replaced),
        "skipped": list(summary.skipped),
        "identical": list(summary.identical),
        "calibrations_added": [identity(made_by) for made_by in summary.calibrations_added],
        "calibrations_kept": [identity(made_by) for made_by in summary.calibrations_kept],
        "calibrations_left_out": [identity(made_by) for made_by in summary.calibrations_left_out],
        "thresholds_added": list(summary.thresholds_added),
        "same_faces": [same_face(same) for same in summary.same_faces],
    }
