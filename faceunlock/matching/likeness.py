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

    if len(people) < 2 or calibration.status == "not-calibrated" or calibration.fmr is None:
        return None
    owner = np.array([i for i, person in enumerate(people) for _ in person.templates])
    templates = [template for person in people for _, template in person.templates]
    means = np.stack([np.asarray(one.vector_sum) / one.count for one in templates])
    scores = means @ np.stack([one.centroid for one in templates]).T
    between = np.full((len(people), len(people)), -1.0)
    np.maximum.at(between, (owner[:, None], owner[None, :]), np.clip(scores, -1.0, 1.0))
    np.fill_diagonal(between, -np.inf)
    first, second = np.unravel_index(int(between.argmax()), between.shape)
    return Likeness(
        pairs=len(people) * (len(people) - 1),
        alike=int(np.sum(between >= calibration.threshold)),
        threshold=calibration.threshold,
        fmr=calibration.fmr.upper,
        closest=(people[int(first)].name, people[int(second)].name),
        similarity=float(between[first, second]),
    )
