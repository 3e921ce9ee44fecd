"""How a network is run: a function from a batch of crops to a batch of vectors, whatever the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Network(Protocol):
    """A network ready to run; an embedder is a preprocessing and one of these."""

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
