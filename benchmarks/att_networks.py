"""The tutorial's Siamese network for AT&T faces, trained as in the tutorial: the baseline of ``att.py``."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn import functional

MARGIN = 2.0


class SiameseNetwork(nn.Module):
    """Network of three padded convolutions without pooling and three linear layers.

    It turns a photo of 100x100 into five numbers.
    """

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs in ((1, 4), (4, 8), (8, 8)):
            layers += [
                nn.ReflectionPad2d(1),
                nn.Conv2d(inputs, outputs, 3),
                nn.ReLU(),
                nn.BatchNorm2d(outputs),
                nn.Dropout2d(0.2),
            ]
        self.convolutions = nn.Sequential(*layers)
        self.linear = nn.Sequential(
            nn.Linear(80_000, 500), nn.ReLU(), nn.Linear(500, 500), nn.ReLU(), nn.Linear(500, 5)
        )

    def forward(self, photos: torch.Tensor) -> torch.Tensor:
        """Return the outputs, shape (n, 5), of gray photos, shape (n, 1, 100, 100), in [0, 1]."""
        outputs: torch.Tensor = self.linear(self.convolutions(photos).flatten(1))
        return outputs

    def pair(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        """Return the outputs of both sides of the pairs, shape (2 n, 5).

        Each side goes through the convolutions alone, as in the tutorial, so batch normalisation sees one
        side at a time. The linear layers treat every photo separately, so both sides go through them at once.
        """
        maps = [self.convolutions(photos).flatten(1) for photos in (first, second)]
        outputs: torch.Tensor = self.linear(torch.cat(maps))
        return outputs


def contrastive(first: torch.Tensor, second: torch.Tensor, different: torch.Tensor) -> torch.Tensor:
    """Return mean((1 - y) d^2 + y max(0, margin - d)^2), y = 1 for different people."""
    distance = functional.pairwise_distance(first, second)
    apart = functional.relu(MARGIN - distance)
    return torch.mean((1 - different) * distance**2 + different * apart**2)


def train_siamese(
    photos: np.ndarray, person: np.ndarray, *, epochs: int, seed: int, precision: str, batch: int = 64
) -> SiameseNetwork:
    """Train as the tutorial does: each photo with a random partner, about half of them of the same person.

    Parameters
    ----------
    photos : ndarray of float32, shape (n, 1, 100, 100)
        Gray photos, in [0, 1].
    person : ndarray of int, shape (n,)
    epochs, seed, batch : int
    precision : {"float32", "bfloat16"}
        Precision of convolutions and products while training, as in our own training; weights and loss are
        float32.
    """
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    network = SiameseNetwork().train()
    optimizer = torch.optim.Adam(network.parameters(), lr=5e-4, fused=True)
    pictures = torch.from_numpy(photos)
    for _ in range(epochs):
        for start in range(0, len(photos), batch):
            first = random.integers(len(photos), size=min(batch, len(photos) - start))
            same = random.random(len(first)) < 0.5
            second = np.array(
                [
                    random.choice(np.flatnonzero((person == person[i]) == alike))
                    for i, alike in zip(first, same, strict=True)
                ]
            )
            different = torch.from_numpy((person[first] != person[second]).astype(np.float32))
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bfloat16"):
                outputs = network.pair(pictures[first], pictures[second])
            loss = contrastive(*outputs.float().split(len(first)), different)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return network.eval()


def distances(network: SiameseNetwork, photos: np.ndarray) -> np.ndarray:
    """Return the Euclidean distances between all outputs, shape (n, n)."""
    with torch.inference_mode():
        outputs = network(torch.from_numpy(photos))
        return torch.cdist(outputs, outputs).numpy()
