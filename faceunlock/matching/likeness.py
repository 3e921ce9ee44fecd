"""Whether people are more alike than the strangers behind a measured false match rate: pure functions.

A false match rate is an average over strangers. Families, or people of one age, sex and origin, match more
often. How alike the people enrolled are can be told from their templates alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, lgamma, log, log1p, sqrt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from faceunlock.matching.calibration import Calibration
    from faceunlock.matching.people import Person

CONFIDENCE = 0.95


BLOCK = 256
"""People who are compared with all others at a time, so that memory does not grow with the pairs."""

MOST_PEOPLE = 20_000


@dataclass(frozen=True, slots=True)
class Likeness:
    """How alike enrolled people are, and how alike strangers are.

    Attributes
    ----------
    pairs : int
        Ordered pairs of different people.
    alike : int
        Pairs in which the photos of one are, on average, at or above `threshold` to a template of the other.
    threshold : float
        Cosine, in [-1, 1].
    fmr : float
        Upper bound of the rate at which strangers reach it.
    closest : tuple of str and str
        The most similar two people.
    similarity : float
        Their mean similarity, in [-1, 1].
    """

    pairs: int
    alike: int
    threshold: float
    fmr: float
    closest: tuple[str, str]
    similarity: float

    @property
    def unexpected(self) -> bool:
        """Whether more pairs are alike than the rate among strangers explains."""
        return exceeds(self.alike, self.pairs, self.fmr)


def exceeds(errors: int, trials: int, rate: float) -> bool:
    """Return whether this many errors, or more, have a chance of less than 5 % at this rate.

    This is the exact binomial test, one-sided. Comparisons that share people are not independent, so it is
    a reason to warn, not a proof.

    Parameters
    ----------
    errors, trials : int
    rate : float
        In [0, 1].

    Examples
    --------
    >>> exceeds(2, 702, 1e-5), exceeds(0, 702, 1e-5), exceeds(5, 100, 0.04)
    (True, False, False)
    """
    expected = trials * rate
    if errors <= expected:
        return False
    if errors > expected + 10 * sqrt(expected) + 10 or rate == 0:
        return True
    fewer = sum(
        exp(
            lgamma(trials + 1)
            - lgamma(k + 1)
            - lgamma(trials - k + 1)
            + k * log(rate)
            + (trials - k) * log1p(-rate)
        )
        for k in range(errors)
    )
    return 1.0 - fewer < 1.0 - CONFIDENCE


def likeness_of(people: Sequence[Person], calibration: Calibration) -> Likeness | None:
    """Return how alike people are, from their templates; None with one person or an unmeasured threshold.

    It is None for more than `MOST_PEOPLE`, too: the pairs grow with the square of the people.

    The similarity of a person's photos to another template is known on average: it is the mean embedding,
    the sum divided by the count, times the other centroid. A mean scatters less than single photos do, so
    fewer pairs reach a threshold by chance than the rate says.

    Parameters
    ----------
    people : sequence of Person
        All enrolled with the model of the calibration.
    calibration : Calibration
        The looser its threshold, the more this can notice.
    """
    import numpy as np

    if (
        not 2 <= len(people) <= MOST_PEOPLE
        or calibration.status == "not-calibrated"
        or calibration.fmr is None
    ):
        return None
    templates = [template for person in people for _, template in person.templates]
    first = np.cumsum([0, *(len(person.templates) for person in people)])
    means = np.stack([np.asarray(one.vector_sum) / one.count for one in templates])
    centroids = np.stack([one.centroid for one in templates])
    alike, closest = 0, (-np.inf, 0, 0)
    for start in range(0, len(people), BLOCK):
        stop = min(start + BLOCK, len(people))
        scores = np.clip(means[first[start] : first[stop]] @ centroids.T, -1.0, 1.0)
        between = np.maximum.reduceat(scores, first[:-1], axis=1)
        between = np.maximum.reduceat(between, first[start:stop] - first[start], axis=0)
        between[np.arange(stop - start), np.arange(start, stop)] = -np.inf
        alike += int(np.sum(between >= calibration.threshold))
        one, other = np.unravel_index(int(between.argmax()), between.shape)
        found = float(between[one, other]), start + int(one), int(other)
        closest = max(closest, found, key=lambda pair: pair[0])
    similarity, one_person, other_person = closest
    return Likeness(
        pairs=len(people) * (len(people) - 1),
        alike=alike,
        threshold=calibration.threshold,
        fmr=calibration.fmr.upper,
        closest=(people[one_person].name, people[other_person].name),
        similarity=similarity,
    )
