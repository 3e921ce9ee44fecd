"""Gray of more than 8 bits becomes 8 bits, in bands: such images are large."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from faceunlock.photos.tiff import Layout

BAND = 1 << 22
"""Pixels worked on at once."""

_HIGHEST_16 = 65535.0


def bands(image: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    """Yield an image in pieces of full width and about `BAND` pixels, each with its first row."""
    rows = max(1, BAND // max(1, image.width))
    if rows >= image.height:
        yield 0, image
        return
    for top in range(0, image.height, rows):
        yield top, image.crop((0, top, image.width, min(top + rows, image.height)))


def to_eight_bits(image: Image.Image, layout: Layout) -> Callable[[Image.Image], Image.Image] | None:
    """Return what makes a band of an image 8-bit gray; None for an image that needs no such thing.

    Pillow's own conversion would clip it to white. 16-bit gray keeps its high byte, unless all of it fits in
    the 10 or 12 bits of a sensor. Gray without a fixed range is scaled from its own range.

    Parameters
    ----------
    image : Image
        The whole image, whose range counts.
    layout : Layout
        What its mode does not say.
    """
    sixteen = image.mode.startswith("I;16")
    if not sixteen and image.mode not in ("I", "F"):
        return None
    if sixteen:
        customary: tuple[float, ...] = (1023.0, 4095.0, _HIGHEST_16)
    elif image.mode == "F":
        customary = (1.0, 255.0, _HIGHEST_16)
    elif layout.full is None:
        customary = (_HIGHEST_16,)  # Pillow scales 16-bit PNM to this range
    else:
        customary = (min(_HIGHEST_16, layout.full), layout.full)
    low, high = _range(image, layout)
    if low >= 0:
        low, high = 0.0, next((full for full in customary if high <= full), high)

    def scaled(band: Image.Image) -> Image.Image:
        if sixteen and high == _HIGHEST_16:
            gray = (np.asarray(band) >> 8).astype(np.uint8)
        elif high > low:
            gray = np.rint((_values(band, layout) - low) * (255.0 / (high - low))).astype(np.uint8)
        else:
            gray = np.zeros((band.height, band.width), np.uint8)
        return Image.fromarray(255 - gray if layout.white_is_zero else gray)

    return scaled


def _range(image: Image.Image, layout: Layout) -> tuple[float, float]:
    found = [(float(values.min()), float(values.max())) for values in _all_values(image, layout)]
    return min(low for low, _ in found), max(high for _, high in found)


def _all_values(image: Image.Image, layout: Layout) -> Iterator[NDArray[np.float64]]:
    return (_values(band, layout) for _, band in bands(image))


def _values(band: Image.Image, layout: Layout) -> NDArray[np.float64]:
    """Return the samples of a band; 0 for what is not a number."""
    samples = np.asarray(band)
    if layout.full == np.iinfo(np.uint32).max:
        samples = samples.view(np.uint32)
    values = samples.astype(np.float64)
    return np.where(np.isfinite(values), values, 0.0) if band.mode == "F" else values
