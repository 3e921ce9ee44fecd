"""A second name for an enrolled face: refused, unless it is asked for."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from faceunlock.errors import EnrolmentError
from faceunlock.files.text import quoted

if TYPE_CHECKING:
    from faceunlock.gallery.export import Inspect
    from faceunlock.matching.people import Person
    from faceunlock.matching.second_names import SameFace
    from faceunlock.matching.templates import ModelIdentity, Template
    from faceunlock.tasks.workspace import Workspace


def check_second_name(
    workspace: Workspace, name: str, template: Template, *, even_so: bool
) -> tuple[SameFace, ...]:
    """Return whom a new template also matches; nobody unless `even_so`.

    People whose row is damaged are passed over, since they cannot match any photo either.

    Raises
    ------
    EnrolmentError
        ``second-name`` if it matches somebody of another name, without `even_so`.
    """
    from faceunlock.matching.second_names import same_faces

    threshold = workspace.choice.calibration(template.identity, "normal").threshold
    people = workspace.gallery.crowd(intact=True)
    found = same_faces(name, template, people, threshold)
    hint = None
    if found and name not in people.names():
        other = quoted(found[0].enrolled_as)
        hint = (
            "Use --even-so if these are two people; "
            f"for more photos of {other}: faceunlock enroll {other} FOLDER --add"
        )
    _refuse(found, even_so=even_so, hint=hint)
    return found


def inspector(workspace: Workspace, *, even_so: bool) -> Inspect:
    """Return what compares the people of an import with each other and with everyone else here.

    Parameters
    ----------
    workspace : Workspace
        Its thresholds decide whether two templates match.
    even_so : bool
        Import people who match somebody here, or in the file, under another name.

    Returns
    -------
    callable
        Raises ``second-name`` for a match, without `even_so`; ``unknown-model`` if templates of a trained
        model must be compared and its folder is not named.
    """
    from faceunlock.matching.crowd import Crowd
    from faceunlock.matching.second_names import same_faces

    def inspect(arriving: tuple[Person, ...], staying: tuple[Person, ...]) -> tuple[SameFace, ...]:
        found: list[SameFace] = []
        thresholds: dict[ModelIdentity, float] = {}
        everybody = Crowd.of((*staying, *arriving))
        later = {person.name for person in arriving}
        before = {person.template.identity for person in staying}
        for person in arriving:
            identity = person.template.identity
            if identity not in before:
                before.add(identity)
                later.discard(person.name)
                continue
            if identity not in thresholds:
                workspace.choice.spec(identity.model)  # its threshold is known only if the model is
                thresholds[identity] = workspace.choice.calibration(identity, "normal").threshold
            best: dict[str, SameFace] = {}
            for _, template in person.templates:
                for same in same_faces(person.name, template, everybody, thresholds[identity]):
                    if same.enrolled_as in later:
                        continue
                    known = best.get(same.enrolled_as)
                    best[same.enrolled_as] = max(known or same, same, key=lambda one: one.similarity)
            found += best.values()
            later.discard(person.name)
        _refuse(
            found,
            arriving=[person.name for person in arriving],
            even_so=even_so,
            hint="Use --even-so if these are two people. If they are one, leave one of them out where the "
            "file is made, or take its name in the file here: faceunlock people rename NAME NEW_NAME",
        )
        return tuple(found)

    return inspect


def _refuse(
    found: Sequence[SameFace], *, arriving: Collection[str] = (), even_so: bool, hint: str | None = None
) -> None:
    matches = [
        f"{same.name} matches {same.enrolled_as}, who is "
        f"{'in the same file' if same.enrolled_as in arriving else 'already enrolled'} "
        f"(similarity {same.similarity:.4f}, threshold {same.threshold:.4f})"
        for same in found
    ]
    if matches and not even_so:
        raise EnrolmentError("second-name", "; ".join(matches), hint=hint)
