"""Affine maps of unit embeddings that are to tell people apart better than the plain cosine does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import isinf

import numpy as np
import torch
from scipy.linalg import eigh

from faceunlock.matching.similarity import unit
from faceunlock.training.loop import schedule

MARGIN = 0.05
SCALE = 64.0
STEPS = 150
PEOPLE_PER_STEP = 100
PHOTOS_PER_PERSON = 8
LEARNING_RATE = 3e-3


@dataclass(frozen=True, slots=True, eq=False)
class AffineMap:
    """Subtract an offset, (dimension,), multiply by a matrix, (dimension, k), and scale to length 1."""

    offset: np.ndarray = field(repr=False)
    matrix: np.ndarray = field(repr=False)

    def __call__(self, embeddings: np.ndarray) -> np.ndarray:
        """Map unit embeddings, shape (n, dimension), to unit vectors, shape (n, k)."""
        return unit((embeddings - self.offset) @ self.matrix).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Shape:
    """What is chosen on held-out people.

    Attributes
    ----------
    share : float
        Of the mean embedding that is subtracted: 0 nothing, 1 all of it.
    penalty : float
        On the squared distance of the matrix from the identity; infinite: it is the identity.
    """

    share: float
    penalty: float


def plain(embeddings: np.ndarray) -> AffineMap:
    """Return the map that changes nothing."""
    dimension = embeddings.shape[1]
    return AffineMap(np.zeros(dimension), np.eye(dimension))


def centring(embeddings: np.ndarray, share: float = 1.0) -> AffineMap:
    """Subtract a share of the mean."""
    return AffineMap(share * embeddings.mean(axis=0, dtype=np.float64), np.eye(embeddings.shape[1]))


def whitening(embeddings: np.ndarray, person: np.ndarray, shrinkage: float, share: float = 1.0) -> AffineMap:
    """Make the variation within a person the same in all directions (WCCN; Hatch et al., 2006).

    `shrinkage`, in [0, 1], draws the covariance towards a multiple of the identity.
    """
    within, _ = covariances(embeddings, person)
    values, vectors = np.linalg.eigh(shrunk(within, shrinkage))
    return AffineMap(centring(embeddings, share).offset, (vectors * values**-0.5) @ vectors.T)


def discriminant(
    embeddings: np.ndarray, person: np.ndarray, shrinkage: float, directions: int, share: float = 1.0
) -> AffineMap:
    """Keep the directions in which people differ most, as seen by the variation within (LDA)."""
    within, between = covariances(embeddings, person)
    _, vectors = eigh(between, shrunk(within, shrinkage))
    return AffineMap(centring(embeddings, share).offset, vectors[:, ::-1][:, :directions])


def covariances(embeddings: np.ndarray, person: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the covariance of photos about their person's mean, and of the means of the people."""
    people, code = np.unique(person, return_inverse=True)
    means = np.stack([embeddings[code == one].mean(axis=0, dtype=np.float64) for one in range(len(people))])
    return np.cov((embeddings - means[code]).T, bias=True), np.cov(means.T, bias=True)


def shrunk(covariance: np.ndarray, shrinkage: float) -> np.ndarray:
    """Mix a covariance with the multiple of the identity of the same trace."""
    dimension = len(covariance)
    return (1 - shrinkage) * covariance + shrinkage * np.trace(covariance) / dimension * np.eye(dimension)


def learn(embeddings: np.ndarray, person: np.ndarray, shape: Shape, seed: int) -> AffineMap:
    """Learn a matrix near the identity by CosFace (Wang et al., 2018) behind a fixed offset.

    The directions of the people begin at their means. Each step sees some photos of some of the people.
    """
    start = centring(embeddings, shape.share)
    if isinf(shape.penalty):
        return start
    from pytorch_metric_learning.losses import CosFaceLoss

    people, code = np.unique(person, return_inverse=True)
    moved = torch.from_numpy(embeddings - start.offset).float()
    labels = torch.from_numpy(code)
    loss = CosFaceLoss(len(people), moved.shape[1], margin=MARGIN, scale=SCALE)
    directions = torch.nn.functional.normalize(moved, dim=1)
    loss.W.data = torch.stack([directions[labels == one].mean(dim=0) for one in range(len(people))]).T.clone()
    identity = torch.eye(moved.shape[1])
    change = torch.zeros_like(identity, requires_grad=True)
    groups = [
        {"params": [change], "lr": LEARNING_RATE},
        {"params": [loss.W], "lr": 3 * LEARNING_RATE},
    ]
    optimizer = torch.optim.Adam(groups)
    falling = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: schedule(step, STEPS))
    for chosen in balanced_batches(code, seed):
        outputs = moved[chosen] @ (identity + change)
        value = loss(outputs, labels[chosen]) + shape.penalty * change.square().sum()
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        falling.step()
    return AffineMap(start.offset, (identity + change).detach().double().numpy())


def balanced_batches(person: np.ndarray, seed: int) -> Iterator[np.ndarray]:
    """Yield the positions of some photos of some of the people, `STEPS` times."""
    random = np.random.default_rng(seed)
    photos = [np.flatnonzero(person == one) for one in range(person.max() + 1)]
    for _ in range(STEPS):
        people = random.permutation(len(photos))[:PEOPLE_PER_STEP]
        yield np.concatenate([random.permutation(photos[one])[:PHOTOS_PER_PERSON] for one in people])
