"""Run a network with PyTorch, on a GPU (CUDA) or on the processor."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from faceunlock.errors import ModelError
from faceunlock.files.dependencies import before_others_write

T = TypeVar("T")

BATCH = 128
"""Crops per pass; more is no faster on a processor and only takes memory."""


def resolve_device(name: str) -> str:
    """Return the device to compute on.

    Parameters
    ----------
    name : {"auto", "cpu", "cuda"}
        ``auto`` is CUDA if there is a usable GPU, otherwise the processor.

    Returns
    -------
    str
        ``cpu`` or ``cuda``.

    Raises
    ------
    ModelError
        ``device-unavailable`` if CUDA is requested but missing, or if the name is not one of the three.

    Examples
    --------
    >>> resolve_device("cpu")
    'cpu'
    """
    if name not in ("auto", "cpu", "cuda"):
        raise ModelError("device-unavailable", f"there is no device {name!r}; use auto, cpu or cuda")
    if name == "cpu":
        return "cpu"
    with warnings.catch_warnings():
        # This call warns if the driver is old; its result says enough.
        warnings.simplefilter("ignore")
        available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise ModelError("device-unavailable", "CUDA was requested, but PyTorch finds no usable GPU")
    return "cuda" if available else "cpu"


def build(factory: Callable[[], torch.nn.Module], arrays: Mapping[str, NDArray[Any]]) -> torch.nn.Module:
    """Return a module filled with weights, without ever initialising it at random.

    Parameters
    ----------
    factory : callable
        Returns the module.
    arrays : mapping of str to ndarray
        Every parameter and buffer of the module, except the step counters of batch normalisation, which are
        not used after training.

    Returns
    -------
    torch.nn.Module
        The module in evaluation mode, on the processor.

    Raises
    ------
    ModelError
        ``weights-corrupt`` if names or shapes do not match the module.
    """
    with torch.device("meta"):
        module = factory()
    try:
        if any(array.dtype != np.float32 for array in arrays.values()):
            raise TypeError("a weight is not of type float32")
        state = {
            name: torch.from_numpy(np.require(array, requirements="W")) for name, array in arrays.items()
        }
        for name in module.state_dict():
            if name.endswith("num_batches_tracked"):
                state[name] = torch.zeros((), dtype=torch.int64)
        module.load_state_dict(state, assign=True)
    except (RuntimeError, TypeError, ValueError, AttributeError) as error:
        raise ModelError("weights-corrupt", "the weights do not fit their network") from error
    return module.eval()


class TorchNetwork:
    """A torch module as a `faceunlock.pipeline.runtime.network.Network`.

    Parameters
    ----------
    module : torch.nn.Module
        Takes float32 of shape (n, 3, height, width), returns (n, dimension).
    device : {"cpu", "cuda"}
        The device that `resolve_device` returned.

    Raises
    ------
    ModelError
        ``device-unavailable``, on a call, if the GPU has too little free memory.

    Examples
    --------
    >>> network = TorchNetwork(torch.nn.Flatten(), "cpu")
    >>> network(np.ones((2, 3, 4, 4), dtype=np.float32)).shape
    (2, 48)
    """

    def __init__(self, module: torch.nn.Module, device: str) -> None:
        before_others_write()
        self._device = torch.device(device)
        # Channels last convolves about 1.6 times as fast on a processor.
        self._module = self._on_device(
            lambda: module.eval().to(self._device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        )

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run the module on the batch, `BATCH` crops at a time."""
        return self._on_device(lambda: self._run(batch))

    def _run(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        crops = torch.from_numpy(np.require(batch, dtype=np.float32, requirements=["C", "W"]))
        with torch.inference_mode(), self._exact_arithmetic():
            outputs = [self._module(self._moved(part)).cpu() for part in torch.split(crops, BATCH)]
        result: NDArray[np.float32] = torch.cat(outputs).numpy()
        return result

    def _moved(self, part: torch.Tensor) -> torch.Tensor:
        return part.to(self._device, memory_format=torch.channels_last)

    def _exact_arithmetic(self) -> AbstractContextManager[None]:
        # cuDNN convolves in TF32 (10-bit mantissa) by default; a template made on a GPU must stay
        # comparable with a probe made on a processor.
        if self._device.type == "cpu":
            return nullcontext()
        return torch.backends.cudnn.flags(enabled=True, allow_tf32=False)

    @staticmethod
    def _on_device(action: Callable[[], T]) -> T:
        try:
            return action()
        except torch.cuda.OutOfMemoryError as error:
            raise ModelError(
                "device-unavailable", "the GPU has too little free memory", hint="Use --device cpu."
            ) from error
