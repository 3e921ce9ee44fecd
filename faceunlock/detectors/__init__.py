"""Finding faces: the protocol every detector follows, and the one that is used."""

from __future__ import annotations

from typing import Protocol

from faceunlock.faces import Face, RGBImage


class Detector(Protocol):
    """Finds the faces of a photo."""

    def detect(self, image: RGBImage) -> list[Face]:
        """Return all faces in pixels of `image`, the largest first; an empty list if there is none."""
        ...


def load_detector(device: str = "cpu") -> Detector:
    """Return the MTCNN detector with its networks on a device.

    Parameters
    ----------
    device : {"auto", "cpu", "cuda"}
        Where the networks run.

    Raises
    ------
    ModelError
        ``device-unavailable``.
    """
    from faceunlock.detectors.mtcnn import MTCNN
    from faceunlock.detectors.mtcnn_networks import build_networks
    from faceunlock.runtime.torch_runtime import TorchNetwork, resolve_device

    target = resolve_device(device)
    return MTCNN(*(TorchNetwork(module, target) for module in build_networks()))
