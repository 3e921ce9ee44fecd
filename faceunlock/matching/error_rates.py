"""Error rates, each with its interval, its trials and the people behind them.

The Clopper-Pearson interval is exact for independent trials (C. Clopper and E. Pearson, Biometrika 26,
1934). Comparisons are not independent: those of one person succeed and fail together, whether the person
is the probe or the template. So every interval here is the wider of two: Clopper-Pearson on comparisons,
and an interval that takes people as its unit.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import cached_property
from math import isfinite
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceunlock.matching.rate import Method, Rate
from faceunlock.matching.scores import GenuineScores, ImpostorScores

CONFIDENCE = 0.95
REPLICATES = 1000
FEWEST_RESAMPLED = 20
"""With fewer people than this, resampling them says little about people outside the data."""

REPLICATES_AT_ONCE = 100


def clopper_pearson_upper(errors: int, trials: int, confidence: float = CONFIDENCE) -> float:
    """Return the exact one-sided upper bound of a binomial proportion.

    Without errors it is 1 - (1 - confidence)**(1/trials), about 3 / trials at 95 %: the rule of 3 of
    ISO/IEC 19795-1. Without trials it is 1.

    Raises
    ------
    ValueError
        Unless 0 <= errors <= trials.

    Examples
    --------
    >>> round(clopper_pearson_upper(0, 300), 5)
    0.00994
    """
    if not 0 <= errors <= trials:
        raise ValueError(f"{errors} errors in {trials} trials")
    if errors == trials:
        return 1.0
    from scipy.special import betaincinv

    return float(betaincinv(errors + 1, trials - errors, confidence))


def clopper_pearson_interval(errors: int, trials: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Return the exact two-sided interval of a binomial proportion; (0, 1) without trials.

    Raises
    ------
    ValueError
        Unless 0 <= errors <= trials.

    Examples
    --------
    >>> [round(bound, 4) for bound in clopper_pearson_interval(5, 100)]
    [0.0164, 0.1128]
    """
    each = (1.0 + confidence) / 2.0
    # The lower bound of the error rate is one minus the upper bound of the success rate.
    return 1.0 - clopper_pearson_upper(trials - errors, trials, each), clopper_pearson_upper(
        errors, trials, each
    )


class _Interval(NamedTuple):
    lower: float
    upper: float
    method: Method


def _wider(
    errors: int, trials: int, people: int, by_people: _Interval, *, confidence: float, one_sided: bool
) -> Rate:
    """Return the rate, with `by_people` widened on either side to Clopper-Pearson on the trials."""
    if one_sided:
        lower, upper = 0.0, clopper_pearson_upper(errors, trials, confidence)
    else:
        lower, upper = clopper_pearson_interval(errors, trials, confidence)
    method: Method = by_people.method if by_people.upper >= upper else "clopper-pearson"
    lower, upper = min(lower, by_people.lower), max(upper, by_people.upper)
    return Rate(errors, trials, people, lower, upper, confidence, method, one_sided)


def people_draws(people: int, seed: int) -> NDArray[np.uint8]:
    """Return how often each person is drawn in each replicate: shape (people, `REPLICATES`)."""
    generator = np.random.default_rng(seed)
    draws = np.empty((REPLICATES, people), dtype=np.uint8)  # nobody is drawn 256 times
    for row in draws:
        row[:] = np.bincount(generator.integers(people, size=people), minlength=people)
    return np.ascontiguousarray(draws.T)


def rate_over_people(
    errors: ArrayLike, person: ArrayLike, *, confidence: float = CONFIDENCE, seed: int = 0
) -> Rate:
    """Return how often photos or mated comparisons go wrong, with a two-sided interval.

    The interval is the wider of two: Clopper-Pearson on the trials, and the percentile interval of 1,000
    resamples of people, each drawn with all of their trials. With fewer than 20 people, or if all trials
    ended alike, Clopper-Pearson on people replaces the resamples. For the upper bound, a person counts as
    an error if any of their trials was one; for the lower bound, only if all were. A person's own rate lies
    between the two, so this is conservative if people bring similar numbers of trials.

    Parameters
    ----------
    errors : array_like of bool, shape (n,)
        Whether each trial went wrong.
    person : array_like of int, shape (n,)
        The person of each trial.
    confidence : float
        Confidence of the interval, in (0, 1).
    seed : int
        Seed of the resampling.

    Raises
    ------
    ValueError
        If the shapes differ.

    Examples
    --------
    >>> rate = rate_over_people([True, False, False, False], [0, 0, 1, 1])
    >>> rate.value, rate.people, rate.method
    (0.25, 2, 'clopper-pearson-people')
    """
    wrong = np.asarray(errors, dtype=bool)
    people, code = np.unique(np.asarray(person), return_inverse=True)
    if wrong.shape != code.shape:
        raise ValueError(f"the outcomes have shape {wrong.shape}, the people {code.shape}")
    trials = np.bincount(code, minlength=len(people))
    failed = np.bincount(code, weights=wrong, minlength=len(people))
    count = int(wrong.sum())
    if len(people) < FEWEST_RESAMPLED or count in (0, len(wrong)):
        lower, _ = clopper_pearson_interval(int(np.sum(failed == trials)), len(people), confidence)
        _, upper = clopper_pearson_interval(int(np.sum(failed > 0)), len(people), confidence)
        by_people = _Interval(lower, upper, "clopper-pearson-people")
    else:
        draws = people_draws(len(people), seed)
        tail = (1.0 - confidence) / 2.0
        low, high = np.quantile((failed @ draws) / (trials @ draws), (tail, 1.0 - tail))
        by_people = _Interval(float(low), float(high), "bootstrap-people")
    return _wider(count, len(wrong), len(people), by_people, confidence=confidence, one_sided=False)


def failures_to_acquire(usable: Sequence[Hashable], failed: Sequence[Hashable], *, seed: int = 0) -> Rate:
    """Return how often photos give no embedding, with a two-sided interval as in `rate_over_people`.

    Parameters
    ----------
    usable, failed : sequence
        The person of each usable photo, and of each photo that failed.
    seed : int
        Seed of the resampling.

    Examples
    --------
    >>> rate = failures_to_acquire(["ada", "ada", "grace"], ["grace"])
    >>> rate.errors, rate.trials, rate.people
    (1, 4, 2)
    """
    everyone = (*usable, *failed)
    number = {person: index for index, person in enumerate(dict.fromkeys(everyone))}
    errors = [False] * len(usable) + [True] * len(failed)
    return rate_over_people(errors, [number[person] for person in everyone], seed=seed)


def fnmr_at(
    genuine: GenuineScores, threshold: float, *, confidence: float = CONFIDENCE, seed: int = 0
) -> Rate:
    """Return the false non-match rate: mated comparisons with a similarity below the threshold.

    The interval is two-sided, as in `rate_over_people`. Failures to acquire are not comparisons and do not
    count here.

    Examples
    --------
    >>> fnmr_at(GenuineScores([0.9, 0.4, 0.8, 0.7], [0, 1, 2, 3]), 0.5).value
    0.25
    """
    return rate_over_people(genuine.scores < threshold, genuine.person, confidence=confidence, seed=seed)


class FalseMatches:
    """The false match rate of one set of impostor comparisons, at any number of thresholds.

    The resamples of people, and the number of comparisons in each, do not depend on the threshold and are
    computed once. See `fmr_at` for the meaning of the bound.

    Parameters
    ----------
    impostor : ImpostorScores
    confidence : float
        Confidence of the one-sided upper bound, in (0, 1).
    seed : int
        Seed of the resampling.
    """

    def __init__(self, impostor: ImpostorScores, *, confidence: float = CONFIDENCE, seed: int = 0) -> None:
        self.scores = impostor.scores
        self.confidence = confidence
        self.seed = seed
        everyone = np.concatenate([impostor.probe_person, impostor.template_person])
        people, code = np.unique(everyone, return_inverse=True)
        self.people = len(people)
        self._probe, self._template = np.split(code.astype(np.int32), 2)
        self._probe_people = len(np.unique(self._probe))
        self._few = min(self._probe_people, len(np.unique(self._template))) < FEWEST_RESAMPLED

    @cached_property
    def _people_draws(self) -> NDArray[np.uint8]:
        return people_draws(self.people, self.seed)

    @cached_property
    def _resampled_trials(self) -> NDArray[np.float64]:
        return self._resampled(slice(None))

    def at(self, threshold: float) -> Rate:
        """Return the rate at a threshold, with its one-sided upper bound."""
        return self.among(np.flatnonzero(self.scores >= threshold))

    def among(self, errors: NDArray[np.intp]) -> Rate:
        """Return the rate if exactly the comparisons at the positions `errors` are false matches."""
        if not len(errors) or self._few:
            erring = len(np.unique(self._probe[errors]))
            upper = clopper_pearson_upper(erring, self._probe_people, self.confidence)
            by_people = _Interval(0.0, upper, "clopper-pearson-people")
        else:
            trials = self._resampled_trials
            # A resample without comparisons says nothing, so it counts as the worst rate, 1.
            rates = np.divide(self._resampled(errors), trials, out=np.ones_like(trials), where=trials > 0)
            by_people = _Interval(0.0, float(np.quantile(rates, self.confidence)), "bootstrap-people")
        return _wider(
            len(errors), len(self.scores), self.people, by_people, confidence=self.confidence, one_sided=True
        )

    def _resampled(self, chosen: NDArray[np.intp] | slice) -> NDArray[np.float64]:
        """Return how many chosen comparisons each replicate has.

        Each comparison counts draws(probe) * draws(template) times.
        """
        from scipy.sparse import coo_array

        probes, row = np.unique(self._probe[chosen], return_inverse=True)
        templates, column = np.unique(self._template[chosen], return_inverse=True)
        shape = (len(probes), len(templates))
        counts: Any = coo_array((np.ones(len(row)), (row, column)), shape=shape).tocsr()
        if 4 * counts.nnz > shape[0] * shape[1]:
            counts = counts.toarray()  # everyone against everyone: a dense product is much faster
        totals = np.empty(REPLICATES)
        for start in range(0, REPLICATES, REPLICATES_AT_ONCE):
            part = slice(start, start + REPLICATES_AT_ONCE)
            draws = self._people_draws[:, part].astype(np.float64)
            totals[part] = np.einsum("pr,pr->r", draws[probes], counts @ draws[templates])
        return totals


def fmr_at(
    impostor: ImpostorScores, threshold: float, *, confidence: float = CONFIDENCE, seed: int = 0
) -> Rate:
    """Return the false match rate: impostor comparisons with a similarity of at least the threshold.

    The one-sided upper bound is the larger of two: Clopper-Pearson on comparisons, and the percentile of
    1,000 resamples in which people are drawn with replacement. In a resample, every comparison counts (draws
    of its probe's person) * (draws of its template's person) times, both among the false matches and in the
    total.

    With fewer than 20 people on either side, or without errors, Clopper-Pearson on the people of the probes
    replaces the resamples. A person counts as an error if any of their comparisons was one. The share of
    people with any error is at least the mean of the people's own rates. So its bound is conservative for
    the rate of comparisons if people bring similar numbers of them; if they do not, the bound on comparisons
    is still the least that is given. The templates are then not resampled.

    Resampling knows only people like those it has seen. So a bound from a handful of false matches is far
    bolder than a bound from none: read it together with the number of errors.

    Parameters
    ----------
    impostor : ImpostorScores
    threshold : float
        Lowest similarity that is a match.
    confidence : float
        Confidence of the bound, in (0, 1).
    seed : int
        Seed of the resampling.

    Examples
    --------
    >>> rate = fmr_at(ImpostorScores([0.1, 0.6, 0.2, 0.3], [0, 0, 1, 1], [1, 2, 0, 2]), 0.5)
    >>> rate.errors, rate.trials, rate.people, rate.method
    (1, 4, 3, 'clopper-pearson-people')
    """
    return FalseMatches(impostor, confidence=confidence, seed=seed).at(threshold)


def fmr_from_counts(
    errors: ArrayLike, trials: ArrayLike, *, confidence: float = CONFIDENCE, seed: int = 0
) -> Rate:
    """Return the false match rate when only the numbers of comparisons per person are known.

    This serves comparisons that are too many to keep. The bound is that of `fmr_at`, but resamples are
    weighted to first order: a comparison of two people who are drawn v and w times counts v + w - 1 times
    instead of v * w (the Hájek projection of a U-statistic; A. van der Vaart, Asymptotic Statistics, 1998,
    section 12.1). Clopper-Pearson on comparisons then widens the bound where the omitted terms matter.

    Parameters
    ----------
    errors, trials : array_like of int, shape (people,)
        False matches, and non-mated comparisons, that each person takes part in on either side. Every
        comparison is counted for two people.
    confidence : float
        Confidence of the bound, in (0, 1).
    seed : int
        Seed of the resampling.

    Raises
    ------
    ValueError
        If the shapes differ.

    Examples
    --------
    >>> rate = fmr_from_counts([1, 0, 1, 0], [3, 3, 3, 3])
    >>> rate.errors, rate.trials, rate.people, rate.method
    (1, 6, 4, 'clopper-pearson-people')
    """
    wrong, tried = np.asarray(errors, dtype=np.int64), np.asarray(trials, dtype=np.int64)
    if wrong.shape != tried.shape:
        raise ValueError(f"the errors have shape {wrong.shape}, the trials {tried.shape}")
    wrong, tried = wrong[tried > 0], tried[tried > 0]
    count, total, people = int(wrong.sum()) // 2, int(tried.sum()) // 2, len(tried)
    if not count or people < FEWEST_RESAMPLED:
        upper = clopper_pearson_upper(int(np.count_nonzero(wrong)), people, confidence)
        by_people = _Interval(0.0, upper, "clopper-pearson-people")
    else:
        draws = people_draws(people, seed).astype(np.float64)
        rates = np.clip((wrong @ draws - count) / np.maximum(tried @ draws - total, 1.0), 0.0, 1.0)
        by_people = _Interval(0.0, float(np.quantile(rates, confidence)), "bootstrap-people")
    return _wider(count, total, people, by_people, confidence=confidence, one_sided=True)


def equal_error_rate(genuine: ArrayLike, impostor: ArrayLike) -> float:
    """Return the rate at which FMR and FNMR are equal.

    Both rates jump between two neighbouring thresholds. The rate returned is where the straight line
    between the two points of the ROC curve crosses FMR = FNMR. Equal scores share one point, so a system
    that gives every comparison the same score has 0.5. Separable sets have 0.

    Parameters
    ----------
    genuine, impostor : array_like, shape (n,) and (m,)
        Similarities, at least one each.

    Raises
    ------
    ValueError
        If either is empty or has an entry that is not finite.

    Examples
    --------
    >>> equal_error_rate([0.9, 0.8, 0.4], [0.1, 0.2, 0.5])
    0.3333333333333333
    """
    mated, other = np.asarray(genuine, dtype=np.float64), np.asarray(impostor, dtype=np.float64)
    if not len(mated) or not len(other):
        raise ValueError("the equal error rate needs genuine and impostor scores")
    if not isfinite(float(mated.sum() + other.sum())):
        raise ValueError("scores must be finite numbers")
    from sklearn.metrics import roc_curve

    labels = np.repeat([1, 0], [len(mated), len(other)])
    fmr, tmr, _ = roc_curve(labels, np.concatenate([mated, other]), drop_intermediate=False)
    gap = (1.0 - tmr) - fmr  # falls from 1 (nothing matches) to -1 (everything matches)
    after = int(np.argmax(gap <= 0.0))
    share = gap[after - 1] / (gap[after - 1] - gap[after])
    return float(fmr[after - 1] + share * (fmr[after] - fmr[after - 1]))
