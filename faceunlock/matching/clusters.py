"""Vectors grouped by person without names: average linkage down to a threshold, in bounded memory.

Two clusters are joined while the mean similarity of all pairs across them is at or above the threshold, the
most similar first, and never if one photo shows a face of each: nobody is on a photo twice. A single pair
that matches by chance does not join two people, as it would where clusters are the connected components of
matching pairs. ``benchmarks/group.py`` compares both, and HDBSCAN.

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


def cluster(vectors: ArrayLike, threshold: float, photos: ArrayLike | None = None) -> Indices:
    """Return the cluster of each vector: average linkage, cut at a mean similarity.

    Clusters that are each other's most similar one are joined, many at a time. A joined cluster is no more
    similar to any other than the more similar of its two parts was, so the order does not matter (the linkage
    is reducible: Murtagh 1983, doi:10.1093/comjnl/26.4.354), and only clusters whose most similar one was
    joined are looked at again. Time grows with the square of n, memory with n.

    Parameters
    ----------
    vectors : array_like, shape (n, dimension)
        Unit vectors.
    threshold : float
        Lowest mean similarity, in [-1, 1], at which two clusters are joined.
    photos : array_like of int, shape (n,), optional
        The photo of each vector; two of one photo are never in one cluster.

    Returns
    -------
    ndarray of int64, shape (n,)
        The index of the first vector of each one's cluster.

    Examples
    --------
    >>> ada, bob = [1.0, 0.0], [0.0, 1.0]
    >>> cluster([ada, bob, ada, bob, [0.6, -0.8]], 0.9)
    array([0, 1, 0, 1, 4])
    >>> cluster([ada, ada, ada], 0.9, photos=[7, 7, 8])
    array([0, 1, 0])
    """
    sums = np.array(vectors, dtype=np.float64)
    label = np.arange(len(sums))
    if len(sums) < 2:
        return label
    counts = np.ones(len(sums))
    nearest, best = np.full(len(sums), -1), np.full(len(sums), -np.inf)
    left = stale = label
    apart = _apart(label, photos)
    while len(left) > 1:
        for rows, scores in _blocks(sums, counts, stale, left, apart):
            most = scores.argmax(axis=1)
            best[rows], nearest[rows] = scores[np.arange(len(rows)), most], left[most]
        left = left[best[left] >= threshold]  # the others are done: no join brings them nearer to anything
        first = _mutual(left, nearest, best)
        second = nearest[first]
        sums[first] += sums[second]
        counts[first] += counts[second]
        into = np.arange(len(sums))
        into[second] = first
        label, apart = into[label], np.unique(into[apart], axis=1)
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
    mutual = left[(nearest[nearest[left]] == left) & (left < nearest[left])]
    if len(mutual) or not len(left):
        return mutual
    return left[[best[left].argmax()]]


def _apart(labels: Indices, photos: ArrayLike | None) -> Indices:
    """Return every two clusters that share a photo, both ways round and sorted, shape (2, m)."""
    if photos is None:
        return np.empty((2, 0), dtype=np.int64)
    by_photo = np.argsort(photos, kind="stable")
    ends = np.flatnonzero(np.diff(np.asarray(photos)[by_photo])) + 1
    pairs = [
        np.stack([np.repeat(part, len(part)), np.tile(part, len(part))])
        for part in np.split(labels[by_photo], ends)
        if len(part) > 1
    ]
    return np.unique(np.concatenate(pairs, axis=1), axis=1) if pairs else _apart(labels, None)


def _blocks(
    sums: Vector, counts: Vector, rows: Indices, columns: Indices, apart: Indices
) -> Iterator[tuple[Indices, Vector]]:
    """Yield some rows, which ascend, at a time with their mean similarity to each column.

    It is minus infinity for the cluster itself, and for those that share a photo with it.
    """
    turned = (sums[columns] / counts[columns, None]).T
    place = np.full(len(sums), -1)
    place[columns] = np.arange(len(columns))
    step = max(1, BLOCK_BYTES // (8 * max(1, len(columns))))
    for start in range(0, len(rows), step):
        some = rows[start : start + step]
        scores = (sums[some] / counts[some, None]) @ turned
        scores[np.arange(len(some)), place[some]] = -np.inf
        one, other = apart[:, slice(*np.searchsorted(apart[0], [some[0], some[-1] + 1]))]
        there = np.isin(one, some) & (place[other] >= 0)
        scores[np.searchsorted(some, one[there]), place[other[there]]] = -np.inf
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
        The most similar other cluster, by its place among those described; None if there is none that may
        be the same person.
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


def describe(vectors: ArrayLike, labels: Indices, photos: ArrayLike | None = None) -> tuple[Cluster, ...]:
    """Return the clusters of at least two vectors: the largest first, then in the order of their first one.

    Parameters
    ----------
    vectors : array_like, shape (n, dimension)
        Unit vectors.
    labels : ndarray of int64, shape (n,)
        As `cluster` returns them.
    photos : array_like of int, shape (n,), optional
        As for `cluster`.

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
    place = np.full(len(array), -1)
    for number, group in enumerate(groups):
        place[group] = number
    apart = _apart(place, photos)
    for rows, scores in _blocks(sums, counts, everybody, everybody, apart[:, apart[0] >= 0]):
        nearest[rows], best[rows] = scores.argmax(axis=1), scores.max(axis=1)
    return tuple(
        Cluster(
            group,
            _likeness(np.asarray(array[group], dtype=np.float64), total),
            int(near) if np.isfinite(similarity) else None,
            float(similarity) if np.isfinite(similarity) else -1.0,
        )
        for group, total, near, similarity in zip(groups, sums, nearest, best, strict=True)
    )


def _likeness(members: Vector, total: Vector) -> Vector:
    others: Vector = (members @ total - np.einsum("ij,ij->i", members, members)) / (len(members) - 1)
    return np.clip(others, -1.0, 1.0)
