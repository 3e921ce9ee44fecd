"""Permutation tests over people: whether a group differs from the others by more than chance.

Under the null hypothesis it does not matter who is in which group, so the group labels may be permuted among
people. They are never permuted among photos, because the photos of one person belong together. The statistic
is the difference between a group and all other groups, divided by its standard error over people. With this
statistic the test stays valid for large groups even if only the rates are equal and the distributions
otherwise differ (E. Chung and J. P. Romano, Journal of Statistical Planning and Inference 168, 2016).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import nan
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

Matrix = NDArray[np.float64]

AT_ONCE = 128
"""Number of permutations computed together."""

TIE = 1e-9
"""Statistics with a smaller relative difference count as equal: they differ only by rounding."""


class Measure(Protocol):
    """A quantity of a group of people, as a ratio of two sums over its people."""

    @property
    def weight(self) -> float:
        """How much the sums change, per contribution, when a person's weight changes: 2 for pairs."""
        ...

    def contributions(self, member: Matrix) -> tuple[Matrix, Matrix]:
        """Return each person's part of the numerator and the denominator in one group.

        Parameters
        ----------
        member : ndarray of float64, shape (people, b)
            1 if a person is in the group, else 0; one column for each of b labellings.

        Returns
        -------
        numerator, denominator : ndarray of float64, shape (people, b)
            Zero for people outside the group.
        """
        ...


@dataclass(frozen=True, slots=True, eq=False)
class MeanOverPairs:
    """The mean over comparisons between two people of the group, such as the FMR or the mean distance.

    Attributes
    ----------
    totals : ndarray of float64, shape (people, people)
        Sum over the comparisons of each pair of people; symmetric, and the diagonal is ignored.
    photos : ndarray of float64, shape (people,)
        Number of photos of each person; the comparisons of two people number the product of theirs.
    """

    totals: Matrix = field(repr=False)
    photos: Matrix = field(repr=False)

    def __post_init__(self) -> None:
        totals = np.array(self.totals, dtype=np.float64)
        np.fill_diagonal(totals, 0.0)
        object.__setattr__(self, "totals", totals)

    @property
    def weight(self) -> float:
        """2, because each comparison is in the parts of two people."""
        return 2.0

    def contributions(self, member: Matrix) -> tuple[Matrix, Matrix]:
        """See `Measure.contributions`."""
        photos = self.photos[:, None]
        return member * (self.totals @ member), member * photos * (photos.T @ member - photos)


@dataclass(frozen=True, slots=True, eq=False)
class MeanOverPeople:
    """A rate of trials that each belong to one person, such as the FNMR.

    Attributes
    ----------
    errors, trials : ndarray of float64, shape (people,)
        Number of errors and of trials of each person.
    """

    errors: Matrix = field(repr=False)
    trials: Matrix = field(repr=False)

    @property
    def weight(self) -> float:
        """1, because each trial is in the part of one person."""
        return 1.0

    def contributions(self, member: Matrix) -> tuple[Matrix, Matrix]:
        """See `Measure.contributions`."""
        return member * self.errors[:, None], member * self.trials[:, None]


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """The within-group sum of squares per photo.

    A person's part is the sum of squared distances of that person's photos to the group's mean. The sum of
    squares changes by the same amount when the person's weight changes.

    Attributes
    ----------
    sums : ndarray of float64, shape (people, dimension)
        Sum of the unit embeddings of each person.
    photos : ndarray of float64, shape (people,)
    """

    sums: Matrix = field(repr=False)
    photos: Matrix = field(repr=False)

    @property
    def weight(self) -> float:
        """1, because each photo is in the part of one person."""
        return 1.0

    def contributions(self, member: Matrix) -> tuple[Matrix, Matrix]:
        """See `Measure.contributions`."""
        photos = member * self.photos[:, None]
        mean = (self.sums.T @ member) / np.maximum(photos.sum(axis=0), 1.0)
        squares = photos * (1.0 + np.sum(mean**2, axis=0)) - 2.0 * member * (self.sums @ mean)
        return squares, photos


@dataclass(frozen=True, slots=True)
class Difference:
    """One group against all others.

    Attributes
    ----------
    group : str
    value : float
        The measure in the group; NaN if there is no data.
    others : float
        The measure within the other groups taken together. Pairs of people from two groups are in neither
        value.
    p : float or None
        Two-sided p-value: the share of permutations, including the real labelling, that differ as much or
        more. None if there is nothing to compare.
    p_corrected : float or None
        The p-value corrected for the number of groups by Holm's method.
    """

    group: str
    value: float
    others: float
    p: float | None
    p_corrected: float | None


def compare_groups(
    measure: Measure, group: ArrayLike, names: Sequence[str], *, permutations: int, seed: int
) -> tuple[Difference, ...]:
    """Compare each group with all others by permuting the labels of people.

    If b of B permutations are at least as far from zero as the observed statistic, p = (1 + b) / (1 + B).
    That is never 0 and never too small (B. Phipson and G. K. Smyth, Statistical Applications in Genetics and
    Molecular Biology 9, 2010). Two groups make only one comparison, so their p-values are not corrected.

    Parameters
    ----------
    measure : Measure
    group : array_like of int, shape (people,)
        Index in `names` of each person's group.
    names : sequence of str
    permutations : int
        At least 1.
    seed : int

    Returns
    -------
    tuple of Difference
        One for each name.

    Examples
    --------
    >>> errors = np.repeat([1.0, 0.0], 10)
    >>> rates = MeanOverPeople(errors, np.ones(20))
    >>> first, second = compare_groups(rates, [0] * 10 + [1] * 10, ["one", "two"], permutations=199, seed=1)
    >>> first.value, first.others, first.p
    (1.0, 0.0, 0.005)
    """
    labels = np.asarray(group)
    value, others, seen = _statistics(measure, labels[None, :], len(names))
    comparable = ~np.isnan(seen[:, 0])
    exceeding = np.zeros(len(names), dtype=np.int64)
    generator = np.random.default_rng(seed)
    limit = np.abs(seen) * (1.0 - TIE)
    for start in range(0, permutations if np.any(comparable) else 0, AT_ONCE):
        count = min(AT_ONCE, permutations - start)
        permuted = generator.permuted(np.tile(labels, (count, 1)), axis=1)
        drawn = np.abs(_statistics(measure, permuted, len(names))[2])
        # A permutation that leaves nothing to compare counts as different, which can only raise p.
        exceeding += np.sum(np.isnan(drawn) | (drawn >= limit), axis=1)
    p = (1.0 + exceeding) / (1.0 + permutations)
    corrected = np.full(len(names), nan)
    corrected[comparable] = p[comparable] if comparable.sum() == 2 else holm(p[comparable])
    return tuple(
        Difference(
            name,
            float(value[i, 0]),
            float(others[i, 0]),
            float(p[i]) if comparable[i] else None,
            float(corrected[i]) if comparable[i] else None,
        )
        for i, name in enumerate(names)
    )


def holm(p: ArrayLike) -> Matrix:
    """Return p-values corrected for their number (S. Holm, Scandinavian Journal of Statistics 6, 1979).

    Parameters
    ----------
    p : array_like, shape (n,)
        In [0, 1].

    Returns
    -------
    ndarray of float64, shape (n,)
        Corrected p-values: at most 1, never below `p`, and ranked the same way.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).round(3)
    array([0.03, 0.06, 0.06])
    """
    values = np.asarray(p, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    steps = values[order] * np.arange(len(values), 0, -1)
    corrected = np.empty_like(values)
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return corrected


def _statistics(measure: Measure, labels: NDArray[np.generic], groups: int) -> tuple[Matrix, Matrix, Matrix]:
    """Return each group's value, the others' value and their studentised difference; shape (groups, b).

    They are NaN where the denominator is empty.
    """
    columns = labels.T
    # For each group, sums over its people of a, b, a * a, a * b and b * b: all that the variances need.
    sums = np.empty((5, groups, columns.shape[1]))
    for i in range(groups):
        a, b = measure.contributions((columns == i).astype(np.float64))
        sums[:, i] = [part.sum(axis=0) for part in (a, b, a * a, a * b, b * b)]
    rest = sums.sum(axis=1, keepdims=True) - sums
    with np.errstate(divide="ignore", invalid="ignore"):
        value, variance = _ratio(sums, measure.weight)
        others, other_variance = _ratio(rest, measure.weight)
        difference = value - others
        # A difference that is a rounding error would look huge if its standard error is one too.
        difference[np.abs(difference) < TIE] = 0.0
        studentised = difference / np.sqrt(variance + other_variance)
        studentised[difference == 0.0] = 0.0
    return value, others, studentised


def _ratio(sums: Matrix, weight: float) -> tuple[Matrix, Matrix]:
    """Return the ratio of two sums over people and its linearised variance; NaN if the denominator is 0."""
    numerator, denominator, aa, ab, bb = sums
    some = denominator > TIE
    value = np.where(some, numerator / denominator, nan)
    residuals = aa - 2.0 * value * ab + value**2 * bb
    return value, np.maximum(residuals, 0.0) * (weight / denominator) ** 2
