"""The text and JSON document of ``faceunlock enroll``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from faceunlock.cli.answers import strangers
from faceunlock.cli.answers.parts import Document, error, identity, left_out, same_face, warning
from faceunlock.files.text import printable
from faceunlock.matching.wording import counted

if TYPE_CHECKING:
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


def person_text(person: PersonOutcome) -> str:
    """Return the line about one sub-folder."""
    if person.outcome is not None:
        return text(person.outcome)
    return (
        f"{person.name} not enrolled: {person.error} [{person.error.slug}]" if person.error else person.name
    )


def each_text(each: EachOutcome) -> str:
    """Return the last line about a folder of people."""
    done = [person.outcome for person in each.people if person.outcome is not None]
    verb = "would be enrolled" if done and not done[0].saved else "enrolled"
    return f"{len(done)} of {counted(len(each.people), 'person', 'people')} {verb}."


def each_document(each: EachOutcome) -> Document:
    """Return the data of ``enroll --each``."""
    return {
        "folder": str(each.folder),
        "enrolled": sum(person.outcome is not None for person in each.people),
        "people": [
            {
                "folder": person.name,
                "enrolment": None if person.outcome is None else document(person.outcome),
                "error": None if person.error is None else error(person.error),
            }
            for person in each.people
        ],
        "loose": [str(photo) for photo in each.loose],
    }
