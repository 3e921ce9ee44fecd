"""How often a network looks at one crop: as it is, moved a little, and mirrored."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from faceunlock.embedders.architecture import Architecture

Number = TypeVar("Number", np.uint8, np.float32)


def views(crops: NDArray[Number], architecture: Architecture) -> Iterator[NDArray[Number]]:
    """Yield crops as the network is to look at them; what it says about all views is added.

    Where the architecture names a `shift`, a crop is moved by so many pixels up, down, left, right and
    towards its corners, nine views with itself: strided networks are not indifferent to where a face lies,
    and few photos do not teach them to be. What moves in at the edge repeats the edge. With `mirror`, every
    view is followed by its mirror image.

    Parameters
    ----------
    crops : ndarray of uint8 or float32, shape (n, 3, side, side)
    architecture : Architecture

    Examples
    --------
    >>> from faceunlock.embedders.architecture import ResidualArchitecture
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
