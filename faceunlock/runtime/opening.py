"""A network that opens itself in a thread, while photos are read and other networks are opened."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from faceunlock.runtime import Network


class Opening:
    """Stands for a network until it is needed.

    Parameters
    ----------
    open_network : callable
        Returns the network; started at once in a thread of its own. An exception it raises is
        raised again by every call.
    """

    def __init__(self, open_network: Callable[[], Network]) -> None:
        self._open_network = open_network
        self._network: Network
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Wait until the network is open, then run it."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._network(batch)

    def _run(self) -> None:
        try:
            self._network = self._open_network()
        except BaseException as error:  # noqa: BLE001 - kept whole and raised again where somebody is listening
            self._error = error
