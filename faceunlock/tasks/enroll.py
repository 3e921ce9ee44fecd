"""Enrolment: turn photos of a person into a stored template."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from faceunlock.errors import EnrolmentError, GalleryError, SettingsError
from faceunlock.matching.people import Person, name_key, normalise_name
from faceunlock.matching.second_names import SameFace
from faceunlock.matching.templates import Template
from faceunlock.photos.photo import PhotoFile, find_photos
from faceunlock.pipeline.enrolment import Enrolment
from faceunlock.pipeline.enrolment import enroll as learn
from faceunlock.pipeline.samples import LeftOut, Sample, Track, untracked
from faceunlock.tasks.second_names import check_second_name
from faceunlock.tasks.workspace import PhotoPath, Workspace, as_paths, examiner, quality_gates


class EnrollOptions(TypedDict, total=False):
    """Options of `enroll`."""

    add: bool
    replace: bool
    min_photos: int | None
    dry_run: bool
    even_so: bool
    track: Track


class TakeSeveralOptions(TypedDict, total=False):
    """Options of `take_several`."""

    add: bool
    replace: bool


@dataclass(frozen=True, slots=True)
class EnrolmentOutcome:
    """The result of an enrolment.

    Attributes
    ----------
    name : str
        The name as it is stored.
    enrolment : Enrolment
        Template, photos used and photos left out.
    looked_at : int
        Number of photos looked at.
    skipped : int
        Number of files that are not photos.
    saved : bool
        False for a dry run.
    same_faces : tuple of SameFace
        People enrolled under another name whom the template matches, too; none unless ``even_so``.
    """

    name: str
    enrolment: Enrolment
    looked_at: int
    skipped: int
    saved: bool
    same_faces: tuple[SameFace, ...] = ()


def enroll(
    workspace: Workspace,
    name: str,
    photos: PhotoPath | Sequence[PhotoPath | PhotoFile],
    *,
    add: bool = False,
    replace: bool = False,
    min_photos: int | None = None,
    dry_run: bool = False,
    even_so: bool = False,
    track: Track = untracked,
) -> EnrolmentOutcome:
    """Enroll a person from photos.

    Parameters
    ----------
    workspace : Workspace
        Its gallery stores the template.
    name : str
        Up to 64 printable characters.
    photos : path or sequence of paths
        Photos, and folders of photos; also the photos that `take_several` yields.
    add : bool
        Add the photos to an existing template.
    replace : bool
        Replace an existing template.
    min_photos : int, optional
        Minimum number of usable photos, at least 2; the setting ``min_photos`` when omitted.
    dry_run : bool
        Save nothing.
    even_so : bool
        Enroll the person even if somebody enrolled under another name has the same face.
    track : callable
        Shows progress: ``track(items, total, label)`` yields the items.

    Raises
    ------
    EnrolmentError
        ``several-people``, ``too-few-photos``, ``too-many-unlike``; ``sub-folders`` if a folder has
        sub-folders with photos that are not named themselves; ``second-name`` without `even_so`.
    GalleryError
        ``already-enrolled``, ``not-enrolled`` (with `add`), ``bad-name``; also if the gallery cannot be read
        or written.
    """
    if add and replace:
        raise SettingsError("usage", "add and replace exclude each other")
    name = normalise_name(name)
    known = _known(workspace, name, add=add, replace=replace)
    given = as_paths(photos)
    listing = find_photos([photo for photo in given if isinstance(photo, Path)])
    _refuse_sub_folders([photo for photo in given if isinstance(photo, Path)], listing.photos)
    sources: list[Path | PhotoFile] = [photo for photo in given if isinstance(photo, PhotoFile)]
    sources += listing.photos
    if given and not sources:
        raise EnrolmentError("too-few-photos", f"no photos found{listing.others}")
    acquisition, identity = workspace.choice.acquisition(known, fetch=True, photos=len(sources))
    gates = quality_gates(workspace, identity, min_photos)
    outcomes = list(track(acquisition.samples(sources), len(sources), "photos"))
    samples = [outcome for outcome in outcomes if isinstance(outcome, Sample)]
    failures = [outcome for outcome in outcomes if isinstance(outcome, LeftOut)]

    def learned(template: Template | None) -> Enrolment:
        return learn(samples, identity, gates, known=template, failures=failures)

    enrolment = learned(known.template if known else None)
    same: tuple[SameFace, ...] = ()

    def checked() -> Template:
        nonlocal same
        same = check_second_name(workspace, name, enrolment.template, even_so=even_so)
        return enrolment.template

    def merge(stored: Template) -> Template:
        # The template may have grown since it was read, so judge against the stored one.
        nonlocal enrolment
        enrolment = learned(stored)
        return checked()

    if dry_run:
        checked()
    elif known is not None:
        name = workspace.gallery.update(name, merge).name
    else:
        store = workspace.gallery.replace if replace else workspace.gallery.add
        with workspace.gallery.transaction():  # nobody else is enrolled between check and change
            store(name, checked())
    return EnrolmentOutcome(name, enrolment, len(sources), listing.skipped, not dry_run, same)


def _refuse_sub_folders(given: Sequence[Path], photos: Sequence[Path]) -> None:
    """Refuse photos below a given folder: the folder above several people's looks like one person's."""
    named = {*given}
    inside = sorted({photo.parent for photo in photos if photo not in named and photo.parent not in named})
    if inside:
        first = ", ".join(str(folder) for folder in inside[:3])
        more = f" and {len(inside) - 3} more" if len(inside) > 3 else ""
        raise EnrolmentError("sub-folders", f"these sub-folders hold photos, too: {first}{more}")


def take_several(
    workspace: Workspace, name: str, device: str | None = None, *, add: bool = False, replace: bool = False
) -> Iterator[PhotoFile]:
    """Yield different photos of good faces from a camera, to enroll a person.

    It stops after ``camera_photos`` photos (a setting) or when the time is up. Parameters and errors are as
    for `enroll` and `faceunlock.tasks.verify.take`, so nobody sits for the camera if the enrolment would be
    refused.
    """
    from faceunlock.photos.camera import open_camera
    from faceunlock.photos.capture import several_good

    settings = workspace.settings
    known = _known(workspace, normalise_name(name), add=add, replace=replace)
    device = settings.camera if device is None else device
    with open_camera(device, films=settings.camera_films != "never") as camera:
        acquisition, identity = workspace.choice.acquisition(known, fetch=True)
        look = examiner(acquisition, quality_gates(workspace, identity), settings.max_pixels)
        yield from several_good(camera.frames(settings.camera_seconds), look, settings.camera_photos)


def _known(workspace: Workspace, name: str, *, add: bool, replace: bool) -> Person | None:
    """Return the person to add to, or None; raises early rather than after minutes of work."""
    if add:
        return workspace.gallery.get(name)
    people = workspace.gallery.people()
    if not replace and any(name_key(name) == name_key(person.name) for person in people):
        raise GalleryError("already-enrolled", f"{name} is already enrolled")
    return None
