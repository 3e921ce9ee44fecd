"""The networks of facenet-pytorch, which ours must answer like."""

from __future__ import annotations

import torch
from facenet_pytorch.models.inception_resnet_v1 import InceptionResnetV1
from facenet_pytorch.models.mtcnn import ONet, PNet, RNet


class Joined(torch.nn.Module):
    """A network of the detector, with its outputs in one tensor, the probability of a face first."""

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        *measures, probabilities = self.network(batch)
        return torch.cat([probabilities[:, 1:2], *measures], dim=1)


def detector_networks() -> list[torch.nn.Module]:
    """The proposal, refinement and output networks with their weights, one output each."""
    return [Joined(kind()).eval() for kind in (PNet, RNet, ONet)]


def inception_resnet() -> torch.nn.Module:
    """The network of `vggface2` and `casia-webface`, with random weights; it never downloads anything."""
    return InceptionResnetV1(pretrained=None, classify=False)


def shaken(module: torch.nn.Module, seed: int = 0) -> torch.nn.Module:
    """Give batch normalisation statistics as a training leaves them, and switch to evaluation."""
    random = torch.Generator().manual_seed(seed)
    for name, value in module.state_dict().items():
        if name.endswith("running_mean"):
            value.uniform_(-0.5, 0.5, generator=random)
        elif name.endswith("running_var"):
            value.uniform_(0.5, 2, generator=random)
    return module.eval()


def arrays_of(module: torch.nn.Module):
    """The state of a module in NumPy."""
    return {name: value.numpy() for name, value in module.state_dict().items()}
