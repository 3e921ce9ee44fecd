"""Choosing the threshold: from impostor scores and a target FMR to a similarity.

Scores come from `faceunlock.matching.scores`, bounds from `faceunlock.matching.error_rates`. The choice is
kept as a `faceunlock.matching.calibration.Calibration`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, log, log1p

import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceunlock.matching.error_rates import CONFIDENCE, FalseMatches, clopper_pearson_upper, fnmr_at
from faceunlock.matching.rate import Rate
from faceunlock.matching.scores import GenuineScores, ImpostorScores, Scores, pool


def allowed_false_matches(trials: int, target: float) -> int:
    """Return floor(trials * target), with `target` read as the decimal number that it is written as.

    Binary floating point would give 28 for 0.29 * 100. With decimals, k / trials <= target holds in exact
    numbers. It therefore also holds after rounding, which never reverses an order.

    Raises
    ------
    ValueError
        Unless 0 <= target < 1.

    Examples
    --------
    >>> allowed_false_matches(1000, 1e-3), int(100 * 0.29), allowed_false_matches(100, 0.29)
    (1, 28, 29)
    """
    if not 0.0 <= target < 1.0:
        raise ValueError(f"a target FMR must be at least 0 and below 1, not {target}")
    return int(trials * Fraction(repr(float(target))))


def threshold_at(impostor: ArrayLike, target: float) -> float:
    """Return the lowest threshold whose observed FMR is at most the target.

    With N scores it is the next float64 above the (floor(N * target) + 1)-th largest of them, so equal
    scores are never split. This is a point estimate; `choose_threshold` also looks at its bound.

    Parameters
    ----------
    impostor : array_like, shape (n,)
        Similarities, at least one.
    target : float
        FMR, at least 0 and below 1.

    Raises
    ------
    ValueError
        If there are no scores, or the target is out of range.

    Examples
    --------
    >>> threshold_at([0.1, 0.2, 0.3, 0.4], 0.25)
    0.30000000000000004
    """
    scores = np.asarray(impostor, dtype=np.float64)
    if not len(scores):
        raise ValueError("a threshold needs impostor scores")
    place = len(scores) - 1 - allowed_false_matches(len(scores), target)
    return _just_above(float(np.partition(scores, place)[place]))


def fnmr_at_fmr(genuine: GenuineScores, impostor: ImpostorScores, target: float, *, seed: int = 0) -> Rate:
    """Return the FNMR at the plain threshold for a target FMR, as benchmark tables print it.

    Raises
    ------
    ValueError
        If there are no impostor scores, or the target is out of range.

    Examples
    --------
    >>> fnmr_at_fmr(GenuineScores([0.9, 0.3], [0, 1]), ImpostorScores([0.1, 0.4], [0, 1], [1, 0]), 0.1).value
    0.5
    """
    return fnmr_at(genuine, threshold_at(impostor.scores, target), seed=seed)


def people_needed(target: float, confidence: float = CONFIDENCE) -> int:
    """Return how many impostors, without a single false match, are needed to bound the FMR by the target.

    This is the exact rule of 3 of ISO/IEC 19795-1: the least n with (1 - target)**n <= 1 - confidence.

    Raises
    ------
    ValueError
        Unless 0 < target < 1.

    Examples
    --------
    >>> people_needed(0.01), people_needed(0.001)
    (299, 2995)
    """
    if not 0.0 < target < 1.0:
        raise ValueError(f"a target FMR must be between 0 and 1, not {target}")
    return ceil(log(1.0 - confidence) / log1p(-target))


@dataclass(frozen=True, slots=True)
class ThresholdChoice:
    """A threshold and what the impostor comparisons say about it.

    Attributes
    ----------
    threshold : float
        If not `supported`, the threshold of the plain rule: for information, not for use.
    supported : bool
        Whether the upper bound of `fmr` is at most `target`.
    target : float
        The FMR that was asked for.
    fmr : Rate
        Rate at `threshold`, own people and strangers together. Its bound decides `supported`.
    own_fmr, strangers_fmr : Rate or None
        The same rate for each separately; None if there are no such comparisons.
    tail : tuple of float
        The largest impostor scores, descending: all at or above the threshold and one more.
    needed_people : int
        How many impostors would suffice if none of them matched; see `people_needed`.
    lowest_supported_fmr : float
        The lowest target that these comparisons support.
    """

    threshold: float
    supported: bool
    target: float
    fmr: Rate
    own_fmr: Rate | None
    strangers_fmr: Rate | None
    tail: tuple[float, ...] = field(repr=False)
    needed_people: int
    lowest_supported_fmr: float


def choose_threshold(
    own: ImpostorScores,
    strangers: ImpostorScores | None,
    target: float,
    seed: int = 0,
    at_least: float = -1.0,
) -> ThresholdChoice:
    """Choose the lowest threshold whose FMR, bound included, is at most the target.

    The plain rule leaves floor(N * target) comparisons at or above the threshold, so its bound always
    exceeds the target. Here the threshold is the next float64 above the (k + 1)-th largest score, for the
    largest k whose one-sided 95 % upper bound (see `fmr_at`) is at most the target. The observed FMR of own
    people alone, or of strangers alone, must not exceed the target either. The highest of these three
    thresholds is chosen.

    Parameters
    ----------
    own : ImpostorScores
        Comparisons among the people of the folder.
    strangers : ImpostorScores or None
        Comparisons of other people with the same templates.
    target : float
        FMR, in (0, 1).
    seed : int
        Seed of the resampling.
    at_least : float
        No lower threshold is chosen: one that somebody wants, if it keeps the target.

    Raises
    ------
    ValueError
        If there are no comparisons, the target is out of range, or strangers share ids with own people.
    """
    sets = [part for part in (own, strangers) if part is not None and len(part)]
    if not sets:
        raise ValueError("a threshold needs impostor scores")
    matches = FalseMatches(own if strangers is None else pool(own, strangers), seed=seed)
    separate = max(at_least, *(threshold_at(part.scores, target) for part in sets))
    threshold, fmr = _bounded(matches, separate, target)
    supported = fmr.upper <= target and threshold <= 1.0
    if not supported:
        threshold = max(separate, threshold_at(matches.scores, target))
        fmr = matches.at(threshold)
    own_fmr, strangers_fmr = (
        FalseMatches(part, seed=seed).at(threshold) if part is not None and len(part) else None
        for part in (own, strangers)
    )
    tail = tuple(matches.scores[_largest(matches.scores, fmr.errors + 1)].tolist())
    lowest = _lowest_supported(matches, sets)
    needed = people_needed(target)
    return ThresholdChoice(threshold, supported, target, fmr, own_fmr, strangers_fmr, tail, needed, lowest)


def target_kept(matches: FalseMatches, sets: Sequence[ImpostorScores], threshold: float) -> float:
    """Return the lowest target for which `choose_threshold` gives this threshold or a lower one.

    Parameters
    ----------
    matches : FalseMatches
        All comparisons.
    sets : sequence of ImpostorScores
        Those of own people and those of strangers, without empty ones.
    threshold : float
        In [-1, 1].

    Returns
    -------
    float
        The upper bound of the FMR at the threshold, or the observed FMR of a set if that is higher; 1 if
        there is no such target.

    Examples
    --------
    >>> own = ImpostorScores([0.1, 0.2, 0.3, 0.4], [0, 1, 2, 3], [1, 0, 3, 2])
    >>> round(target_kept(FalseMatches(own), [own], 0.5), 4), target_kept(FalseMatches(own), [own], 0.0)
    (0.5271, 1.0)
    """
    # One step up, because a rounded quotient may be too low to allow its own numerator.
    observed = [float(np.nextafter(np.mean(part.scores >= threshold), 1.0)) for part in sets]
    return min(1.0, max(matches.at(threshold).upper, *observed))


def _bounded(matches: FalseMatches, at_least: float, target: float) -> tuple[float, Rate]:
    """Return the lowest threshold, `at_least` or above, that can keep the bound, and the rate there."""
    scores, trials = matches.scores, len(matches.scores)
    # The bound on comparisons is cheap, and never above the bound that decides.
    counts = range(1, allowed_false_matches(trials, target) + 1)
    limit = bisect_right(counts, target, key=lambda k: clopper_pearson_upper(k, trials, matches.confidence))
    order = _largest(scores, limit + 1)
    # From k = 1 on, the bound only grows with k, in every resample. At k = 0 it is a bound over people and
    # may be above that of k = 1, so it is checked last, for the threshold found.
    k = bisect_right(counts[:limit], target, key=lambda k: matches.among(order[:k]).upper)
    threshold = max(at_least, _just_above(float(scores[order[k]])))
    return threshold, matches.at(threshold)


def _lowest_supported(matches: FalseMatches, sets: list[ImpostorScores]) -> float:
    """Return the lowest target for which `choose_threshold` succeeds; 1 if there is none.

    With k >= 1 false matches every bound grows with k, so only k = 0 and the smallest possible k matter.
    """
    highest = float(matches.scores.max())
    none = matches.among(np.empty(0, dtype=np.intp)).upper if _just_above(highest) <= 1.0 else 1.0
    return min(none, target_kept(matches, sets, highest))


def _just_above(score: float) -> float:
    return float(np.nextafter(score, np.inf))


def _largest(scores: Scores, count: int) -> NDArray[np.intp]:
    """Return the positions of the `count` largest scores, largest first."""
    count = min(count, len(scores))
    top = np.argpartition(scores, len(scores) - count)[len(scores) - count :]
    return top[np.argsort(-scores[top], kind="stable")]
