"""A simple head: five landmarks in space, turned and projected, with noise; and a flat picture of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from faceunlock.photos.camera import Camera, Frame
from faceunlock.photos.face import Face

# x to the picture's right, y down, z away from the camera; in eye distances. The nose stands half of one in
# front of the plane of eyes and mouth.
HEAD = np.array(
    [(-0.5, 0.0, 0.0), (0.5, 0.0, 0.0), (0.0034, 0.569, -0.5), (-0.407, 1.154, 0.0), (0.421, 1.149, 0.0)]
)
PICTURE = HEAD * (1, 1, 0)

Points = NDArray[np.float64]


@dataclass(frozen=True)
class View:
    """Where a head is, and how it looks: angles in radians, `eyes` the eye distance in pixels."""

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    centre: tuple[float, float] = (320.0, 200.0)
    eyes: float = 60.0
    distance: float = 9.0


def project(points: Points, view: View) -> Points:
    """Return the pixels of points seen from `distance` eye distances; a positive yaw turns to the right."""
    (cy, sy), (cp, sp), (cr, sr) = (
        (np.cos(angle), np.sin(angle)) for angle in (view.yaw, view.pitch, view.roll)
    )
    yaw = np.array([(cy, 0, -sy), (0, 1, 0), (sy, 0, cy)])
    pitch = np.array([(1, 0, 0), (0, cp, -sp), (0, sp, cp)])
    roll = np.array([(cr, -sr, 0), (sr, cr, 0), (0, 0, 1)])
    turned = points @ (roll @ pitch @ yaw).T
    shrunk = view.distance / (view.distance + turned[:, 2:])
    return np.asarray(turned[:, :2] * shrunk * view.eyes + view.centre)


def face(points: Points, view: View, noise: float = 0.0, rng: np.random.Generator | None = None) -> Face:
    """Return the face that a detector would report; noise is a share of the eye distance."""
    seen = project(points, view)
    if rng is not None:
        seen = seen + rng.normal(0, noise * view.eyes, seen.shape)
    x, y = view.centre
    box = (x - view.eyes, y - 0.9 * view.eyes, x + view.eyes, y + 1.9 * view.eyes)
    return Face(box, tuple((float(a), float(b)) for a, b in seen), 0.999)


class Obedient:
    """A head, or a picture, that does what it is told after a moment.

    Parameters
    ----------
    points : ndarray
        `HEAD` or `PICTURE`.
    seed : int
        Of noise, manners and the little movements of somebody who sits still.
    mirrored : bool
        Whether the camera shows a mirror image.
    angle : float, optional
        How far it turns, in degrees; 32 to 42 when omitted.
    speed : float, optional
        Degrees a second; 50 to 90 when omitted.
    view : View, optional
        Where it sits, and how large it is.
    """

    def __init__(
        self,
        points: Points,
        seed: int,
        *,
        mirrored: bool = False,
        angle: float | None = None,
        speed: float | None = None,
        view: View | None = None,
    ) -> None:
        self._view = view or View()
        self._rng = np.random.default_rng(seed)
        self._points, self._mirrored = points, mirrored
        self._angle = self._rng.uniform(32, 42) if angle is None else angle
        self._speed = self._rng.uniform(50, 90) if speed is None else speed
        self._late = self._rng.uniform(0.2, 0.7)
        self._sway = self._rng.uniform(-2, 2, 3)
        self._wanted, self._due, self._now, self._yaw = 0.0, 0.0, 0.0, 0.0
        self._next = 0.0

    def hear(self, word: str, now: float) -> None:
        """Turn to the person's left or right, or back, after the time that it takes to understand."""
        left = 1 if not self._mirrored else -1
        wanted = {"left": left * self._angle, "right": -left * self._angle, "back": 0.0}.get(str(word))
        if wanted is not None:
            self._next, self._due = wanted, now + self._late

    def face(self, now: float) -> Face:
        """Return what a detector would find at a time; later than the time before."""
        if now >= self._due:
            self._wanted = self._next
        reach = self._speed * (now - self._now)
        self._yaw += float(np.clip(self._wanted - self._yaw, -reach, reach))
        self._now = now
        sway = self._sway * np.sin(now)
        x, y = self._view.centre
        view = replace(
            self._view,
            yaw=np.radians(self._yaw),
            pitch=np.radians(sway[2]),
            roll=np.radians(sway[1]),
            centre=(x + float(sway[0]), y + float(sway[1])),
        )
        return face(self._points, view, 0.01, self._rng)


MARK = np.array((9, 8, 7), dtype=np.uint8)
"""Colour that marks a face in a painted frame; the next pixels hold the person and the face's numbers."""


def paint_heads(faces: list[tuple[int, Face]], size: tuple[int, int] = (300, 400)) -> NDArray[np.uint8]:
    """Paint a frame that carries its own answers: persons and their faces, for `HeadDetector`."""
    image = np.full((*size, 3), 128, dtype=np.uint8)
    for person, one in faces:
        left, top, right, bottom = (round(edge) for edge in one.box)
        texture = np.random.default_rng(1).integers(40, 200, (bottom - top, right - left, 1), dtype=np.uint8)
        image[top:bottom, left:right] = texture
        numbers = np.array([*one.box, *np.ravel(one.landmarks)], dtype="<f4") - np.tile((left, top), 7)
        coded = np.array([*numbers, one.confidence], dtype="<f4").tobytes()
        image[top, left], image[top, left + 1] = MARK, (person // 256, person % 256, 0)
        image[top, left + 2 : left + 2 + len(coded) // 3] = np.frombuffer(coded, np.uint8).reshape(-1, 3)
    return image


class HeadDetector:
    """Finds the faces that `paint_heads` painted."""

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []

    def detect(self, image: NDArray[np.uint8]) -> list[Face]:
        """Return them, the largest first."""
        self.shapes.append(image.shape)
        found = []
        for top, left in np.argwhere((image == MARK).all(axis=2)):
            coded = image[top, left + 2 : left + 22].tobytes()
            if len(coded) < 60:
                continue
            numbers = np.frombuffer(coded, "<f4").astype(float)
            where = (numbers[:14] + np.tile((left, top), 7)).tolist()
            points = tuple(zip(where[4::2], where[5::2], strict=True))
            found.append(Face((where[0], where[1], where[2], where[3]), points, float(numbers[14])))
        return sorted(found, key=lambda one: one.area, reverse=True)


class Stage:
    """What stands before a fake camera: a capture as OpenCV's, with a script for each frame.

    Parameters
    ----------
    frame : callable
        Takes the time in seconds and returns an RGB frame, or None where the frames end.
    rate : float
        Frames a second.
    """

    def __init__(self, frame: Callable[[float], NDArray[np.uint8] | None], rate: float = 10.0) -> None:
        self._frame, self.rate, self._number = frame, rate, 0
        self.released = False

    @property
    def now(self) -> float:
        """The time of the last frame."""
        return max(0, self._number - 1) / self.rate

    def get(self, _: int) -> float:
        """Return the rate, the only property that is asked for."""
        return self.rate

    def read(self) -> tuple[bool, NDArray[np.uint8]]:
        """Return the next frame, in OpenCV's order of colours."""
        self._number += 1
        image = self._frame(self.now)
        return (False, np.empty(0, np.uint8)) if image is None else (True, image[:, :, ::-1])

    def release(self) -> None:
        """Note that the camera was let go."""
        self.released = True


class Live(Camera):
    """A device whose time is that of its frames, so that no test waits."""

    def frames(self, seconds: float) -> Iterator[Frame]:
        start = None
        while True:
            _, pixels = self._capture.read()
            start = self._capture.now if start is None else start
            if self._capture.now - start > seconds:
                return
            yield Frame(self.name, self._capture.now - start, np.ascontiguousarray(pixels[:, :, ::-1]))
