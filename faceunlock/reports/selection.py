"""Which photos a figure has room for, and where labels go that must not overlap."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

HEATMAP_PHOTOS = 150
HEATMAP_PEOPLE = 20

Positions = NDArray[np.intp]


def choose_photos(
    person: NDArray[np.int32], *, photos: int = HEATMAP_PHOTOS, people: int = HEATMAP_PEOPLE, seed: int = 0
) -> Positions:
    """Choose photos so that few people are shown with many photos rather than many people with one.

    Everything is chosen where it fits. Otherwise people are drawn at random, those with several photos
    before those with one, and of each person at most so many photos, at random, that all fit.

    Parameters
    ----------
    person : ndarray of int32, shape (n,)
        Whose each photo is.
    photos, people : int
        Most of each.
    seed : int

    Returns
    -------
    ndarray of intp
        Positions, grouped by person, people and photos in the order in which they came.

    Examples
    --------
    >>> choose_photos(np.array([1, 0, 1, 2, 2], dtype=np.int32), people=2, photos=4)
    array([0, 2, 3, 4])
    """
    generator = np.random.default_rng(seed)
    names, first, count = np.unique(person, return_index=True, return_counts=True)
    drawn = generator.permutation(len(names))
    drawn = drawn[np.argsort(count[drawn] < 2, kind="stable")][:people]
    kept = sorted(drawn, key=lambda one: first[one])
    each = _cap(count[drawn], photos)
    chosen = []
    for one in kept:
        own = np.flatnonzero(person == names[one])
        chosen.append(np.sort(generator.choice(own, size=min(each, len(own)), replace=False)))
    return np.concatenate(chosen) if chosen else np.empty(0, dtype=np.intp)


def _cap(counts: NDArray[np.intp], total: int) -> int:
    """Most photos of each person so that no more than `total` are left; at least one."""
    fitting = [
        cap for cap in range(1, int(counts.max(initial=1)) + 1) if np.minimum(counts, cap).sum() <= total
    ]
    return max(fitting, default=1)


def choose_apart(
    points: ArrayLike, person: NDArray[np.int32], distance: float, most: int, *, seed: int = 0
) -> Positions:
    """Choose points that keep a distance from each other, so that pictures on them do not overlap.

    People take turns, in random order, each with the next of their points that has room.

    Parameters
    ----------
    points : array_like, shape (n, 2)
    person : ndarray of int32, shape (n,)
        Whose each point is.
    distance : float
        Least difference in x or y (pictures are squares), in units of `points`.
    most : int
        How many points are chosen at most.
    seed : int

    Returns
    -------
    ndarray of intp
        Positions, ascending.

    Examples
    --------
    >>> choose_apart([[0, 0], [0.5, 0], [2, 0]], np.array([0, 1, 1], dtype=np.int32), 1.0, 10).size
    2
    """
    where = np.asarray(points, dtype=np.float64).reshape(-1, 2)
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(where))
    turn = np.empty(len(where), dtype=np.intp)
    taken: dict[int, int] = {}
    for position in order:
        own = int(person[position])
        turn[position] = taken[own] = taken.get(own, -1) + 1
    order = order[np.argsort(turn[order], kind="stable")]
    chosen: list[int] = []
    for position in order:
        if len(chosen) == most:
            break
        if not chosen or np.abs(where[chosen] - where[position]).max(axis=1).min() >= distance:
            chosen.append(int(position))
    return np.array(sorted(chosen), dtype=np.intp)


def spread(
    positions: Sequence[float], gap: float, low: float = -np.inf, high: float = np.inf
) -> NDArray[np.float64]:
    """Move labels along a line as little as possible so that neighbours are at least `gap` apart.

    The sum of squared moves is least (isotonic regression on the positions less what the gaps take).

    Parameters
    ----------
    positions : sequence of float
        Where the labels want to be, ascending.
    gap : float
    low, high : float
        Where the first may be at least and the last at most; `low` wins if there is no room for all.

    Examples
    --------
    >>> spread([0.0, 0.1, 5.0], 1.0)
    array([-0.45,  0.55,  5.  ])
    """
    wanted = np.asarray(positions, dtype=np.float64)
    if not len(wanted):
        return wanted
    from scipy.optimize import isotonic_regression

    taken = np.arange(len(wanted)) * gap
    moved: NDArray[np.float64] = isotonic_regression(wanted - taken).x
    placed: NDArray[np.float64] = np.maximum(np.minimum(moved, high - taken[-1]), low) + taken
    return placed
