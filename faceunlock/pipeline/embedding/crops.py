"""Turning, scaling and shifting a face so that its landmarks lie where a network expects them.

Points are (x, y) in pixels. A whole number is the centre of a pixel: the first pixel reaches from -0.5 to
0.5. Detected landmarks and target positions both use this convention.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import product
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from faceunlock.errors import PhotoError
from faceunlock.photos.face import RGBImage
from faceunlock.pipeline.models.architecture import Architecture

Matrix = NDArray[np.float64]
"""An affine map of points, shape (2, 3): ``matrix @ (x, y, 1)``."""


def similarity(source: ArrayLike, target: ArrayLike) -> Matrix:
    """Return the rotation, scale and shift, without reflection, that bring points closest to their targets.

    Parameters
    ----------
    source, target : array_like, shape (n, 2)
        Corresponding points in pixels, n >= 2.

    Returns
    -------
    ndarray of float64, shape (2, 3)
        Maps source to target with the least sum of squared distances.

    Raises
    ------
    PhotoError
        ``no-face`` if the source points are not finite, or are all the same.

    Notes
    -----
    With points as complex numbers a similarity is ``z -> a z + b``, which makes Umeyama's problem (IEEE
    PAMI 13 (4), 1991) in the plane an ordinary least-squares line.

    Examples
    --------
    >>> similarity([(0, 0), (1, 0)], [(5, 5), (5, 7)]).round(6) + 0.0
    array([[ 0., -2.,  5.],
           [ 2.,  0.,  5.]])
    """
    if not np.isfinite(source).all():
        raise PhotoError("no-face", "the landmarks of the face are not numbers")
    start = np.asarray(source, dtype=np.float64) @ (1, 1j)
    end = np.asarray(target, dtype=np.float64) @ (1, 1j)
    centred = start - start.mean()
    spread = np.vdot(centred, centred).real
    if spread < 1e-12:
        raise PhotoError("no-face", "the landmarks of the face all lie at one point")
    a = np.vdot(centred, end) / spread
    b = end.mean() - a * start.mean()
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])


def warp(image: RGBImage, matrix: ArrayLike, size: int) -> NDArray[np.uint8]:
    """Return a square crop of a photo, drawn through a similarity.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        The photo.
    matrix : array_like, shape (2, 3)
        Maps points of the photo to points of the crop, as `similarity` returns it.
    size : int
        Side of the crop in pixels.

    Returns
    -------
    ndarray of uint8, shape (size, size, 3)
        Bilinear; black where the crop reaches beyond the photo, as in dlib. A photo with two or more pixels
        per crop pixel is first averaged over blocks of whole pixels to avoid aliasing.

    Examples
    --------
    >>> photo = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    >>> bool(np.all(warp(photo, [[1, 0, -1], [0, 1, -1]], 2) == photo[1:3, 1:3]))
    True
    """
    forward = np.asarray(matrix, dtype=np.float64)
    linear = np.linalg.inv(forward[:, :2])
    shift = -linear @ forward[:, 2]
    factor = max(1, math.floor(math.sqrt(abs(np.linalg.det(linear))) + 1e-6))
    left, top, right, bottom = _footprint(linear, shift, size, margin=2 * factor, shape=image.shape)
    if left >= right or top >= bottom:
        return np.zeros((size, size, 3), dtype=np.uint8)
    # Use whole blocks, counted from the photo's corner, so that they do not depend on where the face is.
    left, top = left - left % factor, top - top % factor
    region = Image.fromarray(np.ascontiguousarray(image[top:bottom, left:right])).reduce(factor)
    # Centres of the reduced pixels lie in the middle of their blocks.
    linear, shift = linear / factor, (shift - (left, top) - (factor - 1) / 2) / factor
    # Pillow counts from the corner of the first pixel, not from its centre.
    corner = shift + 0.5 - linear @ (0.5, 0.5)
    data = (*linear[0], corner[0], *linear[1], corner[1])
    crop = region.transform((size, size), Image.Transform.AFFINE, data, Image.Resampling.BILINEAR)
    return np.asarray(crop)


def _footprint(
    linear: NDArray[np.floating[Any]],
    shift: NDArray[np.floating[Any]],
    size: int,
    *,
    margin: int,
    shape: tuple[int, ...],
) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of the part of the photo that a crop can see."""
    corners = np.array([(x, y) for x in (0, size - 1) for y in (0, size - 1)]) @ linear.T + shift
    low = np.floor(corners.min(axis=0)) - margin
    high = np.ceil(corners.max(axis=0)) + margin + 1
    # Clip as floats: the position of a face far outside would not fit in an integer.
    left, top = np.clip(low, 0, (shape[1], shape[0])).astype(int)
    right, bottom = np.clip(high, 0, (shape[1], shape[0])).astype(int)
    return int(left), int(top), int(right), int(bottom)


def normalise(crops: NDArray[np.uint8], mean: ArrayLike, divisor: float) -> NDArray[np.float32]:
    """Return crops with a colour subtracted and the difference divided, channels first.

    Parameters
    ----------
    crops : ndarray of uint8, shape (n, size, size, 3)
        RGB.
    mean : array_like, shape (3,)
        Subtracted from red, green and blue, which are in [0, 255].
    divisor : float
        The difference is divided by this.

    Returns
    -------
    ndarray of float32, shape (n, 3, size, size)

    Examples
    --------
    >>> float(normalise(np.zeros((1, 1, 1, 3), dtype=np.uint8), (127.5, 127.5, 127.5), 128).min())
    -0.99609375
    """
    scaled = crops.transpose(0, 3, 1, 2).astype(np.float32, order="C")
    scaled -= np.array(mean, dtype=np.float32)[:, None, None]
    scaled /= np.float32(divisor)
    return scaled


Number = TypeVar("Number", np.uint8, np.float32)


def views(crops: NDArray[Number], architecture: Architecture) -> Iterator[NDArray[Number]]:
    """Yield every view of the crops that the network looks at; the caller adds the outputs for all views.

    If the architecture has a `shift`, a crop is moved by that many pixels up, down, left, right and towards
    its corners, which makes nine views with the crop itself. Strided networks are sensitive to where a face
    lies, and few photos do not train that away. Pixels that move in at an edge repeat the edge. With
    `mirror`, every view is followed by its mirror image.

    Parameters
    ----------
    crops : ndarray of uint8 or float32, shape (n, 3, side, side)
    architecture : Architecture

    Examples
    --------
    >>> from faceunlock.pipeline.models.architecture import ResidualArchitecture
    >>> crops = np.zeros((1, 3, 64, 64), dtype=np.uint8)
    >>> len(list(views(crops, ResidualArchitecture(64, mirror=True, shift=3))))
    18
    """
    for moved in _moved(crops, architecture.shift):
        yield moved
        if architecture.mirror:
            yield np.ascontiguousarray(moved[..., ::-1])


def _moved(crops: NDArray[Number], shift: int) -> Iterator[NDArray[Number]]:
    if not shift:
        yield crops
        return
    side = crops.shape[-1]
    padded = np.pad(crops, ((0, 0), (0, 0), (shift, shift), (shift, shift)), mode="edge")
    for top, left in product((0, shift, 2 * shift), repeat=2):
        yield np.ascontiguousarray(padded[..., top : top + side, left : left + side])
