"""facenet-pytorch's InceptionResnetV1 as a torch module."""

from __future__ import annotations

import torch
from facenet_pytorch.models.inception_resnet_v1 import InceptionResnetV1


def make_network() -> torch.nn.Module:
    """Return the network without weights; it never downloads anything.

    Returns
    -------
    torch.nn.Module
        Takes float32 of shape (n, 3, 160, 160), returns unit vectors of shape (n, 512).
    """
    module: torch.nn.Module = InceptionResnetV1(pretrained=None, classify=False)
    return module
