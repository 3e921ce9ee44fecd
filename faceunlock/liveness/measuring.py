"""Error rates of the stages of ``verify --require-live``, from presentations of people and of attacks.

The terms are those of ISO/IEC 30107-3. APCER is the share of attack presentations that a stage lets pass, for
each kind of attack (PAI species) separately. BPCER is the share of bona fide presentations that it refuses.
The thresholds are those that the stages have; nothing is chosen here, so nothing is judged on what chose it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from faceunlock.errors import CalibrationError
from faceunlock.liveness.dialogue import DENIED
from faceunlock.liveness.turning import TURNED, Excursions
from faceunlock.matching.error_rates import rate_over_people
from faceunlock.matching.rate import Rate
from faceunlock.matching.wording import counted

MAX_APCER = 0.5
"""A stage stops a species if the upper bound of its APCER is at most this."""

LIVE, LIVE_TURNING = "live", "live, asked to turn"
"""What presentations of people are called beside the species of attacks."""

StageName = Literal["turn", "texture"]

THRESHOLDS: dict[StageName, float] = {"turn": TURNED, "texture": DENIED}
"""The stages; a presentation passes with this score or a higher one."""


@dataclass(frozen=True, slots=True)
class Presentation:
    """A photo or a clip of a person or of an attack.

    Attributes
    ----------
    person : str
        The person shown; presentations of one person succeed and fail together.
    species : str or None
        Species of the attack; None for a live person.
    clip : bool
        Whether it is a clip, which can be asked to turn; a photo cannot.
    asked : bool
        Whether a live person was asked to turn the head to both sides.
    turned : Excursions or None
        How far the head turned; None for a photo, and for a clip that never looks ahead.
    texture : float or None
        Mean of MiniFASNet's scores, 0 to 1; None without its weights or without a frontal frame.
    """

    person: str
    species: str | None
    clip: bool = False
    asked: bool = False
    turned: Excursions | None = None
    texture: float | None = None

    @property
    def kind(self) -> str:
        """The species, or what `LIVE` and `LIVE_TURNING` say."""
        return self.species or (LIVE_TURNING if self.asked else LIVE)

    def score(self, stage: StageName) -> float | None:
        """Return the score that a stage judges; None if it has none, which admits nobody."""
        if stage == "texture":
            return self.texture
        return None if self.turned is None else self.turned.both_sides


@dataclass(frozen=True, slots=True)
class SpeciesRates:
    """How often attacks of one species pass.

    Attributes
    ----------
    by_clip : Rate
        Each clip or photo is a trial.
    by_person : Rate
        Each person shown is a trial, and passes if any of the clips does.
    no_answer : int
        Attacks without a score; they pass nothing and are in no rate.
    """

    by_clip: Rate
    by_person: Rate
    no_answer: int


@dataclass(frozen=True, slots=True)
class StageRates:
    """The error rates of one stage, or of all together.

    Attributes
    ----------
    stage : str
        Key of `THRESHOLDS`, or ``together``.
    threshold : float or None
        A presentation passes with this score or a higher one; None for all stages together.
    bpcer : Rate
        Live presentations refused. The turn is asked of those who were asked to turn, and of no other.
    apcer : dict of str to SpeciesRates
        Attacks that pass, by species.
    unasked : Rate or None
        Live clips of people who were not asked to turn that pass all the same; None where nothing turns.
    """

    stage: str
    threshold: float | None
    bpcer: Rate
    apcer: dict[str, SpeciesRates]
    unasked: Rate | None = None

    @property
    def stops(self) -> tuple[str, ...]:
        """The species that it stops, as far as this can be told: the bound is low, and below chance.

        A check that rejects everyone stops every attack, so the bound of the APCER and the BPCER must beat
        chance (1). Without a live presentation, nothing is known of the BPCER, and nothing is claimed.
        """
        if not self.bpcer.trials:
            return ()
        limit = min(MAX_APCER, 1.0 - self.bpcer.value)
        return tuple(
            species
            for species, found in self.apcer.items()
            if found.by_clip.trials and found.by_clip.upper <= limit
        )


@dataclass(frozen=True, slots=True)
class Spread:
    """Where the scores of one kind of presentation lie.

    Attributes
    ----------
    count : int
        Presentations with a score.
    lowest, low, middle, high, highest : float
        The smallest, the 5 %, 50 % and 95 % quantiles, the largest.
    """

    count: int
    lowest: float
    low: float
    middle: float
    high: float
    highest: float


@dataclass(frozen=True, slots=True)
class PadMeasurement:
    """A measurement of the stages on live presentations and attacks.

    Attributes
    ----------
    created : str
        Time of the measurement, ISO 8601 in UTC.
    data : str
        Description of the folders.
    live, attacks : int
        Number of presentations with a usable face.
    no_response_live, no_response_attacks : int
        Number of presentations without a usable face.
    stages : tuple of StageRates
        One for each stage that had anything to judge, then ``together`` if there are several.
    spreads : dict of str to dict of str to Spread
        For ``E1``, ``E2`` and ``texture``, the scores of each kind of presentation.
    """

    created: str
    data: str
    live: int
    attacks: int
    no_response_live: int
    no_response_attacks: int
    stages: tuple[StageRates, ...]
    spreads: dict[str, dict[str, Spread]]


def measure(
    presentations: Sequence[Presentation],
    *,
    created: str,
    data: str,
    no_response_live: int = 0,
    no_response_attacks: int = 0,
) -> PadMeasurement:
    """Return the rates of each stage and of all together.

    Raises
    ------
    CalibrationError
        ``insufficient-data`` without a live presentation or without an attack.
    """
    live = sum(one.species is None for one in presentations)
    attacks = len(presentations) - live
    if not live or not attacks:
        raise CalibrationError(
            "insufficient-data",
            f"{counted(live, 'live presentation')} and {counted(attacks, 'attack')} with a usable face are "
            "too few to measure",
            hint="Put live people into --live, a sub-folder each, and attacks into sub-folders of --attack.",
        )
    stages = [
        _rates(presentations, stage)
        for stage in THRESHOLDS
        if any(one.score(stage) is not None for one in presentations)
    ]
    if len(stages) > 1:
        stages.append(_rates(presentations, "turn", "texture"))
    return PadMeasurement(
        created=created,
        data=data,
        live=live,
        attacks=attacks,
        no_response_live=no_response_live,
        no_response_attacks=no_response_attacks,
        stages=tuple(stages),
        spreads=_spreads(presentations),
    )


SCORES: dict[str, Callable[[Presentation], float | None]] = {
    "E1": lambda one: None if one.turned is None else one.turned.one_side,
    "E2": lambda one: None if one.turned is None else one.turned.both_sides,
    "texture": lambda one: one.texture,
}
"""The scores that are shown, by their names."""


def by_kind(presentations: Iterable[Presentation], score: str) -> dict[str, list[float]]:
    """Return the scores of each kind of presentation, those of people first.

    Parameters
    ----------
    presentations : iterable of Presentation
    score : {"E1", "E2", "texture"}
        Key of `SCORES`.
    """
    found: dict[str, list[float]] = {LIVE: [], LIVE_TURNING: []}
    for one in sorted(presentations, key=lambda one: one.species or ""):
        value = SCORES[score](one)
        if value is not None:
            found.setdefault(one.kind, []).append(value)
    return {kind: values for kind, values in found.items() if values}


def spread(values: Sequence[float]) -> Spread:
    """Return where numbers lie; there must be at least one.

    Examples
    --------
    >>> spread([0.3, 0.1, 0.2]).middle
    0.2
    """
    low, middle, high = np.quantile(values, (0.05, 0.5, 0.95))
    return Spread(len(values), min(values), float(low), float(middle), float(high), max(values))


def _spreads(presentations: Sequence[Presentation]) -> dict[str, dict[str, Spread]]:
    kinds = {name: by_kind(presentations, name) for name in SCORES}
    return {
        name: {kind: spread(values) for kind, values in found.items()}
        for name, found in kinds.items()
        if found
    }


def _rates(presentations: Sequence[Presentation], *stages: StageName) -> StageRates:
    """Return the rates of one stage or of several together, of which all must be passed."""
    turning = "turn" in stages
    live = [one for one in presentations if one.species is None]
    # Who was not asked to turn cannot be refused for it.
    bound = [one for one in live if one.asked or not turning]
    unasked = [one for one in live if one.clip and not one.asked]
    return StageRates(
        stage=stages[0] if len(stages) == 1 else "together",
        threshold=THRESHOLDS[stages[0]] if len(stages) == 1 else None,
        bpcer=_share(bound, [not _passes(one, stages) for one in bound]),
        apcer={
            species: _of_species([one for one in presentations if one.species == species], stages)
            for species in sorted({one.species for one in presentations if one.species is not None})
        },
        unasked=_share(unasked, [_passes(one, stages) for one in unasked]) if turning else None,
    )


def _of_species(attacks: Sequence[Presentation], stages: Sequence[StageName]) -> SpeciesRates:
    shown = [one for one in attacks if one.clip or "turn" not in stages]  # a photo cannot turn
    tried = [one for one in shown if any(one.score(stage) is not None for stage in stages)]
    passed = [_passes(one, stages) for one in tried]
    by_person: dict[str, bool] = {}
    for one, through in zip(tried, passed, strict=True):
        by_person[one.person] = by_person.get(one.person, False) or through
    return SpeciesRates(
        by_clip=_share(tried, passed),
        by_person=rate_over_people(list(by_person.values()), range(len(by_person))),
        no_answer=len(shown) - len(tried),
    )


def _passes(one: Presentation, stages: Sequence[StageName]) -> bool:
    scores = {stage: one.score(stage) for stage in stages}
    return all(score is not None and score >= THRESHOLDS[stage] for stage, score in scores.items())


def _share(tried: Sequence[Presentation], errors: Sequence[bool]) -> Rate:
    code = {person: number for number, person in enumerate(sorted({one.person for one in tried}))}
    return rate_over_people(errors, [code[one.person] for one in tried])
