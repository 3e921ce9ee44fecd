"""Flat pictures held before a camera: photos warped as planes that are turned."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def held_up(
    photo: NDArray[np.uint8], degrees: float, size: tuple[int, int] = (480, 640)
) -> NDArray[np.uint8]:
    """Return a frame that shows a photo turned about its upright axis, before a grey wall.

    Parameters
    ----------
    photo : ndarray of uint8, shape (height, width, 3)
    degrees : float
        Positive turns the picture's right side away.
    size : tuple of int
        Height and width of the frame.
    """
    height, width = size
    tall = 0.9 * height
    wide = tall * photo.shape[1] / photo.shape[0]
    angle, distance = np.radians(degrees), 3.0 * tall
    corners = np.array([(-wide, -tall), (wide, -tall), (wide, tall), (-wide, tall)]) / 2
    depth = distance + corners[:, 0] * np.sin(angle)
    seen = np.column_stack([corners[:, 0] * np.cos(angle), corners[:, 1]]) * (distance / depth)[:, None]
    seen += (width / 2, height / 2)
    there = np.array([(0, 0), (1, 0), (1, 1), (0, 1)]) * (photo.shape[1], photo.shape[0])
    rows, wanted = [], []
    for (x, y), (u, v) in zip(seen, there, strict=True):
        rows += [(x, y, 1, 0, 0, 0, -u * x, -u * y), (0, 0, 0, x, y, 1, -v * x, -v * y)]
        wanted += [u, v]
    plane = np.linalg.solve(np.array(rows), np.array(wanted)).tolist()
    frame = Image.fromarray(photo).transform(
        (width, height),
        Image.Transform.PERSPECTIVE,
        plane,
        Image.Resampling.BICUBIC,
        fillcolor=(150, 150, 150),
    )
    return np.asarray(frame)
