"""The frames of one dialogue of turns: what is seen in them, and what of it somebody else judges."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from random import SystemRandom
from typing import TYPE_CHECKING, Protocol

from faceunlock.errors import CameraError, PhotoError
from faceunlock.liveness.asking import LONGEST, Word, random_pauses, random_turns
from faceunlock.liveness.dialogue import DENIED, Dialogue, Step
from faceunlock.photos.face import RGBImage, measure_quality

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from faceunlock.liveness.dialogue import Turned
    from faceunlock.photos.camera import Frame
    from faceunlock.photos.face import Face, Quality
    from faceunlock.pipeline.acquisition import Acquisition
    from faceunlock.pipeline.enrolment import Gates
    from faceunlock.settings import Settings
    from faceunlock.tasks.sitting import Frames

Deny = Callable[[Sequence[tuple[RGBImage, "Face"]]], float | None]
"""Returns the live score of the frontal frames, 0 to 1; None if there is nothing to score them with."""

SHOWN = ("left", "right", "last")
"""The parts of a dialogue in each of which the person of the beginning must be seen."""

KEPT_FRAMES = 4
"""Frames of each part that are compared if the first ones do not match: a quick turn blurs some."""

COMPARING_SECONDS = 2.0
"""How long a camera goes on for a dialogue that has nothing more to ask."""


class Judge(Protocol):
    """Knows who is enrolled, and decides; sees no picture."""

    def tell(self, word: Word) -> None:
        """Say a word of the dialogue to the person before the camera."""
        ...

    def known(self, embedding: NDArray[np.float32], quality: Quality) -> bool:
        """Return whether the first frontal frame shows somebody enrolled; after a yes the attempt counts."""
        ...

    def shows(self, part: str, embedding: NDArray[np.float32]) -> bool:
        """Return whether a later frame, of one of the parts in `SHOWN`, shows the same person."""
        ...


def hold(
    frames: Frames,
    acquisition: Acquisition,
    gates: Gates,
    settings: Settings,
    deny: Deny | None,
    judge: Judge,
    *,
    mirrored: bool,
) -> Turned | None:
    """Hold a dialogue whose turns and pauses nobody can know; see `Watch.talk`, which also raises.

    Parameters
    ----------
    frames : callable
    acquisition : Acquisition
    gates : Gates
        What a frontal frame must meet.
    settings : Settings
    deny, judge
        As for `Watch`.
    mirrored : bool
        Whether the camera shows a mirror image.
    """
    random, patience = SystemRandom(), settings.camera_seconds
    dialogue = Dialogue(random_turns(random), random_pauses(random), mirrored=mirrored, patience=patience)
    watch = Watch(acquisition, requirement(gates, settings.min_face_pixels), deny, judge)
    return watch.talk(frames(patience + LONGEST + COMPARING_SECONDS), dialogue)


def requirement(gates: Gates, smallest: float) -> Callable[[RGBImage, Face], PhotoError | None]:
    """Return what a frontal frame must meet: the same as a photo from a camera.

    Parameters
    ----------
    gates : Gates
    smallest : float
        Shorter side of the smallest face box, in pixels.
    """

    def fault(image: RGBImage, face: Face) -> PhotoError | None:
        if face.size < smallest:
            return PhotoError(
                "face-too-small", f"the face is {int(face.size)} pixels wide, at least {smallest} needed"
            )
        return gates.fault(measure_quality(image, face))

    return fault


class Watch:
    """Watches one dialogue.

    Parameters
    ----------
    acquisition : Acquisition
        Finds and embeds faces.
    fault : callable
        As `requirement` returns it.
    deny : callable or None
        May refuse the frontal frames; it can only deny.
    judge : Judge
    """

    def __init__(
        self,
        acquisition: Acquisition,
        fault: Callable[[RGBImage, Face], PhotoError | None],
        deny: Deny | None,
        judge: Judge,
    ) -> None:
        from faceunlock.pipeline.detection.following import FollowingDetector

        self._fault, self._deny, self._judge = fault, deny, judge
        self._embedder = acquisition.embedder
        self._detector = FollowingDetector(acquisition.detector)
        self._frontal: list[tuple[RGBImage, Face]] = []
        self._crops: dict[str, list[NDArray[np.uint8]]] = {part: [] for part in SHOWN}

    def talk(self, frames: Iterable[Frame], dialogue: Dialogue) -> Turned | None:
        """Hold the dialogue, and return what it saw; None if the first frames show nobody enrolled.

        Raises
        ------
        PhotoError
            ``not-live``, ``face-changed``, ``turn-too-fast``, or what `Dialogue` raises.
        CameraError
            The camera fails before the first turn.
        """
        from faceunlock.photos.camera import light

        with _stopped(dialogue):
            for frame in frames:
                faces = self._detector.detect(frame.image, frame.seconds)
                dark = not faces and light(frame.image) != "lit"
                step = dialogue.see(frame.seconds, faces, dark=dark, fault=partial(self._fault, frame.image))
                for word in step.words:
                    self._judge.tell(word)
                self._keep(frame.image, step)
                if step.state == "ready":
                    if not self._known():
                        return None
                    self._judge.tell(dialogue.begin(frame.seconds))
                elif step.state == "done":
                    self._compare()
                    return dialogue.result()
        raise dialogue.ended()

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
        quality = measure_quality(image, face)
        self._frontal = []
        return self._judge.known(self._embedded(self._embedder.crop(image, face)), quality)

    def _compare(self) -> None:
        """Refuse unless a frame of each side, and the last one, show the person of the beginning."""
        for part, crops in self._crops.items():
            if not crops:
                raise PhotoError("turn-too-fast", f"no frame shows the turn to the {part} sharply enough")
            if not any(self._judge.shows(part, self._embedded(crop)) for crop in crops):
                raise PhotoError("face-changed")

    def _embedded(self, crop: NDArray[np.uint8]) -> NDArray[np.float32]:
        found: NDArray[np.float32] = self._embedder.embed(crop[None])[0]
        return found


@contextmanager
def _stopped(dialogue: Dialogue) -> Iterator[None]:
    """Turn a camera that fails during the turns into an end of the dialogue, so that it counts."""
    try:
        yield
    except CameraError as error:
        if not dialogue.begun:
            raise
        raise PhotoError("frames-stopped", error.message) from error
