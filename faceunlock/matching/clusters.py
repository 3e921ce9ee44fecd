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
    reducible: Murtagh 1983, doi:10.1093/comjnl/26.4.354). For the same reason the highest similarity of a
    cluster never rises. So it is an upper bound once the most similar one was joined to another, and it is
    computed again only where the bound is among the highest (as in Muellner 2011, arXiv:1109.2378). Time
    grows with the square of n, memory with n.

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
    means = _Means(vectors)
    label = left = np.arange(len(means))
    nearest, best = np.full(len(means), -1), np.full(len(means), np.inf)
    known = np.zeros(len(means), dtype=bool)  # whether `best` is exact, and not only a bound
    room = len(means)
    while len(left) > 1:
        looked_at = _highest(left[~known[left]], best, room)
        for rows, scores in means.similarities(looked_at):
            most = scores.argmax(axis=1)
            best[rows], nearest[rows] = scores[np.arange(len(rows)), most], means.clusters[most]
        known[looked_at] = True
        left = left[best[left] >= threshold]  # the others are done: no join brings them nearer to anything
        first = _mutual(left[known[left]], nearest, best, known, all_known=bool(known[left].all()))
        if not len(first):
            room *= 2
            continue
        second = nearest[first]
        means.join(first, second)
        into = np.arange(len(label))
        into[second] = first
        label = into[label]
        left = left[into[left] == left]
        joined = np.zeros(len(label), dtype=bool)
        joined[first] = joined[second] = True
        known[left[joined[left] | joined[nearest[left]]]] = False
        room = LOOKS_PER_JOIN * len(first)
    return label


LOOKS_PER_JOIN = 4
"""For how many clusters the most similar one is computed again for each that was joined just before."""


def _highest(clusters: Indices, best: Vector, count: int) -> Indices:
    """Return those of the highest bounds, in ascending order."""
    if len(clusters) <= count:
        return clusters
    return np.sort(clusters[np.argpartition(-best[clusters], count - 1)[:count]])


def _mutual(
    clusters: Indices, nearest: Indices, best: Vector, known: NDArray[np.bool_], *, all_known: bool
) -> Indices:
    """Return the first of each two clusters that are each other's most similar one.

    Equal similarities may be rounded differently from the two sides, so that three copies of one picture
    point at each other in a circle; if `all_known`, the most similar two are then returned.
    """
    others = nearest[clusters]
    mutual: Indices = clusters[known[others] & (nearest[others] == clusters) & (clusters < others)]
    if len(mutual) or not all_known or not len(clusters):
        return mutual
    return clusters[[best[clusters].argmax()]]


class _Means:
    """The mean vector of each cluster, for mean similarities; at first each vector is a cluster.

    Parameters
    ----------
    vectors : array_like, shape (n, dimension)

    Attributes
    ----------
    clusters : ndarray of int64, shape (m,)
        The cluster of each column of similarities.
    """

    def __init__(self, vectors: ArrayLike) -> None:
        self._rows = np.array(vectors, dtype=np.float64)
        self._counts = np.ones(len(self._rows))
        self.clusters = np.arange(len(self._rows))
        self._place = self.clusters.copy()
        self._gone = np.zeros(len(self._rows), dtype=bool)

    def __len__(self) -> int:
        return len(self._place)

    def join(self, first: Indices, second: Indices) -> None:
        """Join each first cluster with its second one, which is gone."""
        one, other = self._place[first], self._place[second]
        counts = self._counts[one] + self._counts[other]
        self._rows[one] *= (self._counts[one] / counts)[:, None]
        self._rows[one] += self._rows[other] * (self._counts[other] / counts)[:, None]
        self._counts[one] = counts
        self._gone[other] = True
        if self._gone.sum() > len(self._gone) // 4:  # seldom, because everything is copied
            stay = ~self._gone
            self._rows, self._counts, self.clusters = (
                self._rows[stay],
                self._counts[stay],
                self.clusters[stay],
            )
            self._place[self.clusters] = np.arange(len(self.clusters))
            self._gone = np.zeros(len(self.clusters), dtype=bool)

    def similarities(self, clusters: Indices) -> Iterator[tuple[Indices, Vector]]:
        """Yield some clusters at a time with their mean similarity to each column.

        It is minus infinity for the cluster itself, and for those that are gone.
        """
        step = max(1, BLOCK_BYTES // (8 * max(1, len(self.clusters))))
        for start in range(0, len(clusters), step):
            some = clusters[start : start + step]
            rows = self._place[some]
            scores = self._rows[rows] @ self._rows.T
            scores[:, self._gone] = -np.inf
            scores[np.arange(len(some)), rows] = -np.inf
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
    sums = [array[group].sum(axis=0, dtype=np.float64) for group in groups]
    nearest, best = np.full(len(groups), -1), np.full(len(groups), -1.0)
    means = _Means([total / len(group) for total, group in zip(sums, groups, strict=True)])
    for rows, scores in means.similarities(means.clusters) if len(groups) > 1 else ():
        nearest[rows], best[rows] = scores.argmax(axis=1), scores.max(axis=1)
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
