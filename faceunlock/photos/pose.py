"""How a face stands in its photo: how far it is turned, and how much of it the edge of the photo cuts off.

A camera sees a plane through a homography, which for a face far from the camera is nearly an affinity. Map
the eyes and the corners of the mouth of a picture back to where they belong, and its nose comes back as well,
however the picture is tilted. The nose of a head stands in front of that plane, and moves aside as it turns.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import atan, degrees

import numpy as np

EYES_AND_MOUTH = ((38.29, 51.70), (73.53, 51.50), (41.55, 92.37), (70.73, 92.20))
"""Where eyes and corners of the mouth belong, in the order of `Face.landmarks` without the nose."""

NOSE = 56.03
"""Where the nose of a frontal face is between them, from left to right."""

EYE_DISTANCE = 35.24
"""Distance of the eyes there: the unit of `nose_offset`."""

TANGENT = 0.5
"""Offset of a head, divided by the tangent of its angle: .46 to .51 in 565 frames of heads."""

MOST_TURN = 40.0
"""Degrees to the side beyond which a face is called turned. Source: ``benchmarks/pose.py``."""

MOST_CUT_OFF = 0.2
"""Share of a face's box outside the photo beyond which it is called cut off. Source: the same."""


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
    if len(landmarks) != len(EYES_AND_MOUTH) + 1:
        return None
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


def _convex(polygon: np.ndarray) -> bool:
    """Return whether corners, clockwise as seen in the picture, form a convex polygon of some area."""
    sides = np.roll(polygon, -1, axis=0) - polygon
    following = np.roll(sides, -1, axis=0)
    turns = sides[:, 0] * following[:, 1] - sides[:, 1] * following[:, 0]
    return bool((turns > 0).all())


def yaw(landmarks: Sequence[tuple[float, float]]) -> float | None:
    """Return the angle by which a head is turned to the side, estimated from its five landmarks.

    Parameters
    ----------
    landmarks : sequence of (float, float)
        As for `nose_offset`.

    Returns
    -------
    float or None
        In degrees, positive towards the picture's right; None where `nose_offset` is.

    Examples
    --------
    >>> round(yaw([(38.29, 51.7), (73.53, 51.5), (65.0, 71.7), (41.55, 92.37), (70.73, 92.2)]))
    27
    """
    offset = nose_offset(landmarks)
    return None if offset is None else degrees(atan(offset / TANGENT))


def outside(box: tuple[float, float, float, float], shape: tuple[int, ...]) -> float:
    """Return the share of a face's box that lies outside its photo, 0 to 1.

    Parameters
    ----------
    box : tuple of float
        Left, top, right, bottom in pixels.
    shape : tuple of int
        Height and width of the photo (further entries are ignored).

    Examples
    --------
    >>> outside((-20, 0, 80, 100), (300, 400))
    0.2
    """
    left, top, right, bottom = box
    area = (right - left) * (bottom - top)
    across = min(right, shape[1]) - max(left, 0.0)
    down = min(bottom, shape[0]) - max(top, 0.0)
    if area <= 0:
        return 0.0
    return round(1.0 - max(0.0, across) * max(0.0, down) / area, 6)
