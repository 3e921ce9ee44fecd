"""The losses: modules that map outputs of any length, and targets, to one number."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from faceunlock.pipeline.embedding.residual_network import unit_length
from faceunlock.training.recipe import TrainingRecipe

SOFTMAX_SCALE = 16.0
"""Factor on the cosines before the softmax, which could not tell -1 from 1 without it."""

MARGIN = 0.2
"""Margin of the triplet loss, on distances between unit vectors."""


class SoftmaxLoss(nn.Module):
    """Cross-entropy over the cosines with one direction per person.

    Parameters
    ----------
    people, dimension : int
    """

    def __init__(self, people: int, dimension: int) -> None:
        super().__init__()
        self.directions = nn.Parameter(torch.randn(people, dimension))

    def forward(self, outputs: Tensor, person: Tensor) -> Tensor:
        """Return the mean loss of outputs, shape (n, dimension).

        `person` has shape (n,), or (n, people) where several have a share in a picture.
        """
        cosines = unit_length(outputs) @ unit_length(self.directions).T
        return functional.cross_entropy(SOFTMAX_SCALE * cosines, person, label_smoothing=0.05)


class TripletLoss(nn.Module):
    """Triplet loss over all triplets of a batch that violate the margin (Schroff et al., 2015)."""

    def __init__(self) -> None:
        super().__init__()
        from pytorch_metric_learning import losses, miners

        self.miner = miners.TripletMarginMiner(margin=MARGIN, type_of_triplets="all")
        self.loss = losses.TripletMarginLoss(margin=MARGIN)

    def forward(self, outputs: Tensor, person: Tensor) -> Tensor:
        """Return the mean loss of outputs, shape (n, dimension), given `person`, shape (n,)."""
        value: Tensor = self.loss(outputs, person, self.miner(outputs, person))
        return value


class DistillationLoss(nn.Module):
    """One minus the cosine with the teacher's embedding of the same picture."""

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the mean loss of outputs and targets, both of shape (n, dimension)."""
        return (1.0 - (unit_length(outputs) * targets).sum(dim=1)).mean()


def class_directions(loss: nn.Module) -> Tensor | None:
    """Return the directions of people that a loss learns, shape (people, dimension); None if it has none."""
    if isinstance(loss, SoftmaxLoss):
        return loss.directions
    weights = getattr(loss, "W", None)  # of pytorch-metric-learning's classifiers, (dimension, people)
    return weights.T if isinstance(weights, nn.Parameter) else None


def make_loss(recipe: TrainingRecipe, people: int) -> nn.Module:
    """Return the loss of a recipe: a module that takes outputs and people.

    For ``distill`` it takes the teacher's unit embeddings instead of people.

    Parameters
    ----------
    recipe : TrainingRecipe
    people : int
        Number of people to tell apart.
    """
    dimension = recipe.architecture.dimension
    if recipe.loss == "distill":
        return DistillationLoss()
    if recipe.loss == "softmax":
        return SoftmaxLoss(people, dimension)
    if recipe.loss == "triplet":
        return TripletLoss()
    from pytorch_metric_learning import losses

    loss: nn.Module
    if recipe.loss == "arcface":  # 28.6 degrees are the 0.5 radians of Deng et al., 2019
        loss = losses.ArcFaceLoss(people, dimension, margin=28.6, scale=32)
    elif recipe.loss == "cosface":  # Wang et al., 2018, with a margin and a scale for few people
        loss = losses.CosFaceLoss(people, dimension, margin=0.3, scale=24)
    else:  # unit vectors at a distance of 1 have a cosine of 0.5
        loss = losses.ContrastiveLoss(pos_margin=0.0, neg_margin=1.0)
    return loss
