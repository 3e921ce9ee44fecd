"""People who are enrolled: renamed, forgotten, let off their failed attempts."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from faceunlock.matching.people import Person
    from faceunlock.tasks.workspace import Workspace


def rename(workspace: Workspace, name: str, new_name: str) -> Person:
    """Give a person another name.

    Raises
    ------
    GalleryError
        ``not-enrolled``, ``already-enrolled``, ``bad-name``, and all that keeps the gallery or the file of
        attempts from being changed.
    """
    gallery, attempts = workspace.gallery, workspace.attempts
    gallery.get(name)  # a name that is not enrolled must not create a gallery
    with gallery.transaction():
        person = gallery.rename(name, new_name)
        # Before the gallery changes: the count must never be lost on the way.
        attempts.copy(name, person.name)
    attempts.renamed(name, person.name)
    return person


def forget(workspace: Workspace, name: str) -> None:
    """Delete what is stored of a person, for good.

    Raises
    ------
    GalleryError
        ``not-enrolled``, and as `rename`.
    """
    workspace.attempts.check()
    workspace.gallery.forget(name)
    workspace.attempts.forget(name)


def forget_all(workspace: Workspace) -> int:
    """Delete what is stored of everybody and return how many people that were; raises as `rename`."""
    workspace.attempts.check()
    count = workspace.gallery.forget_all()
    workspace.attempts.forget_all()
    return count


def unlock_attempts(workspace: Workspace, name: str | None = None) -> int:
    """Let a person, or everybody, try again at once; see `faceunlock.gallery.attempts.Attempts.release`.

    Raises
    ------
    GalleryError
        ``not-enrolled``.
    """
    return workspace.attempts.release(None if name is None else workspace.gallery.get(name).name)
