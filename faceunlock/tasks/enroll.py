"""Enrolment: turn photos of a person into a stored template."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Literal, TypedDict

from faceunlock.errors import SettingsError
from faceunlock.matching.people import normalise_name
from faceunlock.photos.photo import PhotoFile
from faceunlock.pipeline.samples import Track, untracked
from faceunlock.tasks.enrolling import Accept, EnrolmentOutcome, Resemblance, finish, look_at
from faceunlock.tasks.planning import Planned, Wanted, photos_of
from faceunlock.tasks.workspace import Workspace, apart_camera, is_apart, open_camera, quality_gates

if TYPE_CHECKING:
    from faceunlock.liveness.guidance import Guidance
    from faceunlock.matching.people import Person
    from faceunlock.tasks.pictures import Photos

__all__ = ["EnrolmentOutcome", "Resemblance", "enroll", "take_several"]


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
    guide: Callable[[Guidance], None] | None
    look: str | None
    add: bool
    replace: bool


def enroll(
    workspace: Workspace,
    name: str,
    photos: Photos,
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
    photos : path, NumPy array or PIL image, or a sequence of them
        Photos, and folders of photos; also the photos that `take_several` yields. An array holds uint8: gray,
        RGB or RGBA; see `faceunlock.photos.in_memory`. Two pictures with the same pixels are duplicates.
    look : str, optional
        Enroll another look of an enrolled person, such as ``glasses``: a template beside the person's own.
    accept : callable, optional
        Asked about a look that resembles the person too little; without it, or if it says no, the look is
        refused. With `add`, asked about photos below the unlock threshold but at or above the threshold for
        two photos; if it says no, they are left out like all that are further away.
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
    look = None if look is None else normalise_name(look)
    wanted = Wanted(normalise_name(name), look, add=add, replace=replace, even_so=even_so)
    planned = Planned(wanted, wanted.known(workspace), *photos_of(photos))
    outcomes, identity = look_at(workspace, planned, track)
    return finish(
        workspace, planned, outcomes, identity, min_photos=min_photos, dry_run=dry_run, accept=accept
    )


def take_several(
    workspace: Workspace,
    name: str,
    device: str | None = None,
    *,
    look: str | None = None,
    add: bool = False,
    replace: bool = False,
    mirror: Callable[[Mirror], None] | None = None,
    guide: Callable[[Guidance], None] | None = None,
) -> Iterator[PhotoFile]:
    """Yield different photos of good faces from a camera, to enroll a person.

    It stops after ``camera_photos`` photos (a setting) or when the time is up. `guide` gets words for the
    person: what is wrong with the picture and, unless a film is the camera, how to sit for the next photo.
    With `mirror`, one turn to the left then says whether the camera shows a mirror image, unless that is
    known. Other parameters and errors are as for `enroll` and `faceunlock.tasks.verify.take`, so nobody sits
    for the camera if the enrolment would be refused.
    """
    from faceunlock.tasks import mirrors
    from faceunlock.tasks.sitting import sit

    look = None if look is None else normalise_name(look)
    known = Wanted(normalise_name(name), look, add=add, replace=replace).known(workspace)
    device = workspace.settings.camera if device is None else device
    mirrored = mirrors.is_mirrored(workspace, device) if mirrors.is_known(workspace, device) else None
    if is_apart(workspace, root=True):
        yield from _several_apart(workspace, known, device, mirror, guide, mirrored)
        return
    with open_camera(workspace, device) as camera:
        acquisition, identity = workspace.choice.acquisition(known, fetch=True)
        gates = quality_gates(workspace, identity)
        yield from sit(
            camera.frames, acquisition, gates, workspace.settings, guide, live=camera.live, mirrored=mirrored
        )
        if mirror is not None and camera.live and mirrored is None:
            mirror("turn")
            found = mirrors.first_turn(camera.frames(mirrors.LEARNING_SECONDS), acquisition.detector)
            _learned(workspace, device, mirror, found)


def _several_apart(
    workspace: Workspace,
    known: Person | None,
    device: str,
    mirror: Callable[[Mirror], None] | None,
    guide: Callable[[Guidance], None] | None,
    mirrored: bool | None,
) -> Iterator[PhotoFile]:
    """Yield what a process without rights takes, for root."""
    from faceunlock.tasks.apart import Sitting, apart_acquisition

    opened = apart_camera(workspace, device)
    reader, identity = apart_acquisition(workspace, known, fetch=True)
    learn = None if mirror is None or mirrored is not None else partial(_learned, workspace, device, mirror)
    tell = mirror or (lambda _: None)
    sitting = Sitting(guide=guide, mirrored=mirrored, turn=lambda: tell("turn"), learn=learn)
    yield from reader.several(opened, quality_gates(workspace, identity), sitting)


def _learned(workspace: Workspace, device: str, mirror: Callable[[Mirror], None], found: bool | None) -> None:
    """Keep whether a camera shows a mirror image, if it was found out, and say so."""
    from faceunlock.tasks import mirrors

    if found is not None:
        mirrors.learn(workspace, device, found)
    mirror("unknown" if found is None else "mirrored" if found else "not-mirrored")
