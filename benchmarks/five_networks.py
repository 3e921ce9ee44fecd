"""The tutorial's VGG-like classifier, trained as in the tutorial: the baseline of ``five_people.py``."""

from __future__ import annotations

import copy

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torchvision.transforms import v2

SIDE = 96


class VggLike(nn.Module):
    """Network of four blocks (convolution, ReLU, overlapping max-pooling) and three linear layers."""

    def __init__(self, people: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs in ((3, 32), (32, 64), (64, 128), (128, 256)):
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2, padding=1)]
        self.convolutions = nn.Sequential(*layers)
        self.first, self.second = nn.Linear(9216, 1024), nn.Linear(1024, 256)
        self.last = nn.Linear(256, people)

    def forward(self, photos: torch.Tensor) -> torch.Tensor:
        """Return one number per person for photos of shape (n, 3, 96, 96)."""
        x = functional.relu(self.first(self.convolutions(photos).flatten(1)))
        output: torch.Tensor = self.last(functional.relu(self.second(x)))
        return output


def standardised(photos: torch.Tensor) -> torch.Tensor:
    """Return the pictures, each scaled to mean 0 and deviation 1."""
    return (photos - photos.mean(dim=(1, 2, 3), keepdim=True)) / photos.std(
        dim=(1, 2, 3), keepdim=True
    ).clamp(min=1e-2)


def train_vgg(
    photos: np.ndarray, person: np.ndarray, *, steps: int, seed: int, precision: str, batch: int = 64
) -> VggLike:
    """Train for `steps` steps with the tutorial's augmentations and return the network of averaged weights.

    Parameters
    ----------
    photos : ndarray of uint8, shape (n, 112, 112, 3)
    person : ndarray of int, shape (n,)
    steps, seed, batch : int
    precision : {"float32", "bfloat16"}
        Precision of convolutions and products while training, as in our own training; weights and loss are
        float32.
    """
    torch.manual_seed(seed)
    network = VggLike(int(person.max()) + 1).train().to(memory_format=torch.channels_last)
    decayed = [network.first.weight, network.second.weight]
    rest = [one for one in network.parameters() if not any(one is other for other in decayed)]
    optimizer = torch.optim.Adam([{"params": decayed, "weight_decay": 0.005}, {"params": rest}], fused=True)
    average = copy.deepcopy(network)
    # A part between 96 and 112 pixels, shrunk to 96.
    varied = v2.Compose(
        [
            v2.RandomResizedCrop(SIDE, scale=((96 / 112) ** 2, 1.0), ratio=(1.0, 1.0), antialias=True),
            v2.RandomHorizontalFlip(),
            v2.ColorJitter(brightness=0.4, contrast=0.4, saturation=0.4, hue=0.04),
        ]
    )
    pictures = torch.from_numpy(photos).permute(0, 3, 1, 2)
    target = torch.from_numpy(person)
    for step in range(steps):
        chosen = torch.randint(len(pictures), (batch,))
        seen = standardised(torch.stack([varied(picture) for picture in pictures[chosen]]).float() / 255)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bfloat16"):
            outputs = network(seen.contiguous(memory_format=torch.channels_last))
        loss = functional.cross_entropy(outputs.float(), target[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        decay = min(0.99, (1 + step) / (10 + step))
        with torch.no_grad():
            for mean, latest in zip(average.parameters(), network.parameters(), strict=True):
                mean.lerp_(latest, 1 - decay)
    return average.eval()


def named_by(network: VggLike, photos: np.ndarray) -> np.ndarray:
    """Return the person that the network names on each photo, from its middle 96 pixels."""
    edge = (photos.shape[1] - SIDE) // 2
    middle = photos[:, edge : edge + SIDE, edge : edge + SIDE].transpose(0, 3, 1, 2)
    with torch.inference_mode():
        return network(standardised(torch.from_numpy(middle.copy()).float() / 255)).argmax(1).numpy()
