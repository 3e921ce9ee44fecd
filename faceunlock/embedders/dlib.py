"""dlib's face model: alignment on five landmarks, and the crop and its mirror image averaged."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from faceunlock.embedders import normalisation
from faceunlock.embedders.alignment import similarity, warp
from faceunlock.embedders.dlib_format import DIVISOR, INPUT_SIZE, MEAN
from faceunlock.embedders.registry import model_spec
from faceunlock.faces import Face, RGBImage
from faceunlock.matching import unit
from faceunlock.runtime import Network
from faceunlock.templates import ModelIdentity

TARGET = ((48.21, 46.26), (102.84, 46.50), (75.46, 79.10), (51.35, 106.15), (99.52, 106.73))
"""Where the five landmarks belong in the crop: medians over 400 LFW photos of MTCNN's landmarks in
dlib's own crops."""

BATCH = 128


class DlibEmbedder:
    """An `faceunlock.embedders.Embedder` around dlib's network.

    Parameters
    ----------
    network : Network
        dlib's network: (n, 3, 150, 150) to (n, 128).
    weights_sha256 : str
        Checksum of the weights' file.
    """

    def __init__(self, network: Network, weights_sha256: str) -> None:
        spec = model_spec("dlib")
        self._network = network
        self._identity = ModelIdentity(spec.id, weights_sha256, spec.preprocessing, spec.dimension)

    @property
    def identity(self) -> ModelIdentity:
        """What makes the embeddings."""
        return self._identity

    @property
    def input_size(self) -> int:
        """Side of the square crop, in pixels."""
        return INPUT_SIZE

    def crop(self, image: RGBImage, face: Face) -> NDArray[np.uint8]:
        """Turn, scale and shift the face onto `TARGET`; shape (150, 150, 3).

        Raises
        ------
        PhotoError
            ``no-face`` if the landmarks coincide.
        """
        return warp(image, similarity(face.landmarks, TARGET), INPUT_SIZE)

    def embed(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Embed crops of shape (n, 150, 150, 3); unit vectors, shape (n, 128).

        An embedding is the direction of the sum of the outputs for the crop and for its mirror image. With
        the mirror image the accuracy on LFW's 6,000 pairs is .9927, without it .9880.
        """
        sums = np.empty((len(crops), self._identity.dimension), dtype=np.float32)
        for start in range(0, len(crops), BATCH):
            batch = normalise(crops[start : start + BATCH])
            mirrored = np.ascontiguousarray(batch[..., ::-1])
            sums[start : start + BATCH] = self._network(batch) + self._network(mirrored)
        return unit(sums).astype(np.float32)


def normalise(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Subtract dlib's mean colour and divide by 256.

    Parameters
    ----------
    crops : ndarray of uint8, shape (n, size, size, 3)
        RGB.

    Returns
    -------
    ndarray of float32, shape (n, 3, size, size)
    """
    return normalisation.normalise(crops, MEAN, DIVISOR)
