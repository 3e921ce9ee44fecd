"""Which photos each step sees: seed and epoch alone decide, so that a run can resume at any step."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from faceunlock.training.recipe import TrainingRecipe


def epoch_batches(person: NDArray[np.intp], recipe: TrainingRecipe, epoch: int) -> list[list[int]]:
    """Return the positions of the photos for each step of an epoch; each photo comes once.

    If the loss compares the photos of a batch, a person's photos stay together, in groups of
    `TrainingRecipe.photos_per_person`. A single photo left at the end joins the batch before it, because
    batch normalisation needs two.

    Parameters
    ----------
    person : ndarray of intp, shape (n,)
        The person on each photo.
    recipe : TrainingRecipe
    epoch : int
        Number of the epoch, starting at 1.

    Examples
    --------
    >>> recipe = TrainingRecipe("triplet", batch=4)
    >>> [len(batch) for batch in epoch_batches(np.repeat([0, 1], 4), recipe, 1)]
    [4, 4]
    """
    random = np.random.default_rng((recipe.seed, epoch))
    together = min(recipe.photos_per_person, recipe.batch)
    order = random.permutation(len(person))
    if together > 1:
        groups = [order[person[order] == one] for one in np.unique(person)]
        chunks = [group[i : i + together] for group in groups for i in range(0, len(group), together)]
        order = np.concatenate([chunks[i] for i in random.permutation(len(chunks))])
    batches = [order[i : i + recipe.batch].tolist() for i in range(0, len(order), recipe.batch)]
    if len(batches) > 1 and len(batches[-1]) < 2:
        batches[-2:] = [batches[-2] + batches[-1]]
    return batches
