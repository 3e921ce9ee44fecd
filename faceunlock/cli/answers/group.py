"""The text, page and JSON document of ``faceunlock group``."""

from __future__ import annotations

import shlex
from base64 import b64encode
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from faceunlock.cli.answers import enroll
from faceunlock.cli.answers.parts import Document, identity, left_out
from faceunlock.files.text import Table, printable, table
from faceunlock.matching.wording import counted, threshold_origin

if TYPE_CHECKING:
    from faceunlock.tasks.group import FaceGroup, GroupedFace, Grouping

UNSURE = {"unlike": "less alike", "same-photo": "same photo"}
"""Why a face may be somebody else, in words."""

REASONS = {"face-too-small": "too small", "too-blurred": "too blurred", "too-dark": "too dark"}

PAIRS_NAMED = 5
"""Most pairs of groups that the notes call similar; the table with -v and JSON have them all."""

GROUPS_SHOWN, FACES_SHOWN, UNSURE_SHOWN, ALONE_SHOWN = 200, 24, 8, 60
"""Most groups on a page, faces in a row, of them unsure ones, and faces that are alone."""


def text(found: Grouping) -> list[str | Table]:
    """Return the groups as a table; after groups were named, what was enrolled."""
    if found.enrolled:
        return [enroll.text(one) for one in found.enrolled]
    if not found.groups:
        return [summary(found)]
    known = any(one.known for one in found.groups)
    rows = [
        (
            one.tag,
            len(one.faces),
            one.photos,
            f"{one.tightness:.3f}",
            one.unsure or "",
            *([_known(one)] if known else []),
            one.faces[0].photo,
            "" if one.similar is None else one.similar.tag,
        )
        for one in found.groups
    ]
    columns = ("group", "faces", "photos", "tightness", "unsure", *(["known"] if known else []))
    return [
        summary(found),
        table(
            *columns, "first photo", "maybe also", rows=rows, paths=("first photo",), details=("maybe also",)
        ),
    ]


def summary(found: Grouping) -> str:
    """Return how many groups and faces there are, and what put faces together."""
    grouped = found.faces - len(found.alone)
    groups = f"{counted(len(found.groups), 'group')} of {counted(grouped, 'face')}" * bool(found.groups)
    alone = len(found.alone)
    said = [groups or "no group"]
    said += [f"{counted(alone, 'face')} alone"] * bool(alone)
    return f"{', '.join(said)}, in {counted(found.photos, 'photo')} (needs {found.threshold:.3f} on average)"


def _known(one: FaceGroup) -> str:
    return "" if one.known is None else f"{one.known.name} {one.known.faces}/{len(one.faces)}"


def meaning(found: Grouping) -> str:
    """Return where the threshold comes from, and how many pairs of strangers reach it."""
    pairs = found.faces * (found.faces - 1) // 2
    begin = f"{counted(found.faces, 'face')}, {counted(pairs, 'pair')}, threshold {found.threshold:.4f}"
    if found.own_threshold:
        return f"{begin}: your own threshold, nothing is known about it"
    calibration = found.calibration
    if calibration.fmr is None or calibration.status == "not-calibrated":
        return f"{begin}: not calibrated, so nobody knows how many pairs of strangers reach it"
    return (
        f"{begin}, for two photos ({threshold_origin(calibration)}). If all were strangers, about "
        f"{calibration.fmr.value * pairs:,.2g} pairs would reach it; a group must reach it on average"
    )


def notes(found: Grouping, naming: str, output: Path | None) -> list[str]:
    """Return the notes below the answer; `naming` is the command that `naming_command` returns."""
    said = []
    if found.faces_left_out:
        counts = Counter(one.reason for one in found.faces_left_out)
        said.append(f"Faces left out: {_reasons(counts)}. See each with -v.")
    if found.duplicates:
        said.append(f"{counted(found.duplicates, 'photo')} left out: same content as another.")
    if found.calibration.status == "not-calibrated" and not found.own_threshold:
        said.append(
            "This threshold is not calibrated: nobody knows how many strangers reach it. "
            "Try others with --threshold."
        )
    if found.enrolled:
        return [*said, *(note for one in found.enrolled for note in enroll.notes(one))]
    pairs = similar_pairs(found.groups)
    for one, other in pairs[:PAIRS_NAMED]:
        said.append(f"{one} and {other} may be one person; if so, give both the same name.")
    if len(pairs) > PAIRS_NAMED:
        said.append(f"So may {counted(len(pairs) - PAIRS_NAMED, 'other pair')}; see them with -v.")
    if output is not None:
        said.append(f"Wrote {printable(output)}")
    if naming:
        said.append(f"To enroll a group: {naming}")
    return said


def naming_command(found: Grouping, folder: Path, model: str) -> str:
    """Return the command that enrolls the first group, with all that changes groups; empty without one.

    Parameters
    ----------
    found : Grouping
    folder : Path
        As the user gave it.
    model : str
        The model as the user asked for it; ``auto`` is the same again.
    """
    if not found.groups:
        return ""
    words = [shlex.quote(printable(folder))]
    words += [f"--threshold {found.threshold!r}"] * found.own_threshold
    words += [f"--model {shlex.quote(model)}"] * (model != "auto")
    return f"faceunlock group {' '.join(words)} --name {found.groups[0].tag}=NAME"


def _reasons(counts: Counter[str]) -> str:
    return ", ".join(f"{count:,} {REASONS.get(slug, slug)}" for slug, count in counts.most_common())


def similar_pairs(groups: Sequence[FaceGroup]) -> list[tuple[str, str]]:
    """Return the pairs of groups that may be one person, each once, but for those known to be."""
    known = {one.tag: one.known.name for one in groups if one.known is not None}
    pairs: dict[frozenset[str], tuple[str, str]] = {}
    for one in groups:
        if one.similar is None or known.get(one.tag, one.tag) == known.get(one.similar.tag):
            continue
        pairs.setdefault(frozenset((one.tag, one.similar.tag)), (one.tag, one.similar.tag))
    return list(pairs.values())


def page(found: Grouping, folder: Path, advice: str, version: str, created: str) -> str:
    """Return the page, one HTML file that needs nothing else; `advice` is how to enroll a group."""
    from faceunlock.reports.page import render_page

    origin = "your own" if found.own_threshold else threshold_origin(found.calibration)
    counts = Counter(one.reason for one in found.faces_left_out)
    return render_page(
        "group.html",
        folder=folder.resolve().name or str(folder),
        summary=summary(found),
        groups=[_row(one) for one in found.groups[:GROUPS_SHOWN]],
        hidden=max(0, len(found.groups) - GROUPS_SHOWN),
        advice=advice,
        alone=[_shown(face) for face in found.alone[:ALONE_SHOWN]],
        alone_hidden=max(0, len(found.alone) - ALONE_SHOWN),
        facts=[
            ("Photos", f"{found.photos:,}"),
            ("Faces compared", f"{found.faces:,}"),
            ("Faces left out", _reasons(counts) or "none"),
            ("Photos that could not be read", f"{len(found.left_out):,}"),
            ("Photos with the same content", f"{found.duplicates:,}"),
            ("Threshold", f"{found.threshold:.4f}, {origin}"),
        ],
        identity=found.identity,
        version=version,
        created=created,
    )


def _row(one: FaceGroup) -> dict[str, Any]:
    """Return a group as the page shows it: the clearest faces first, the unsure ones last."""
    shown = faces_shown(one.faces)
    said = [
        f"{counted(len(one.faces), 'face')} on {counted(one.photos, 'photo')}",
        f"tightness {one.tightness:.3f}",
    ]
    said += [f"{one.unsure:,} unsure"] * bool(one.unsure)
    said += [f"{len(shown):,} shown"] * (len(shown) < len(one.faces))
    return {
        "tag": one.tag,
        "known": "" if one.known is None else f"{one.known.name} ({one.known.faces} of {len(one.faces)})",
        "words": ", ".join(said),
        "similar": "" if one.similar is None else one.similar.tag,
        "similarity": "" if one.similar is None else f"{one.similar.similarity:.3f}",
        "faces": [_shown(face) for face in shown],
    }


def faces_shown(faces: Sequence[GroupedFace]) -> list[GroupedFace]:
    """Return the faces of a group that a page shows: the most alike first, then some of the unsure ones."""
    by_likeness = sorted(faces, key=lambda face: -(face.likeness or 0.0))
    sure = [face for face in by_likeness if face.unsure is None]
    unsure = [face for face in by_likeness if face.unsure is not None]
    room = FACES_SHOWN - min(len(unsure), max(UNSURE_SHOWN, FACES_SHOWN - len(sure)))
    return [*sure[:room], *unsure[-(FACES_SHOWN - len(sure[:room])) :]]


def _shown(face: GroupedFace) -> dict[str, str]:
    return {
        "picture": b64encode(face.picture).decode("ascii"),
        "file": PurePath(face.photo).name,
        "photo": face.photo,
        "unsure": "" if face.unsure is None else UNSURE[face.unsure],
    }


def document(found: Grouping, output: Path | None) -> Document:
    """Return the data of ``group``."""
    return {
        "groups": [
            {
                "group": one.tag,
                "faces": [_face(face) for face in one.faces],
                "photos": one.photos,
                "tightness": one.tightness,
                "unsure": one.unsure,
                "similar": None if one.similar is None else asdict(one.similar),
                "known": None if one.known is None else asdict(one.known),
            }
            for one in found.groups
        ],
        "alone": [_face(face) for face in found.alone],
        "faces": found.faces,
        "faces_left_out": [left_out(one) for one in found.faces_left_out],
        "photos": found.photos,
        "left_out": [left_out(one) for one in found.left_out],
        "duplicates": found.duplicates,
        "skipped": found.skipped,
        "threshold": found.threshold,
        "threshold_status": "override" if found.own_threshold else found.calibration.status,
        "target_fmr": None if found.own_threshold else found.calibration.target_fmr,
        "enrolled": [enroll.document(one) for one in found.enrolled],
        "page": None if output is None else str(output),
        "model": identity(found.identity),
    }


def _face(face: GroupedFace) -> Document:
    left, top, right, bottom = face.face.box
    return {
        "photo": face.photo,
        "number": face.number,
        "box": [round(left), round(top), round(right - left), round(bottom - top)],
        "likeness": face.likeness,
        "unsure": face.unsure,
    }
