"""Faces as a detector reports them, which of them a photo is about, and how good a face is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from faceunlock.errors import PhotoError
from faceunlock.photos.pose import outside, yaw
from faceunlock.photos.shade import eye_light

RGBImage = NDArray[np.uint8]
"""An upright photo: shape (height, width, 3), sRGB, 0 to 255."""

SubjectRule = Literal["dominant", "largest", "central"]

Place = tuple[float, float]
"""A place on a photo: shares of its width and of its height, from the left and from the top, 0 to 1."""

DOMINANCE = 2.0
"""The subject's box must have at least this many times the area of the next face's."""


@dataclass(frozen=True, slots=True)
class Face:
    """One detected face.

    Attributes
    ----------
    box : tuple of float
        Left, top, right, bottom in pixels of the upright photo; may reach beyond its edges.
    landmarks : tuple of (float, float)
        Five points (x, y) in pixels: left eye, right eye, nose, left and right mouth corner, left
        and right as seen in the picture.
    confidence : float
        The detector's own score, 0 to 1.
    """

    box: tuple[float, float, float, float]
    landmarks: tuple[tuple[float, float], ...]
    confidence: float

    def scaled(self, factor: float) -> Face:
        """Return the same face in a picture whose sides are `factor` times as long."""
        left, top, right, bottom = self.box
        box = (left * factor, top * factor, right * factor, bottom * factor)
        return Face(box, tuple((x * factor, y * factor) for x, y in self.landmarks), self.confidence)

    @property
    def size(self) -> float:
        """The shorter side of the box, in pixels."""
        left, top, right, bottom = self.box
        return min(right - left, bottom - top)

    @property
    def area(self) -> float:
        """The area of the box, in square pixels."""
        left, top, right, bottom = self.box
        return max(0.0, right - left) * max(0.0, bottom - top)

    @property
    def centre(self) -> tuple[float, float]:
        """The middle of the box (x, y), in pixels."""
        left, top, right, bottom = self.box
        return (left + right) / 2, (top + bottom) / 2


def choose_subject(
    faces: Sequence[Face], shape: tuple[int, ...], rule: SubjectRule | Place = "dominant"
) -> Face:
    """Return the face that a photo is about.

    Parameters
    ----------
    faces : sequence of Face
        All faces of one photo.
    shape : tuple of int
        Height and width of the photo (further entries are ignored).
    rule : {"dominant", "largest", "central"}, or tuple of two float
        ``dominant``: the largest face, if it is at least `DOMINANCE` times the area of the next;
        ``largest``: the largest, even if the next is almost as large; ``central``: the one nearest to
        the middle, for data sets that are cropped around their subject, such as LFW. A place chooses the
        face nearest to it.

    Raises
    ------
    PhotoError
        ``no-face`` without a face; ``several-faces`` if no face dominates.

    Examples
    --------
    >>> near = Face((0, 0, 100, 100), (), 0.99)
    >>> far = Face((200, 0, 240, 40), (), 0.99)
    >>> choose_subject([far, near], (300, 300)) is near
    True
    """
    if not faces:
        raise PhotoError("no-face", "no face was found")
    place = (0.5, 0.5) if rule == "central" else rule
    if not isinstance(place, str):
        x, y = place[0] * shape[1], place[1] * shape[0]
        return min(faces, key=lambda face: np.hypot(face.centre[0] - x, face.centre[1] - y))
    by_area = sorted(faces, key=lambda face: face.area, reverse=True)
    if rule == "dominant" and len(by_area) > 1 and by_area[0].area < DOMINANCE * by_area[1].area:
        raise PhotoError("several-faces", f"{len(faces)} faces, and none is clearly the largest")
    return by_area[0]


@dataclass(frozen=True, slots=True)
class Quality:
    """How good a face is for enrolment.

    Attributes
    ----------
    size : float
        Shorter side of the face's box, in pixels of the photo.
    sharpness : float
        Fine detail relative to contrast, in percent: see `measure_quality`.
    brightness : float
        Median luma of the face, 0 to 255.
    turn : float or None
        How far the head is turned to the side, in degrees: see `faceunlock.photos.pose.yaw`.
    cut_off : float
        Share of the face's box outside the photo, 0 to 1.
    eye_light : float or None
        Light of the eyes, as a share of the cheeks': see `faceunlock.photos.shade.eye_light`.
    """

    size: float
    sharpness: float
    brightness: float
    turn: float | None = None
    cut_off: float = 0.0
    eye_light: float | None = None


QUALITY_SIDE = 96
"""Faces are resized to this side, in pixels, so that sharpness does not depend on the camera."""


def measure_quality(image: RGBImage, face: Face) -> Quality:
    """Return the size, sharpness and light of a face, and how it stands in the photo.

    Sharpness is the standard deviation of the Laplacian divided by the standard deviation of the
    luma, in percent, after the box has been resized to `QUALITY_SIDE` pixels. It is the variance of
    the Laplacian (Pech-Pacheco et al. 2000, doi:10.1109/ICPR.2000.903548), made independent of
    contrast, so that a dark face does not count as a blurred one.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
    face : Face
        In pixels of `image`; only the part of its box inside the photo counts.
    """
    height, width = image.shape[:2]
    turn, cut_off = yaw(face.landmarks), outside(face.box, image.shape)
    left, top = max(0, int(face.box[0])), max(0, int(face.box[1]))
    right, bottom = min(width, int(face.box[2]) + 1), min(height, int(face.box[3]) + 1)
    if right <= left or bottom <= top:
        return Quality(face.size, 0.0, 0.0, turn, cut_off)
    crop = Image.fromarray(np.ascontiguousarray(image[top:bottom, left:right])).convert("L")
    luma = np.asarray(crop.resize((QUALITY_SIDE, QUALITY_SIDE), Image.Resampling.BILINEAR), dtype=np.float64)
    laplacian = luma[:-2, 1:-1] + luma[2:, 1:-1] + luma[1:-1, :-2] + luma[1:-1, 2:] - 4 * luma[1:-1, 1:-1]
    contrast = float(luma.std())
    sharpness = 100.0 * float(laplacian.std()) / contrast if contrast > 0 else 0.0
    # Not np.median: it imports numpy.ma, which takes a third of the time of importing NumPy.
    middle = luma.size // 2
    brightness = np.partition(luma.ravel(), (middle - 1, middle))[middle - 1 : middle + 1].mean()
    across, down = QUALITY_SIDE / (right - left), QUALITY_SIDE / (bottom - top)
    points = [((x - left) * across, (y - top) * down) for x, y in face.landmarks]
    return Quality(face.size, sharpness, float(brightness), turn, cut_off, eye_light(luma, points))
