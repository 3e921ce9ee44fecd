"""Enrolled people: rename them, forget them, and reset their failed attempts."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from faceunlock.errors import GalleryError

if TYPE_CHECKING:
    from faceunlock.matching.people import Person
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
    for spelling in {name, stored}:
        workspace.attempts.forget(spelling)
    return stored


def forget_all(workspace: Workspace) -> int:
    """Delete everything stored about everyone and return the number of people; raises as `rename`."""
    workspace.attempts.check()
    count = workspace.gallery.forget_all()
    workspace.attempts.forget_all()
    return count


def unlock_attempts(workspace: Workspace, name: str | None = None) -> int:
    """End the lockout of a person, or of everyone; see `faceunlock.gallery.attempts.Attempts.release`.

    Raises
    ------
    GalleryError
        ``not-enrolled``.
    """
    return workspace.attempts.release(None if name is None else workspace.gallery.get(name).name)
