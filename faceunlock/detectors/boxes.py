"""Boxes as the detection cascade handles them: suppression, regression, squares.

Boxes are arrays of shape (n, 4): left, top, right, bottom in pixels.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.float32]


def suppress(
    boxes: Boxes, scores: NDArray[np.float32], limit: float, overlap: Literal["union", "smaller"] = "union"
) -> NDArray[np.intp]:
    """Non-maximum suppression: keep the best of every group of overlapping boxes.

    Parameters
    ----------
    boxes : ndarray of float32, shape (n, 4)
    scores : ndarray of float32, shape (n,)
    limit : float
        A box is dropped when its overlap with a better one exceeds this, 0 to 1.
    overlap : {"union", "smaller"}
        Intersection divided by the union, or by the smaller of the two boxes. With "smaller" a box
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
    edge = 1.0 if overlap == "smaller" else 0.0
    left, top, right, bottom = boxes.T
    areas = (right - left + edge) * (bottom - top + edge)
    # Stable and by descending score, so that equal scores are resolved the same way everywhere.
    order = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    while order.size:
        best, rest = order[0], order[1:]
        kept.append(int(best))
        width = np.minimum(right[best], right[rest]) - np.maximum(left[best], left[rest]) + edge
        height = np.minimum(bottom[best], bottom[rest]) - np.maximum(top[best], top[rest]) + edge
        shared = np.maximum(width, 0) * np.maximum(height, 0)
        whole = (
            np.minimum(areas[best], areas[rest])
            if overlap == "smaller"
            else areas[best] + areas[rest] - shared
        )
        order = rest[shared <= limit * whole]
    return np.array(kept, dtype=np.intp)


def regress(boxes: Boxes, offsets: NDArray[np.float32], edge: float = 1.0) -> Boxes:
    """Move each side of the boxes by an offset in units of the box's width or height.

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
    """Grow the shorter side of each box around its middle until the box is square."""
    width = boxes[:, 2] - boxes[:, 0]
    height = boxes[:, 3] - boxes[:, 1]
    side = np.maximum(width, height)
    left = boxes[:, 0] + width / 2 - side / 2
    top = boxes[:, 1] + height / 2 - side / 2
    return np.stack([left, top, left + side, top + side], axis=1)
