"""The three MTCNN networks as torch modules with one output each.

Weights and layers are those of facenet-pytorch. Joining the outputs of each network into one
tensor lets any runtime run them through the same one-in, one-out protocol.
"""

from __future__ import annotations

import torch
from torch import nn


class _Joined(nn.Module):
    """A network whose outputs are concatenated along the channels, the face probability first."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        *measures, probabilities = self.network(batch)
        return torch.cat([probabilities[:, 1:2], *measures], dim=1)


def build_networks() -> tuple[nn.Module, nn.Module, nn.Module]:
    """Return the proposal, refinement and output networks with their pretrained weights.

    Returns
    -------
    tuple of torch.nn.Module
        Proposal: (n, 3, h, w) -> (n, 5, h', w'): face probability, 4 box offsets.
        Refinement: (n, 3, 24, 24) -> (n, 5). Output: (n, 3, 48, 48) -> (n, 15): probability, 4 box
        offsets, the x and then the y of 5 landmarks relative to the box.
    """
    from facenet_pytorch.models.mtcnn import ONet, PNet, RNet

    return _Joined(PNet()).eval(), _Joined(RNet()).eval(), _Joined(ONet()).eval()
