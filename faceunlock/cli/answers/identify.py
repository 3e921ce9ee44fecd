"""The text of ``faceunlock identify`` (table and error bounds) and its JSON document."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from faceunlock.cli.answers.parts import (
    Document,
    fmr,
    identity,
    left_out,
    not_compared,
    threshold_status,
    unproven,
)
from faceunlock.files.text import Table, Verdict, printable, table
from faceunlock.matching.security import level_of
from faceunlock.matching.wording import counted, probability, unmeasured

if TYPE_CHECKING:
    from faceunlock.pipeline.samples import NamedFace
    from faceunlock.tasks.identify import Identification, IdentifiedPhoto


def text(found: Identification) -> list[Verdict | Table]:
    """Return who was found, and a table with a row per face."""
    rows = [row for photo in found.photos for row in _rows(photo)]
    faces, photos = len(found.faces), len(found.photos)
    who = ", ".join(printable(name) for name in found.names) or "nobody"
    named = sum(face.name is not None for face in found.faces)
    count = f"{named:,} of {counted(faces, 'face')}" if faces else "no face"
    needs = f" (needs {found.threshold:.3f})" if faces else ""
    return [
        Verdict(bool(found.names), f"{who}  {count} in {counted(photos, 'photo')}{needs}"),
        table(
            *("name", "similarity", "closest or reason", "face", "photo", "left,top,width,height"),
            rows=rows,
            paths=("photo",),
            details=("left,top,width,height",),
        ),
    ]


def _rows(photo: IdentifiedPhoto) -> list[tuple[object, ...]]:
    if not photo.faces:
        return [("no face", "", "", "", photo.photo, "")]
    return [
        (
            face.name or "unknown",
            "" if face.similarity is None else f"{face.similarity:.4f}",
            face.closest or face.reason or "",
            number,
            photo.photo,
            ",".join(str(value) for value in face.place or ()),
        )
        for number, face in enumerate(photo.faces, start=1)
    ]


def meaning(found: Identification) -> str:
    """Return what comparing many faces with many people does to the false match rate."""
    people, faces = counted(found.people, "person", "people"), counted(found.compared, "face")
    searched = f"{faces} compared with {people} at threshold {found.threshold:.4f}"
    calibration, point = found.calibration, found.point
    unknown = unmeasured(calibration, point)
    if unknown is not None or point is None or calibration.fmr is None:
        return f"{searched}: {unknown}"
    trials = counted(calibration.fmr.trials, "comparison")
    if point.fmr is None or found.false_name_bound is None:
        return f"{searched}: too many people for the {trials} behind the threshold"
    if not found.compared:
        return f"{searched}: FMR target {probability(point.fmr)} for each face"
    alone = calibration.threshold
    uncorrected = probability(min(1.0, point.candidates * point.fmr))
    correction = (
        f" (at {alone:.4f}, the threshold for one person, it would be up to {uncorrected})"
        if point.candidates > 1
        else ""
    )
    strangers = (
        "if it is a stranger's, the chance that it"
        if found.compared == 1
        else f"if all were strangers, the chance that any of the {faces}"
    )
    return (
        f"{searched}: FMR target {probability(point.fmr)} for each face{correction}; "
        f"{strangers} gets a name is at most "
        f"{probability(found.false_name_bound)}, based on {trials} of "
        f"{counted(calibration.fmr.people, 'person', 'people')}"
    )


def notes(found: Identification, output: Path | None) -> list[str]:
    """Return the notes below the answer."""
    said = not_compared(found.not_compared, found.identity)
    said += unproven(found.calibration, found.point)
    if found.approximate and len(found.names) < found.compared:
        said.append("An index searched the gallery, so somebody enrolled may be shown as unknown.")
    doubtful = found.doubtful
    if doubtful and found.sure_threshold is not None:
        names = ", ".join(dict.fromkeys(printable(face.name) for face in doubtful))
        said.append(
            f"Not certain: {names}. At {min(face.similarity or 0.0 for face in doubtful):.3f} this may be "
            f"somebody else; verify needs {found.sure_threshold:.3f}. To be sure, add --security normal."
        )
    if found.left_out and not found.names:
        said.append(f"Nobody was identified, but {counted(len(found.left_out), 'photo')} could not be read.")
    if output is not None:
        said.append(f"Wrote {counted(len(found.photos), 'photo')} to {printable(output)}")
    return said


def document(found: Identification) -> Document:
    """Return the data of ``identify``."""
    point, calibration = found.point, found.calibration
    return {
        "names": list(found.names),
        "photos": [
            {
                "photo": photo.photo,
                "faces": [_face(face) for face in photo.faces],
                "annotated": None if photo.annotated is None else str(photo.annotated),
            }
            for photo in found.photos
        ],
        "left_out": [left_out(photo) for photo in found.left_out],
        "skipped": found.skipped,
        "faces": len(found.faces),
        "compared": found.compared,
        "people": found.people,
        "threshold": found.threshold,
        "sure_threshold": found.sure_threshold,
        "threshold_status": threshold_status(calibration, point),
        "security": None if point is None else level_of(calibration),
        "supported": point is not None and point.supported,
        "target_fmr": None if point is None else point.fmr,
        "false_name_bound": found.false_name_bound,
        "fmr": None if point is None else fmr(calibration),
        "search": "approximate" if found.approximate else "exact",
        "not_compared": list(found.not_compared),
        "model": identity(found.identity),
    }


def _face(face: NamedFace) -> Document:
    return {
        "name": face.name,
        "similarity": face.similarity,
        "closest": face.closest,
        "box": list(face.place or ()),
        "confidence": None if face.face is None else face.face.confidence,
        "reason": face.reason,
    }
