"""facenet-pytorch's models: the detector's box with a margin, scaled to a square of usually 160 pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from faceunlock.errors import PhotoError
from faceunlock.matching.similarity import unit
from faceunlock.matching.templates import ModelIdentity
from faceunlock.photos.face import Face, RGBImage
from faceunlock.pipeline.embedding.crops import normalise
from faceunlock.pipeline.models.registry import ModelSpec
from faceunlock.pipeline.runtime.network import Network

BATCH = 128
GRAY_LEVELS = (127.5, 127.5, 127.5), 128.0
"""facenet-pytorch maps a gray level x to (x - 127.5) / 128."""


class FaceNetEmbedder:
    """A `faceunlock.pipeline.embedding.Embedder` around InceptionResnetV1.

    Parameters
    ----------
    spec : ModelSpec
        Determines which of the two trainings, and which crop.
    network : Network
        Maps (n, 3, size, size) to (n, 512).
    weights_sha256 : str
        Checksum of the published file.
    """

    def __init__(self, spec: ModelSpec, network: Network, weights_sha256: str) -> None:
        self._network = network
        self._size, self._margin = spec.input_size, spec.margin or 0
        self._identity = ModelIdentity(spec.id, weights_sha256, spec.preprocessing, spec.dimension)

    @property
    def identity(self) -> ModelIdentity:
        """What makes the embeddings."""
        return self._identity

    @property
    def input_size(self) -> int:
        """Side of the square crop, in pixels."""
        return self._size

    def crop(self, image: RGBImage, face: Face) -> NDArray[np.uint8]:
        """Return the box with its margin, cut out and scaled; shape (size, size, 3).

        Equal to the pixel to ``facenet_pytorch.models.utils.detect_face.extract_face`` on a Pillow image.

        Raises
        ------
        PhotoError
            ``no-face`` if the box covers no pixel of the photo.
        """
        left, top, right, bottom = box_with_margin(
            face.box, image.shape, size=self._size, margin=self._margin
        )
        if left >= right or top >= bottom:
            raise PhotoError("no-face", "the face lies outside the photo")
        part = Image.fromarray(np.ascontiguousarray(image[top:bottom, left:right]))
        return np.asarray(part.resize((self._size, self._size), Image.Resampling.BILINEAR))

    def embed(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return unit vectors, shape (n, 512), for crops of shape (n, size, size, 3)."""
        outputs = np.empty((len(crops), self._identity.dimension), dtype=np.float32)
        for start in range(0, len(crops), BATCH):
            outputs[start : start + BATCH] = self._network(
                normalise(crops[start : start + BATCH], *GRAY_LEVELS)
            )
        return unit(outputs).astype(np.float32)


def box_with_margin(
    box: tuple[float, float, float, float], shape: tuple[int, ...], *, size: int, margin: int
) -> tuple[int, int, int, int]:
    """Return a box widened by the margin and clipped to the photo.

    Parameters
    ----------
    box : tuple of float
        Left, top, right, bottom in pixels.
    shape : tuple of int
        Height and width of the photo (further entries are ignored).
    size, margin : int
        Side of the crop that the box becomes, and how many of its pixels are not box.

    Returns
    -------
    tuple of int
        Left, top, right, bottom, truncated as facenet-pytorch does; empty if the box lies outside.

    Examples
    --------
    >>> box_with_margin((71, 71, 142, 142), (300, 145), size=160, margin=18)
    (66, 66, 145, 146)
    """
    left, top, right, bottom = box
    if not np.isfinite(box).all():
        return 0, 0, 0, 0
    across = margin * (right - left) / (size - margin)
    down = margin * (bottom - top) / (size - margin)
    return (
        int(max(left - across / 2, 0)),
        int(max(top - down / 2, 0)),
        int(min(right + across / 2, shape[1])),
        int(min(bottom + down / 2, shape[0])),
    )
