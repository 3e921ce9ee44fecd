"""facenet-pytorch's InceptionResnetV1 as layers, without its last step: vectors are not of unit length.

Names and sizes are those of its ``models/inception_resnet_v1.py``; batch normalisation is folded into the
convolutions, and so is what a block's residual is multiplied by.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from faceunlock.pipeline.runtime.composing import Affine, Composer
from faceunlock.pipeline.runtime.layers import INPUT, Layer

EPSILON = 1e-3
"""What the network adds to a variance."""

DIMENSION = 512

Step = tuple[int, int, tuple[int, int], int, tuple[int, int]]
"""Inputs and outputs of a convolution, height and width of its kernel, stride, padding."""


def facenet_layers(arrays: Mapping[str, NDArray[np.float32]]) -> tuple[Layer, ...]:
    """Return the network: (n, 3, side, side) -> (n, 512).

    Raises
    ------
    ModelError
        ``weights-corrupt`` if the arrays are not those of the network.
    """
    network = _Network(arrays)
    x = network.step(INPUT, "conv2d_1a", (3, 32), 3, stride=2)
    x = network.step(x, "conv2d_2a", (32, 32), 3)
    x = network.step(x, "conv2d_2b", (32, 64), 3, padding=1)
    x = network.largest(x, 3, 2)
    x = network.step(x, "conv2d_3b", (64, 80), 1)
    x = network.step(x, "conv2d_4a", (80, 192), 3)
    x = network.step(x, "conv2d_4b", (192, 256), 3, stride=2)
    for number in range(5):
        x = network.block_35(x, f"repeat_1.{number}")
    x = network.mixed_6a(x)
    for number in range(10):
        x = network.block_17(x, f"repeat_2.{number}")
    x = network.mixed_7a(x)
    for number in range(5):
        x = network.rectified(network.block_8(x, f"repeat_3.{number}", 0.2))
    x = network.averaged(network.block_8(x, "block8", 1.0))
    factor, offset = network.affine(Affine("last_bn", EPSILON), DIMENSION)
    matrix = network.take("last_linear.weight", DIMENSION, 1792)
    network.linear(x, factor[:, None] * matrix, offset)
    return network.layers()


class _Network(Composer):
    def step(
        self,
        x: str,
        name: str,
        channels: tuple[int, int],
        kernel: int | tuple[int, int],
        *,
        stride: int = 1,
        padding: int | tuple[int, int] = 0,
    ) -> str:
        """Add a convolution with batch normalisation and a rectifier."""
        inputs, outputs = channels
        height, width = (kernel, kernel) if isinstance(kernel, int) else kernel
        return self.rectified(
            self.convolution(
                x,
                f"{name}.conv",
                (outputs, inputs, height, width),
                stride=stride,
                padding=padding,
                affine=Affine(f"{name}.bn", EPSILON),
            )
        )

    def residual(
        self, x: str, name: str, branches: Sequence[str], inputs: int, outputs: int, scale: float
    ) -> str:
        """Add the joint branches of a block to its input; no rectifier."""
        joint = self.add("Concat", *branches, axis=1)
        added = self.convolution(joint, f"{name}.conv2d", (outputs, inputs, 1, 1), scale=scale)
        return self.add("Add", added, x)

    def block_35(self, x: str, name: str) -> str:
        a = self.step(x, f"{name}.branch0", (256, 32), 1)
        b = self.step(x, f"{name}.branch1.0", (256, 32), 1)
        b = self.step(b, f"{name}.branch1.1", (32, 32), 3, padding=1)
        c = self.step(x, f"{name}.branch2.0", (256, 32), 1)
        c = self.step(c, f"{name}.branch2.1", (32, 32), 3, padding=1)
        c = self.step(c, f"{name}.branch2.2", (32, 32), 3, padding=1)
        return self.rectified(self.residual(x, name, (a, b, c), 96, 256, 0.17))

    def block_17(self, x: str, name: str) -> str:
        a = self.step(x, f"{name}.branch0", (896, 128), 1)
        b = self.step(x, f"{name}.branch1.0", (896, 128), 1)
        b = self.step(b, f"{name}.branch1.1", (128, 128), (1, 7), padding=(0, 3))
        b = self.step(b, f"{name}.branch1.2", (128, 128), (7, 1), padding=(3, 0))
        return self.rectified(self.residual(x, name, (a, b), 256, 896, 0.1))

    def block_8(self, x: str, name: str, scale: float) -> str:
        a = self.step(x, f"{name}.branch0", (1792, 192), 1)
        b = self.step(x, f"{name}.branch1.0", (1792, 192), 1)
        b = self.step(b, f"{name}.branch1.1", (192, 192), (1, 3), padding=(0, 1))
        b = self.step(b, f"{name}.branch1.2", (192, 192), (3, 1), padding=(1, 0))
        return self.residual(x, name, (a, b), 384, 1792, scale)

    def mixed_6a(self, x: str) -> str:
        a = self.step(x, "mixed_6a.branch0", (256, 384), 3, stride=2)
        b = self.step(x, "mixed_6a.branch1.0", (256, 192), 1)
        b = self.step(b, "mixed_6a.branch1.1", (192, 192), 3, padding=1)
        b = self.step(b, "mixed_6a.branch1.2", (192, 256), 3, stride=2)
        return self.add("Concat", a, b, self.largest(x, 3, 2), axis=1)

    def mixed_7a(self, x: str) -> str:
        a = self.step(x, "mixed_7a.branch0.0", (896, 256), 1)
        a = self.step(a, "mixed_7a.branch0.1", (256, 384), 3, stride=2)
        b = self.step(x, "mixed_7a.branch1.0", (896, 256), 1)
        b = self.step(b, "mixed_7a.branch1.1", (256, 256), 3, stride=2)
        c = self.step(x, "mixed_7a.branch2.0", (896, 256), 1)
        c = self.step(c, "mixed_7a.branch2.1", (256, 256), 3, padding=1)
        c = self.step(c, "mixed_7a.branch2.2", (256, 256), 3, stride=2)
        return self.add("Concat", a, b, c, self.largest(x, 3, 2), axis=1)
