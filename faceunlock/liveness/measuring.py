"""Compute thresholds and error rates from scores of presentations, with pure functions.

The terms are those of ISO/IEC 30107-3. APCER is the share of attack presentations that a check takes for bona
fide, for each attack species (PAI species) separately. BPCER is the share of bona fide presentations that it
takes for attacks. Presentations without a usable face are in neither rate and are counted separately.
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
from faceunlock.matching.wording import counted

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
        The person shown; presentations of one person succeed and fail together.
    species : str or None
        Species of the attack; None for a live person.
    scores : dict of str to float
        Scores of the checks that apply; NaN if a check could not be run, which counts as an attack.
    """

    person: str
    species: str | None
    scores: CheckScores = field(repr=False)


@dataclass(frozen=True, slots=True)
class CheckRates:
    """The error rates of a check, or of several together.

    Attributes
    ----------
    bpcer : Rate
        Rate of live presentations taken for attacks.
    apcer : dict of str to Rate
        Rate of attacks taken for live, by species.
    """

    bpcer: Rate
    apcer: dict[str, Rate]

    @property
    def worst(self) -> float:
        """The highest APCER of any species, which is ISO/IEC 30107-3's summary; NaN if none was judged."""
        return max((rate.value for rate in self.apcer.values() if rate.trials), default=math.nan)


@dataclass(frozen=True, slots=True)
class MeasuredCheck:
    """A check with its threshold and measured error rates.

    Attributes
    ----------
    check : str
        Key of `faceunlock.liveness.checks.CHECKS`.
    version : int
        Version of the check that was measured.
    threshold : float
        A presentation passes with this score or a higher one.
    rates : CheckRates
        Rates on presentations of people who were not used to choose the threshold.
    """

    check: str
    version: int
    threshold: float
    rates: CheckRates

    @property
    def useful(self) -> bool:
        """Whether it stops enough attacks of at least one species, and tells them from live people.

        A check that rejects everyone stops every attack. So the upper bound of the APCER and the BPCER must
        add up to less than 1, which is chance.
        """
        limit = min(MAX_APCER, 1.0 - self.rates.bpcer.value) if self.rates.bpcer.trials else 0.0
        return any(rate.trials and rate.upper <= limit for rate in self.rates.apcer.values())

    def passes(self, score: float) -> bool:
        """Return whether a score counts as live; NaN does not."""
        return score >= self.threshold


@dataclass(frozen=True, slots=True)
class PadMeasurement:
    """A measurement of the checks on live presentations and attacks.

    Attributes
    ----------
    created : str
        Time of the measurement, ISO 8601 in UTC.
    data : str
        Description of the folders.
    target_bpcer : float
        The target BPCER, which the checks share evenly.
    seed : int
        Seed of the split.
    live, attacks : int
        Number of presentations with a usable face.
    no_response_live, no_response_attacks : int
        Number of presentations without a usable face.
    checks : tuple of MeasuredCheck
        The measured checks.
    together : CheckRates or None
        Rates of all useful checks together, each presentation judged by those that apply to it; None if no
        check is useful.
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
    """Choose a threshold for each check on half of the live people, and judge it on everyone else.

    The threshold of a check is the score that refuses at most its share of the target among the live
    presentations of that half. Attacks play no part in the choice. Attacks that show people of that half are
    not judged.

    Raises
    ------
    CalibrationError
        ``insufficient-data`` if there are fewer than two live people or no attacks.
    """
    live = [one for one in presentations if one.species is None]
    attacks = [one for one in presentations if one.species is not None]
    people = sorted({one.person for one in live})
    if len(people) < 2 or not attacks:
        raise CalibrationError(
            "insufficient-data",
            f"{counted(len(people), 'live person', 'live people')} and {counted(len(attacks), 'attack')} "
            "with a usable face are too few to measure",
            hint="Give at least two people as sub-folders of --live, and attacks in sub-folders of --attack.",
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
            found = MeasuredCheck(check, CHECKS[check].version, threshold, _rates(judged, {check: threshold}))
            checks.append(found)
    useful = {one.check: one.threshold for one in checks if one.useful}
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
        Scores of live presentations; every threshold refuses NaN.
    target : float
        Share in [0, 1).

    Returns
    -------
    float
        The threshold; minus infinity if too many scores are NaN, or if there are none.

    Examples
    --------
    >>> threshold_for_bpcer([5.0, 1.0, 3.0, 4.0], 0.25)
    3.0
    """
    ordered = sorted(-math.inf if math.isnan(score) else score for score in live)
    return ordered[math.floor(len(ordered) * target)] if ordered else -math.inf


def _rates(judged: Sequence[Presentation], thresholds: dict[str, float]) -> CheckRates:
    """Return the error rates of several checks together.

    Only presentations to which at least one check applies are judged; one passes if it passes every check
    that applies.
    """

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
