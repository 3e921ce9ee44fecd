"""The interface of a network, and the source from which every engine makes one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from faceunlock.pipeline.runtime.layers import Layer


class Network(Protocol):
    """A network that is ready to run; an embedder is a preprocessing and a network."""

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run the network.

        Parameters
        ----------
        batch : ndarray of float32, shape (n, 3, height, width)
            Normalised crops, channels first; n may be 0.

        Returns
        -------
        ndarray of float32, shape (n, dimension)
            One output per crop, in order; not necessarily of unit length.
        """
        ...


@dataclass(frozen=True, slots=True)
class NetworkSource:
    """The source from which every engine makes a network.

    Attributes
    ----------
    name : str
        Name of the network; also a file name without suffix.
    weights_sha256 : callable
        Returns the checksum of the weights; called in the thread that opens the network.
    definition : Path
        The source file of the network's layers; when it changes, conversions of it are stale.
    layers : callable
        Reads the weights and returns the network as layers, each after those it needs. Raises `ModelError`.
    example_shape : tuple of int
        An example of the input's shape, in which no free axis has length 1.
    free_axes : mapping of int to str
        Axes of the input that may have any length, with their names.
    """

    name: str
    weights_sha256: Callable[[], str] = field(repr=False)
    definition: Path
    layers: Callable[[], Sequence[Layer]] = field(repr=False)
    example_shape: tuple[int, ...]
    free_axes: Mapping[int, str]
