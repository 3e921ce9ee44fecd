"""The MTCNN cascade (Zhang et al. 2016, doi:10.1109/LSP.2016.2603342) in NumPy.

Thresholds, scale factor, box regression and suppression rules are those of facenet-pytorch
2.5.3, which is its oracle in the tests; the networks run in whatever runtime they come from.
Photos are looked at in a copy no larger than the search needs. Every resampling is the mean over
an area, read from one integral image: exact, and all candidates are cut at once.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from faceunlock.detectors.boxes import Boxes, regress, squared, suppress
from faceunlock.faces import Face, RGBImage
from faceunlock.runtime import Network

CELL = 12
"""Side of the square that the proposal network looks at, in pixels."""

STRIDE = 2
"""Step of the proposal network, in pixels."""

SCALE_FACTOR = 0.709
"""Ratio of neighbouring pyramid levels: about half the area each."""

PROPOSAL_THRESHOLD, REFINEMENT_THRESHOLD, OUTPUT_THRESHOLD = 0.6, 0.7, 0.7

LOOKS = (320, 640, 2560)
"""Longer side of the copies searched for the subject of a photo, in pixels, one after the other."""

GROUP_LOOKS = (2560,)
"""The same when small faces count, as in a group."""

SURE = 2.0
"""A look is enough if its largest face is this many times the smallest it can find: a rival of half the
area would have been found too, and the landmarks are read from about as many pixels as the network takes."""

CLOSER = 0.7
"""The last look starts its pyramid at faces this much smaller, so that its levels fall between the others."""


class MTCNN:
    """Multi-task cascaded convolutional networks: three stages from coarse to fine.

    Parameters
    ----------
    proposal, refinement, output : Network
        The networks of `faceunlock.detectors.mtcnn_networks.build_networks` in some runtime.
    smallest_face : int
        Smallest face searched for, in pixels of the copy that is looked at, at least 12.
    looks : tuple of int
        Longer side of each copy, tried in order until a face is found that is large enough to be sure of; a
        photo that is smaller already is searched as it is.
    """

    def __init__(
        self,
        proposal: Network,
        refinement: Network,
        output: Network,
        *,
        smallest_face: int = 20,
        looks: tuple[int, ...] = LOOKS,
    ) -> None:
        self._proposal, self._refinement, self._output = proposal, refinement, output
        self._smallest_face = max(CELL, smallest_face)
        self._looks = looks

    def detect(self, image: RGBImage) -> list[Face]:
        """Return all faces of a photo, the largest first.

        Parameters
        ----------
        image : ndarray of uint8, shape (height, width, 3)

        Returns
        -------
        list of Face
            In pixels of `image`. A look that finds nothing, or only faces so small that others may have been
            missed, is followed by a closer one; the last of all is at another set of scales.
        """
        longer = max(image.shape[:2])
        copy, faces = image, []
        for look in self._looks:
            copy = image if longer <= look else _shrunk(image, look / longer)
            faces = self._search(copy, image.shape, self._smallest_face)
            enough = SURE * self._smallest_face * image.shape[1] / copy.shape[1]
            if faces and (copy is image or faces[0].size >= enough):
                return faces
            if copy is image:
                break
        return faces or self._search(copy, image.shape, max(CELL, CLOSER * self._smallest_face))

    def _search(self, image: RGBImage, shape: tuple[int, ...], smallest_face: float) -> list[Face]:
        """Search a copy; return its faces in pixels of the photo that has the given shape."""
        integral = _integral(image)
        boxes = self._propose(integral, smallest_face)
        boxes = self._refine(integral, boxes)
        boxes, scores, landmarks = self._finish(integral, boxes)
        zoom = shape[1] / image.shape[1], shape[0] / image.shape[0]
        scale = np.array([*zoom, *zoom])
        faces = [
            Face(
                box=tuple((box * scale).tolist()),
                landmarks=tuple((x, y) for x, y in (points * zoom).tolist()),
                confidence=float(score),
            )
            for box, score, points in zip(boxes, scores, landmarks, strict=True)
        ]
        return sorted(faces, key=lambda face: face.area, reverse=True)

    def _propose(self, integral: NDArray[np.uint32], smallest_face: float) -> Boxes:
        """Stage one: look at every place in every size; return candidate squares."""
        height, width = integral.shape[0] - 1, integral.shape[1] - 1
        found = [self._propose_at(integral, scale) for scale in _pyramid(min(height, width), smallest_face)]
        candidates = np.concatenate(found) if found else np.zeros((0, 9), dtype=np.float32)
        candidates = candidates[suppress(candidates[:, :4], candidates[:, 4], 0.7)]
        return squared(regress(candidates[:, :4], candidates[:, 5:], edge=0.0))

    def _propose_at(self, integral: NDArray[np.uint32], scale: float) -> NDArray[np.float32]:
        """Return candidates of one pyramid level, shape (n, 9): box, score, 4 offsets."""
        height, width = integral.shape[0] - 1, integral.shape[1] - 1
        whole = np.array([[0, 0, width, height]])
        level = _area_means(integral, whole, (int(height * scale + 1), int(width * scale + 1)))
        result = self._proposal(_normalised(level))[0]
        rows, columns = np.nonzero(result[0] >= PROPOSAL_THRESHOLD)
        corners = np.stack([columns, rows, columns, rows], axis=1).astype(np.float32) * STRIDE
        reach = np.array([1, 1, CELL, CELL], dtype=np.float32)
        boxes = np.floor((corners + reach) / np.float32(scale))
        candidates = np.concatenate([boxes, result[:, rows, columns].T], axis=1)
        return candidates[suppress(boxes, candidates[:, 4], 0.5)]

    def _refine(self, integral: NDArray[np.uint32], boxes: Boxes) -> Boxes:
        """Stage two: judge every candidate at 24 pixels; return fewer and better squares."""
        boxes, crops = _cut(integral, boxes, 24)
        if not len(boxes):
            return boxes
        result = self._refinement(crops)
        passed = result[:, 0] > REFINEMENT_THRESHOLD
        boxes, result = boxes[passed], result[passed]
        kept = suppress(boxes, result[:, 0], 0.7)
        return squared(regress(boxes[kept], result[kept, 1:5]))

    def _finish(
        self, integral: NDArray[np.uint32], boxes: Boxes
    ) -> tuple[Boxes, NDArray[np.float32], NDArray[np.float32]]:
        """Stage three: judge at 48 pixels; return boxes, scores (n,) and landmarks (n, 5, 2)."""
        boxes, crops = _cut(integral, boxes, 48)
        if not len(boxes):
            return boxes, np.zeros(0, dtype=np.float32), np.zeros((0, 5, 2), dtype=np.float32)
        result = self._output(crops)
        passed = result[:, 0] > OUTPUT_THRESHOLD
        boxes, result = boxes[passed], result[passed]
        sides = boxes[:, 2:] - boxes[:, :2] + 1
        relative = np.stack([result[:, 5:10], result[:, 10:15]], axis=2)
        landmarks = relative * sides[:, None, :] + boxes[:, None, :2] - 1
        boxes = regress(boxes, result[:, 1:5])
        kept = suppress(boxes, result[:, 0], 0.7, "smaller")
        return boxes[kept], result[kept, 0], landmarks[kept]


def _shrunk(image: RGBImage, scale: float) -> RGBImage:
    size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0))


def _pyramid(shorter_side: int, smallest_face: float) -> list[float]:
    """Return the scales at which a face of `smallest_face` and every larger one fills a cell."""
    scales, scale = [], CELL / smallest_face
    while shorter_side * scale >= CELL:
        scales.append(scale)
        scale *= SCALE_FACTOR
    return scales


def _integral(image: RGBImage) -> NDArray[np.uint32]:
    """Return sums over all rectangles from the top left corner, shape (height + 1, width + 1, 3).

    Sums may wrap around at 2**32; the difference of corners is still exact for every area whose own
    sum is smaller than that, which is 16 million white pixels.
    """
    height, width = image.shape[:2]
    sums = np.zeros((height + 1, width + 1, 3), dtype=np.uint32)
    np.cumsum(image, axis=0, dtype=np.uint32, out=sums[1:, 1:])
    np.cumsum(sums[1:, 1:], axis=1, dtype=np.uint32, out=sums[1:, 1:])
    return sums


def _bins(starts: NDArray[np.int64], ends: NDArray[np.int64], parts: int) -> NDArray[np.int64]:
    """Return first and last edge of `parts` bins between starts and ends, shape (2, n, parts).

    The bins are those of adaptive average pooling: from floor(i * length / parts) to
    ceil((i + 1) * length / parts), so they overlap when the length is not a multiple.
    """
    steps = np.arange(parts + 1) * (ends - starts)[:, None]
    first = starts[:, None] + steps[:, :-1] // parts
    last = starts[:, None] - (-steps[:, 1:] // parts)
    return np.stack([first, last])


def _area_means(
    integral: NDArray[np.uint32], areas: NDArray[np.int64], size: tuple[int, int]
) -> NDArray[np.float32]:
    """Shrink (or enlarge) rectangles to one size by the mean over areas.

    Parameters
    ----------
    integral : ndarray of uint32, shape (height + 1, width + 1, 3)
    areas : ndarray of int, shape (n, 4)
        Left, top, right, bottom; right and bottom are exclusive.
    size : tuple of int
        Height and width of the result.

    Returns
    -------
    ndarray of float32, shape (n, height, width, 3), 0 to 255
    """
    (left, right), (top, bottom) = (
        _bins(areas[:, 0], areas[:, 2], size[1]),
        _bins(areas[:, 1], areas[:, 3], size[0]),
    )
    rows_top, rows_bottom = top[:, :, None], bottom[:, :, None]
    columns_left, columns_right = left[:, None, :], right[:, None, :]
    sums = integral[rows_bottom, columns_right] - integral[rows_top, columns_right]
    sums -= integral[rows_bottom, columns_left]
    sums += integral[rows_top, columns_left]
    pixels = (rows_bottom - rows_top) * (columns_right - columns_left)
    means: NDArray[np.float32] = (sums / pixels[..., None]).astype(np.float32)
    return means


def _normalised(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Bring (n, height, width, 3) in 0 to 255 to (n, 3, height, width) in about -1 to 1."""
    return np.ascontiguousarray(((pixels - 127.5) * 0.0078125).transpose(0, 3, 1, 2))


def _cut(integral: NDArray[np.uint32], boxes: Boxes, size: int) -> tuple[Boxes, NDArray[np.float32]]:
    """Cut candidates that touch the photo to size; return those boxes and their network input."""
    height, width = integral.shape[0] - 1, integral.shape[1] - 1
    corners = np.trunc(boxes).astype(np.int64)
    start = np.maximum(corners[:, :2], 1) - 1
    end = np.minimum(corners[:, 2:], [width, height])
    inside = np.all(end > start, axis=1)
    areas = np.concatenate([start, end], axis=1)[inside]
    return boxes[inside], _normalised(_area_means(integral, areas, (size, size)))
