"""Enrolment: turn photos of a person into a stored template."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypedDict

from faceunlock.errors import EnrolmentError, GalleryError, SettingsError
from faceunlock.files.text import quoted
from faceunlock.matching.people import Person, name_key, normalise_name
from faceunlock.matching.second_names import SameFace
from faceunlock.matching.strangers import NearStranger
from faceunlock.matching.templates import ModelIdentity, Template
from faceunlock.photos.photo import PhotoFile, find_photos
from faceunlock.pipeline.enrolment import Enrolment
from faceunlock.pipeline.enrolment import enroll as learn
from faceunlock.pipeline.samples import LeftOut, Sample, Track, untracked
from faceunlock.tasks.people import no_such_look
from faceunlock.tasks.second_names import check_second_name
from faceunlock.tasks.strangers import nearest_stranger
from faceunlock.tasks.workspace import (
    PhotoPath,
    Workspace,
    apart_camera,
    as_paths,
    examiner,
    is_apart,
    open_camera,
    quality_gates,
)

if TYPE_CHECKING:
    from faceunlock.pipeline.acquisition import Acquisition
    from faceunlock.tasks.apart import ApartAcquisition


@dataclass(frozen=True, slots=True)
class Resemblance:
    """How much the photos of a look resemble the person.

    Attributes
    ----------
    similarity : float
        Cosine of the look's centroid and the person's, in [-1, 1].
    threshold : float
        Lowest similarity that is enough by itself: the model's threshold for two photos.
    """

    similarity: float
    threshold: float

    @property
    def enough(self) -> bool:
        """Whether nobody has to be asked."""
        return self.similarity >= self.threshold


Accept = Callable[[Resemblance], bool]
"""Asks whether photos that resemble a person too little show this person."""


class EnrollOptions(TypedDict, total=False):
    """Options of `enroll`."""

    look: str | None
    accept: Accept | None
    add: bool
    replace: bool
    min_photos: int | None
    dry_run: bool
    even_so: bool
    track: Track


Mirror = Literal["turn", "mirrored", "not-mirrored", "unknown"]
"""What happens when a camera's mirroring is learnt: the person is to turn left, and what was found."""


class TakeSeveralOptions(TypedDict, total=False):
    """Options of `take_several`."""

    mirror: Callable[[Mirror], None] | None

    look: str | None
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
    nearest : NearStranger or None
        The most similar stranger of the bank; None without a bank.
    look : str or None
        The look that was enrolled, as it is stored; None for the person's own template.
    resemblance : Resemblance or None
        How much the look resembles the person; None without a look.
    """

    name: str
    enrolment: Enrolment
    looked_at: int
    skipped: int
    saved: bool
    same_faces: tuple[SameFace, ...] = ()
    nearest: NearStranger | None = None
    look: str | None = None
    resemblance: Resemblance | None = None


def enroll(
    workspace: Workspace,
    name: str,
    photos: PhotoPath | Sequence[PhotoPath | PhotoFile],
    *,
    look: str | None = None,
    accept: Accept | None = None,
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
    look : str, optional
        Enroll another look of an enrolled person, such as ``glasses``: a template beside the person's own.
    accept : callable, optional
        Asked about a look that resembles the person too little; without it, or if it says no, the look is
        refused.
    add : bool
        Add the photos to an existing template.
    replace : bool
        Replace an existing template; without a `look`, the person's looks go with it.
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
        sub-folders with photos that are not named themselves; ``second-name`` without `even_so`;
        ``unlike-the-person`` for a look that is not accepted.
    GalleryError
        ``already-enrolled``, ``not-enrolled`` (with `add` or `look`), ``no-such-look``, ``bad-name``; also
        if the gallery cannot be read or written.
    """
    if add and replace:
        raise SettingsError("usage", "add and replace exclude each other")
    name = normalise_name(name)
    look = None if look is None else normalise_name(look)
    known = _known(workspace, name, look, add=add, replace=replace)
    sources, skipped = _sources(photos)
    acquisition, identity = _acquisition(workspace, known, len(sources))
    gates = quality_gates(workspace, identity, min_photos)
    outcomes = list(track(acquisition.samples(sources), len(sources), "photos"))
    samples = [outcome for outcome in outcomes if isinstance(outcome, Sample)]
    failures = [outcome for outcome in outcomes if isinstance(outcome, LeftOut)]

    def learned(template: Template | None) -> Enrolment:
        return learn(samples, identity, gates, known=template, failures=failures)

    enrolment = learned(_growing(known, look) if known and add else None)
    same: tuple[SameFace, ...] = ()
    resemblance: Resemblance | None = None
    accepted = False

    def checked() -> Template:
        nonlocal same
        same = check_second_name(workspace, name, enrolment.template, even_so=even_so)
        return enrolment.template

    def resembling(person: Person) -> None:
        nonlocal resemblance
        resemblance = _resemblance(workspace, person, enrolment.template)
        if not (resemblance.enough or accepted):
            raise _unlike(person, resemblance)

    def merge(stored: Person) -> Person:
        # The template may have grown since it was read, so judge against the stored one.
        nonlocal enrolment
        if stored.template.identity != identity:
            raise workspace.choice.mismatch(stored, identity.model)
        _known(workspace, name, look, add=add, replace=replace)
        if add:
            enrolment = learned(_growing(stored, look))
        if look is None:
            return dataclasses.replace(stored, template=checked())
        resembling(stored)
        return stored.with_look(look, checked())

    if known is not None and look is not None:
        # Asked before anything is locked; `merge` looks again, but does not ask again.
        found = _resemblance(workspace, known, enrolment.template)
        accepted = not found.enough and accept is not None and accept(found)
        resembling(known)
    if dry_run:
        checked()
    elif known is not None:
        person = workspace.gallery.change(name, merge)
        name = person.name
        kept = None if look is None else person.look(look)
        look = None if kept is None else kept.name
    else:
        store = workspace.gallery.replace if replace else workspace.gallery.add
        with workspace.gallery.transaction():  # nobody else is enrolled between check and change
            store(name, checked())
    near = nearest_stranger(workspace, name, enrolment.template)
    return EnrolmentOutcome(
        name, enrolment, len(sources), skipped, not dry_run, same, near, look, resemblance
    )


def _acquisition(
    workspace: Workspace, known: Person | None, photos: int
) -> tuple[Acquisition | ApartAcquisition, ModelIdentity]:
    """Return what turns photos into samples: for root, a process without root's rights."""
    if is_apart(workspace, root=True):
        from faceunlock.tasks.apart import apart_acquisition

        return apart_acquisition(workspace, known, fetch=True, photos=photos)
    return workspace.choice.acquisition(known, fetch=True, photos=photos)


def _growing(person: Person, look: str | None) -> Template:
    """Return the template that photos are added to."""
    if look is None:
        return person.template
    there = person.look(look)
    if there is None:
        raise no_such_look(person, look)
    return there.template


def _resemblance(workspace: Workspace, person: Person, template: Template) -> Resemblance:
    """Compare a look with the person's own template only, so that looks cannot drift away step by step."""
    threshold = workspace.choice.pair_calibration(template.identity).threshold
    return Resemblance(min(1.0, float(template.centroid @ person.template.centroid)), threshold)


def _unlike(person: Person, found: Resemblance) -> EnrolmentError:
    return EnrolmentError(
        "unlike-the-person",
        f"the photos do not resemble {person.name}: similarity {found.similarity:.4f}, at least "
        f"{found.threshold:.4f} needed",
    )


def _sources(photos: PhotoPath | Sequence[PhotoPath | PhotoFile]) -> tuple[list[Path | PhotoFile], int]:
    """Return the photos to look at, and how many files are not photos."""
    given = as_paths(photos)
    listing = find_photos([photo for photo in given if isinstance(photo, Path)])
    _refuse_sub_folders([photo for photo in given if isinstance(photo, Path)], listing.photos)
    sources: list[Path | PhotoFile] = [photo for photo in given if isinstance(photo, PhotoFile)]
    sources += listing.photos
    if given and not sources:
        raise EnrolmentError("too-few-photos", f"no photos found{listing.others}")
    return sources, listing.skipped


def _refuse_sub_folders(given: Sequence[Path], photos: Sequence[Path]) -> None:
    """Refuse photos below a given folder: the folder above several people's looks like one person's."""
    named = {*given}
    inside = sorted({photo.parent for photo in photos if photo not in named and photo.parent not in named})
    if inside:
        first = ", ".join(str(folder) for folder in inside[:3])
        more = f" and {len(inside) - 3} more" if len(inside) > 3 else ""
        raise EnrolmentError("sub-folders", f"these sub-folders hold photos, too: {first}{more}")


def take_several(
    workspace: Workspace,
    name: str,
    device: str | None = None,
    *,
    look: str | None = None,
    add: bool = False,
    replace: bool = False,
    mirror: Callable[[Mirror], None] | None = None,
) -> Iterator[PhotoFile]:
    """Yield different photos of good faces from a camera, to enroll a person.

    It stops after ``camera_photos`` photos (a setting) or when the time is up. With `mirror`, one turn to the
    left then says whether the camera shows a mirror image, unless that is known. Other parameters and errors
    are as for `enroll` and `faceunlock.tasks.verify.take`, so nobody sits for the camera if the enrolment
    would be refused.
    """
    from faceunlock.photos.capture import several_good
    from faceunlock.tasks import mirrors

    settings = workspace.settings
    look = None if look is None else normalise_name(look)
    known = _known(workspace, normalise_name(name), look, add=add, replace=replace)
    device = settings.camera if device is None else device
    learns = mirror is not None and not mirrors.is_known(workspace, device)
    if is_apart(workspace, root=True):
        from faceunlock.tasks.apart import apart_acquisition

        opened = apart_camera(workspace, device)
        reader, identity = apart_acquisition(workspace, known, fetch=True)
        gates = quality_gates(workspace, identity)
        yield from reader.several(
            opened,
            gates,
            partial(_learned, workspace, device, mirror) if learns else None,
            partial(_tell, mirror),
        )
        return
    with open_camera(workspace, device) as camera:
        acquisition, identity = workspace.choice.acquisition(known, fetch=True)
        good = examiner(acquisition, quality_gates(workspace, identity), settings.max_pixels)
        yield from several_good(camera.frames(settings.camera_seconds), good, settings.camera_photos)
        if learns and camera.live:
            _tell(mirror)
            found = mirrors.first_turn(camera.frames(mirrors.LEARNING_SECONDS), acquisition.detector)
            _learned(workspace, device, mirror, found)


def _tell(mirror: Callable[[Mirror], None] | None) -> None:
    if mirror is not None:
        mirror("turn")


def _learned(
    workspace: Workspace, device: str, mirror: Callable[[Mirror], None] | None, found: bool | None
) -> None:
    """Keep whether a camera shows a mirror image, if it was found out, and say so."""
    from faceunlock.tasks import mirrors

    if found is not None:
        mirrors.learn(workspace, device, found)
    if mirror is not None:
        mirror("unknown" if found is None else "mirrored" if found else "not-mirrored")


def _known(workspace: Workspace, name: str, look: str | None, *, add: bool, replace: bool) -> Person | None:
    """Return the person to add to, or None; raises early rather than after minutes of work."""
    if look is not None:
        person = workspace.gallery.get(name)
        if add and person.look(look) is None:
            raise no_such_look(person, look)
        if not add and not replace and person.look(look) is not None:
            raise GalleryError("already-enrolled", f"{person.name} already has the look {quoted(look)}")
        return person
    if add:
        return workspace.gallery.get(name)
    people = workspace.gallery.people()
    if not replace and any(name_key(name) == name_key(person.name) for person in people):
        raise GalleryError("already-enrolled", f"{name} is already enrolled")
    return None
