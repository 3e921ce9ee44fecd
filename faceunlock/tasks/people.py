"""Enrolled people: rename them, forget them, and reset their failed attempts."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from faceunlock.errors import GalleryError
from faceunlock.files.text import quoted
from faceunlock.gallery.journal import discard

if TYPE_CHECKING:
    from faceunlock.matching.likeness import Likeness
    from faceunlock.matching.people import Person
    from faceunlock.matching.templates import ModelIdentity
    from faceunlock.tasks.workspace import Workspace


def rename(workspace: Workspace, name: str, new_name: str) -> Person:
    """Rename a person.

    Raises
    ------
    GalleryError
        ``not-enrolled``, ``already-enrolled``, ``bad-name``; also if the gallery or the file of attempts
        cannot be changed.
    """
    gallery, attempts = workspace.gallery, workspace.attempts
    gallery.get(name)  # a name that is not enrolled must not create a gallery
    with gallery.transaction():
        old = gallery.get(name).name
        person = gallery.rename(name, new_name)
        # Copy before the gallery changes, so that the count is never lost.
        attempts.copy(old, person.name)
    attempts.renamed(old, person.name)
    return person


def forget(workspace: Workspace, name: str) -> str:
    """Delete everything stored about a person, for good, and return the name as it was stored.

    Raises
    ------
    GalleryError
        ``not-enrolled``; also as `rename`.
    """
    workspace.attempts.check()
    stored = name
    with contextlib.suppress(GalleryError):  # a damaged row can be forgotten, too
        stored = workspace.gallery.get(name).name
    workspace.gallery.forget(name)
    discard(workspace.locations.data)
    for spelling in {name, stored}:
        workspace.attempts.forget(spelling)
    return stored


def forget_look(workspace: Workspace, name: str, look: str) -> Person:
    """Delete one look of a person, for good, and return the person.

    Raises
    ------
    GalleryError
        ``not-enrolled``; ``no-such-look``; also as `rename`.
    """

    def alter(person: Person) -> Person:
        if person.look(look) is None:
            raise no_such_look(person, look)
        return person.without_look(look)

    return workspace.gallery.change(name, alter)


def no_such_look(person: Person, look: str) -> GalleryError:
    """Return the error for a look that a person does not have; it names those there are."""
    names = ", ".join(quoted(one.name) for one in person.looks)
    return GalleryError(
        "no-such-look",
        f"{person.name} has no look {quoted(look)}" + (f", only {names}" if names else "; there are none"),
        hint=f"See: faceunlock people show {quoted(person.name)}",
    )


def forget_all(workspace: Workspace) -> int:
    """Delete everything stored about everyone and return the number of people; raises as `rename`."""
    workspace.attempts.check()
    discard(workspace.locations.data)
    count = workspace.gallery.forget_all()
    workspace.attempts.forget_all()
    return count


def likeness(workspace: Workspace, identity: ModelIdentity) -> Likeness | None:
    """Return how alike the people are who were enrolled with a model; see `faceunlock.matching.likeness`.

    They are compared at the level ``relaxed``, which notices most, or at the gallery's own threshold.
    People whose row is damaged are passed over.

    Raises
    ------
    ModelError
        ``unknown-model`` if a trained model made the templates and its folder is not named.
    """
    from faceunlock.matching.likeness import likeness_of

    workspace.choice.spec(identity.model)  # its threshold is known only if the model is
    enrolled = workspace.gallery.intact_people(marks=False)
    people = [one for one in enrolled if one.template.identity == identity]
    return likeness_of(people, workspace.choice.calibration(identity, "relaxed"))


def unlock_attempts(workspace: Workspace, name: str | None = None) -> int:
    """End the lockout of a person, or of everyone; see `faceunlock.gallery.attempts.Attempts.release`.

    Raises
    ------
    GalleryError
        ``not-enrolled``.
    """
    return workspace.attempts.release(None if name is None else workspace.gallery.get(name).name)
