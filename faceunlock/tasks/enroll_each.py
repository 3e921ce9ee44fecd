"""Enroll everyone of a folder with one sub-folder per person."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Unpack

from faceunlock.errors import EnrolmentError, FaceUnlockError, GalleryError, ModelError
from faceunlock.matching.people import name_key, normalise_name
from faceunlock.photos.photo import person_folders
from faceunlock.tasks.enroll import EnrollOptions, EnrolmentOutcome, enroll
from faceunlock.tasks.workspace import PhotoPath, Workspace, as_path


@dataclass(frozen=True, slots=True)
class PersonOutcome:
    """What became of one sub-folder.

    Attributes
    ----------
    name : str
        Name of the sub-folder.
    outcome : EnrolmentOutcome or None
        The enrolment; None if it was refused.
    error : FaceUnlockError or None
        Why nothing was stored of this person; None if all went well.
    """

    name: str
    outcome: EnrolmentOutcome | None
    error: FaceUnlockError | None = None


@dataclass(frozen=True, slots=True)
class EachOutcome:
    """What became of a folder of people.

    Attributes
    ----------
    folder : Path
        The folder.
    people : tuple of PersonOutcome
        One for each sub-folder, in natural order of the names.
    loose : tuple of Path
        Photos that lie in the folder itself; nobody is enrolled from them.
    """

    folder: Path
    people: tuple[PersonOutcome, ...]
    loose: tuple[Path, ...]

    @property
    def complete(self) -> bool:
        """Whether everyone was enrolled."""
        return all(person.error is None for person in self.people)


def enroll_each(
    workspace: Workspace,
    folder: PhotoPath,
    *,
    tell: Callable[[PersonOutcome], None] = lambda _: None,
    **options: Unpack[EnrollOptions],
) -> EachOutcome:
    """Enroll one person from each first-level sub-folder, under its name; each person wholly or not at all.

    Parameters
    ----------
    workspace : Workspace
        Its gallery stores the templates.
    folder : path
        The folder above the people's folders.
    tell : callable
        Gets each person's outcome as soon as it is known.
    **options
        As for `faceunlock.tasks.enroll.enroll`; they hold for each person.

    Raises
    ------
    PhotoError
        ``photo-not-found``, ``unreadable-photo``.
    EnrolmentError
        ``bad-folder`` if there are no sub-folders.
    ModelError
        If the first person cannot be looked at because of the model: then nobody can.
    """
    top = as_path(folder)
    found = person_folders(top)
    if not found.people:
        raise EnrolmentError(
            "bad-folder",
            f"{top} has no sub-folders",
            hint="Use one sub-folder per person; for the photos of one person: faceunlock enroll NAME FOLDER",
        )
    people: list[PersonOutcome] = []
    names: set[str] = set()
    for name, photos in found.people.items():
        # The folders, not the photos, so that their own sub-folders are refused as for one person.
        folders = list(dict.fromkeys(top / photo.relative_to(top).parts[0] for photo in photos))
        # As it is on the disk: what is shown has its unprintable characters escaped, and looks like a path.
        given = folders[0].name if folders else name
        outcome: EnrolmentOutcome | None = None
        error: FaceUnlockError | None = None
        try:
            _refuse_repeated(given, names)
            outcome = enroll(workspace, given, folders, **options)
        except FaceUnlockError as refusal:
            if isinstance(refusal, ModelError) and not any(person.outcome for person in people):
                raise
            error = refusal
        people.append(PersonOutcome(name, outcome, error))
        tell(people[-1])
    return EachOutcome(top, tuple(people), found.loose)


def _refuse_repeated(name: str, names: set[str]) -> None:
    """Refuse a second folder of one name, which with ``replace`` would replace what the first one gave."""
    key = name_key(normalise_name(name))
    if key in names:
        raise GalleryError(
            "already-enrolled",
            f"{name}: another folder has the same name, apart from upper and lower case",
            hint="Put the photos of one person into one folder.",
        )
    names.add(key)
