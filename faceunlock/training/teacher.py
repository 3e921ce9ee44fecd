"""The embeddings that a teacher gives for the photos of a training."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from faceunlock.photos.face import Face
from faceunlock.pipeline.embedding import Embedder
from faceunlock.pipeline.models.architecture import Architecture
from faceunlock.pipeline.samples import Track
from faceunlock.training.recipe import TeacherSees

Teacher = Callable[[list[int], NDArray[np.uint8]], NDArray[np.float32]]
"""Takes the positions of training photos, and the pictures of them that the network sees, shape
(n, side, side, 3). Returns the unit embeddings that the network should give."""

Embed = Callable[[NDArray[np.uint8]], NDArray[np.float32]]

CHUNK = 256


def teaching(teacher: Embedder, architecture: Architecture) -> Embed:
    """Return a function that gives a teacher's embeddings of aligned crops.

    The teacher aligns each crop again in its own way. The landmarks of an aligned crop are where the
    architecture puts them, so a crop is a photo with one known face. The box of that face is the one that the
    detector usually draws around such landmarks.
    """
    scale = architecture.input_size / 112
    face = Face((20.0 * scale, 8.0 * scale, 92.0 * scale, 110.0 * scale), architecture.target, 1.0)

    def embed(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        return teacher.embed(np.stack([teacher.crop(crop, face) for crop in crops]))

    return embed


def open_teacher(teacher: Embedder, architecture: Architecture) -> Embed:
    """Return what `teaching` returns, once the teacher's network is open.

    The network opens in a thread. If it has never been converted, that thread builds it, and the layers of a
    new network draw random numbers from the generator of the process. The student's initial weights must be
    drawn when nothing else draws from that generator, so that a seed reproduces them.
    """
    embed, side = teaching(teacher, architecture), architecture.input_size
    embed(np.zeros((1, side, side, 3), dtype=np.uint8))
    return embed


def embed_all(embed: Embed, crops: NDArray[np.uint8], track: Track, label: str) -> NDArray[np.float32]:
    """Return a teacher's embeddings of at least one crop, computed in parts and with progress shown."""
    starts = range(0, len(crops), CHUNK)
    parts = [embed(crops[start : start + CHUNK]) for start in track(starts, len(starts), label)]
    return np.concatenate(parts)


def make_teacher(
    embed: Embed,
    sees: TeacherSees,
    crops: NDArray[np.uint8],
    track: Track,
) -> Teacher:
    """Return the teacher that a network is to imitate.

    Parameters
    ----------
    embed : callable
        As returned by `teaching`.
    sees : {"same", "clean"}
        Whether the teacher sees the picture that the network sees, or the crop that it was made from. With
        ``clean``, every crop is embedded once, now.
    crops : ndarray of uint8, shape (n, side, side, 3)
        The crops to train on.
    track : callable
        Shows progress.
    """
    if sees == "same":
        return lambda positions, pictures: embed(pictures)
    known = embed_all(embed, crops, track, "the teacher")
    return lambda positions, pictures: known[positions]
