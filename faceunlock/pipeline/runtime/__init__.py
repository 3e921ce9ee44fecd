"""Run a network on any engine, as a function from a batch of crops to a batch of vectors."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from faceunlock.errors import ModelError, SettingsError
from faceunlock.pipeline.runtime.kept import Keeping
from faceunlock.pipeline.runtime.network import Network, NetworkSource

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_log = logging.getLogger(__name__)

# ONNX Runtime's Linux wheels otherwise write a device id and a queue of events outside our directories, and
# send them. Only this variable stops all of it, and only if it is set before the library is loaded; every
# import of ours comes through this package. It overrides the user's own value: nothing leaves the machine.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

NVIDIA_DRIVER = Path("/proc/driver/nvidia/version")


@dataclass(frozen=True, slots=True)
class Engine:
    """The runtime and the device that run networks.

    Attributes
    ----------
    runtime : {"onnx", "torch"}
        ONNX Runtime (CPU only, starts at once) or PyTorch (the reference, and required for a GPU).
    device : {"cpu", "cuda"}
        The device that networks run on.
    cache : Path
        The cache directory, where converted networks are kept.
    workers : int
        Threads that use the networks at the same time; with more than one, ONNX Runtime adds none of its own.
    keeping : callable
        Returns how converted networks are kept; called in the thread that asks for a network.
    """

    runtime: Literal["onnx", "torch"]
    device: Literal["cpu", "cuda"]
    cache: Path
    workers: int = 1
    keeping: Callable[[], Keeping] = field(default=Keeping, compare=False, repr=False)

    def network(self, source: NetworkSource) -> Network:
        """Return a network that runs on this engine; ONNX Runtime opens it in the background."""
        if self.runtime == "torch":
            return _on_torch(source, self.device)

        keeping = self.keeping()

        def open_network() -> Network:
            from faceunlock.pipeline.runtime import conversion

            try:
                threads = 1 if self.workers > 1 else 0
                return conversion.open_converted(source, self.cache, threads=threads, keeping=keeping)
            except ModelError as error:
                if error.slug != "conversion-failed":
                    raise
                _log.warning("%s; using PyTorch, which answers the same but starts later", error.message)
                return _on_torch(source, self.device)

        return Opening(open_network)


def _on_torch(source: NetworkSource, device: str) -> Network:
    from faceunlock.pipeline.runtime.layered_module import LayeredModule
    from faceunlock.pipeline.runtime.torch_runtime import TorchNetwork

    return TorchNetwork(LayeredModule(source.layers()), device)


CUDA_PAYS_FROM = 300
"""Number of photos from which a GPU finishes first: starting CUDA takes as long as this many on two cores."""


def choose_engine(
    device: str, cache: Path, *, runtime: str = "auto", photos: int = 1, driver: Path = NVIDIA_DRIVER
) -> Engine:
    """Return the engine that finishes first.

    Parameters
    ----------
    device : {"auto", "cpu", "cuda"}
        ``auto`` is the processor, unless there is a GPU and enough photos to be worth starting it.
    cache : Path
        The cache directory.
    runtime : {"auto", "onnx", "torch"}
        ``auto`` is ONNX Runtime on the processor and PyTorch on a GPU.
    photos : int
        Number of photos to process.
    driver : Path
        A file that exists if an NVIDIA driver is loaded; asking PyTorch would take seconds.

    Raises
    ------
    ModelError
        ``device-unavailable`` if CUDA is requested but missing.
    SettingsError
        ``bad-setting`` if CUDA is requested with ONNX Runtime.

    Examples
    --------
    >>> choose_engine("auto", Path("cache"), photos=1).runtime
    'onnx'
    """
    if device == "cuda" and runtime == "onnx":
        raise SettingsError(
            "bad-setting", "ONNX Runtime runs on the processor only; CUDA needs runtime = torch"
        )
    worth_starting = photos >= CUDA_PAYS_FROM and driver.exists() and runtime != "onnx"
    if device == "cuda" or (device == "auto" and worth_starting):
        from faceunlock.pipeline.runtime.torch_runtime import resolve_device

        if resolve_device(device) == "cuda":
            return Engine("torch", "cuda", cache, workers=_cores() if photos > 1 else 1)
    if runtime == "torch":
        return Engine("torch", "cpu", cache)
    return Engine("onnx", "cpu", cache, workers=_cores() if photos > 1 else 1)


def _cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Opening:
    """A network that opens in the background; a call waits until it is open.

    Parameters
    ----------
    open_network : callable
        Returns the network; it starts at once in its own thread. Every call raises again the exception
        that it raised.
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
        except BaseException as error:  # noqa: BLE001 - kept, and raised again in the caller's thread
            self._error = error
