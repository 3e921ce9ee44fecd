"""What a teacher says about the photos of a training."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from faceunlock.collection import Track
from faceunlock.embedders import Embedder
from faceunlock.embedders.architecture import Architecture
from faceunlock.faces import Face
from faceunlock.training.recipe import TeacherSees

Teacher = Callable[[list[int], NDArray[np.uint8]], NDArray[np.float32]]
"""Positions of photos that are learned from, and the pictures of them that the network sees, shape
(n, side, side, 3), to the unit embeddings that the network should give."""

CHUNK = 256


def teaching(
    teacher: Embedder, architecture: Architecture
) -> Callable[[NDArray[np.uint8]], NDArray[np.float32]]:
    """Return a teacher's embeddings of aligned crops, which it aligns again in its own way.

    The landmarks of an aligned crop are where the architecture wants them, so a crop is a photo with one
    known face. Its box is the one that the detector usually draws around such landmarks.
    """
    scale = architecture.input_size / 112
    face = Face((20.0 * scale, 8.0 * scale, 92.0 * scale, 110.0 * scale), architecture.target, 1.0)

    def embed(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        return teacher.embed(np.stack([teacher.crop(crop, face) for crop in crops]))

    return embed


def make_teacher(
    teacher: Embedder,
    architecture: Architecture,
    sees: TeacherSees,
    crops: NDArray[np.uint8],
    track: Track,
) -> Teacher:
    """Return what a network is to imitate.

    Parameters
    ----------
    teacher : Embedder
    architecture : Architecture
        Of the network that learns.
    sees : {"same", "clean"}
        Whether the teacher looks at the picture that the network sees, or at the crop it was made of: then
        every crop is looked at once, now.
    crops : ndarray of uint8, shape (n, side, side, 3)
        What is learned from.
    track : callable
        Shows progress.
    """
    embed = teaching(teacher, architecture)
    if sees == "same":
        return lambda positions, pictures: embed(pictures)
    starts = range(0, len(crops), CHUNK)
    chunks = [embed(crops[start : start + CHUNK]) for start in track(starts, len(starts), "the teacher")]
    known = np.concatenate(chunks)
    return lambda positions, pictures: known[positions]
