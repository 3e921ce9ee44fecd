"""The three MTCNN networks as layers, from facenet-pytorch's tensors, with one output each.

Joining the outputs of each network into one tensor lets any runtime run them through the same one-in, one-out
protocol.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from faceunlock.pipeline.runtime.composing import Composer
from faceunlock.pipeline.runtime.layers import INPUT, Layer

Arrays = Mapping[str, NDArray[np.float32]]


def proposal_layers(arrays: Arrays) -> tuple[Layer, ...]:
    """Return the proposal network: (n, 3, h, w) -> (n, 5, h', w'): face probability, 4 box offsets."""
    network = _Cascade(arrays)
    x = network.step(INPUT, 1, (10, 3, 3))
    x = network.largest(x, 2, 2, ceil=True)
    x = network.step(x, 2, (16, 10, 3))
    x = network.step(x, 3, (32, 16, 3))
    faces = network.add("Softmax", network.convolution(x, "conv4_1", (2, 32, 1, 1)), axis=1)
    return network.joined(faces, network.convolution(x, "conv4_2", (4, 32, 1, 1)))


def refinement_layers(arrays: Arrays) -> tuple[Layer, ...]:
    """Return the refinement network: (n, 3, 24, 24) -> (n, 5), as the proposal network's outputs."""
    network = _Cascade(arrays)
    x = network.step(INPUT, 1, (28, 3, 3))
    x = network.largest(x, 3, 2, ceil=True)
    x = network.step(x, 2, (48, 28, 3))
    x = network.largest(x, 3, 2, ceil=True)
    x = network.step(x, 3, (64, 48, 2))
    x = network.flat(x, 4, (128, 64, 3))
    return network.joined(*network.answers(x, 5, 128, 2, 4))


def output_layers(arrays: Arrays) -> tuple[Layer, ...]:
    """Return the output network: (n, 3, 48, 48) -> (n, 15): as before, and 5 landmarks' x, then their y."""
    network = _Cascade(arrays)
    x = network.step(INPUT, 1, (32, 3, 3))
    x = network.largest(x, 3, 2, ceil=True)
    x = network.step(x, 2, (64, 32, 3))
    x = network.largest(x, 3, 2, ceil=True)
    x = network.step(x, 3, (64, 64, 3))
    x = network.largest(x, 2, 2, ceil=True)
    x = network.step(x, 4, (128, 64, 2))
    x = network.flat(x, 5, (256, 128, 3))
    return network.joined(*network.answers(x, 6, 256, 2, 4, 10))


NETWORKS = {"proposal": proposal_layers, "refinement": refinement_layers, "output": output_layers}
"""The function of each network."""


class _Cascade(Composer):
    """What the three networks have in common."""

    def step(self, x: str, number: int, shape: tuple[int, int, int]) -> str:
        """Add a convolution of `shape` (outputs, inputs, side) and its rectifier."""
        outputs, inputs, side = shape
        x = self.convolution(x, f"conv{number}", (outputs, inputs, side, side))
        slopes = self.take(f"prelu{number}.weight", outputs)
        return self.add("PRelu", x, constants=[slopes.reshape(-1, 1, 1)])

    def flat(self, x: str, number: int, shape: tuple[int, int, int]) -> str:
        """Add a linear map of a whole map of `shape` (outputs, channels, side), and its rectifier."""
        outputs, channels, side = shape
        matrix = self.take(f"dense{number}.weight", outputs, side * side * channels)
        # The original has width, height and channels in this order, ONNX's maps in the opposite one.
        matrix = matrix.reshape(outputs, side, side, channels).transpose(0, 3, 2, 1).reshape(outputs, -1)
        x = self.linear(self.add("Flatten", x), matrix, self.take(f"dense{number}.bias", outputs))
        return self.add("PRelu", x, constants=[self.take(f"prelu{number}.weight", outputs)])

    def answers(self, x: str, number: int, inputs: int, *outputs: int) -> list[str]:
        """Add a linear map for each kind of answer, and make the first one probabilities."""
        found = []
        for kind, count in enumerate(outputs, start=1):
            name = f"dense{number}_{kind}"
            weight = self.take(f"{name}.weight", count, inputs)
            found.append(self.linear(x, weight, self.take(f"{name}.bias", count)))
        return [self.add("Softmax", found[0], axis=1), *found[1:]]

    def joined(self, probabilities: str, *measures: str) -> tuple[Layer, ...]:
        """Return the layers, whose output is the probability of a face, and the measures after it."""
        bounds = [np.array([number], dtype=np.int64) for number in (1, 2, 1)]
        self.add("Concat", self.add("Slice", probabilities, constants=bounds), *measures, axis=1)
        return self.layers()
