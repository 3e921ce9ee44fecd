"""The text and JSON document of ``faceunlock enroll``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from faceunlock.cli.answers import strangers
from faceunlock.cli.answers.parts import Document, identity, left_out, refusal, same_face, warning
from faceunlock.files.text import Table, printable, table
from faceunlock.liveness.guidance import Word
from faceunlock.matching.wording import counted

if TYPE_CHECKING:
    from faceunlock.liveness.guidance import Guidance
    from faceunlock.pipeline.samples import LeftOut
    from faceunlock.tasks.enroll import EnrolmentOutcome, Mirror
    from faceunlock.tasks.enroll_each import EachOutcome, PersonOutcome

RECOMMENDED_PHOTOS = 5

MIRROR: dict[Mirror, str] = {
    "turn": "Now turn your head to your left, and keep it there for a moment.",
    "mirrored": "The camera shows a mirror image; verify --require-live will know.",
    "not-mirrored": "The camera shows no mirror image; verify --require-live will know.",
    "unknown": "No turn was seen. If verify --require-live mixes up your sides, set camera_mirrored.",
}
"""What is said while a camera's mirroring is learnt."""

GUIDE = {
    Word.BLACK: "the picture is black, take the cover off the camera",
    Word.DARK: "too dark, turn on a light",
    Word.NOBODY: "no face in the picture, sit in front of the camera",
    Word.SEVERAL: "more than one face, only you, please",
    Word.OUTSIDE: "your face is partly outside the picture, move to the middle",
    Word.CLOSER: "too far away, come closer",
    Word.BACK: "too close, move back a little",
    Word.LIGHT: "your face is too dark, turn it towards a light",
    Word.STILL: "blurred, hold still",
    Word.AHEAD: "look straight at the camera",
    Word.LEFT: "turn your head a little to your left",
    Word.RIGHT: "turn your head a little to your right",
    Word.UP: "lift your chin a little",
    Word.DOWN: "lower your chin a little",
    Word.SMILE: "smile",
}
"""What is said to somebody who sits before a camera, from the person's own point of view."""


def guide(said: Guidance) -> str:
    """Return the line of a sitting.

    Examples
    --------
    >>> from faceunlock.liveness.guidance import Guidance, Word
    >>> guide(Guidance(Word.LEFT, 3, 8))
    '3 of 8: turn your head a little to your left.'
    """
    return f"{said.number} of {said.count}: {GUIDE[said.word]}."


def text(outcome: EnrolmentOutcome) -> str:
    """Return the summary of an enrolment."""
    result = outcome.enrolment
    verb = "enrolled" if outcome.saved else "would be enrolled"
    who = outcome.name if outcome.look is None else f"{outcome.name}, look {outcome.look},"
    parts = [
        f"{who} {verb}: used {len(result.used)} of {counted(outcome.looked_at, 'photo')}, "
        f"similarity to the others mean {result.mean_similarity:.3f}, lowest {result.lowest_similarity:.3f}, "
        f"model {result.template.identity.model}."
    ]
    if outcome.resemblance is not None:
        parts.append(
            f"Similarity to {outcome.name} {outcome.resemblance.similarity:.3f}"
            + ("." if outcome.resemblance.enough else ", accepted by you.")
        )
    if outcome.accepted:
        parts.append(f"Accepted by you: {', '.join(map(printable, outcome.accepted))}.")
    if result.template.count != len(result.used):
        parts.append(f"The template now holds {counted(result.template.count, 'photo')}.")
    if outcome.skipped:
        parts.append(
            "1 file is not a photo." if outcome.skipped == 1 else f"{outcome.skipped} files are not photos."
        )
    if result.template.count < RECOMMENDED_PHOTOS:
        parts.append(f"{RECOMMENDED_PHOTOS} or more photos are recommended.")
    if outcome.nearest is not None:
        parts.append(strangers.nearest(outcome.nearest))
    parts += map(warning, outcome.same_faces)
    return " ".join(parts)


def notes(outcome: EnrolmentOutcome) -> list[str]:
    """Return what a user should know beside the answer."""
    if not outcome.enrolment.one_look:
        return []
    return [
        f"Note: the {len(outcome.enrolment.used)} photos look like copies of one picture, which is one look. "
        "Add photos with different light and expression."
    ]


def document(outcome: EnrolmentOutcome) -> Document:
    """Return the data of ``enroll``."""
    result = outcome.enrolment
    return {
        "name": outcome.name,
        "look": outcome.look,
        "similarity_to_person": None if outcome.resemblance is None else outcome.resemblance.similarity,
        "similarity_expected": None if outcome.resemblance is None else outcome.resemblance.threshold,
        "saved": outcome.saved,
        "photos": outcome.looked_at,
        "skipped": outcome.skipped,
        "used": list(result.used),
        "left_out": [left_out(photo) for photo in result.left_out],
        "template_photos": result.template.count,
        "mean_similarity": result.mean_similarity,
        "lowest_similarity": result.lowest_similarity,
        "one_look": result.one_look,
        "accepted": list(outcome.accepted),
        "model": identity(result.template.identity),
        "same_faces": [same_face(same) for same in outcome.same_faces],
        "nearest_stranger": strangers.nearest_document(outcome.nearest),
    }


def each_text(each: EachOutcome) -> list[str | Table]:
    """Return the table of everybody in a folder, and the sentences below it."""
    rows = [_row(person, each.folder) for person in each.people]
    done = [person.outcome for person in each.people if person.outcome is not None]
    verb = "would be enrolled" if done and not done[0].saved else "enrolled"
    people = counted(len(each.people), "person", "people")
    head = f"{len(done):,} of {people} {verb}, " if done else f"Of {people}, nobody new {verb}: "
    already, new = each.count("already-enrolled"), each.count("nothing-new")
    refused = each.count("refused")
    counts = [f"{already:,} already enrolled"] if already else []
    counts += [f"{new:,} without new photos"] if new else []
    counts += [f"{refused:,} refused"] if refused else []
    parts: list[str | Table] = [
        table("person", "photos used", "result", rows=rows),
        f"\n{(head + ', '.join(counts)).rstrip(', ')}.",
    ]
    if already:
        parts.append("Who was enrolled stays as before: --add adds new photos, --replace starts again.")
    return parts


def each_hints(each: EachOutcome) -> list[str]:
    """Return what to do about the refusals, each kind once."""
    errors = [person.error for person in each.people if person.error is not None]
    hints = {error.slug: error.hint for error in reversed(errors) if error.hint}
    return [
        f"{slug}: {hints[slug]}" for slug in dict.fromkeys(error.slug for error in errors) if slug in hints
    ]


def shown_below(folder: Path | None, photo: str) -> str:
    """Return a photo's path below a folder of people; the whole path without a folder."""
    return photo if folder is None else photo.removeprefix(f"{folder}/")


def below(folder: Path | None, photos: Iterable[LeftOut]) -> list[LeftOut]:
    """Return photos that were left out, named as `shown_below` does."""
    return [replace(photo, photo=shown_below(folder, photo.photo)) for photo in photos]


def _row(person: PersonOutcome, folder: Path) -> tuple[str, str, str]:
    if person.outcome is None:
        said = {"already-enrolled": "already enrolled", "nothing-new": "no new photos"}
        # Everything is in one folder, whose path would fill the table.
        reason = "" if person.error is None else str(person.error).replace(f"{folder}/", "")
        refused = "" if person.error is None else f"refused: {reason} [{person.error.slug}]"
        return person.name, "", said.get(person.state, refused)
    outcome = person.outcome
    result = outcome.enrolment
    words = ["enrolled" if outcome.saved else "would be enrolled"]
    if result.template.count != len(result.used):
        words.append(f"{result.template.count:,} photos in all")
    if result.template.count < RECOMMENDED_PHOTOS:
        words.append(f"{RECOMMENDED_PHOTOS} or more photos are better")
    words += map(warning, outcome.same_faces)
    return person.name, f"{len(result.used):,} of {outcome.looked_at:,}", "; ".join(words)


def each_document(each: EachOutcome) -> Document:
    """Return the data of ``enroll --each``."""
    return {
        "folder": str(each.folder),
        "enrolled": each.count("enrolled"),
        "already_enrolled": each.count("already-enrolled"),
        "people": [
            {
                "folder": person.name,
                "state": person.state,
                "enrolment": None if person.outcome is None else document(person.outcome),
                "error": None if person.error is None else refusal(person.error),
            }
            for person in each.people
        ],
        "loose": [str(photo) for photo in each.loose],
    }
