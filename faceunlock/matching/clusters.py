"""Vectors grouped by person without names: average linkage down to a threshold, in bounded memory.

Two clusters are joined while the mean similarity of all pairs across them is at or above the threshold, the
most similar first. A single pair that matches by chance does not join two people, as it would where clusters
are the connected components of matching pairs. ``benchmarks/group.py`` compares both, and HDBSCAN.

Two faces on one photo may be joined: forbidding it would split everybody who is on a collage into several
groups. What that leaves in doubt is marked where it is shown.

For unit vectors the mean over all pairs across is a product of two vector sums, so no table of all pairs is
kept. scikit-learn's ``AgglomerativeClustering`` gives the same clusters, but holds every pair in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceunlock.matching.similarity import Vector

BLOCK_BYTES = 1 << 26
"""Memory for the similarities that are looked at together, in bytes."""

Indices = NDArray[np.int64]


def cluster(vectors: ArrayLike, threshold: float) -> Indices:
    """Return the cluster of each vector: average linkage, cut at a mean similarity.

    Clusters that are each other's most similar one are joined, many at a time. The mean similarity to a
    joined cluster lies between those to its two parts, so the order does not matter (the linkage is
    reducible: Murtagh 1983, doi:10.1093/comjnl/26.4.354), and only clusters whose most similar one was
    joined are looked at again. Time grows with the square of n, memory with n.

    Parameters
    ----------
    vectors : array_like, shape (n, dimension)
        Unit vectors.
    threshold : float
        Lowest mean similarity, in [-1, 1], at which two clusters are joined.

    Returns
    -------
    ndarray of int64, shape (n,)
        The index of the first vector of each one's cluster.

    Examples
    --------
    >>> ada, bob = [1.0, 0.0], [0.0, 1.0]
    >>> cluster([ada, bob, ada, bob, [0.6, -0.8]], 0.9)
    array([0, 1, 0, 1, 4])
    """
    sums = np.array(vectors, dtype=np.float64)
    label = np.arange(len(sums))
    if len(sums) < 2:
        return label
    counts = np.ones(len(sums))
    nearest, best = np.full(len(sums), -1), np.full(len(sums), -np.inf)
    left = stale = label
    while len(left) > 1:
        for rows, scores in _blocks(sums, counts, stale, left):
            most = scores.argmax(axis=1)
            best[rows], nearest[rows] = scores[np.arange(len(rows)), most], left[most]
        left = left[best[left] >= threshold]  # the others are done: no join brings them nearer to anything
        first = _mutual(left, nearest, best)
        second = nearest[first]
        sums[first] += sums[second]
        counts[first] += counts[second]
        into = np.arange(len(sums))
        into[second] = first
        label = into[label]
        changed = np.zeros(len(sums), dtype=bool)
        changed[first] = changed[second] = True
        left = left[into[left] == left]
        stale = left[changed[left] | changed[nearest[left]]]
    return label


def _mutual(left: Indices, nearest: Indices, best: Vector) -> Indices:
    """Return the first of each two clusters that are each other's most similar one.

    Equal similarities may be rounded differently from the two sides, so that three copies of one picture
    point at each other in a circle; then the most similar two are returned.
    """
    mutual: Indices = left[(nearest[nearest[left]] == left) & (left < nearest[left])]
    return mutual if len(mutual) or not len(left) else left[[best[left].argmax()]]


def _blocks(
    sums: Vector, counts: Vector, rows: Indices, columns: Indices
) -> Iterator[tuple[Indices, Vector]]:
    """Yield some rows at a time with their mean similarity to each column; a cluster is not like itself."""
    turned = (sums[columns] / counts[columns, None]).T
    place = np.full(len(sums), -1)
    place[columns] = np.arange(len(columns))
    step = max(1, BLOCK_BYTES // (8 * max(1, len(columns))))
    for start in range(0, len(rows), step):
        some = rows[start : start + step]
        scores = (sums[some] / counts[some, None]) @ turned
        scores[np.arange(len(some)), place[some]] = -np.inf
        yield some, scores


@dataclass(frozen=True, slots=True, eq=False)
class Cluster:
    """Vectors that are most likely of one person.

    Attributes
    ----------
    members : ndarray of int64, shape (n,)
        Indices, ascending.
    likeness : ndarray of float64, shape (n,)
        Mean similarity of each member to the others, in [-1, 1].
    nearest : int or None
        The most similar other cluster, by its place among those described; None if there is no other.
    nearest_similarity : float
        Mean similarity to it, in [-1, 1]; -1 without one.
    """

    members: Indices = field(repr=False)
    likeness: Vector = field(repr=False)
    nearest: int | None
    nearest_similarity: float

    @property
    def tightness(self) -> float:
        """Mean similarity of all pairs of members, in [-1, 1]."""
        return float(self.likeness.mean())


def describe(vectors: ArrayLike, labels: Indices) -> tuple[Cluster, ...]:
    """Return the clusters of at least two vectors: the largest first, then in the order of their first one.

    Parameters
    ----------
    vectors : array_like, shape (n, dimension)
        Unit vectors.
    labels : ndarray of int64, shape (n,)
        As `cluster` returns them.

    Examples
    --------
    >>> ada, bob = [1.0, 0.0], [0.6, 0.8]
    >>> one, other = describe([bob, ada, ada, ada, bob], np.array([0, 1, 1, 1, 0]))
    >>> one.members, one.tightness, one.nearest, round(one.nearest_similarity, 3)
    (array([1, 2, 3]), 1.0, 1, 0.6)
    """
    array = np.asarray(vectors)
    by_label = np.argsort(labels, kind="stable")
    parts = np.split(by_label, np.flatnonzero(np.diff(labels[by_label])) + 1) if len(by_label) else []
    groups = sorted((part for part in parts if len(part) > 1), key=lambda part: (-len(part), part[0]))
    if not groups:
        return ()
    sums = np.stack([array[group].sum(axis=0, dtype=np.float64) for group in groups])
    counts = np.array([len(group) for group in groups], dtype=np.float64)
    nearest, best = np.full(len(groups), -1), np.full(len(groups), -1.0)
    everybody = np.arange(len(groups))
    for rows, scores in _blocks(sums, counts, everybody, everybody) if len(groups) > 1 else ():
        nearest[rows] = scores.argmax(axis=1)
        best[rows] = scores.max(axis=1)
    return tuple(
        Cluster(
            group,
            _likeness(np.asarray(array[group], dtype=np.float64), total),
            None if near < 0 else int(near),
            float(similarity),
        )
        for group, total, near, similarity in zip(groups, sums, nearest, best, strict=True)
    )


def _likeness(members: Vector, total: Vector) -> Vector:
    others: Vector = (members @ total - np.einsum("ij,ij->i", members, members)) / (len(members) - 1)
    return np.clip(others, -1.0, 1.0)
