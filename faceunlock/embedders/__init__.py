"""From a face in a photo to a vector: an embedder is a preprocessing and a network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from faceunlock.faces import Face, RGBImage
    from faceunlock.matching import ModelIdentity


class Embedder(Protocol):
    """What turns faces into embeddings."""

    @property
    def identity(self) -> ModelIdentity:
        """What makes the embeddings: only those of equal identity are comparable."""
        ...

    def crop(self, image: RGBImage, face: Face) -> NDArray[np.uint8]:
        """Cut the face out of the photo as the network sees it.

        Parameters
        ----------
        image : ndarray of uint8, shape (height, width, 3)
            Upright photo, sRGB.
        face : Face
            One face of it.

        Returns
        -------
        ndarray of uint8, shape (size, size, 3)

        Raises
        ------
        PhotoError
            ``no-face`` if box or landmarks do not describe a face in this photo.
        """
        ...

    def embed(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Compute the embeddings of crops.

        Parameters
        ----------
        crops : ndarray of uint8, shape (n, size, size, 3)
            As `crop` returns them; n may be 0.

        Returns
        -------
        ndarray of float32, shape (n, dimension)
            Unit vectors, in the order of the crops.
        """
        ...


def load_embedder(model: str, *, cache: Path, device: str) -> Embedder:
    """Load a model's weights and build its embedder on PyTorch.

    Parameters
    ----------
    model : str
        Id in the registry.
    cache : Path
        The cache directory that `faceunlock.weights.pull` writes to.
    device : {"auto", "cpu", "cuda"}
        Where to compute.

    Raises
    ------
    ModelError
        ``unknown-model``, ``weights-missing``, ``weights-corrupt`` or ``device-unavailable``.
    """
    from faceunlock import weights
    from faceunlock.embedders.registry import model_spec

    spec = model_spec(model)
    loaded = weights.load(spec, cache)

    from faceunlock.runtime.torch_runtime import TorchNetwork, build, resolve_device

    target = resolve_device(device)
    if spec.id == "dlib":
        from faceunlock.embedders.dlib import DlibEmbedder
        from faceunlock.embedders.dlib_network import DlibNetwork

        return DlibEmbedder(TorchNetwork(build(DlibNetwork, loaded.arrays), target), loaded.sha256)

    from faceunlock.embedders.facenet import FaceNetEmbedder
    from faceunlock.embedders.facenet_network import make_network

    return FaceNetEmbedder(spec, TorchNetwork(build(make_network, loaded.arrays), target), loaded.sha256)
