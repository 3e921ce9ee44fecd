"""dlib's face network as a torch module."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from faceunlock.pipeline.models.architecture import DIMENSION, INPUT_SIZE
from faceunlock.pipeline.weights.dlib_format import BLOCKS, STEM, Block, Convolution, convolutions


def _layer(shape: Convolution) -> nn.Conv2d:
    return nn.Conv2d(shape.inputs, shape.outputs, shape.side, shape.stride, shape.padding)


def _pad_to(x: torch.Tensor, channels: int, height: int, width: int) -> torch.Tensor:
    """Return `x` with zeros added on the right, at the bottom and after the last channel."""
    return functional.pad(x, (0, width - x.shape[3], 0, height - x.shape[2], 0, channels - x.shape[1]))


class _Residual(nn.Module):
    def __init__(self, block: Block, first: Convolution, second: Convolution) -> None:
        super().__init__()
        self.down = block.down
        self.first = _layer(first)
        self.second = _layer(second)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        residual = self.second(functional.relu(self.first(x)))
        shortcut = functional.avg_pool2d(x, 2) if self.down else x
        # The two sides of a halving block may differ by one pixel either way; dlib pads the smaller.
        channels, height, width = (
            max(a, b) for a, b in zip(residual.shape[1:], shortcut.shape[1:], strict=True)
        )
        return functional.relu(
            _pad_to(residual, channels, height, width) + _pad_to(shortcut, channels, height, width)
        )


class DlibNetwork(nn.Module):
    """The network of ``dlib_face_recognition_resnet_model_v1``, affine layers folded into the convolutions.

    It takes normalised float32 of shape (n, 3, side, side) and returns (n, 128), not of unit length. Its
    layers expect 150 pixels; it enlarges crops of a different size. Davis King's description is in dlib's
    ``examples/dnn_face_recognition_ex.cpp``.
    """

    def __init__(self) -> None:
        super().__init__()
        shapes = list(convolutions())[1:]
        self.stem = _layer(STEM)
        self.blocks = nn.Sequential(
            *(
                _Residual(block, first, second)
                for block, first, second in zip(BLOCKS, shapes[::2], shapes[1::2], strict=True)
            )
        )
        self.head = nn.Linear(BLOCKS[-1].outputs, DIMENSION, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the outputs, shape (n, 128), for crops, shape (n, 3, side, side)."""
        size = (INPUT_SIZE, INPUT_SIZE)
        if x.shape[2:] != size:
            # Pixels are areas: the corners of both squares coincide, not the centres of their first pixels.
            x = functional.interpolate(x, size=size, mode="bilinear", align_corners=False)
        x = functional.max_pool2d(functional.relu(self.stem(x)), 3, 2)
        features = self.blocks(x).float().mean(dim=(2, 3))
        # The outputs crowd around one direction: bfloat16 is too coarse for the differences between people.
        with torch.autocast(x.device.type, enabled=False):
            output: torch.Tensor = self.head(features)
        return output
