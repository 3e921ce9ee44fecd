"""Architectures as torch modules."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from faceunlock.pipeline.models.architecture import Architecture, ResidualArchitecture

if TYPE_CHECKING:
    from torch import nn


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


def definition(architecture: Architecture) -> Path:
    """Return the source file of an architecture's layers; when it changes, kept conversions are stale."""
    file = "residual_network.py" if isinstance(architecture, ResidualArchitecture) else "dlib_network.py"
    return Path(__file__).with_name(file)
