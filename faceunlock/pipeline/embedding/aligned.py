"""Models with aligned crops (dlib's and those trained here): five landmarks, then a network."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from faceunlock.matching.similarity import unit
from faceunlock.matching.templates import ModelIdentity
from faceunlock.photos.face import Face, RGBImage
from faceunlock.pipeline.embedding.crops import normalise, similarity, views, warp
from faceunlock.pipeline.models.architecture import Architecture
from faceunlock.pipeline.runtime.network import Network

BATCH = 128


def align(image: RGBImage, face: Face, architecture: Architecture) -> NDArray[np.uint8]:
    """Return a face turned, scaled and shifted so that its landmarks lie on the architecture's target.

    Returns
    -------
    ndarray of uint8, shape (input_size, input_size, 3)

    Raises
    ------
    PhotoError
        ``no-face`` if the landmarks coincide.
    """
    return warp(image, similarity(face.landmarks, architecture.target), architecture.input_size)


class AlignedEmbedder:
    """A `faceunlock.pipeline.embedding.Embedder` around a network of an architecture.

    Parameters
    ----------
    identity : ModelIdentity
    architecture : Architecture
        Describes the input of the network.
    network : Network
        Maps (n, 3, size, size) to (n, dimension).
    """

    def __init__(self, identity: ModelIdentity, architecture: Architecture, network: Network) -> None:
        self._identity, self._architecture, self._network = identity, architecture, network

    @property
    def identity(self) -> ModelIdentity:
        """What makes the embeddings."""
        return self._identity

    @property
    def input_size(self) -> int:
        """Side of the square crop, in pixels."""
        return self._architecture.input_size

    def crop(self, image: RGBImage, face: Face) -> NDArray[np.uint8]:
        """Return the aligned face; see `align`."""
        return align(image, face, self._architecture)

    def embed(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return unit vectors, shape (n, dimension), for crops of shape (n, size, size, 3)."""
        outputs = np.zeros((len(crops), self._identity.dimension), dtype=np.float32)
        for start in range(0, len(crops), BATCH):
            batch = normalise(crops[start : start + BATCH], *self._architecture.normalisation)
            for view in views(batch, self._architecture):
                outputs[start : start + BATCH] += self._network(view)
        return unit(outputs).astype(np.float32)
