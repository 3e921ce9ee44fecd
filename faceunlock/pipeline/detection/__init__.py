"""Finding faces: the protocol that every detector follows, and the detector in use."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from faceunlock.errors import ModelError
from faceunlock.files.packages import find_in_package
from faceunlock.files.reading import read_file
from faceunlock.photos.face import Face, RGBImage
from faceunlock.pipeline.runtime import Engine
from faceunlock.pipeline.runtime.network import NetworkSource

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from faceunlock.pipeline.runtime.layers import Layer

PACKAGE = "facenet_pytorch"

REINSTALL = "Run: pip install --force-reinstall --no-deps facenet-pytorch==2.5.3"

SHA256 = {
    "pnet.pt": "a2a71925e0b9996a42f63e47efc1ca19043e69558b5c523b978d611dfae49c8f",
    "rnet.pt": "bbb937de72efc9ef83b186c49f5f558467a1d7e3453a8ece0d71a886633f6a86",
    "onet.pt": "165bfbe42940416ccfb977545cf0e976d5bf321f67083ae2aaaa5c764280118d",
}
"""Checksums of the weights in facenet-pytorch 2.5.3."""

LARGEST = 4 << 20
"""Bytes that a file of weights may have; the largest has 1.6 million."""


class Detector(Protocol):
    """Finds the faces of a photo."""

    def detect(self, image: RGBImage) -> list[Face]:
        """Return all faces in pixels of `image`, the largest first; an empty list if there are none."""
        ...


def load_detector(engine: Engine, *, small_faces: bool = False) -> Detector:
    """Return the MTCNN detector; its networks may still be loading.

    Parameters
    ----------
    engine : Engine
        What runs the networks.
    small_faces : bool
        Find every face of a group, not only the subject of a photo.

    Raises
    ------
    ModelError
        ``weights-missing`` if facenet-pytorch, which contains the weights, is not installed.
    """
    from faceunlock.pipeline.detection.mtcnn import GROUP_LOOKS, LOOKS, MTCNN

    networks = (engine.network(source) for source in network_sources())
    return MTCNN(*networks, looks=GROUP_LOOKS if small_faces else LOOKS)


def network_sources() -> list[NetworkSource]:
    """Return the sources of the detector's proposal, refinement and output networks."""

    def network_source(
        name: str, file: str, shape: tuple[int, ...], free_axes: dict[int, str]
    ) -> NetworkSource:
        def layers() -> Sequence[Layer]:
            from faceunlock.pipeline.detection import mtcnn_layers

            return mtcnn_layers.NETWORKS[name](_read(file))

        definition = Path(__file__).with_name("mtcnn_layers.py")
        return NetworkSource(f"mtcnn-{name}", lambda: SHA256[file], definition, layers, shape, free_axes)

    return [
        network_source("proposal", "pnet.pt", (1, 3, 97, 131), {2: "height", 3: "width"}),
        network_source("refinement", "rnet.pt", (5, 3, 24, 24), {0: "n"}),
        network_source("output", "onet.pt", (5, 3, 48, 48), {0: "n"}),
    ]


def _read(file: str) -> dict[str, NDArray[np.float32]]:
    """Return the tensors of a weights file of facenet-pytorch.

    Raises
    ------
    ModelError
        ``weights-missing`` if the package does not have it; ``weights-corrupt`` if it is another one.
    """
    from faceunlock.pipeline.weights.pickles import load_plain

    path = find_in_package(PACKAGE, f"data/{file}")
    if path is None:
        raise ModelError(
            "weights-missing", f"the package facenet-pytorch does not contain {file}", hint=REINSTALL
        )
    try:
        data = read_file(path, LARGEST)
        if hashlib.sha256(data).hexdigest() != SHA256[file]:
            raise ValueError("its checksum is not that of the published file")
        arrays: dict[str, NDArray[np.float32]] = load_plain(data)
    except (OSError, ValueError) as error:
        raise ModelError("weights-corrupt", f"{path} cannot be trusted: {error}", hint=REINSTALL) from error
    return arrays
