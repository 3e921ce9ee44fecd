"""The MTCNN cascade (Zhang et al. 2016, doi:10.1109/LSP.2016.2603342) in NumPy.

Thresholds, scale factor, box regression and suppression rules are those of facenet-pytorch
2.5.3, the oracle in the tests. The networks run in the runtime they come from. Photos are searched
in a copy no larger than needed. Every resampling is the mean over an area, read from one integral
image: it is exact, and all candidates are cropped at once.

A candidate that reaches beyond the photo is cropped at its edge and stretched to a square, in facenet-pytorch
as here, and no candidate is larger than the photo. The landmarks of a face that fills the picture are wrong
for both reasons. Such a face is searched for again in a window that goes on beyond the edge.
"""

from __future__ import annotations

from math import ceil, floor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from faceunlock.photos.face import Face, RGBImage
from faceunlock.pipeline.detection.boxes import Boxes, overlap_with, regress, squared, suppress
from faceunlock.pipeline.detection.integral import IntegralImage
from faceunlock.pipeline.runtime.network import Network

CELL = 12
"""Side of the square that the proposal network looks at, in pixels."""

STRIDE = 2
"""Step of the proposal network, in pixels."""

SCALE_FACTOR = 0.709
"""Ratio of neighbouring pyramid levels: about half the area each."""

PROPOSAL_THRESHOLD, REFINEMENT_THRESHOLD, OUTPUT_THRESHOLD = 0.6, 0.7, 0.7

LOOKS = (320, 640, 2560)
"""Longer sides of the copies that are searched in turn for the subject of a photo, in pixels."""

GROUP_LOOKS = (2560,)
"""The same when small faces count, as in a group."""

SURE = 2.0
"""A look is enough if its largest face is this many times the smallest it can find. It would then have found
a rival of half the area, too, and the landmarks are read from about as many pixels as the network takes."""

CLOSER = 0.7
"""The last look multiplies the smallest face by this, so its pyramid falls between the earlier levels."""

WINDOW = 2.0
"""Side of the window in which a face at the edge is searched for again, in longer sides of its box."""

WINDOW_PIXELS = 320
"""Largest side of that window in pixels; larger ones are shrunk, so that a large face costs no more."""

WINDOW_DETAIL = 0.5
"""Smallest face searched for in that window, in longer sides of the box."""

BEYOND = 128
"""Gray level of the window beyond the edge: the middle of the scale, which the networks see as 0. Black and
repeated last pixels do as well; mirrored pixels make second faces."""

SAME_FACE = 0.3
"""Least overlap (intersection over union) of a face with what is found in its window."""


class _Found(NamedTuple):
    """The faces found in one picture, in its pixels."""

    boxes: Boxes
    scores: NDArray[np.float32]
    landmarks: NDArray[np.float32]
    squares: Boxes
    """What the output network looked at, shape (n, 4)."""


class MTCNN:
    """Multi-task cascaded convolutional networks: three stages from coarse to fine.

    Parameters
    ----------
    proposal, refinement, output : Network
        The networks of `faceunlock.pipeline.detection.network_sources` in any runtime.
    smallest_face : int
        Smallest face searched for, in pixels of the searched copy, at least 12.
    looks : tuple of int
        Longer side of each copy, tried in order until a face is found that is large enough (see `SURE`). A
        smaller photo is searched as it is.
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
            missed, is followed by a closer look. The last look uses a different set of scales.
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
        """Return the faces found in a copy, in pixels of the photo that has the given shape."""
        boxes, scores, landmarks, _ = self._beyond_the_edge(image, self._cascade(image, smallest_face))
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

    def _cascade(self, image: RGBImage, smallest_face: float) -> _Found:
        """Return the faces that the three stages find in a picture."""
        integral = IntegralImage(image)
        return self._finish(integral, self._refine(integral, self._propose(integral, smallest_face)))

    def _beyond_the_edge(self, image: RGBImage, found: _Found) -> _Found:
        """Return the faces, those of which the output network saw only a part searched for again."""
        cut = _clipped(found.squares, image.shape)
        if not cut.any():
            return found
        for i in np.flatnonzero(cut):
            again = self._in_window(image, found.boxes[i])
            if again is not None:
                found.boxes[i], found.scores[i], found.landmarks[i] = again
        # Two partial views of a face may now be the same; one that was seen whole stays as it was.
        kept = suppress(found.boxes, np.where(cut, found.scores, np.float32(2)), 0.7)
        return _Found(*(part[kept] for part in found))

    def _in_window(
        self, image: RGBImage, box: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], np.float32, NDArray[np.float32]] | None:
        """Return box, score and landmarks of a face searched for with room around it; None if not found."""
        side = float(max(CELL, box[2] - box[0], box[3] - box[1]))
        scale = min(1.0, WINDOW_PIXELS / (WINDOW * side))
        copy = image if scale == 1 else _shrunk(image, scale)
        zoom = np.array([image.shape[1] / copy.shape[1], image.shape[0] / copy.shape[0]], dtype=np.float32)
        zooms = np.tile(zoom, 2)
        window, corner = _window(copy, np.divide(box, zooms, dtype=np.float32), WINDOW * side * scale)
        found = self._cascade(window, max(CELL, WINDOW_DETAIL * side * scale))
        boxes = (found.boxes + np.tile(corner, 2)) * zooms
        overlaps = overlap_with(box, boxes)
        if not (overlaps >= SAME_FACE).any():
            return None
        best = int(np.argmax(overlaps))
        return boxes[best], found.scores[best], (found.landmarks[best] + corner) * zoom

    def _propose(self, integral: IntegralImage, smallest_face: float) -> Boxes:
        """Stage one: look at every place at every size; return candidate squares."""
        shorter = min(integral.height, integral.width)
        found = [self._propose_at(integral, scale) for scale in _pyramid(shorter, smallest_face)]
        candidates = np.concatenate(found) if found else np.zeros((0, 9), dtype=np.float32)
        candidates = candidates[suppress(candidates[:, :4], candidates[:, 4], 0.7)]
        return squared(regress(candidates[:, :4], candidates[:, 5:], edge=0.0))

    def _propose_at(self, integral: IntegralImage, scale: float) -> NDArray[np.float32]:
        """Return candidates of one pyramid level, shape (n, 9): box, score, 4 offsets."""
        whole = np.array([[0, 0, integral.width, integral.height]])
        size = int(integral.height * scale + 1), int(integral.width * scale + 1)
        level = integral.means(whole, size)
        result = self._proposal(_normalised(level))[0]
        rows, columns = np.nonzero(result[0] >= PROPOSAL_THRESHOLD)
        corners = np.stack([columns, rows, columns, rows], axis=1).astype(np.float32) * STRIDE
        reach = np.array([1, 1, CELL, CELL], dtype=np.float32)
        boxes = np.floor((corners + reach) / np.float32(scale))
        candidates = np.concatenate([boxes, result[:, rows, columns].T], axis=1)
        return candidates[suppress(boxes, candidates[:, 4], 0.5)]

    def _refine(self, integral: IntegralImage, boxes: Boxes) -> Boxes:
        """Stage two: judge every candidate at 24 pixels; return fewer, better squares."""
        boxes, crops = _cut(integral, boxes, 24)
        if not len(boxes):
            return boxes
        result = self._refinement(crops)
        passed = result[:, 0] > REFINEMENT_THRESHOLD
        boxes, result = boxes[passed], result[passed]
        kept = suppress(boxes, result[:, 0], 0.7)
        return squared(regress(boxes[kept], result[kept, 1:5]))

    def _finish(self, integral: IntegralImage, boxes: Boxes) -> _Found:
        """Stage three: judge at 48 pixels."""
        boxes, crops = _cut(integral, boxes, 48)
        if not len(boxes):
            return _Found(boxes, np.zeros(0, np.float32), np.zeros((0, 5, 2), np.float32), boxes)
        result = self._output(crops)
        passed = result[:, 0] > OUTPUT_THRESHOLD
        squares, result = boxes[passed], result[passed]
        sides = squares[:, 2:] - squares[:, :2] + 1
        relative = np.stack([result[:, 5:10], result[:, 10:15]], axis=2)
        landmarks = relative * sides[:, None, :] + squares[:, None, :2] - 1
        boxes = regress(squares, result[:, 1:5])
        kept = suppress(boxes, result[:, 0], 0.7, "smaller")
        return _Found(boxes[kept], result[kept, 0], landmarks[kept], squares[kept])


def _shrunk(image: RGBImage, scale: float) -> RGBImage:
    size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0))


def _pyramid(shorter_side: int, smallest_face: float) -> list[float]:
    """Return the scales at which a face of `smallest_face` pixels, and every larger one, fills a cell."""
    scales, scale = [], CELL / smallest_face
    while shorter_side * scale >= CELL:
        scales.append(scale)
        scale *= SCALE_FACTOR
    return scales


def _normalised(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Map 0 to 255 to about -1 to 1, in place, and return the result."""
    pixels -= np.float32(127.5)
    pixels *= np.float32(0.0078125)
    return pixels


def _pixels(boxes: Boxes) -> NDArray[np.int64]:
    """Return the first row and column and the ends, exclusive, of the pixels of each box, shape (n, 4)."""
    return np.trunc(boxes).astype(np.int64) - np.array([1, 1, 0, 0], dtype=np.int64)


def _clipped(boxes: Boxes, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return whether each box has pixels beyond the edge of a picture of this shape."""
    pixels = _pixels(boxes)
    before, after = pixels[:, :2] < 0, pixels[:, 2:] > np.array([shape[1], shape[0]])
    clipped: NDArray[np.bool_] = np.any(before | after, axis=1)
    return clipped


def _cut(integral: IntegralImage, boxes: Boxes, size: int) -> tuple[Boxes, NDArray[np.float32]]:
    """Crop the candidates that touch the photo; return their boxes and their network input."""
    pixels = _pixels(boxes)
    start = np.maximum(pixels[:, :2], 0)
    end = np.minimum(pixels[:, 2:], [integral.width, integral.height])
    inside = np.all(end > start, axis=1)
    areas = np.concatenate([start, end], axis=1)[inside]
    return boxes[inside], _normalised(integral.means(areas, (size, size)))


def _window(image: RGBImage, box: NDArray[np.float32], side: float) -> tuple[RGBImage, NDArray[np.float32]]:
    """Return a square around the middle of a box, gray beyond the picture, and its left and top."""
    left, top = (floor((low + high - side) / 2) for low, high in zip(box[:2], box[2:], strict=True))
    pixels = ceil(side)
    window = np.full((pixels, pixels, 3), BEYOND, dtype=np.uint8)
    part = image[max(top, 0) : max(top + pixels, 0), max(left, 0) : max(left + pixels, 0)]
    row, column = max(-top, 0), max(-left, 0)
    window[row : row + part.shape[0], column : column + part.shape[1]] = part
    return window, np.array([left, top], dtype=np.float32)
