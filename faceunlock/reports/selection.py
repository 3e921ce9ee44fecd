"""Choose the photos that fit into a figure, and place labels so that they do not overlap."""

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
    """Choose photos so that few people are shown with many photos, rather than many people with one.

    If everything fits, everything is chosen. Otherwise people are drawn at random, those with several photos
    before those with one. Each person then gets the same maximum number of photos, drawn at random, so that
    all fit.

    Parameters
    ----------
    person : ndarray of int32, shape (n,)
        The person on each photo.
    photos, people : int
        Maximum number of each.
    seed : int

    Returns
    -------
    ndarray of intp
        Positions, grouped by person; people and photos keep their original order.

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
    """Return the maximum photos per person that keeps the sum within `total`; at least one."""
    fitting = [
        cap for cap in range(1, int(counts.max(initial=1)) + 1) if np.minimum(counts, cap).sum() <= total
    ]
    return max(fitting, default=1)


def choose_apart(
    points: ArrayLike, person: NDArray[np.int32], distance: float, most: int, *, seed: int = 0
) -> Positions:
    """Choose points that keep a distance from each other, so that pictures on them do not overlap.

    People take turns in random order; each turn takes that person's next point that has room.

    Parameters
    ----------
    points : array_like, shape (n, 2)
    person : ndarray of int32, shape (n,)
        The person of each point.
    distance : float
        Minimum difference in x or y (pictures are squares), in units of `points`.
    most : int
        Maximum number of points.
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


ROUNDS = 300
"""How often squares are pushed apart before they are put on a grid instead."""


def push_apart(points: ArrayLike, size: float, room: tuple[float, float]) -> NDArray[np.float64]:
    """Return places for squares near some points, so that no two overlap.

    Overlapping squares push each other apart along the axis on which they overlap less. If that does not
    end, they go to the cells of a grid, where the sum of squared distances is least.

    Parameters
    ----------
    points : array_like, shape (n, 2)
        Centres that the squares would have if they were alone.
    size : float
        Side of a square.
    room : tuple of two float
        Width and height of the area, from 0, that holds all squares; needs a grid with n cells.

    Returns
    -------
    ndarray of float64, shape (n, 2)
        Centres.

    Examples
    --------
    >>> push_apart([[2.0, 2.0], [2.5, 2.0]], 1.0, (5.0, 5.0)).round(3)
    array([[1.75, 2.  ],
           [2.75, 2.  ]])
    """
    wanted = np.asarray(points, dtype=np.float64).reshape(-1, 2)
    low, high = np.full(2, size / 2), np.asarray(room) - size / 2
    placed = np.clip(wanted, low, high)
    for _ in range(ROUNDS):
        gaps = np.abs(placed[:, None] - placed[None, :]).max(axis=2)
        close = np.argwhere(np.triu(gaps < size * (1 - 1e-9), k=1))
        if not len(close):
            return placed
        for one, other in close:
            between = placed[other] - placed[one]
            axis = int(np.abs(between).argmax())
            missing = size - abs(between[axis])
            if missing > 0:
                step = (missing / 2 + 1e-6 * size) * (1.0 if between[axis] >= 0 else -1.0)
                placed[one, axis] -= step
                placed[other, axis] += step
        placed = np.clip(placed, low, high)
    return _on_grid(wanted, size, room)


def _on_grid(wanted: NDArray[np.float64], size: float, room: tuple[float, float]) -> NDArray[np.float64]:
    from scipy.optimize import linear_sum_assignment

    across, down = (int(length / size + 1e-9) for length in room)
    columns, rows = np.meshgrid(
        (np.arange(across) + 0.5) * room[0] / across, (np.arange(down) + 0.5) * room[1] / down
    )
    cells = np.column_stack([columns.ravel(), rows.ravel()])
    squared = ((wanted[:, None] - cells[None, :]) ** 2).sum(axis=2)
    placed: NDArray[np.float64] = cells[linear_sum_assignment(squared)[1]]
    return placed


def spread(
    positions: Sequence[float], gap: float, low: float = -np.inf, high: float = np.inf
) -> NDArray[np.float64]:
    """Move labels along a line as little as possible so that neighbours are at least `gap` apart.

    The sum of squared moves is minimal (isotonic regression on the positions minus the gaps before them).

    Parameters
    ----------
    positions : sequence of float
        Desired positions of the labels, ascending.
    gap : float
    low, high : float
        Lowest position of the first label and highest of the last; `low` wins if they do not all fit.

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
