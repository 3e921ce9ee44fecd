"""Pictures in memory: NumPy arrays and PIL images become photos, so that everything after is the same."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from faceunlock.errors import PhotoError
from faceunlock.photos.decoding import DEFAULT_MAX_PIXELS, upright
from faceunlock.photos.face import RGBImage

Picture = NDArray[Any] | Image.Image
"""A picture of a caller's own: an array of uint8 (gray, RGB or RGBA), or any PIL image."""


@dataclass(frozen=True, slots=True, eq=False)
class InMemory:
    """A picture in memory that takes the place of a file; its pixels are looked at when it is its turn.

    Attributes
    ----------
    picture : ndarray or Image
    number : int or None
        Its place among several, from 1.

    Examples
    --------
    >>> InMemory(np.zeros((480, 640, 3), np.uint8)).name, InMemory(Image.new("L", (4, 3)), 2).name
    ('<array 640x480>', '<image 2: 4x3>')
    """

    picture: Picture = field(repr=False)
    number: int | None = None

    @property
    def name(self) -> str:
        """What it is called in messages and logs: kind, place, width and height."""
        place = "" if self.number is None else f"{self.number}: "
        if isinstance(self.picture, Image.Image):
            return f"<image {place}{self.picture.width}x{self.picture.height}>"
        shape = self.picture.shape
        size = f"{shape[1]}x{shape[0]}" if len(shape) > 1 else f"of shape {shape}"
        return f"<array {place}{size}>"

    def content(self, max_pixels: int = DEFAULT_MAX_PIXELS) -> bytes:
        """Return the picture as the content of an image file, from which its pixels can be read exactly.

        A PIL image is turned upright by its EXIF orientation, converted to sRGB by its profile and laid on
        white, as a file would be. Equal pixels give equal content, of whatever kind the picture is.

        Parameters
        ----------
        max_pixels : int
            Limit on width x height.

        Raises
        ------
        PhotoError
            ``unreadable-photo`` for an array of numbers that are not uint8, or of a shape that is not a
            picture's, and for a PIL image that cannot be loaded; ``photo-too-large``.
        """
        picture = self.picture
        image = picture if isinstance(picture, Image.Image) else _image(picture, self.name)
        return as_file(upright(image, self.name, max_pixels))


def as_file(image: RGBImage) -> bytes:
    r"""Return the content of a file (PNM) that holds exactly these pixels.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)

    Examples
    --------
    >>> as_file(np.zeros((1, 2, 3), np.uint8))
    b'P6 2 1 255\n\x00\x00\x00\x00\x00\x00'
    """
    height, width = image.shape[:2]
    return b"P6 %d %d 255\n" % (width, height) + image.tobytes()


def _image(array: NDArray[Any], name: str) -> Image.Image:
    """Return an array as a PIL image; what it means is never guessed."""
    colours = array.shape[2] if array.ndim == 3 else 1
    if array.ndim not in (2, 3) or colours not in (1, 3, 4) or array.size == 0:
        raise PhotoError(
            "unreadable-photo",
            f"{name}: has the shape {array.shape}; needed are rows and columns, "
            "and 3 colours (RGB) or 4 (RGBA) unless it is gray",
            hint=_shape_hint(array),
        )
    if array.dtype != np.uint8:
        low, high = array.min(), array.max()
        raise PhotoError(
            "unreadable-photo",
            f"{name}: holds numbers of type {array.dtype} from {low} to {high}; "
            "needed are those of type uint8, from 0 to 255",
            hint=_range_hint(array.dtype, float(low), float(high)),
        )
    return Image.fromarray(np.ascontiguousarray(array[:, :, 0] if array.shape[2:] == (1,) else array))


def _shape_hint(array: NDArray[Any]) -> str:
    if array.size == 0:
        return "It holds no pixels; check where it comes from."
    if array.ndim == 3 and array.shape[0] in (1, 3, 4):
        return "Move the colours to the end: numpy.moveaxis(array, 0, -1)"
    if array.ndim == 4:
        return "These are several pictures; pass one, or list(array) where several may be given."
    return "Pass one picture, as PIL or imageio read it from a file."


def _range_hint(kind: np.dtype[Any], low: float, high: float) -> str:
    if kind == np.bool_:
        return "A mask is no photo; pass the picture itself."
    if low >= 0 and high <= 1 and kind.kind == "f":
        return "If 1 is white: (array * 255).round().astype('uint8')"
    if low >= 0 and high <= 255:
        return "If 255 is white: array.round().astype('uint8')"
    if low >= 0 and high <= 65535:
        return "If 65535 is white: (array / 257).round().astype('uint8')"
    return "Undo what made them: a picture that a network was given is often scaled to -1 to 1."
