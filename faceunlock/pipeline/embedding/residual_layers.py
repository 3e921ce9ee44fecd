"""The small residual network as layers: `residual_network` with batch normalisation folded in."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from faceunlock.pipeline.models.architecture import ResidualArchitecture
from faceunlock.pipeline.runtime.composing import Affine, Composer
from faceunlock.pipeline.runtime.layers import INPUT, Layer

EPSILON = 1e-5
"""What PyTorch adds to a variance."""


def residual_layers(
    architecture: ResidualArchitecture, arrays: Mapping[str, NDArray[np.float32]]
) -> tuple[Layer, ...]:
    """Return the network of an architecture.

    Raises
    ------
    ModelError
        ``weights-corrupt`` if the arrays are not those of the network.
    """
    network = _Network(arrays)
    widths = architecture.widths
    x, side = network.stem(architecture), -(-architecture.input_size // 2)
    inputs, number = widths[0], 0
    for stage, (width, blocks) in enumerate(zip(widths, architecture.blocks, strict=True)):
        for block in range(blocks):
            stride = 2 if stage > 0 and block == 0 else 1
            x, side = network.block(x, f"stages.{number}", (inputs, width), stride), -(-side // stride)
            inputs, number = width, number + 1
    places = network.take("places", inputs, side, side) * np.float32(side * side)
    x = network.averaged(network.add("Mul", x, constants=[places]))
    network.head(x, inputs, architecture.dimension)
    return network.layers()


class _Network(Composer):
    def stem(self, architecture: ResidualArchitecture) -> str:
        """Add the first convolution, which also makes luma of colours where the network sees no others."""
        luma = self.take("luma", 1, 3, 1, 1).astype(np.float64)
        width, channels = architecture.widths[0], 1 if architecture.gray else 3
        kernel = self.take("stem.0.0.weight", width, channels, 3, 3).astype(np.float64)
        factor, offset = self.affine(Affine("stem.0.1", EPSILON), width)
        kernel = factor[:, None, None, None] * (kernel * luma if architecture.gray else kernel)
        return self.rectified(self.convolved(INPUT, kernel, offset, stride=2, padding=1))

    def normal(self, x: str, name: str, channels: tuple[int, int], stride: int = 1) -> str:
        """Add a convolution of three pixels with batch normalisation."""
        inputs, outputs = channels
        shape, affine = (outputs, inputs, 3, 3), Affine(f"{name}.1", EPSILON)
        return self.convolution(x, f"{name}.0", shape, stride=stride, padding=1, affine=affine)

    def block(self, x: str, name: str, channels: tuple[int, int], stride: int) -> str:
        """Add a residual block."""
        inputs, outputs = channels
        y = self.rectified(self.normal(x, f"{name}.first", channels, stride))
        y = self.normal(y, f"{name}.second", (outputs, outputs))
        if stride != 1:
            x = self.add("AveragePool", x, kernel_shape=(2, 2), strides=(2, 2), ceil_mode=1)
        if stride != 1 or inputs != outputs:
            affine = Affine(f"{name}.past.2", EPSILON)
            x = self.convolution(x, f"{name}.past.1", (outputs, inputs, 1, 1), affine=affine)
        return self.rectified(self.add("Add", y, x))

    def head(self, x: str, inputs: int, outputs: int) -> str:
        """Add the linear map, with the batch normalisation before and after it."""
        levels, low = self.affine(Affine("levels", EPSILON), inputs)
        scale, offset = self.affine(Affine("scale", EPSILON), outputs)
        matrix = self.take("head.weight", outputs, inputs).astype(np.float64)
        return self.linear(x, scale[:, None] * matrix * levels, scale * (matrix @ low) + offset)
