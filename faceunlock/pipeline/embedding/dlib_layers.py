"""dlib's face network as layers: the same function as `faceunlock.pipeline.embedding.dlib_network`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from faceunlock.pipeline.models.architecture import DIMENSION, INPUT_SIZE
from faceunlock.pipeline.runtime.composing import Composer
from faceunlock.pipeline.runtime.layers import INPUT, Layer
from faceunlock.pipeline.weights.dlib_format import BLOCKS, STEM, Block, Convolution, convolutions


def dlib_layers(arrays: Mapping[str, NDArray[np.float32]], input_size: int) -> tuple[Layer, ...]:
    """Return the network for crops of `input_size` pixels.

    Raises
    ------
    ModelError
        ``weights-corrupt`` if the arrays are not those of the network.
    """
    network = _Network(arrays)
    x = INPUT
    if input_size != INPUT_SIZE:
        x = network.add(
            "Resize",
            x,
            constants=(None, None, np.array([INPUT_SIZE, INPUT_SIZE], dtype=np.int64)),
            mode="linear",
            coordinate_transformation_mode="half_pixel",
            axes=(2, 3),
        )
    x = network.largest(network.rectified(network.layer(x, STEM)), 3, 2)
    side = _pooled(_convolved(INPUT_SIZE, STEM), 3)
    shapes = list(convolutions())[1:]
    for block, first, second in zip(BLOCKS, shapes[::2], shapes[1::2], strict=True):
        x, side = network.block(x, side, block, first, second)
    network.linear(network.averaged(x), network.take("head.weight", DIMENSION, BLOCKS[-1].outputs))
    return network.layers()


def _convolved(side: int, shape: Convolution) -> int:
    return (side + 2 * shape.padding - shape.side) // shape.stride + 1


def _pooled(side: int, kernel: int) -> int:
    return (side - kernel) // 2 + 1


class _Network(Composer):
    def layer(self, x: str, shape: Convolution) -> str:
        return self.convolution(
            x,
            shape.name,
            (shape.outputs, shape.inputs, shape.side, shape.side),
            stride=shape.stride,
            padding=shape.padding,
        )

    def block(
        self, x: str, side: int, block: Block, first: Convolution, second: Convolution
    ) -> tuple[str, int]:
        """Add a residual block; return its output and the side of that."""
        residual = self.layer(self.rectified(self.layer(x, first)), second)
        straight = x
        here, past = _convolved(_convolved(side, first), second), side
        if block.down:
            straight = self.add("AveragePool", x, kernel_shape=(2, 2), strides=(2, 2))
            past = _pooled(side, 2)
        # The two sides of a halving block may differ by one pixel either way; dlib pads the smaller.
        after = max(here, past)
        residual = self.padded(residual, block.outputs - second.outputs, after - here)
        straight = self.padded(straight, block.outputs - block.inputs, after - past)
        return self.rectified(self.add("Add", residual, straight)), after

    def padded(self, x: str, channels: int, pixels: int) -> str:
        """Add zeros after the last channel, on the right and at the bottom."""
        if channels == pixels == 0:
            return x
        return self.add("Pad", x, constants=[np.array([0, 0, 0, 0, 0, channels, pixels, pixels])])
