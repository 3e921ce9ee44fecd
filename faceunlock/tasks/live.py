"""Verification of somebody who is there: a camera, a dialogue of turns, and the decision of a photo."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from faceunlock.errors import CameraError, PhotoError
from faceunlock.liveness.asking import LONGEST, Word, random_pauses, random_turns
from faceunlock.liveness.dialogue import DENIED, Dialogue, Step
from faceunlock.photos.face import RGBImage, measure_quality
from faceunlock.photos.folders import PHOTO_SUFFIXES
from faceunlock.tasks.liveness import denial
from faceunlock.tasks.mirrors import is_mirrored
from faceunlock.tasks.verify import Candidates, Verification, candidates
from faceunlock.tasks.workspace import Workspace, check_threshold, open_camera, quality_gates

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from faceunlock.gallery.attempts import Attempt
    from faceunlock.liveness.dialogue import Turned
    from faceunlock.matching.similarity import Decision
    from faceunlock.photos.camera import Frame
    from faceunlock.photos.face import Face, Quality
    from faceunlock.pipeline.acquisition import Acquisition
    from faceunlock.settings import Security

Tell = Callable[[Word], None]
"""Says a word of the dialogue to the person before the camera."""

Deny = Callable[[Sequence[tuple[RGBImage, "Face"]]], float | None]
"""Returns the live score of the frontal frames, 0 to 1; None if there is nothing to score them with."""

Requirement = Callable[[RGBImage, "Face"], PhotoError | None]
"""Returns why a face in a frame is not good enough to decide about, or None."""

KEPT_FRAMES = 4
"""Frames of each side that are compared if the first ones do not match: a quick turn blurs some."""


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
        with open_camera(workspace, device) as camera:
            acquisition = people.load(threshold, security)
            deny = deny or denial(workspace)
            session = _Session(people, acquisition, _requirement(workspace, people), deny)
            random = SystemRandom()
            dialogue = Dialogue(
                random_turns(random),
                random_pauses(random),
                mirrored=is_mirrored(workspace, device),
                patience=settings.camera_seconds,
            )
            frames = camera.frames(settings.camera_seconds + LONGEST + 2.0)
            turned = session.talk(frames, dialogue, attempt, tell)
        return session.settle(attempt, turned)


def _requirement(workspace: Workspace, people: Candidates) -> Requirement:
    """Return what a frontal frame must meet: the same as a photo from a camera."""
    gates, smallest = quality_gates(workspace, people.identity), workspace.settings.min_face_pixels

    def fault(image: RGBImage, face: Face) -> PhotoError | None:
        if face.size < smallest:
            return PhotoError(
                "face-too-small", f"the face is {int(face.size)} pixels wide, at least {smallest} needed"
            )
        return gates.fault(measure_quality(image, face))

    return fault


class _Session:
    """The frames of one dialogue, and what is compared of them.

    Parameters
    ----------
    people : Candidates
        Who may be there.
    acquisition : Acquisition
        Finds and embeds faces.
    fault : callable
        Returns why a frontal face is not good enough, or None.
    deny : callable or None
        As for `verify_live`.
    """

    def __init__(
        self, people: Candidates, acquisition: Acquisition, fault: Requirement, deny: Deny | None
    ) -> None:
        from faceunlock.pipeline.detection.following import FollowingDetector

        self._people, self._fault, self._deny = people, fault, deny
        self._embedder = acquisition.embedder
        self._detector = FollowingDetector(acquisition.detector)
        self._frontal: list[tuple[RGBImage, Face]] = []
        self._crops: dict[str, list[NDArray[np.uint8]]] = {"left": [], "right": [], "last": []}
        self._embedding: NDArray[np.float32] | None = None
        self._quality: Quality | None = None
        self._person: str | None = None
        self._refused: Decision | None = None

    def talk(
        self, frames: Iterator[Frame], dialogue: Dialogue, attempt: Attempt, tell: Tell
    ) -> Turned | None:
        """Hold the dialogue, and return what it saw; None if the first frames show nobody enrolled."""
        from faceunlock.photos.camera import light

        with _stopped(dialogue):
            for frame in frames:
                faces = self._detector.detect(frame.image, frame.seconds)
                dark = not faces and light(frame.image) != "lit"
                step = dialogue.see(frame.seconds, faces, dark=dark, fault=partial(self._fault, frame.image))
                for word in step.words:
                    tell(word)
                self._keep(frame.image, step)
                if step.state == "ready":
                    if not self._known():
                        return None
                    attempt.charge()
                    tell(dialogue.begin(frame.seconds))
                elif step.state == "done":
                    self._compare()
                    return dialogue.result()
        raise dialogue.ended()

    def settle(self, attempt: Attempt, turned: Turned | None) -> Verification:
        """Decide, count and log, as for a photo."""
        if self._embedding is None or self._quality is None:
            raise TypeError("nothing was seen")
        answer = self._people.answering(self._embedding, self._quality, turned, counted=attempt.counted)

        def checked(admitted: Collection[str]) -> Verification:
            found = answer(admitted)
            if found.decision.match and (turned is None or found.decision.name != self._person):
                raise PhotoError("face-changed")
            return found

        return attempt.settle(self._people.names, checked)

    def _keep(self, image: RGBImage, step: Step) -> None:
        """Keep what may be compared: whole frontal frames until the first turn, then crops."""
        if step.use == "frontal" and step.face is not None:
            self._frontal.append((image, step.face))
        self._frontal = self._frontal[len(self._frontal) - step.frontal :] if step.frontal else []
        if step.use is not None and step.use != "frontal" and step.face is not None:
            kept = self._crops[step.use]
            if len(kept) < KEPT_FRAMES:
                with suppress(PhotoError):  # landmarks that allow no crop
                    kept.append(self._embedder.crop(image, step.face))

    def _known(self) -> bool:
        """Return whether the first frontal frame shows somebody enrolled; refuse a picture."""
        score = None if self._deny is None else self._deny(self._frontal)
        if score is not None and score < DENIED:
            raise PhotoError("not-live", "the frames look like a picture of a face")
        image, face = self._frontal[0]
        self._embedding = self._embedder.embed(self._embedder.crop(image, face)[None])[0]
        self._quality = measure_quality(image, face)
        decision = self._people.decision(self._embedding)
        self._person = decision.name if decision.match else None
        self._frontal = []
        return decision.match

    def _compare(self) -> None:
        """Refuse unless a frame of each side, and the last one, show the person of the beginning."""
        for use, crops in self._crops.items():
            if not crops:
                raise PhotoError("turn-too-fast", f"no frame shows the turn to the {use} sharply enough")
            if not any(self._shows(crop) for crop in crops):
                raise PhotoError("face-changed")

    def _shows(self, crop: NDArray[np.uint8]) -> bool:
        decision = self._people.decision(self._embedder.embed(crop[None])[0], only=self._person)
        return decision.match


@contextmanager
def _stopped(dialogue: Dialogue) -> Iterator[None]:
    """Turn a camera that fails during the turns into an end of the dialogue, so that it counts."""
    try:
        yield
    except CameraError as error:
        if not dialogue.begun:
            raise
        raise PhotoError("frames-stopped", error.message) from error
