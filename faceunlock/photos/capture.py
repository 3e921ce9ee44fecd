"""Photos from camera frames: the first good one to verify, several different ones to enroll."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from faceunlock.errors import PhotoError
from faceunlock.photos.camera import Frame, light
from faceunlock.photos.face import RGBImage
from faceunlock.photos.photo import DEFAULT_MAX_PIXELS, PhotoFile

Examine = Callable[[PhotoFile], object]
"""Looks at a photo and raises `PhotoError` if its face is not good enough."""

APART_SECONDS = 0.4
"""Least time in seconds between frames to enroll: frames of one moment add nothing new."""

DIFFERENT = 1.0
"""Least mean difference of two frames to enroll, at 32 pixels, in grey levels; noise stays well below it."""


@dataclass(frozen=True, slots=True, eq=False)
class Capture:
    """A photo taken by a camera.

    Attributes
    ----------
    photo : PhotoFile
        The first frame with a good face.
    camera : str
        Name of the camera.
    """

    photo: PhotoFile
    camera: str


class Look:
    """Examines frames, and remembers why they were not good enough.

    Parameters
    ----------
    examine : callable
        Raises `PhotoError` for a photo that is not good enough.
    max_pixels : int
        Larger frames are refused.
    """

    def __init__(self, examine: Examine, max_pixels: int = DEFAULT_MAX_PIXELS) -> None:
        self._examine, self._max_pixels = examine, max_pixels
        self._reasons: Counter[str] = Counter()
        self._last: dict[str, PhotoError] = {}
        self._frames, self._seconds, self._camera = 0, 0.0, "the camera"

    def __call__(self, frame: Frame) -> PhotoFile | None:
        """Return the frame as a photo if its face is good enough, otherwise None."""
        self._frames, self._seconds, self._camera = self._frames + 1, frame.seconds, frame.camera
        photo = frame.photo(self._max_pixels)
        lit = light(frame.image)
        try:
            if lit == "black":
                raise PhotoError("camera-black", "the picture is black")
            self._examine(photo)
        except PhotoError as error:
            dark = lit == "dark" and error.slug == "no-face"
            refusal = PhotoError("camera-dark", "the picture is dark") if dark else error
            self._reasons[refusal.slug] += 1
            detail = refusal.message.removeprefix(f"{photo.name}: ")
            self._last[refusal.slug] = PhotoError(refusal.slug, detail, hint=refusal.hint)
            return None
        return photo

    def failure(self) -> PhotoError:
        """Return the error for the most frequent reason why no frame was good."""
        if not self._reasons:
            return PhotoError("no-face", f"{self._camera}: no picture came in time")
        error = self._last[self._reasons.most_common(1)[0][0]]
        frames = "1 frame" if self._frames == 1 else f"{self._frames} frames"
        return PhotoError(
            error.slug,
            f"{self._camera}: no good face in {frames} of {self._seconds:.1f} s, mostly: {error.message}",
            hint=error.hint,
        )


def one_good(frames: Iterable[Frame], look: Look) -> Capture:
    """Return the first frame with a good face.

    Raises
    ------
    PhotoError
        If the frames end before one is good. The slug is the most frequent reason, such as ``camera-black``,
        ``camera-dark`` or ``no-face``.
    """
    for frame in frames:
        photo = look(frame)
        if photo is not None:
            return Capture(photo, frame.camera)
    raise look.failure()


def several_good(frames: Iterable[Frame], look: Look, count: int) -> Iterator[PhotoFile]:
    """Yield up to `count` good frames that are `APART_SECONDS` apart and differ from each other.

    Raises
    ------
    PhotoError
        As `one_good`, if no frame at all is good.
    """
    taken: list[NDArray[np.float32]] = []
    due = 0.0
    for frame in frames:
        if len(taken) == count:
            return
        if frame.seconds < due:
            continue
        small = _small(frame.image)
        if any(float(np.abs(small - earlier).mean()) < DIFFERENT for earlier in taken):
            continue
        photo = look(frame)
        if photo is not None:
            taken.append(small)
            due = frame.seconds + APART_SECONDS
            yield photo
    if not taken:
        raise look.failure()


def _small(image: RGBImage) -> NDArray[np.float32]:
    picture = Image.fromarray(image).convert("L").resize((32, 32), Image.Resampling.BOX)
    return np.asarray(picture, dtype=np.float32)
