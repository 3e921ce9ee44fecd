"""Checks of one photo: each returns a score for a face that is higher the more live the face looks.

Each check uses a cue that the literature has measured on its own data sets. ``faceunlock pad-test`` measures
how well it works on yours.
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
"""Lowest frequency examined, in cycles per pixel; below it, a face has structure of its own."""

LARGEST_CUT = 512
"""Longest side of the region examined for moiré, in pixels, around the middle of the face."""

SIDE = 128
"""Faces are resized to this side, in pixels, if a cue must not depend on the camera's resolution."""

BRIGHT = 1.5
SATURATED = 0.25


def moire(image: RGBImage, face: Face) -> float:
    """Return a score for the absence of a screen's pixel grid and of the moiré that it causes in a camera.

    A grid shows as peaks in the spectrum: D. Garcia and R. de Queiroz, "Face-spoofing 2D-detection based on
    Moiré-pattern analysis", IEEE Transactions on Information Forensics and Security 10(4), 2015. Here the
    power spectra of overlapping windows (Welch) of the face at full resolution are averaged. Each frequency
    is compared with the median of the frequencies of about equal length. Multiples of 1/8 on the axes are
    left out, because JPEG's blocks show there.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        The full photo; shrinking destroys the cue.
    face : Face
        The face, in pixels of `image`.

    Returns
    -------
    float
        Minus the highest peak in decades of power, at most 0; NaN if a side of the face is below `WINDOW`.
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
    # Beyond 0.5 cycles per pixel only the corners are left, too few for a median.
    looked_at = (length >= LOWEST_FREQUENCY) & (length <= 0.5) & ~blocks
    ring = np.round(length * WINDOW / 2).astype(int)
    highest = 0.0
    for number in np.unique(ring[looked_at]):
        of_ring = power[looked_at & (ring == number)]
        highest = max(highest, float(of_ring.max() - np.median(of_ring)))
    return -highest


def highlights(image: RGBImage, face: Face) -> float:
    """Return a score for the absence of reflections: bright, colourless spots, as on glass and glossy paper.

    Specular reflection is one of the four cues of D. Wen, H. Han and A. Jain, "Face spoof detection with
    image distortion analysis", IEEE Transactions on Information Forensics and Security 10(4), 2015. A
    pixel counts if it is brighter than `BRIGHT` times the face's mean and less saturated than `SATURATED`.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        The full photo.
    face : Face
        The face, in pixels of `image`.

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
    """Return a score for detail: a picture of a picture loses some on paper or screen and in the second lens.

    The score comes from the perceptual blur of F. Crété-Roffet et al., "The blur effect: perception and
    estimation with a new no-reference perceptual blur metric", SPIE 6492, 2007
    (`skimage.measure.blur_effect`), computed on the face at `SIDE` pixels. Blur is one of the cues of Wen,
    Han and Jain (2015).

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        The full photo.
    face : Face
        The face, in pixels of `image`.

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
    """Return the face's box inside the photo, or only its middle, at most `largest` pixels a side."""
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
