"""A detector that knows where the face was a moment ago, and mostly looks there only."""

from __future__ import annotations

from math import ceil, floor

import numpy as np
from PIL import Image

from faceunlock.photos.face import Face, RGBImage
from faceunlock.pipeline.detection import Detector

ROOM = 2.0
"""Side of the window around the last face, in longer sides of its box: it may move by half of it."""

WINDOW_PIXELS = 128
"""Largest side of the window that is searched: the face in it has the pixels that its landmarks need."""

WHOLE_SECONDS = 0.5
"""How often the whole picture is searched, for a second face."""


class FollowingDetector:
    """Finds faces in the frames of a camera, as many a second as a turning head needs.

    A frame in which the last face is not found nearby is searched as a whole.

    Parameters
    ----------
    detector : Detector
    """

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self._last: Face | None = None
        self._whole = -WHOLE_SECONDS

    def detect(self, image: RGBImage, seconds: float) -> list[Face]:
        """Return the faces found in a frame, the largest first.

        Parameters
        ----------
        image : ndarray of uint8, shape (height, width, 3)
        seconds : float
            When it was taken.
        """
        faces: list[Face] = []
        if self._last is not None and seconds - self._whole < WHOLE_SECONDS:
            faces = self._nearby(image, self._last)
        if not faces:
            faces, self._whole = self._detector.detect(image), seconds
        self._last = faces[0] if faces else None
        return faces

    def _nearby(self, image: RGBImage, last: Face) -> list[Face]:
        """Return the faces in the window around the last one, in pixels of the frame."""
        left, top, right, bottom = last.box
        half = ROOM * max(right - left, bottom - top) / 2
        x, y = last.centre
        height, width = image.shape[:2]
        column, row = max(0, floor(x - half)), max(0, floor(y - half))
        window = image[row : min(height, ceil(y + half)), column : min(width, ceil(x + half))]
        longer = max(window.shape[:2])
        if min(window.shape[:2]) == 0:
            return []
        scale = min(1.0, WINDOW_PIXELS / longer)
        if scale < 1:
            size = max(1, round(window.shape[1] * scale)), max(1, round(window.shape[0] * scale))
            window = np.asarray(
                Image.fromarray(window).resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
            )
        return [_moved(face.scaled(1 / scale), column, row) for face in self._detector.detect(window)]


def _moved(face: Face, right: float, down: float) -> Face:
    left, top, far, bottom = face.box
    box = (left + right, top + down, far + right, bottom + down)
    return Face(box, tuple((x + right, y + down) for x, y in face.landmarks), face.confidence)
