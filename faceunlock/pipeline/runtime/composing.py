"""Put a network's layers together from the arrays of its weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceunlock.errors import ModelError
from faceunlock.pipeline.runtime.layers import Attribute, Constant, Layer

Numbers = NDArray[np.float32] | NDArray[np.float64]

Pair = int | tuple[int, int]
"""A number for height and width, or one for each."""


@dataclass(frozen=True, slots=True)
class Affine:
    """A batch normalisation: the start of its arrays' names, and what is added to a variance."""

    name: str
    epsilon: float


class Composer:
    """A network's layers, each added to the end; every array must be used, and have the expected shape.

    Methods that add layers take the names of results, and return that of their own.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        The state of the network, float32. Step counters of batch normalisation may be among it.
    """

    def __init__(self, arrays: Mapping[str, NDArray[np.float32]]) -> None:
        self._arrays = {
            name: array for name, array in arrays.items() if not name.endswith("num_batches_tracked")
        }
        self._layers: list[Layer] = []

    def layers(self) -> tuple[Layer, ...]:
        """Return the layers.

        Raises
        ------
        ModelError
            ``weights-corrupt`` if an array was not used.
        """
        if self._arrays:
            raise _corrupt(f"{next(iter(self._arrays))} belongs to no layer")
        return tuple(self._layers)

    def take(self, name: str, *shape: int) -> NDArray[np.float32]:
        """Return an array, which no other layer may use.

        Raises
        ------
        ModelError
            ``weights-corrupt`` if it is missing, or is not of this shape, or not of finite float32.
        """
        array = self._arrays.pop(name, None)
        if array is None:
            raise _corrupt(f"{name} is missing")
        fits = isinstance(array, np.ndarray) and array.shape == shape and array.dtype == np.float32
        if not fits or not np.isfinite(array).all():
            raise _corrupt(f"{name} has the wrong shape, type or value")
        return array

    def add(
        self, kind: str, *inputs: str, constants: Sequence[Constant | None] = (), **attributes: Attribute
    ) -> str:
        """Add a layer; see `faceunlock.pipeline.runtime.layers.Layer`."""
        output = f"{kind}-{len(self._layers)}"
        self._layers.append(Layer(kind, inputs, output, tuple(constants), attributes))
        return output

    def convolution(
        self,
        x: str,
        name: str,
        shape: tuple[int, int, int, int],
        *,
        stride: int = 1,
        padding: Pair = 0,
        affine: Affine | None = None,
        scale: float = 1.0,
    ) -> str:
        """Add a convolution: with a bias, or with batch normalisation and none.

        Parameters
        ----------
        x : str
            Its input.
        name : str
            Start of the names of its arrays.
        shape : tuple of int
            Outputs, inputs, height and width of its kernel.
        stride, padding : int, or pair of int
            In pixels.
        affine : Affine, optional
            Is folded into the kernel.
        scale : float
            What the result is multiplied by.
        """
        kernel = self.take(f"{name}.weight", *shape).astype(np.float64)
        if affine is None:
            factor, bias = np.ones(shape[0]), self.take(f"{name}.bias", shape[0]).astype(np.float64)
        else:
            factor, bias = self.affine(affine, shape[0])
        kernel, bias = scale * kernel * factor[:, None, None, None], scale * bias
        return self.convolved(x, kernel, bias, stride=stride, padding=padding)

    def convolved(
        self, x: str, kernel: NDArray[np.float64], bias: NDArray[np.float64], *, stride: int, padding: Pair
    ) -> str:
        """Add a convolution with this kernel and bias."""
        down, across = (padding, padding) if isinstance(padding, int) else padding
        return self.add(
            "Conv",
            x,
            constants=(kernel.astype(np.float32), bias.astype(np.float32)),
            strides=(stride, stride),
            pads=(down, across, down, across),
        )

    def affine(self, affine: Affine, channels: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return what a batch normalisation multiplies each channel by, and what it adds then."""
        gain, offset, mean, variance = (
            self.take(f"{affine.name}.{part}", channels).astype(np.float64)
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        if np.any(variance < 0):
            raise _corrupt(f"{affine.name} has a negative variance")
        factor = gain / np.sqrt(variance + affine.epsilon)
        return factor, offset - mean * factor

    def rectified(self, x: str) -> str:
        """Add a rectifier."""
        return self.add("Relu", x)

    def largest(self, x: str, side: int, stride: int, *, ceil: bool = False) -> str:
        """Add a pooling that takes the largest of a square; with `ceil`, also of one cut off by the edge."""
        return self.add(
            "MaxPool", x, kernel_shape=(side, side), strides=(stride, stride), ceil_mode=int(ceil)
        )

    def linear(self, x: str, matrix: Numbers, bias: Numbers | None = None) -> str:
        """Add a linear map of vectors: a matrix of shape (outputs, inputs), and what is added."""
        constants = [matrix.astype(np.float32), *([] if bias is None else [bias.astype(np.float32)])]
        return self.add("Gemm", x, constants=constants, transB=1)

    def averaged(self, x: str) -> str:
        """Add the mean of every channel of a map: vectors."""
        return self.add("Flatten", self.add("GlobalAveragePool", x))


def _corrupt(detail: str) -> ModelError:
    return ModelError("weights-corrupt", f"the weights do not fit their network: {detail}")
