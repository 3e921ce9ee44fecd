"""Finding faces: the protocol that every detector follows, and the detector in use."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from faceunlock.errors import ModelError
from faceunlock.files.packages import find_in_package
from faceunlock.photos.face import Face, RGBImage
from faceunlock.pipeline.runtime import Engine
from faceunlock.pipeline.runtime.network import NetworkSource

if TYPE_CHECKING:
    import torch


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
        index: int, name: str, file: str, shape: tuple[int, ...], free_axes: dict[int, str]
    ) -> NetworkSource:
        def build() -> torch.nn.Module:
            from faceunlock.pipeline.detection.mtcnn_networks import build_networks

            return build_networks()[index]

        def checksum() -> str:
            return hashlib.sha256(_weights(file).read_bytes()).hexdigest()

        definition = Path(__file__).with_name("mtcnn_networks.py")
        return NetworkSource(f"mtcnn-{name}", checksum, definition, build, shape, free_axes)

    return [
        network_source(0, "proposal", "pnet.pt", (1, 3, 97, 131), {2: "height", 3: "width"}),
        network_source(1, "refinement", "rnet.pt", (5, 3, 24, 24), {0: "n"}),
        network_source(2, "output", "onet.pt", (5, 3, 48, 48), {0: "n"}),
    ]


def _weights(file: str) -> Path:
    """Return the path of a weights file of facenet-pytorch."""
    path = find_in_package("facenet_pytorch", f"data/{file}")
    if path is None:
        raise ModelError(
            "weights-missing",
            f"the package facenet-pytorch does not contain {file}",
            hint="Run: pip install --force-reinstall --no-deps facenet-pytorch==2.5.3",
        )
    return path
