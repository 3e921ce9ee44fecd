"""Verification of somebody who is there: a camera, a dialogue of turns, and the decision of a photo."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from faceunlock.errors import PhotoError
from faceunlock.liveness.asking import Word
from faceunlock.photos.folders import PHOTO_SUFFIXES
from faceunlock.tasks.liveness import denial
from faceunlock.tasks.mirrors import is_mirrored
from faceunlock.tasks.turns import SHOWN, Deny, hold
from faceunlock.tasks.verify import Candidates, Verification, candidates
from faceunlock.tasks.workspace import (
    Workspace,
    apart_camera,
    check_threshold,
    is_apart,
    open_camera,
    quality_gates,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from faceunlock.gallery.attempts import Admitted, Attempt
    from faceunlock.liveness.dialogue import Turned
    from faceunlock.photos.face import Quality
    from faceunlock.settings import Security

Tell = Callable[[Word], None]
"""Says a word of the dialogue to the person before the camera."""


class LiveOptions(TypedDict, total=False):
    """Options of `verify_live`."""

    threshold: float | None
    security: Security | None
    tell: Tell
    deny: Deny | None
    count: bool


def verify_live(
    workspace: Workspace,
    device: str | None = None,
    name: str | None = None,
    *,
    threshold: float | None = None,
    security: Security | None = None,
    tell: Tell = lambda _: None,
    deny: Deny | None = None,
    count: bool = True,
) -> Verification:
    """Decide whether an enrolled person sits before a camera and turns the head as asked.

    The first frontal frame decides, at the threshold of `faceunlock.tasks.verify.verify`. What follows can
    only refuse. No frame is kept.

    Parameters
    ----------
    workspace : Workspace
        Provides the enrolled people and counts the attempt: from the first turn on as a failure, even if this
        process is killed.
    device : str, optional
        A number, a device file or a video file; the setting ``camera`` when omitted.
    name : str, optional
        The claimed person; everyone enrolled when omitted.
    threshold, security
        As for `faceunlock.tasks.verify.verify`.
    tell : callable
        Says each word as soon as it is due.
    deny : callable, optional
        Scores the frontal frames; below `DENIED` they are taken for a picture. It can only refuse. When
        omitted: MiniFASNet, where its weights are and the setting ``texture`` is on.
    count : bool
        As for `faceunlock.tasks.verify.verify`.

    Raises
    ------
    LockoutError
        ``locked-out``; the camera is then not opened.
    CameraError
        The camera cannot be used.
    PhotoError
        ``not-live``, ``face-changed``, or what `faceunlock.liveness.dialogue.Dialogue` raises.
    GalleryError, ModelError, SettingsError
        As for `faceunlock.tasks.verify.verify`.
    """
    check_threshold(threshold, security)
    settings = workspace.settings
    device = settings.camera if device is None else device
    if Path(device).suffix.lower() in PHOTO_SUFFIXES:
        raise PhotoError("no-living-person", f"{device} is a photo, which cannot show that somebody is there")
    with workspace.attempts.attempt(f"camera {device}", count=count) as attempt:
        people = candidates(workspace, attempt, name)
        judge = _Judge(people, attempt, tell)
        mirrored = is_mirrored(workspace, device)
        if is_apart(workspace) and deny is None:
            device = apart_camera(workspace, device)
            reader = people.load_apart(threshold, security)
            gates = quality_gates(workspace, people.identity)
            turned = reader.dialogue(device, gates, judge, mirrored=mirrored)
            return judge.settle(turned)
        with open_camera(workspace, device) as camera:
            acquisition = people.load(threshold, security)
            gates = quality_gates(workspace, people.identity)
            deny = deny or denial(workspace)
            turned = hold(camera.frames, acquisition, gates, settings, deny, judge, mirrored=mirrored)
        return judge.settle(turned)


class _Judge:
    """Decides about what a `Watch` sees, counts the attempt and logs it.

    Parameters
    ----------
    people : Candidates
        Who may be there.
    attempt : Attempt
    tell : callable
        Says a word.
    """

    def __init__(self, people: Candidates, attempt: Attempt, tell: Tell) -> None:
        self._people, self._attempt, self.tell = people, attempt, tell
        self._first: tuple[NDArray[np.float32], Quality] | None = None
        self._person: str | None = None
        self._shown: set[str] = set()

    def known(self, embedding: NDArray[np.float32], quality: Quality) -> bool:
        """Decide about the first frontal frame, once."""
        if self._first is not None:
            raise PhotoError("face-changed", "the first frame cannot be shown twice")
        self._first = embedding, quality
        decision = self._people.decision(embedding)
        self._person = decision.name if decision.match else None
        if decision.match:
            self._attempt.charge()
        return decision.match

    def shows(self, part: str, embedding: NDArray[np.float32]) -> bool:
        """Decide whether a later frame shows the person of the first one."""
        match = self._person is not None and self._people.decision(embedding, only=self._person).match
        if match:
            self._shown.add(part)
        return match

    def settle(self, turned: Turned | None) -> Verification:
        """Decide, count and log, as for a photo."""
        if self._first is None:
            raise TypeError("nothing was seen")
        answer = self._people.answering(*self._first, turned, counted=self._attempt.counted)

        def checked(admitted: Admitted) -> Verification:
            found = answer(admitted)
            complete = turned is not None and self._shown.issuperset(SHOWN)
            if found.decision.match and (not complete or found.decision.name != self._person):
                raise PhotoError("face-changed")
            return found

        return self._attempt.settle(self._people.names, checked)
