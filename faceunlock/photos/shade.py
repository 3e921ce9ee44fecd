"""Whether the eyes of a face lie in shade: under a cap, behind dark glasses, below a lamp."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

LEAST_EYE_LIGHT = 0.35
"""Light of the eyes beside the cheeks below which they are called shaded. Source: ``benchmarks/eyes.py``."""

ACROSS, DOWN = 0.28, 0.2
"""Half the width and half the height of the part that is read around a point, in eye distances."""


def eye_light(luma: NDArray[np.float64], landmarks: Sequence[tuple[float, float]]) -> float | None:
    """Return how light the eyes are beside the cheeks below them.

    It is the median luma around both eyes, divided by the median luma around the two points halfway from each
    eye to its corner of the mouth. A tan, or a dark picture, changes both alike.

    Parameters
    ----------
    luma : ndarray of float, shape (height, width)
        A picture of the face, 0 to 255.
    landmarks : sequence of (float, float)
        Five points as in `faceunlock.photos.face.Face`, in pixels of `luma`.

    Returns
    -------
    float or None
        0 for black; about 0.8 in even light. None without five landmarks inside the picture, and where the
        cheeks are black, too.

    Examples
    --------
    >>> picture = np.full((100, 100), 120.0)
    >>> picture[20:50] = 30
    >>> eye_light(picture, [(35, 38), (65, 38), (50, 55), (38, 75), (62, 75)])
    0.25
    """
    if len(landmarks) != 5:
        return None
    points = np.array(landmarks, dtype=np.float64)
    if not np.isfinite(points).all():
        return None
    distance = float(np.hypot(*(points[1] - points[0])))
    cheeks = (points[:2] + points[3:]) / 2
    eyes, below = (_median_around(luma, where, distance) for where in (points[:2], cheeks))
    return None if eyes is None or not below else round(eyes / below, 4)


def _median_around(luma: NDArray[np.float64], points: NDArray[np.float64], distance: float) -> float | None:
    """Return the median luma of the parts around points; None if one is not inside."""
    height, width = luma.shape
    parts = []
    for x, y in points:
        left, right = round(x - ACROSS * distance), round(x + ACROSS * distance) + 1
        top, bottom = round(y - DOWN * distance), round(y + DOWN * distance) + 1
        if not (0 <= x < width and 0 <= y < height):
            return None
        parts.append(luma[max(0, top) : bottom, max(0, left) : right].ravel())
    values = np.concatenate(parts)
    # Not np.median: it imports numpy.ma, which takes a third of the time of importing NumPy.
    return float(np.partition(values, values.size // 2)[values.size // 2])
