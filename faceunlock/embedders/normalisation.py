"""From the bytes of crops to what a network takes."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def normalise(crops: NDArray[np.uint8], mean: ArrayLike, divisor: float) -> NDArray[np.float32]:
    """Subtract a colour and divide.

    Parameters
    ----------
    crops : ndarray of uint8, shape (n, size, size, 3)
        RGB.
    mean : array_like, shape (3,)
        What is subtracted from red, green and blue in [0, 255].
    divisor : float
        What the rest is divided by.

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
