"""Whether photos show one person or several, from their pairwise similarities: a pure function of arrays.

Photos are joined into a tree by average linkage, the most similar first. Two branches are different people if
the photos inside them are much more alike than those across. "Much" is measured in the distance at which two
single photos just match, so the rule holds for every model with a measured photo-against-photo threshold.
``benchmarks/one_person.py`` is the source of the shares below.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

SMALLEST_GROUP = 2
"""Fewest photos that are called a person: a single one may just be a bad photo."""

APART = 0.7
"""How much more alike photos inside two groups must be than across, as a share of 1 - the pair threshold."""

APART_UNMEASURED = 0.5
"""The same as a share of 1 - the similarity across, for models without a measured pair threshold."""

COHERENT = 0.2
"""By how much each of the two groups must itself be more alike than across, as a share of the same."""

Group = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Branch:
    """A branch of the tree: its photos, the sum of its pairwise similarities, and the groups found in it."""

    photos: Group
    inside: float
    groups: tuple[Group, ...]

    @property
    def pairs(self) -> int:
        return len(self.photos) * (len(self.photos) - 1) // 2


def several_people(
    embeddings: ArrayLike, match_limit: float, pair_threshold: float | None = None
) -> tuple[Group, ...]:
    """Return the groups of photos that show different people; nothing if all may be one person.

    Parameters
    ----------
    embeddings : array_like, shape (n, dimension)
        Unit vectors, one for each photo.
    match_limit : float
        Two groups are never called different people if the mean similarity across is at or above this, in
        [-1, 1]. It is used where no `pair_threshold` is given.
    pair_threshold : float, optional
        Lowest similarity at which two single photos match; it takes the place of `match_limit`. Omit it if it
        was not measured.

    Returns
    -------
    tuple of tuple of int
        At least two groups of at least `SMALLEST_GROUP` indices each, the largest first; or none. A photo
        that is like no group is in none of them.

    Examples
    --------
    >>> ada, bob = [1.0, 0.0], [0.0, 1.0]
    >>> several_people([ada, bob, ada, bob, ada], 0.9)
    ((0, 2, 4), (1, 3))
    >>> several_people([ada, ada, ada, bob], 0.9)
    ()
    """
    vectors = np.asarray(embeddings, dtype=np.float64)
    if len(vectors) < 2 * SMALLEST_GROUP:
        return ()
    from scipy.cluster.hierarchy import linkage

    branches = [_Branch((index,), 0.0, ()) for index in range(len(vectors))]
    for left, right, distance, _ in linkage(vectors, "average", metric="cosine"):
        # Average linkage: the distance of two branches is the mean over all pairs across.
        branches.append(_joined(branches[int(left)], branches[int(right)], 1.0 - distance,
                                match_limit, pair_threshold))  # fmt: skip
    return tuple(sorted(map(_sorted, branches[-1].groups), key=lambda group: (-len(group), group)))


def _joined(
    left: _Branch, right: _Branch, across: float, match_limit: float, pair_threshold: float | None
) -> _Branch:
    inside = left.inside + right.inside + across * len(left.photos) * len(right.photos)
    groups = left.groups + right.groups
    if groups or _apart(left, right, across, match_limit, pair_threshold):
        # A branch without groups of its own is one person, or a stray photo.
        whole = [
            side.photos for side in (left, right) if not side.groups and len(side.photos) >= SMALLEST_GROUP
        ]
        groups += tuple(whole)
    return _Branch(left.photos + right.photos, inside, groups)


def _apart(
    left: _Branch, right: _Branch, across: float, match_limit: float, pair_threshold: float | None
) -> bool:
    limit = match_limit if pair_threshold is None else pair_threshold
    if min(len(left.photos), len(right.photos)) < SMALLEST_GROUP or across >= limit:
        return False
    share, scale = (
        (APART_UNMEASURED, 1.0 - across) if pair_threshold is None else (APART, 1.0 - pair_threshold)
    )
    inside = (left.inside + right.inside) / (left.pairs + right.pairs)
    least = min(left.inside / left.pairs, right.inside / right.pairs)
    return inside - across >= share * scale and least - across >= COHERENT * scale


def _sorted(group: Iterable[int]) -> Group:
    return tuple(sorted(group))
