"""A second name for an enrolled face: refused, unless it is asked for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from faceunlock.errors import EnrolmentError

if TYPE_CHECKING:
    from faceunlock.gallery.export import ImportSummary, OnConflict
    from faceunlock.matching.people import Person
    from faceunlock.matching.second_names import SameFace
    from faceunlock.matching.templates import ModelIdentity, Template
    from faceunlock.tasks.workspace import PhotoPath, Workspace


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

    threshold = workspace.choice.calibration(template.identity).threshold
    found = same_faces(name, template, workspace.gallery.intact_people(), threshold)
    _refuse(found, even_so=even_so)
    return found


def import_from(
    workspace: Workspace,
    file: PhotoPath,
    passphrase: str,
    *,
    on_conflict: OnConflict = "refuse",
    even_so: bool = False,
) -> ImportSummary:
    """Add the people of an encrypted file; see `faceunlock.gallery.export.import_gallery`.

    Parameters
    ----------
    workspace : Workspace
        Its gallery is added to; its thresholds decide whether two templates match.
    file, passphrase, on_conflict
        As for `import_gallery`.
    even_so : bool
        Import people who match somebody here under another name.

    Raises
    ------
    EnrolmentError
        ``second-name`` if anyone in the file matches somebody here under another name, without `even_so`;
        nothing is written then.
    ModelError
        ``unknown-model`` if templates of a trained model must be compared and its folder is not named.
    """
    from pathlib import Path

    from faceunlock.gallery.export import import_gallery
    from faceunlock.matching.second_names import same_faces

    def inspect(arriving: tuple[Person, ...], staying: tuple[Person, ...]) -> tuple[SameFace, ...]:
        found: list[SameFace] = []
        thresholds: dict[ModelIdentity, float] = {}
        for person in arriving:
            identity = person.template.identity
            comparable = [other for other in staying if other.template.identity == identity]
            if not comparable:
                continue
            if identity not in thresholds:
                workspace.choice.spec(identity.model)  # its threshold is known only if the model is
                thresholds[identity] = workspace.choice.calibration(identity).threshold
            found += same_faces(person.name, person.template, comparable, thresholds[identity])
        _refuse(found, even_so=even_so)
        return tuple(found)

    return import_gallery(workspace.gallery, Path(file), passphrase, on_conflict=on_conflict, inspect=inspect)


def _refuse(found: Iterable[SameFace], *, even_so: bool) -> None:
    matches = [
        f"{same.name} matches {same.enrolled_as}, who is already enrolled (similarity {same.similarity:.4f}, "
        f"threshold {same.threshold:.4f})"
        for same in found
    ]
    if matches and not even_so:
        raise EnrolmentError("second-name", "; ".join(matches))
