"""Measures of one group, and ratios between groups: pure functions of arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import log

import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceunlock.matching.error_rates import FalseMatches, clopper_pearson_upper
from faceunlock.matching.rate import Rate
from faceunlock.matching.scores import GenuineScores, ImpostorScores
from faceunlock.matching.similarity import similarities

Matrix = NDArray[np.float64]

FEWEST_ERRORS = 10
"""With fewer errors in a group, its rate is too uncertain for a ratio to another group's."""

BLOCK = 1 << 22
"""Number of similarities held in memory at a time."""


def within_sum_of_squares(embeddings: ArrayLike) -> float:
    """Return the sum of squared Euclidean distances of unit embeddings to their mean.

    As in cluster analysis, the mean is not scaled to length one.

    Parameters
    ----------
    embeddings : array_like, shape (n, dimension)
        Unit vectors; with fewer than two the result is 0.

    Examples
    --------
    >>> within_sum_of_squares([[1.0, 0.0], [0.0, 1.0]])
    1.0
    """
    vectors = np.asarray(embeddings, dtype=np.float64)
    if len(vectors) == 0:
        return 0.0
    return float(np.sum((vectors - vectors.mean(axis=0)) ** 2))


def distances(similarity: ArrayLike) -> Matrix:
    """Return the Euclidean distance of unit vectors, given their cosine: sqrt(2 - 2 cos), in [0, 2].

    Examples
    --------
    >>> distances([1.0, 0.5, -1.0])
    array([0., 1., 2.])
    """
    root: Matrix = np.sqrt(2.0 - 2.0 * np.asarray(similarity, dtype=np.float64))
    return root


_Part = tuple[NDArray[np.float64], NDArray[np.int32], NDArray[np.int32]]


@dataclass(frozen=True, slots=True, eq=False)
class PeoplePairs:
    """Comparisons of all photos with all photos, summed for each pair of people.

    Attributes
    ----------
    matches : ndarray of float64, shape (people, people)
        Number of comparisons at or above the threshold; the diagonal holds those of a person's own photos.
    distance : ndarray of float64, shape (people, people)
        Sum of the Euclidean distances.
    photos : ndarray of float64, shape (people,)
        Number of photos of each person.
    """

    matches: Matrix = field(repr=False)
    distance: Matrix = field(repr=False)
    photos: Matrix = field(repr=False)


def pairs_of_people(embeddings: ArrayLike, person: ArrayLike, threshold: float) -> PeoplePairs:
    """Compare all photos, in blocks, and return the sums for each pair of people.

    Parameters
    ----------
    embeddings : array_like, shape (n, dimension)
        Unit vectors.
    person : array_like of int, shape (n,)
        Person on each photo: 0 to people - 1, without gaps, in ascending order.
    threshold : float
        Similarity at or above which two photos match.

    Raises
    ------
    ValueError
        If `person` is not as described.

    Examples
    --------
    >>> pairs_of_people([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]], [0, 0, 1], 0.5).matches
    array([[4., 1.],
           [1., 1.]])
    """
    vectors, owner = np.asarray(embeddings, dtype=np.float64), np.asarray(person)
    people = int(owner.max()) + 1 if len(owner) else 0
    if not np.array_equal(np.unique(owner), np.arange(people)) or np.any(np.diff(owner) < 0):
        raise ValueError("people must be numbered from 0, with each person's photos side by side")
    starts = np.searchsorted(owner, np.arange(people))
    matches, distance = np.zeros((people, people)), np.zeros((people, people))
    height = max(1, BLOCK // max(1, len(vectors)))
    for start in range(0, len(vectors), height):
        rows = slice(start, start + height)
        similarity = similarities(vectors[rows], vectors)
        for total, values in ((matches, similarity >= threshold), (distance, distances(similarity))):
            np.add.at(total, owner[rows], np.add.reduceat(values, starts, axis=1, dtype=np.float64))
    return PeoplePairs(matches, distance, np.bincount(owner, minlength=people).astype(np.float64))


def comparisons_within(embeddings: ArrayLike, person: ArrayLike) -> tuple[GenuineScores, ImpostorScores]:
    """Return the genuine and impostor scores of every pair of photos in one group, each compared once.

    Parameters
    ----------
    embeddings : array_like, shape (n, dimension)
        Unit vectors.
    person : array_like of int, shape (n,)

    Examples
    --------
    >>> genuine, impostor = comparisons_within([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]], [0, 0, 1])
    >>> genuine.scores, impostor.scores
    (array([0.8]), array([0. , 0.6]))
    """
    vectors, owner = np.asarray(embeddings), np.asarray(person, dtype=np.int32)
    none = np.empty(0), np.empty(0, dtype=np.int32), np.empty(0, dtype=np.int32)
    parts: tuple[list[_Part], list[_Part]] = ([none], [none])
    for i in range(len(owner) - 1):
        scores = similarities(vectors[i : i + 1], vectors[i + 1 :])[0]
        mated = owner[i + 1 :] == owner[i]
        for kind, chosen in zip(parts, (mated, ~mated), strict=True):
            others = owner[i + 1 :][chosen]
            kind.append((scores[chosen], np.full(len(others), owner[i]), others))
    genuine, impostor = ([np.concatenate(columns) for columns in zip(*kind, strict=True)] for kind in parts)
    return GenuineScores(*genuine[:2]), ImpostorScores(*impostor)


def most_similar_pairs(
    embeddings: ArrayLike, person: ArrayLike, group: ArrayLike, count: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], Matrix]:
    """Return the most similar pairs of photos of two people of the same group.

    Parameters
    ----------
    embeddings : array_like, shape (n, dimension)
        Unit vectors.
    person, group : array_like of int, shape (n,)
    count : int
        Maximum number of pairs.

    Returns
    -------
    rows, columns : ndarray of intp
        Positions of the two photos, the most similar pair first.
    similarity : ndarray of float64

    Examples
    --------
    >>> most_similar_pairs([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]], [0, 0, 1], [0, 0, 0], 1)
    (array([1]), array([2]), array([0.6]))
    """
    vectors, owner, of_group = np.asarray(embeddings), np.asarray(person), np.asarray(group)
    best = np.empty((0, 3))
    for i in range(len(owner) - 1):
        others = i + 1 + np.flatnonzero((of_group[i + 1 :] == of_group[i]) & (owner[i + 1 :] != owner[i]))
        if len(others):
            scores = similarities(vectors[i : i + 1], vectors[others])[0]
            found = np.column_stack((np.full(len(others), i), others, scores))
            if count and len(best) == count:
                found = found[found[:, 2] > best[-1, 2]]
            best = np.concatenate([best, found])
            best = best[np.argsort(-best[:, 2], kind="stable")][:count]
    return best[:, 0].astype(np.intp), best[:, 1].astype(np.intp), best[:, 2]


def pair_fmr(impostor: ImpostorScores, threshold: float, *, seed: int = 0) -> Rate:
    """Return the FMR of photo-against-photo comparisons, each made once.

    It works like `faceunlock.matching.error_rates.fmr_at`. Photos have no roles here, so where people are the
    trials of the bound, a person counts as an error if any comparison of theirs, on either side, was one.

    Examples
    --------
    >>> rate = pair_fmr(ImpostorScores([0.1, 0.6, 0.2], [0, 0, 1], [1, 2, 2]), 0.5)
    >>> rate.errors, rate.trials, rate.people, round(rate.upper, 3)
    (1, 3, 3, 0.983)
    """
    rate = FalseMatches(impostor, seed=seed).at(threshold)
    if rate.method == "bootstrap-people" or not rate.trials:
        return rate
    wrong = impostor.scores >= threshold
    erring = np.union1d(impostor.probe_person[wrong], impostor.template_person[wrong])
    upper = clopper_pearson_upper(len(erring), rate.people, rate.confidence)
    return rate if upper <= rate.upper else replace(rate, upper=upper, method="clopper-pearson-people")


@dataclass(frozen=True, slots=True)
class Ratio:
    """How much worse the worst group is, or why this cannot be told.

    Attributes
    ----------
    value : float or None
        The ratio, at least 1; None if it cannot be told.
    worst : str or None
        The group with the highest rate.
    reason : str
        Why there is no value; empty otherwise.
    """

    value: float | None
    worst: str | None
    reason: str = ""


def worst_ratios(rates: Sequence[tuple[str, Rate]]) -> tuple[Ratio, Ratio]:
    """Return the highest rate divided by the lowest, and by the geometric mean of all.

    These are the summaries of NIST's reports on demographic effects (NISTIR 8280 and NISTIR 8429). A single
    very good group does not inflate the second one. A zero is not replaced by another number: if a group has
    fewer than `FEWEST_ERRORS` errors, there is no value.

    Parameters
    ----------
    rates : sequence of (str, Rate)
        Names and rates of the groups; groups without a trial are ignored.

    Returns
    -------
    to_best, to_geometric_mean : Ratio

    Examples
    --------
    >>> one = Rate(40, 100, 50, 0.0, 1.0, 0.95, "clopper-pearson", True)
    >>> two = Rate(10, 100, 50, 0.0, 1.0, 0.95, "clopper-pearson", True)
    >>> [ratio.value for ratio in worst_ratios([("one", one), ("two", two)])]
    [4.0, 2.0]
    """
    rated = [(name, rate) for name, rate in rates if rate.trials]
    few = [(name, rate.errors) for name, rate in rated if rate.errors < FEWEST_ERRORS]
    reason = ""
    if len(rated) < 2:
        reason = "fewer than two groups have such comparisons"
    elif few:
        name, errors = min(few, key=lambda entry: entry[1])
        counted = "1 error" if errors == 1 else f"{errors} errors"
        reason = f"{counted} in {name}, and a ratio needs {FEWEST_ERRORS} in every group"
    if reason:
        return Ratio(None, None, reason), Ratio(None, None, reason)
    values = [rate.value for _, rate in rated]
    worst, highest = max(((name, rate.value) for name, rate in rated), key=lambda entry: entry[1])
    mean = float(np.exp(sum(map(log, values)) / len(values)))
    return Ratio(highest / min(values), worst), Ratio(highest / mean, worst)
