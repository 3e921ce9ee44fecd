"""A check of a clip: does the face move by itself, or rigidly together with its surroundings?"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceunlock.photos.camera import opencv
from faceunlock.photos.face import Face, RGBImage

AROUND = 1.8
"""The surroundings of a face are its box enlarged by this factor, without the box itself."""

FEWEST_POINTS = 12
MOST_POINTS = 120

STEP = 3
"""Each frame is compared with the one this many frames earlier, about 0.3 seconds."""


def parallax(clip: Sequence[RGBImage], face: Face) -> float:
    """Return a score for how much a face moves relative to its surroundings.

    A picture of a face is a plane. In a hand or on a screen, the face and its printed surroundings move
    together, and one homography explains both. A real head moves by itself. The method follows K. Kollreider,
    H. Fronthaler and J. Bigun, "Non-intrusive liveness detection by face images", Image and Vision Computing
    27(3), 2009, and A. Anjos, M. Chakka and S. Marcel, "Motion-based counter-measures to photo attacks in
    face recognition", IET Biometrics 3(3), 2014. Lucas-Kanade tracks corners on the face and around it
    (`AROUND`). The homography is fitted, with RANSAC, to the corners around the face.

    This check misses a mask cut out along the face, and it takes a head that does not move at all for a
    picture.

    Parameters
    ----------
    clip : sequence of ndarray of uint8, shape (height, width, 3)
        Frames of one size, about 0.1 seconds apart.
    face : Face
        The face, in pixels of the first frame.

    Returns
    -------
    float
        The largest median distance between the face's points and their positions predicted by the homography,
        in percent of the face's width, at least 0. NaN if the clip is too short or too few points can be
        tracked.
    """
    if len(clip) <= STEP or face.size < 1:
        return float("nan")
    cv2 = opencv()
    grey = [np.ascontiguousarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)) for frame in clip[::STEP]]
    on_face, around = _masks(grey[0].shape, face)
    inner, outer = _corners(grey[0], on_face), _corners(grey[0], around)
    distances = []
    for before, after in pairwise(grey):
        inner, inner_to = _followed(before, after, inner)
        outer, outer_to = _followed(before, after, outer)
        if min(len(inner), len(outer)) < FEWEST_POINTS:
            break
        plane, _ = cv2.findHomography(outer, outer_to, cv2.RANSAC, 1.0)
        if plane is None:
            break
        expected = cv2.perspectiveTransform(inner[:, None, :], plane)[:, 0, :]
        distances.append(float(np.median(np.hypot(*(expected - inner_to).T))))
        inner, outer = inner_to, outer_to
    return 100.0 * max(distances) / face.size if distances else float("nan")


def _masks(shape: tuple[int, ...], face: Face) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return a mask of the face, without its rim, and a mask of its surroundings."""
    (x, y), (left, top, right, bottom) = face.centre, face.box
    width, height = right - left, bottom - top

    def box(factor: float) -> tuple[slice, slice]:
        rows = slice(max(0, int(y - factor * height / 2)), max(0, int(y + factor * height / 2)))
        return rows, slice(max(0, int(x - factor * width / 2)), max(0, int(x + factor * width / 2)))

    on_face = np.zeros(shape, np.uint8)
    on_face[box(0.8)] = 255
    around = np.zeros(shape, np.uint8)
    around[box(AROUND)] = 255
    around[box(1.15)] = 0
    return on_face, around


def _corners(image: NDArray[np.uint8], mask: NDArray[np.uint8]) -> NDArray[np.float32]:
    cv2 = opencv()
    corners = cv2.goodFeaturesToTrack(image, MOST_POINTS, 0.01, 4, mask=mask)
    return np.empty((0, 2), np.float32) if corners is None else corners.reshape(-1, 2)


def _followed(
    before: NDArray[np.uint8], after: NDArray[np.uint8], points: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Track points forward and back; return those that come back, and their new positions."""
    if not len(points):
        return points, points
    cv2 = opencv()
    options: dict[str, Any] = {"winSize": (15, 15), "maxLevel": 3}
    there, found, _ = cv2.calcOpticalFlowPyrLK(before, after, points[:, None, :], None, **options)
    back, returned, _ = cv2.calcOpticalFlowPyrLK(after, before, there, None, **options)
    near = np.hypot(*(back[:, 0, :] - points).T) < 0.7
    good = (found[:, 0] == 1) & (returned[:, 0] == 1) & near
    return points[good], there[good, 0, :]
