"""Verification of several photos: each is an attempt of its own, and a lockout ends them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

from faceunlock.errors import FaceUnlockError, LockoutError, PhotoError
from faceunlock.photos.photo import find_photos, nothing_found
from faceunlock.tasks.verify import Verification, verify
from faceunlock.tasks.workspace import PhotoPath, Workspace, as_paths

if TYPE_CHECKING:
    from faceunlock.photos.face import SubjectRule
    from faceunlock.settings import Security


class VerifyEachOptions(TypedDict, total=False):
    """Options of `verify_each`."""

    threshold: float | None
    security: Security | None
    faces: SubjectRule
    count: bool


@dataclass(frozen=True, slots=True)
class VerifiedPhoto:
    """One of several photos, and its answer.

    Attributes
    ----------
    photo : Path
    verification : Verification or None
        None if it could not be decided.
    error : FaceUnlockError or None
        Why not.
    """

    photo: Path
    verification: Verification | None = None
    error: FaceUnlockError | None = None

    @property
    def match(self) -> bool | None:
        """Yes or no; None if it could not be decided."""
        return None if self.verification is None else self.verification.decision.match


@dataclass(frozen=True, slots=True)
class VerifiedPhotos:
    """Several photos and their answers.

    Attributes
    ----------
    answers : tuple of VerifiedPhoto
        One for each photo that was looked at; the last may be a lockout.
    photos : int
        Number of photos given.
    skipped : int
        Files that are not photos.
    """

    answers: tuple[VerifiedPhoto, ...]
    photos: int
    skipped: int

    @property
    def matches(self) -> int:
        """Number of photos that are a yes."""
        return sum(bool(one.match) for one in self.answers)

    @property
    def match(self) -> bool | None:
        """Whether all are a yes; None if any could not be decided."""
        if self.photos > len(self.answers) or any(one.match is None for one in self.answers):
            return None
        return self.matches == self.photos


def verify_each(
    workspace: Workspace,
    photos: PhotoPath | Sequence[PhotoPath],
    name: str | None = None,
    *,
    tell: Callable[[VerifiedPhoto], None] = lambda _: None,
    **options: Unpack[VerifyEachOptions],
) -> VerifiedPhotos:
    """Decide about each of several photos; every one is an attempt of its own.

    At a lockout it stops: no photo after that is looked at.

    Parameters
    ----------
    workspace : Workspace
    photos : path or sequence of paths
        Photos, and folders that are searched for photos.
    name : str, optional
        The claimed person.
    tell : callable
        Gets each answer as soon as it is known.
    **options
        ``threshold``, ``security``, ``faces`` and ``count``, as for `verify`.

    Raises
    ------
    PhotoError
        ``photo-not-found``, also for a folder without photos; what is wrong with a single photo is no error.
    GalleryError, ModelError, SettingsError
        As for `verify`.
    """
    sources = as_paths(photos)
    listing = find_photos(sources)
    if not listing.photos:
        raise nothing_found(sources, listing.others)
    answers: list[VerifiedPhoto] = []
    for photo in listing.photos:
        try:
            found = VerifiedPhoto(photo, verify(workspace, photo, name, **options))
        except (PhotoError, LockoutError) as error:
            found = VerifiedPhoto(photo, error=error)
        answers.append(found)
        tell(found)
        if isinstance(found.error, LockoutError):
            break
    return VerifiedPhotos(tuple(answers), len(listing.photos), listing.skipped)
