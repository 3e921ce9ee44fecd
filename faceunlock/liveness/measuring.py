"""From scores of presentations to thresholds and error rates: pure functions.

The terms are those of ISO/IEC 30107-3: APCER, the share of attack presentations that a check takes for bona
fide, for each attack species (PAI species) by itself; BPCER, the share of bona fide presentations that it
takes for attacks. Presentations without a usable face are no part of either and counted apart.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from faceunlock.errors import CalibrationError
from faceunlock.liveness.checks import CHECKS, CheckScores
from faceunlock.matching.error_rates import rate_over_people
from faceunlock.matching.rate import Rate

MAX_APCER = 0.5
"""A check is used if, for at least one species, the upper bound of its APCER is at most this."""

SHOULD_PASS = None
"""The species of bona fide presentations."""


@dataclass(frozen=True, slots=True)
class Presentation:
    """One photo or video of a person or of an attack.

    Attributes
    ----------
    person : str
        Whom it shows; presentations of one person succeed and fail together.
    species : str or None
        Of the attack; None for a live person.
    scores : dict of str to float
        Of the checks that apply; NaN where one could not be made, which counts as an attack.
    """

    person: str
    species: str | None
    scores: CheckScores = field(repr=False)


@dataclass(frozen=True, slots=True)
class CheckRates:
    """How often a check, or several together, is wrong.

    Attributes
    ----------
    bpcer : Rate
        Live presentations taken for attacks.
    apcer : dict of str to Rate
        Attacks of each species taken for live.
    """

    bpcer: Rate
    apcer: dict[str, Rate]

    @property
    def worst(self) -> float:
        """The highest APCER of a species, by which ISO/IEC 30107-3 sums up; NaN if none was judged."""
        return max((rate.value for rate in self.apcer.values() if rate.trials), default=math.nan)


@dataclass(frozen=True, slots=True)
class MeasuredCheck:
    """A check with a threshold that was measured.

    Attributes
    ----------
    check : str
        Key of `faceunlock.liveness.checks.CHECKS`.
    version : int
        Of the check that was measured.
    threshold : float
        A presentation passes with this score or a higher one.
    rates : CheckRates
        On presentations of people on whom the threshold was not chosen.
    """

    check: str
    version: int
    threshold: float
    rates: CheckRates

    @property
    def useful(self) -> bool:
        """Whether it stops enough of at least one species to be used, and tells them from live people.

        What refuses everybody stops every attack: the bound of the APCER and the BPCER must add up to less
        than 1, which is what a check reaches that decides by chance.
        """
        limit = min(MAX_APCER, 1.0 - self.rates.bpcer.value) if self.rates.bpcer.trials else 0.0
        return any(rate.trials and rate.upper <= limit for rate in self.rates.apcer.values())

    def passes(self, score: float) -> bool:
        """Whether a score is that of a live presentation; NaN is not."""
        return score >= self.threshold


@dataclass(frozen=True, slots=True)
class PadMeasurement:
    """What was measured on live presentations and attacks.

    Attributes
    ----------
    created : str
        When, ISO 8601 in UTC.
    data : str
        The folders, in words.
    target_bpcer : float
        Shared evenly by the checks.
    seed : int
        Of the split.
    live, attacks : int
        Presentations with a usable face.
    no_response_live, no_response_attacks : int
        Presentations without one.
    checks : tuple of MeasuredCheck
    together : CheckRates or None
        Of all useful checks, each presentation by those that apply to it; None without one.
    """

    created: str
    data: str
    target_bpcer: float
    seed: int
    live: int
    attacks: int
    no_response_live: int
    no_response_attacks: int
    checks: tuple[MeasuredCheck, ...]
    together: CheckRates | None


def measure(
    presentations: Sequence[Presentation],
    *,
    target_bpcer: float,
    seed: int,
    created: str,
    data: str,
    no_response_live: int = 0,
    no_response_attacks: int = 0,
) -> PadMeasurement:
    """Choose a threshold for each check on half of the live people, and judge it on everybody else.

    The threshold of a check is the score that refuses at most its share of the target among the live
    presentations of the chosen half. Attacks choose nothing; those that show people of that half are not
    judged.

    Raises
    ------
    CalibrationError
        ``insufficient-data`` with fewer than two live people or without an attack.
    """
    live = [one for one in presentations if one.species is None]
    attacks = [one for one in presentations if one.species is not None]
    people = sorted({one.person for one in live})
    if len(people) < 2 or not attacks:
        raise CalibrationError(
            "insufficient-data",
            f"{len(people)} live people and {len(attacks)} attacks with a usable face are too few to measure",
            hint="Show at least two people in sub-folders of --live, and attacks in sub-folders of --attack.",
        )
    order = np.random.default_rng(seed).permutation(len(people))
    choosing = {people[index] for index in order[: (len(people) + 1) // 2]}
    judged = [one for one in presentations if one.person not in choosing]
    applicable = [check for check in CHECKS if any(check in one.scores for one in presentations)]
    checks = []
    for check in applicable:
        chosen = [one.scores[check] for one in live if one.person in choosing and check in one.scores]
        threshold = threshold_for_bpcer(chosen, target_bpcer / len(applicable))
        if math.isfinite(threshold):
            measured = MeasuredCheck(
                check, CHECKS[check].version, threshold, _rates(judged, {check: threshold})
            )
            checks.append(measured)
    useful = {measured.check: measured.threshold for measured in checks if measured.useful}
    return PadMeasurement(
        created=created,
        data=data,
        target_bpcer=target_bpcer,
        seed=seed,
        live=len(live),
        attacks=len(attacks),
        no_response_live=no_response_live,
        no_response_attacks=no_response_attacks,
        checks=tuple(checks),
        together=_rates(judged, useful) if useful else None,
    )


def threshold_for_bpcer(live: Iterable[float], target: float) -> float:
    """Return the highest threshold that refuses at most the target share of live scores.

    Parameters
    ----------
    live : iterable of float
        Scores of live presentations; NaN is refused by every threshold.
    target : float
        In [0, 1).

    Returns
    -------
    float
        Minus infinity if too many are NaN, or if there is none.

    Examples
    --------
    >>> threshold_for_bpcer([5.0, 1.0, 3.0, 4.0], 0.25)
    3.0
    """
    ordered = sorted(-math.inf if math.isnan(score) else score for score in live)
    return ordered[math.floor(len(ordered) * target)] if ordered else -math.inf


def _rates(judged: Sequence[Presentation], thresholds: dict[str, float]) -> CheckRates:
    """Judge presentations by several checks: one passes if it passes each that applies, and one applies."""

    def outcomes(species: str | None, wrong: bool) -> Rate:
        tried = [
            one
            for one in judged
            if one.species == species and any(check in one.scores for check in thresholds)
        ]
        passed = [
            all(one.scores[check] >= limit for check, limit in thresholds.items() if check in one.scores)
            for one in tried
        ]
        code = {person: number for number, person in enumerate(sorted({one.person for one in tried}))}
        return rate_over_people([ok == wrong for ok in passed], [code[one.person] for one in tried])

    species = sorted({one.species for one in judged if one.species is not None})
    return CheckRates(
        outcomes(SHOULD_PASS, wrong=False), {name: outcomes(name, wrong=True) for name in species}
    )
