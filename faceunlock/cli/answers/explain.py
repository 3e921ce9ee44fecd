"""The text, page and JSON document of ``faceunlock explain``."""

from __future__ import annotations

import base64
import io
from dataclasses import asdict
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from faceunlock.cli.answers.parts import Document, identity
from faceunlock.cli.answers.strangers import PULL, nearest_document
from faceunlock.cli.answers.verify import FAULTS, NEAR_MISS, add_it
from faceunlock.errors import SLUGS
from faceunlock.files.text import Table, Verdict, printable, table
from faceunlock.matching.wording import needed
from faceunlock.photos.measures import AT_LEAST, Measure

if TYPE_CHECKING:
    from faceunlock.tasks.explain import Explanation

SHOWN = 320
"""Side of the face on the page, in pixels."""


def text(found: Explanation) -> list[Verdict | Table | str]:
    """Return what ``verify`` would say, the measures beside their limits, and whom the face resembles."""
    parts: list[Verdict | Table | str] = [verdict(found)]
    parts.append(table("measure", "photo", "needed", "", rows=rows(found)))
    if found.resembled is not None:
        parts.append(table("compared with", "similarity", rows=compared(found)))
    return [*parts, *advice(found)]


def verdict(found: Explanation) -> Verdict:
    """Return what ``verify`` would say."""
    resembled = found.resembled
    if found.several:
        return Verdict(None, "several faces, and none is clearly the largest")
    if resembled is None:
        return Verdict(None, "nobody is enrolled to compare with")
    who = "" if resembled.match else "not " if resembled.claimed else "closest "
    score = needed(resembled.looks[0].similarity, resembled.threshold)
    return Verdict(resembled.match, f"{who}{resembled.name}  {score}")


def rows(found: Explanation) -> list[tuple[str, str, str, str]]:
    """Return a row for each measure: its name, its value, its limit, and whether it is good."""
    return [
        (
            one.name,
            "cannot tell" if one.value is None else _with_unit(one, one.value),
            f"at {'least' if one.fault in AT_LEAST else 'most'} {_with_unit(one, one.limit)}",
            "good" if one.good else one.fault,
        )
        for one in found.measures
    ]


def _with_unit(one: Measure, value: float) -> str:
    number = _number(one, value)
    return f"{number} {one.unit.removesuffix('s') if number == '1' else one.unit}"


def _number(one: Measure, value: float) -> str:
    return f"{value:.1f}" if one.fault == "too-blurred" else f"{value:.0f}"


def compared(found: Explanation) -> list[tuple[str, str]]:
    """Return a row for each look of the person, for the next person enrolled and the nearest stranger."""
    resembled = found.resembled
    if resembled is None:
        return []
    looks = [
        (resembled.name if one.look is None else f"{resembled.name} ({one.look})", one.similarity)
        for one in resembled.looks
    ]
    if resembled.next is not None:
        looks.append((f"next enrolled: {resembled.next[0]}", resembled.next[1]))
    if found.stranger is not None:
        near = found.stranger
        looks.append((f"nearest of {near.strangers:,} strangers: {near.name}", near.similarity))
    looks.append(("needed for a yes", resembled.threshold))
    return [(name, f"{similarity:.3f}") for name, similarity in looks]


def advice(found: Explanation) -> list[str]:
    """Return what to do, or that the photo is as good as it gets."""
    said = [SLUGS["several-faces"].meaning + " " + SLUGS["several-faces"].hint] if found.several else []
    said += [FAULTS[one.fault] for one in found.measures if not one.good]
    resembled = found.resembled
    if resembled is None or resembled.match:
        return said or ["The photo is good."]
    if resembled.near_miss:
        said.append(NEAR_MISS)
    elif not said:
        said.append(
            f"The photo is good. Either it is not {resembled.name}, or {resembled.name} looks different now: "
            "then enroll newer photos, or another look (--look)."
        )
    return said


def notes(found: Explanation, photo: str, output: Path | None) -> list[str]:
    """Return the notes below the answer."""
    said = []
    resembled = found.resembled
    if resembled is not None and resembled.near_miss and not found.several:
        said.append(add_it(resembled.name, photo, resembled.looks[0].look))
    if found.stranger is None:
        said.append(f"No strangers to compare with. To get thousands: {PULL}")
    if output is not None:
        said.append(f"Wrote {printable(output)}")
    return said


def page(found: Explanation, version: str, created: str) -> str:
    """Return the page, one HTML file that needs nothing else."""
    from faceunlock.cli.answers.compare import enlarged
    from faceunlock.reports.page import render_page

    picture = io.BytesIO()
    enlarged(found.crop, SHOWN).save(picture, "PNG")
    answer = verdict(found)
    return render_page(
        "explain.html",
        photo=PurePath(found.photo).name,
        answer={True: "Yes", False: "No", None: "Could not decide"}[answer.match],
        words=answer.words,
        face=base64.b64encode(picture.getvalue()).decode("ascii"),
        advice=advice(found),
        measures=rows(found),
        compared=compared(found),
        has_strangers=found.stranger is not None,
        identity=found.identity,
        side=found.crop.shape[0],
        version=version,
        created=created,
    )


def document(found: Explanation, output: Path | None) -> Document:
    """Return the data of ``explain``."""
    resembled = found.resembled
    left, top, right, bottom = found.face.box
    return {
        "photo": found.photo,
        "match": None if resembled is None or found.several else resembled.match,
        "faults": list(found.faults),
        "quality": asdict(found.quality),
        "measures": [asdict(one) for one in found.measures],
        "box": [round(left), round(top), round(right - left), round(bottom - top)],
        "name": None if resembled is None else resembled.name,
        "threshold": None if resembled is None else resembled.threshold,
        "near_miss": resembled is not None and resembled.near_miss,
        "looks": [] if resembled is None else [asdict(one) for one in resembled.looks],
        "next": None
        if resembled is None or resembled.next is None
        else {"name": resembled.next[0], "similarity": resembled.next[1]},
        "nearest_stranger": nearest_document(found.stranger),
        "page": None if output is None else str(output),
        "model": identity(found.identity),
    }
