"""The small residual network that this program trains, as a torch module."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from faceunlock.pipeline.models.architecture import ResidualArchitecture

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in luma (ITU-R BT.601)."""


def _convolution(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False), nn.BatchNorm2d(outputs)
    )


class _Block(nn.Module):
    """Two convolutions and a shortcut past them (He et al., 2016)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.first = _convolution(inputs, outputs, stride)
        self.second = _convolution(outputs, outputs)
        # Average first, as in ResNet-D (He et al., 2019), to keep what a stride skips. Also, a convolution of
        # one pixel with a stride has crashed oneDNN's gradient (channels last, 8 channels, two threads).
        self.past: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.past = nn.Sequential(
                nn.AvgPool2d(stride, ceil_mode=True) if stride != 1 else nn.Identity(),
                nn.Conv2d(inputs, outputs, 1, bias=False),
                nn.BatchNorm2d(outputs),
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.relu(self.second(functional.relu(self.first(x))) + self.past(x))


class ResidualNetwork(nn.Module):
    """Maps normalised colour crops to embeddings, not of unit length.

    Its parts are a stem that halves the crop, stages of residual blocks, a weight for every place and channel
    of the last map, a linear map and batch normalisation. The weights per place are the global depthwise
    convolution of MobileFaceNets (Chen et al., 2018): a face is aligned, so places mean something.

    Parameters
    ----------
    architecture : ResidualArchitecture
        The network takes float32 of shape (n, 3, input_size, input_size), even if it is gray, and returns
        (n, dimension).
    """

    luma: torch.Tensor

    def __init__(self, architecture: ResidualArchitecture) -> None:
        super().__init__()
        self.gray = architecture.gray
        self.register_buffer("luma", torch.tensor(LUMA).reshape(1, 3, 1, 1))
        widths = architecture.widths
        self.stem = nn.Sequential(_convolution(1 if self.gray else 3, widths[0], stride=2), nn.ReLU())
        stages: list[nn.Module] = []
        inputs, side = widths[0], -(-architecture.input_size // 2)
        for number, (width, blocks) in enumerate(zip(widths, architecture.blocks, strict=True)):
            stride = 1 if number == 0 else 2
            side = -(-side // stride)
            stages += [
                _Block(inputs if i == 0 else width, width, stride if i == 0 else 1) for i in range(blocks)
            ]
            inputs = width
        self.stages = nn.Sequential(*stages)
        # A depthwise convolution written as a product, which is faster on processors.
        self.places = nn.Parameter(torch.randn(inputs, side, side) / side)
        self.levels = nn.BatchNorm1d(inputs)
        self.head = nn.Linear(inputs, architecture.dimension, bias=False)
        self.scale = nn.BatchNorm1d(architecture.dimension)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the outputs, shape (n, dimension), for crops, shape (n, 3, side, side)."""
        if self.gray:
            x = (x * self.luma).sum(dim=1, keepdim=True)
        x = (self.stages(self.stem(x)) * self.places).sum(dim=(2, 3))
        output: torch.Tensor = self.scale(self.head(self.levels(x)))
        return output


def unit_length(outputs: torch.Tensor) -> torch.Tensor:
    """Return outputs, shape (n, dimension), scaled to unit length, as the matcher does."""
    return functional.normalize(outputs.float(), dim=1)
