"""Means over many areas of a photo at once, each from four numbers of an integral image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from faceunlock.photos.face import RGBImage

FEWEST_BINS = 12
"""Fewest bins along a side of an area: the pyramid ends at 12 pixels, and crops have at least 24."""

FIELD = 21
"""Bits per colour when all three share one 64-bit number."""

MASK = np.uint32((1 << FIELD) - 1)

CACHED = 16_384
"""Pixels computed together, so that intermediate results stay in the processor's cache."""


class IntegralImage:
    """Sums over all rectangles of a photo that start in its top left corner.

    Sums may wrap around. The difference of corners is still exact for every area whose own sum fits. As
    long as the sum of a bin fits in `FIELD` bits, which is 8,224 white pixels, the three colours share one
    number, red + 2**21 green + 2**42 blue, which sums like a single colour. This needs a third of the
    memory reads. In photos so large that a bin may exceed that, each colour has its own 32-bit number,
    enough for 16 million white pixels.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
    """

    def __init__(self, image: RGBImage) -> None:
        self.height, self.width = image.shape[:2]
        largest_bin = (self.height // FEWEST_BINS + 2) * (self.width // FEWEST_BINS + 2)
        self._packed = largest_bin * 255 < 1 << FIELD
        planes: NDArray[np.unsignedinteger] = image.transpose(2, 0, 1)
        if self._packed:
            wide = planes.astype(np.uint64)
            planes = wide[:1] | wide[1:2] << np.uint64(FIELD) | wide[2:] << np.uint64(2 * FIELD)
        number = np.uint64 if self._packed else np.uint32
        sums = np.zeros((len(planes), self.height + 1, self.width + 1), dtype=number)
        np.cumsum(planes, axis=1, dtype=number, out=sums[:, 1:, 1:])
        np.cumsum(sums[:, 1:, 1:], axis=2, dtype=number, out=sums[:, 1:, 1:])
        self._sums = sums.reshape(len(planes), -1)

    def means(self, areas: NDArray[np.int64], size: tuple[int, int]) -> NDArray[np.float32]:
        """Return rectangles shrunk (or enlarged) to one size by the mean over areas.

        Parameters
        ----------
        areas : ndarray of int, shape (n, 4)
            Left, top, right, bottom inside the photo; right and bottom are exclusive.
        size : tuple of int
            Height and width of the result, at least `FEWEST_BINS`.

        Returns
        -------
        ndarray of float32, shape (n, 3, height, width), 0 to 255

        Examples
        --------
        >>> photo = np.arange(24 * 24 * 3, dtype=np.uint8).reshape(24, 24, 3)
        >>> means = IntegralImage(photo).means(np.array([[0, 0, 24, 24]]), (12, 12))
        >>> bool(means[0, 1, 0, 0] == photo[:2, :2, 1].mean())
        True
        """
        means = np.empty((len(areas), 3, *size), dtype=np.float32)
        some = max(1, CACHED // (size[0] * size[1]))
        for start in range(0, len(areas), some):
            self._fill(means[start : start + some], areas[start : start + some])
        return means

    def _fill(self, means: NDArray[np.float32], areas: NDArray[np.int64]) -> None:
        """Fill `means` with the means of `areas`."""
        left, right = _bins(areas[:, 0], areas[:, 2], means.shape[3])[:, :, None, :]
        top, bottom = _bins(areas[:, 1], areas[:, 3], means.shape[2])[..., None]
        pixels = (bottom - top) * (right - left)
        top, bottom = top * (self.width + 1), bottom * (self.width + 1)
        corners = bottom + right, top + right, bottom + left, top + left
        for plane, sums in enumerate(self._sums):
            found = sums.take(corners[0])
            found -= sums.take(corners[1])
            found -= sums.take(corners[2])
            found += sums.take(corners[3])
            if self._packed:
                divisor = pixels.astype(np.float32)  # exact, like the sums: only the quotient is rounded
                for colour in range(3):
                    sum_of_colour = (found >> np.uint64(colour * FIELD)).astype(np.uint32) & MASK
                    np.divide(sum_of_colour.astype(np.float32), divisor, out=means[:, colour])
            else:
                means[:, plane] = found / pixels


def _bins(starts: NDArray[np.int64], ends: NDArray[np.int64], parts: int) -> NDArray[np.int64]:
    """Return the first and last edges of `parts` bins between starts and ends, shape (2, n, parts).

    The bins are those of adaptive average pooling: from floor(i * length / parts) to
    ceil((i + 1) * length / parts), so they overlap if the length is not a multiple
    of `parts`.
    """
    steps = np.arange(parts + 1) * (ends - starts)[:, None]
    first = starts[:, None] + steps[:, :-1] // parts
    last = starts[:, None] - (-steps[:, 1:] // parts)
    return np.stack([first, last])
