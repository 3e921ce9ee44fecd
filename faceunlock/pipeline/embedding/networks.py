"""Architectures as layers, which answer, and as torch modules, which are trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from faceunlock.pipeline.models.architecture import Architecture, ResidualArchitecture

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import nn

    from faceunlock.pipeline.runtime.layers import Layer


def make_network(architecture: Architecture) -> nn.Module:
    """Return the network of an architecture, with random weights.

    Parameters
    ----------
    architecture : Architecture
        One of the kinds that `faceunlock.pipeline.models.architecture.read_architecture` knows.

    Returns
    -------
    torch.nn.Module
        Takes float32 of shape (n, 3, input_size, input_size), returns float32 of shape (n, dimension), not
        of unit length.
    """
    if isinstance(architecture, ResidualArchitecture):
        from faceunlock.pipeline.embedding.residual_network import ResidualNetwork

        return ResidualNetwork(architecture)
    from faceunlock.pipeline.embedding.dlib_network import DlibNetwork

    return DlibNetwork()


def network_layers(
    architecture: Architecture | None, arrays: Mapping[str, NDArray[np.float32]]
) -> Sequence[Layer]:
    """Return the network with these weights as layers.

    Parameters
    ----------
    architecture : Architecture or None
        As for `make_network`, whose state the arrays are; None is InceptionResnetV1.
    arrays : mapping of str to ndarray of float32
        The weights.

    Raises
    ------
    ModelError
        ``weights-corrupt`` if they are not those of the network.
    """
    if architecture is None:
        from faceunlock.pipeline.weights.facenet_layers import facenet_layers

        return facenet_layers(arrays)
    if isinstance(architecture, ResidualArchitecture):
        from faceunlock.pipeline.embedding.residual_layers import residual_layers

        return residual_layers(architecture, arrays)
    from faceunlock.pipeline.embedding.dlib_layers import dlib_layers

    return dlib_layers(arrays, architecture.input_size)


def definition(architecture: Architecture | None) -> Path:
    """Return the source file of a network's layers; when it changes, kept conversions are stale."""
    here = Path(__file__)
    if architecture is None:
        return here.parents[1] / "weights" / "facenet_layers.py"
    residual = isinstance(architecture, ResidualArchitecture)
    return here.with_name("residual_layers.py" if residual else "dlib_layers.py")
