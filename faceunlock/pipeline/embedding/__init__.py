"""From a face in a photo to a vector: an embedder is a preprocessing step and a network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from faceunlock.matching.templates import ModelIdentity
from faceunlock.pipeline.embedding.networks import definition, make_network
from faceunlock.pipeline.models.architecture import Architecture
from faceunlock.pipeline.models.registry import ModelSpec, Trained, model_spec
from faceunlock.pipeline.runtime import Engine
from faceunlock.pipeline.runtime.network import NetworkSource

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    from faceunlock.photos.face import Face, RGBImage


class Embedder(Protocol):
    """Turns faces into embeddings."""

    @property
    def identity(self) -> ModelIdentity:
        """What makes the embeddings; only those of equal identity are comparable."""
        ...

    @property
    def input_size(self) -> int:
        """Side of the square crop, in pixels; a smaller face has to be enlarged."""
        ...

    def crop(self, image: RGBImage, face: Face) -> NDArray[np.uint8]:
        """Return the face cut out of the photo as the network sees it.

        Parameters
        ----------
        image : ndarray of uint8, shape (height, width, 3)
            Upright photo, sRGB.
        face : Face
            One face of the photo.

        Returns
        -------
        ndarray of uint8, shape (size, size, 3)

        Raises
        ------
        PhotoError
            ``no-face`` if the box or the landmarks do not describe a face in this photo.
        """
        ...

    def embed(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the embeddings of crops.

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


def load_embedder(
    model: str | ModelSpec, *, cache: Path, engine: Engine, crop: tuple[int, int] | None = None
) -> Embedder:
    """Return a model's embedder; its network may still be loading.

    Parameters
    ----------
    model : str or ModelSpec
        Id in the registry, or the description of a model that is not in it.
    cache : Path
        The cache directory that `faceunlock.pipeline.weights.pull.pull` writes to.
    engine : Engine
        What runs the network.
    crop : tuple of int, optional
        Size and margin to use instead of the model's own; see `ModelSpec.cropped`.

    Raises
    ------
    ModelError
        ``unknown-model``, ``weights-missing``, ``weights-corrupt`` or ``device-unavailable``.
    """
    from faceunlock.pipeline import weights

    spec = model if isinstance(model, ModelSpec) else model_spec(model)
    if crop is not None:
        spec = spec.cropped(*crop)
    if isinstance(spec.weights, Trained):
        return _load_trained(spec.weights.folder, engine)
    sha256 = weights.trusted_sha256(spec, cache)
    if spec.architecture is not None:
        return _aligned(
            spec, spec.architecture, engine, lambda: sha256, lambda: weights.load(spec, cache).arrays
        )
    return _facenet(spec, cache, engine, sha256)


def _load_trained(folder: Path, engine: Engine) -> Embedder:
    from faceunlock.pipeline.models.folder import read_model_folder
    from faceunlock.pipeline.weights import checked_sha256, read_weights

    model = read_model_folder(folder)
    return _aligned(
        model.spec,
        model.architecture,
        engine,
        lambda: checked_sha256(model.spec),
        lambda: read_weights(model),
    )


def _aligned(
    spec: ModelSpec,
    architecture: Architecture,
    engine: Engine,
    checksum: Callable[[], str],
    read: Callable[[], Mapping[str, NDArray[np.float32]]],
) -> Embedder:
    """Return the embedder of a model with aligned crops; `checksum` and `read` may be called later."""
    from faceunlock.pipeline.embedding.aligned import AlignedEmbedder

    def build() -> torch.nn.Module:
        from faceunlock.pipeline.runtime.torch_runtime import build

        return build(lambda: make_network(architecture), read())

    network = NetworkSource(
        name=spec.id,
        weights_sha256=checksum,
        definition=definition(architecture),
        build=build,
        example_shape=(2, 3, spec.input_size, spec.input_size),
        free_axes={0: "n"},
    )
    identity = ModelIdentity(spec.id, str(spec.sha256), spec.preprocessing, spec.dimension)
    return AlignedEmbedder(identity, architecture, engine.network(network))


def _facenet(spec: ModelSpec, cache: Path, engine: Engine, sha256: str) -> Embedder:
    from faceunlock.pipeline.embedding.facenet import FaceNetEmbedder

    def build() -> torch.nn.Module:
        from faceunlock.pipeline import weights
        from faceunlock.pipeline.embedding.facenet_network import make_network
        from faceunlock.pipeline.runtime.torch_runtime import build

        return build(make_network, weights.load(spec, cache).arrays)

    # A converted network takes one size of crop only.
    usual = spec.input_size == model_spec(spec.id).input_size
    network = NetworkSource(
        name=spec.id if usual else f"{spec.id}-{spec.input_size}",
        weights_sha256=lambda: sha256,
        definition=Path(__file__).with_name("facenet_network.py"),
        build=build,
        example_shape=(2, 3, spec.input_size, spec.input_size),
        free_axes={0: "n"},
    )
    return FaceNetEmbedder(spec, engine.network(network), sha256)
