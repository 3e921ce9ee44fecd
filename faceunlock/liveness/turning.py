"""How far a head has turned, from five landmarks: a flat picture keeps its nose where it is.

A camera sees a plane through a homography, which for a face far from the camera is nearly an affinity. Map
the eyes and the corners of the mouth of a picture back to where they belong, and its nose comes back as well,
however the picture is tilted. The nose of a head stands in front of that plane, and moves aside as it turns.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from faceunlock.photos.face import Face

EYES_AND_MOUTH = ((38.29, 51.70), (73.53, 51.50), (41.55, 92.37), (70.73, 92.20))
"""Where eyes and corners of the mouth belong, in the order of `Face.landmarks` without the nose."""

NOSE = 56.03
"""Where the nose of a frontal face is between them, from left to right."""

EYE_DISTANCE = 35.24
"""Distance of the eyes there: the unit of `nose_offset`."""

CONFIDENCE = 0.99
"""Frames with a less certain face are not counted."""

FRONTAL = 0.10
"""A face with an offset of at most this, to either side, looks ahead."""

TURNED = 0.25
"""A turned head reaches this on both sides, seen from its own middle; no print of benchmarks/liveness.py did."""

TANGENT = 0.5
"""Offset of a head, divided by the tangent of its angle: .46 to .51 in 565 frames of heads."""


def nose_offset(landmarks: Sequence[tuple[float, float]]) -> float | None:
    """Return how far the nose is to the side of the middle of a face, with every tilt of a plane taken out.

    Eyes and corners of the mouth are mapped onto `EYES_AND_MOUTH` by the affinity that fits them best, and
    the nose is carried along.

    Parameters
    ----------
    landmarks : sequence of (float, float)
        Five points as in `faceunlock.photos.face.Face`, in pixels.

    Returns
    -------
    float or None
        In eye distances, positive towards the picture's right. About `TANGENT` * tan(yaw) for a head. None if
        eyes and mouth are not the corners of a convex quadrilateral, so that no view of a face has them.

    Examples
    --------
    >>> eyes_nose_mouth = [(38.29, 51.7), (73.53, 51.5), (65.0, 71.7), (41.55, 92.37), (70.73, 92.2)]
    >>> round(nose_offset(eyes_nose_mouth), 2)
    0.25
    >>> round(nose_offset([(3 * x + y, 2 * y - x) for x, y in eyes_nose_mouth]), 2)
    0.25
    """
    points = np.array(landmarks, dtype=np.float64)
    corners = points[[0, 1, 3, 4]]
    if not np.isfinite(points).all() or not _convex(corners[[0, 1, 3, 2]]):
        return None
    # Around their middle and in their own size, so that small faces in large pictures lose no precision.
    middle = corners.mean(axis=0)
    size = float(np.abs(corners - middle).max())
    rows = np.column_stack([(corners - middle) / size, np.ones(4)])
    fitted = np.linalg.lstsq(rows, np.array(EYES_AND_MOUTH)[:, 0], rcond=None)[0]
    nose = np.append((points[2] - middle) / size, 1.0)
    return float((nose @ fitted - NOSE) / EYE_DISTANCE)


def offset_of(face: Face) -> float | None:
    """Return `nose_offset` of a face; None also if the detector is not sure of it."""
    return nose_offset(face.landmarks) if face.confidence >= CONFIDENCE else None


@dataclass(frozen=True, slots=True)
class Excursions:
    """How far a face went to either side of its own middle.

    Attributes
    ----------
    middle : float
        The offset of the face when it looked ahead.
    left, right : float
        The largest excursion towards the picture's left and right, in eye distances, at least 0.
    """

    middle: float
    left: float
    right: float

    @property
    def one_side(self) -> float:
        """The larger of the two: E1. A print can be bent to about .2; a head turns further."""
        return max(self.left, self.right)

    @property
    def both_sides(self) -> float:
        """The smaller of the two: E2, which tells a turning head from a picture that is moved."""
        return min(self.left, self.right)


def smooth(offsets: Iterable[float]) -> list[float]:
    """Return the median of every three offsets in a row, so that one bad frame moves nothing.

    Examples
    --------
    >>> smooth([0.0, 0.9, 0.1, 0.2])
    [0.1, 0.2]
    """
    known = list(offsets)
    return [median(known[start : start + 3]) for start in range(len(known) - 2)]


def middle(offsets: Iterable[float]) -> float | None:
    """Return the median of the frontal offsets, `FRONTAL` or nearer to 0; None if there are none.

    Examples
    --------
    >>> middle([0.02, 0.4, 0.04, 0.03])
    0.03
    """
    frontal = [offset for offset in offsets if abs(offset) <= FRONTAL]
    return median(frontal) if frontal else None


def excursions(offsets: Sequence[float | None]) -> Excursions | None:
    """Return how far the face of a clip turned to either side.

    Parameters
    ----------
    offsets : sequence of float or None
        `offset_of` the face in every frame; frames with None are left out.

    Returns
    -------
    Excursions or None
        None if the face never looks ahead, or fewer than three frames count.

    Examples
    --------
    >>> turned = excursions([0.0, 0.0, 0.0, 0.3, 0.3, 0.3, 0.0, 0.0, -0.2, -0.2, -0.2])
    >>> turned.one_side, turned.both_sides
    (0.3, 0.2)
    """
    known = [offset for offset in offsets if offset is not None]
    ahead = middle(known)
    smoothed = smooth(known)
    if ahead is None or not smoothed:
        return None
    return Excursions(ahead, max(0.0, ahead - min(smoothed)), max(0.0, max(smoothed) - ahead))


def _convex(polygon: np.ndarray) -> bool:
    """Return whether corners, clockwise as seen in the picture, form a convex polygon of some area."""
    sides = np.roll(polygon, -1, axis=0) - polygon
    following = np.roll(sides, -1, axis=0)
    turns = sides[:, 0] * following[:, 1] - sides[:, 1] * following[:, 0]
    return bool((turns > 0).all())
