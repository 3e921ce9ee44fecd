"""Checks of one photo: from a picture and a face to a score that is higher the more live it looks.

Each follows a cue that the literature has measured on its own data sets; what it is worth on yours is what
``faceunlock pad-test`` tells.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from faceunlock.photos.face import Face, RGBImage

WINDOW = 64
"""Side of the windows whose spectra are averaged, in pixels of the photo."""

LOWEST_FREQUENCY = 0.12
"""In cycles per pixel: below it, a face has structure of its own."""

LARGEST_CUT = 512
"""Longer side of what is looked at for moiré, in pixels, from the middle of the face."""

SIDE = 128
"""Faces are shrunk or enlarged to this side where a cue must not depend on the camera's resolution."""

BRIGHT = 1.5
SATURATED = 0.25


def moire(image: RGBImage, face: Face) -> float:
    """Score the absence of a screen's pixel grid and of the moiré that it makes in a camera.

    A grid stands out as peaks in the spectrum: D. Garcia and R. de Queiroz, "Face-spoofing 2D-detection based
    on Moiré-pattern analysis", IEEE Transactions on Information Forensics and Security 10(4), 2015. Here the
    power spectra of overlapping windows (Welch) of the face at full resolution are averaged; each frequency
    is compared with the median of those of about equal length. Multiples of 1/8 on the axes, where JPEG's
    blocks show, are left out.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        The photo in full: shrinking destroys the cue.
    face : Face
        In pixels of `image`.

    Returns
    -------
    float
        Minus the highest peak in decades of power, at most 0; NaN for a face of fewer than `WINDOW` pixels.
    """
    luma = _luma(_cut(image, face, LARGEST_CUT))
    if min(luma.shape) < WINDOW:
        return float("nan")
    step = WINDOW // 2
    windows = np.lib.stride_tricks.sliding_window_view(luma, (WINDOW, WINDOW))[::step, ::step]
    windows = windows.reshape(-1, WINDOW, WINDOW)
    taper = np.hanning(WINDOW)
    tapered = (windows - windows.mean(axis=(1, 2), keepdims=True)) * np.outer(taper, taper)
    power = np.log10(np.mean(np.abs(np.fft.rfft2(tapered)) ** 2, axis=0) + 1e-3)
    vertical = np.abs(np.fft.fftfreq(WINDOW))[:, None]
    horizontal = np.fft.rfftfreq(WINDOW)[None, :]
    length = np.hypot(vertical, horizontal)
    on_axis = np.minimum(vertical, horizontal) < 1.5 / WINDOW
    blocks = on_axis & (np.abs(np.maximum(vertical, horizontal) * 8 % 1 - 0.5) > 0.5 - 12 / WINDOW)
    # Beyond 0.5 cycles per pixel only the corners are left, too few to have a median.
    looked_at = (length >= LOWEST_FREQUENCY) & (length <= 0.5) & ~blocks
    ring = np.round(length * WINDOW / 2).astype(int)
    highest = 0.0
    for number in np.unique(ring[looked_at]):
        of_ring = power[looked_at & (ring == number)]
        highest = max(highest, float(of_ring.max() - np.median(of_ring)))
    return -highest


def highlights(image: RGBImage, face: Face) -> float:
    """Score the absence of reflections: bright, colourless spots, as glass and glossy paper have them.

    Specular reflection is one of the four cues of D. Wen, H. Han and A. Jain, "Face spoof detection with
    image distortion analysis", IEEE Transactions on Information Forensics and Security 10(4), 2015. A
    pixel counts that is brighter than `BRIGHT` times the face's mean and less saturated than `SATURATED`.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
    face : Face
        In pixels of `image`.

    Returns
    -------
    float
        Minus the share of such pixels, in [-1, 0]; NaN for an empty face.
    """
    cut = _cut(image, face)
    if not cut.size:
        return float("nan")
    pixels = _sized(cut).astype(np.float64)
    brightest, darkest = pixels.max(axis=2), pixels.min(axis=2)
    saturation = 1.0 - darkest / np.maximum(brightest, 1.0)
    specular = (brightest > BRIGHT * brightest.mean()) & (saturation < SATURATED)
    return -float(specular.mean())


def sharpness(image: RGBImage, face: Face) -> float:
    """Score detail: a picture of a picture has lost some on paper or screen and in the second lens.

    The perceptual blur of F. Crété-Roffet et al., "The blur effect: perception and estimation with a new
    no-reference perceptual blur metric", SPIE 6492, 2007 (`skimage.measure.blur_effect`), one of the cues of
    Wen, Han and Jain (2015); of the face at `SIDE` pixels.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
    face : Face
        In pixels of `image`.

    Returns
    -------
    float
        1 minus the blur, in [0, 1]; NaN for an empty face.
    """
    cut = _cut(image, face)
    if not cut.size:
        return float("nan")
    measure: Any = import_module("skimage.measure")
    return 1.0 - float(measure.blur_effect(_luma(_sized(cut)) / 255.0))


def _cut(image: RGBImage, face: Face, largest: int | None = None) -> RGBImage:
    """Return the face's box inside the photo, or its middle."""
    left, top, right, bottom = face.box
    if largest is not None:
        (x, y), half = face.centre, largest / 2
        left, top, right, bottom = (
            max(left, x - half),
            max(top, y - half),
            min(right, x + half),
            min(bottom, y + half),
        )
    height, width = image.shape[:2]
    return image[
        max(0, int(top)) : max(0, min(height, int(bottom) + 1)),
        max(0, int(left)) : max(0, min(width, int(right) + 1)),
    ]


def _luma(image: RGBImage) -> NDArray[np.float64]:
    luma: NDArray[np.float64] = image.astype(np.float64) @ np.array((0.299, 0.587, 0.114))
    return luma


def _sized(cut: RGBImage) -> RGBImage:
    picture = Image.fromarray(np.ascontiguousarray(cut))
    return np.asarray(
        picture.resize(
            (SIDE, SIDE), Image.Resampling.BOX if min(cut.shape[:2]) > SIDE else Image.Resampling.BICUBIC
        )
    )
