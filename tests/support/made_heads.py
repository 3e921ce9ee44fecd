"""A simple head: five landmarks in space, turned and projected, with noise; and a flat picture of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
    """

    def __init__(
        self,
        points: Points,
        seed: int,
        *,
        mirrored: bool = False,
        angle: float | None = None,
        speed: float | None = None,
    ) -> None:
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
        centre = (320 + float(sway[0]), 200 + float(sway[1]))
        view = View(np.radians(self._yaw), np.radians(sway[2]), np.radians(sway[1]), centre)
        return face(self._points, view, 0.01, self._rng)
