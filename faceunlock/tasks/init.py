"""The first enrolment: learn a person from photos, and keep one back to try it on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

from faceunlock.matching.people import normalise_name
from faceunlock.photos.photo import Source, name_of
from faceunlock.pipeline.samples import Track, untracked
from faceunlock.tasks.enrolling import EnrolmentOutcome, finish, learnable, look_at
from faceunlock.tasks.planning import Planned, Wanted, photos_of
from faceunlock.tasks.workspace import Workspace

if TYPE_CHECKING:
    from faceunlock.tasks.pictures import Photos


class InitOptions(TypedDict, total=False):
    """Options of `init`."""

    replace: bool
    hold_back: bool
    track: Track


@dataclass(frozen=True, slots=True)
class FirstEnrolment:
    """A person who was just enrolled.

    Attributes
    ----------
    outcome : EnrolmentOutcome
    held_back : Path, PhotoFile, InMemory or None
        A photo of the person that is not part of the template; None if all of them were needed.
    """

    outcome: EnrolmentOutcome
    held_back: Source | None


def init(
    workspace: Workspace,
    name: str,
    photos: Photos,
    *,
    replace: bool = False,
    hold_back: bool = True,
    track: Track = untracked,
) -> FirstEnrolment:
    """Enroll a person from all photos but one, so that there is a photo to verify at once.

    A template is always like the photos it was made of, so verifying one of those would prove nothing. The
    last photo that is good enough is kept back, if there are enough without it.

    Parameters
    ----------
    workspace : Workspace
    name, photos, replace, track
        As for `faceunlock.tasks.enroll.enroll`, which also says what is raised.
    hold_back : bool
        Whether to keep a photo back; not where a camera can take another one.
    """
    wanted = Wanted(normalise_name(name), None, add=False, replace=replace)
    planned = Planned(wanted, wanted.known(workspace), *photos_of(photos))
    outcomes, identity = look_at(workspace, planned, track)
    held_back = None
    if hold_back:
        # Judged with all of them first, so that what is kept back is a photo like the others.
        used = {*learnable(workspace, planned, outcomes, identity).used}
        last = max(index for index, photo in enumerate(planned.photos) if name_of(photo) in used)
        if len(used) > workspace.settings.min_photos:
            held_back = planned.photos[last]
            outcomes = [*outcomes[:last], *outcomes[last + 1 :]]
    return FirstEnrolment(finish(workspace, planned, outcomes, identity), held_back)
