"""From a face in a photo to a vector: an embedder is a preprocessing step and a network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from faceunlock.matching.templates import ModelIdentity
from faceunlock.pipeline.embedding.networks import definition, network_layers
from faceunlock.pipeline.models.architecture import RetailArchitecture
from faceunlock.pipeline.models.registry import ModelSpec, Trained, model_spec
from faceunlock.pipeline.runtime import Engine
from faceunlock.pipeline.runtime.network import NetworkSource

if TYPE_CHECKING:
    import numpy as np
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
    spec = model if isinstance(model, ModelSpec) else model_spec(model)
    if crop is not None:
        spec = spec.cropped(*crop)
    if isinstance(spec.weights, Trained):
        from faceunlock.pipeline.models.folder import read_model_folder

        spec = read_model_folder(spec.weights.folder).spec
    source = network_source(spec, cache)
    network = engine.network(source)
    if spec.architecture is not None:
        from faceunlock.pipeline.embedding.aligned import AlignedEmbedder

        identity = ModelIdentity(spec.id, str(spec.sha256), spec.preprocessing, spec.dimension)
        return AlignedEmbedder(identity, spec.architecture, network)
    from faceunlock.pipeline import weights
    from faceunlock.pipeline.embedding.facenet import FaceNetEmbedder

    return FaceNetEmbedder(spec, network, weights.trusted_sha256(spec, cache))


def network_source(spec: ModelSpec, cache: Path) -> NetworkSource:
    """Return the source of a model's network.

    Parameters
    ----------
    spec : ModelSpec
        The model; as `faceunlock.pipeline.models.folder.read_model_folder` returns it if it is in a folder.
    cache : Path
        The cache directory that `faceunlock.pipeline.weights.pull.pull` writes to.

    Raises
    ------
    ModelError
        ``weights-missing`` or ``weights-corrupt``; for a model in a folder only when its network is made.
    """
    from faceunlock.pipeline import weights

    architecture = spec.architecture
    if isinstance(architecture, RetailArchitecture):
        return _published_source(spec, cache)
    if isinstance(spec.weights, Trained):

        def read() -> Mapping[str, NDArray[np.float32]]:
            return weights.read_weights(spec)

        def checksum() -> str:
            return weights.checked_sha256(spec)
    else:
        sha256 = weights.trusted_sha256(spec, cache)

        def read() -> Mapping[str, NDArray[np.float32]]:
            return weights.load(spec, cache).arrays

        def checksum() -> str:
            return sha256

    # A converted network takes one size of crop only.
    usual = architecture is not None or spec.input_size == model_spec(spec.id).input_size
    return NetworkSource(
        name=spec.id if usual else f"{spec.id}-{spec.input_size}",
        weights_sha256=checksum,
        definition=definition(architecture),
        layers=lambda: network_layers(architecture, read()),
        example_shape=(2, 3, spec.input_size, spec.input_size),
        free_axes={0: "n"},
    )


def _published_source(spec: ModelSpec, cache: Path) -> NetworkSource:
    """Return the source of a network whose published files hold its layers."""
    from faceunlock.pipeline import weights

    sha256 = weights.trusted_sha256(spec, cache)

    return NetworkSource(
        name=spec.id,
        weights_sha256=lambda: sha256,
        definition=Path(weights.__file__).with_name("openvino_format.py"),
        layers=lambda: weights.load_layers(spec, cache),
        example_shape=(2, 3, spec.input_size, spec.input_size),
        free_axes={0: "n"},
    )
