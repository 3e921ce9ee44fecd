"""Box operations of the detection cascade: suppression, regression, squaring.

Boxes are arrays of shape (n, 4): left, top, right, bottom in pixels.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.float32]

BLOCK = 64
"""Number of boxes compared with all others at once."""


def suppress(
    boxes: Boxes, scores: NDArray[np.float32], limit: float, overlap: Literal["union", "smaller"] = "union"
) -> NDArray[np.intp]:
    """Return the best of every group of overlapping boxes (non-maximum suppression).

    Parameters
    ----------
    boxes : ndarray of float32, shape (n, 4)
    scores : ndarray of float32, shape (n,)
    limit : float
        A box is dropped if its overlap with a better one exceeds this, 0 to 1.
    overlap : {"union", "smaller"}
        The intersection is divided by the union, or by the smaller of the two boxes. With "smaller" a box
        includes its last row and column of pixels, as in the original MTCNN.

    Returns
    -------
    ndarray of int, shape (k,)
        Indices of the boxes that are kept, best first.

    Examples
    --------
    >>> boxes = np.array([[0, 0, 10, 10], [1, 1, 11, 11], [50, 50, 60, 60]], dtype=np.float32)
    >>> suppress(boxes, np.array([0.8, 0.9, 0.7], dtype=np.float32), 0.5).tolist()
    [1, 2]
    """
    # A stable sort by descending score, so that equal scores are resolved the same way everywhere.
    order = np.argsort(-scores, kind="stable")
    kept: list[NDArray[np.intp]] = []
    while order.size:
        clashes = _clashes(boxes[order[:BLOCK]], boxes[order], limit, overlap)
        best = _best(clashes[:, :BLOCK])
        kept.append(order[best])
        order = order[BLOCK:][~clashes[best, BLOCK:].any(axis=0)]
    return np.concatenate(kept) if kept else np.zeros(0, dtype=np.intp)


def _clashes(
    some: Boxes, others: Boxes, limit: float, overlap: Literal["union", "smaller"]
) -> NDArray[np.bool_]:
    """Return whether each box of `some` overlaps each box of `others` by more than the limit."""
    edge = np.float32(1.0 if overlap == "smaller" else 0.0)
    left, top, right, bottom = some.T[..., None]
    others_left, others_top, others_right, others_bottom = others.T
    width = np.minimum(right, others_right) - np.maximum(left, others_left) + edge
    height = np.minimum(bottom, others_bottom) - np.maximum(top, others_top) + edge
    shared = np.maximum(width, 0) * np.maximum(height, 0)
    areas = (right - left + edge) * (bottom - top + edge)
    others_areas = (others_right - others_left + edge) * (others_bottom - others_top + edge)
    whole = np.minimum(areas, others_areas) if overlap == "smaller" else areas + others_areas - shared
    clashes: NDArray[np.bool_] = ~(shared <= limit * whole)
    return clashes


def _best(clashes: NDArray[np.bool_]) -> list[int]:
    """Return which boxes are kept, given which ones clash; boxes come best first."""
    kept, gone = [], 0
    # One integer per box, with a bit for each other box, so that the loop touches no array.
    for i, row in enumerate(np.packbits(clashes, axis=1, bitorder="little")):
        if not gone >> i & 1:
            kept.append(i)
            gone |= int.from_bytes(row.tobytes(), "little")
    return kept


def overlap_with(box: NDArray[np.float32], boxes: Boxes) -> NDArray[np.float32]:
    """Return the intersection of a box with each of several, divided by their union, 0 to 1, shape (n,).

    Examples
    --------
    >>> box = np.array([0, 0, 10, 10], dtype=np.float32)
    >>> overlap_with(box, np.array([[0, 0, 10, 20], [10, 0, 20, 10]], dtype=np.float32)).tolist()
    [0.5, 0.0]
    """
    sides = np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2])
    shared = np.maximum(sides, 0).prod(axis=1)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1) + (box[2:] - box[:2]).prod()
    overlap: NDArray[np.float32] = shared / (areas - shared)
    return overlap


def regress(boxes: Boxes, offsets: NDArray[np.float32], edge: float = 1.0) -> Boxes:
    """Return the boxes with each side moved by an offset in units of the box's width or height.

    Parameters
    ----------
    boxes, offsets : ndarray of float32, shape (n, 4)
    edge : float
        Added to width and height; 1 in the second and third stage of MTCNN, 0 in the first.
    """
    width = boxes[:, 2] - boxes[:, 0] + edge
    height = boxes[:, 3] - boxes[:, 1] + edge
    return boxes + offsets * np.stack([width, height, width, height], axis=1)


def squared(boxes: Boxes) -> Boxes:
    """Return the boxes with the shorter side grown around its middle until each is square."""
    width = boxes[:, 2] - boxes[:, 0]
    height = boxes[:, 3] - boxes[:, 1]
    side = np.maximum(width, height)
    left = boxes[:, 0] + width / 2 - side / 2
    top = boxes[:, 1] + height / 2 - side / 2
    return np.stack([left, top, left + side, top + side], axis=1)
