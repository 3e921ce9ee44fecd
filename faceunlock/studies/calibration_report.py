"""A threshold with its evidence, from comparisons that can be judged for any target."""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import ceil, floor, log10

from faceunlock.errors import CalibrationError
from faceunlock.matching.calibration import Calibration
from faceunlock.matching.error_rates import equal_error_rate, fnmr_at
from faceunlock.matching.rate import Rate
from faceunlock.matching.scores import GenuineScores, ImpostorScores, pool, worst_pairs
from faceunlock.matching.thresholds import ThresholdChoice, choose_threshold
from faceunlock.matching.wording import counted
from faceunlock.studies.comparisons import Comparisons, Provenance

WORST = 5
"""Number of pairs named at each end, so that a mislabelled photo is noticed."""


PUBLISHED_STRANGERS = 5749
"""People that ``faceunlock strangers pull lfw`` brings."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One comparison by name.

    Attributes
    ----------
    photo : str
        File of the probe.
    person : str
        Person whose template it was compared with.
    similarity : float
        Cosine, in [-1, 1].
    """

    photo: str
    person: str
    similarity: float


@dataclass(frozen=True, slots=True)
class CalibrationReport(Provenance):
    """The results of a calibration, with their provenance.

    Attributes
    ----------
    fnmr : Rate
        FNMR at the threshold; without trials if nobody has both a template and a probe.
    genuine, impostor : int
        Number of genuine and of impostor comparisons.
    eer : float or None
        Equal error rate; None without genuine comparisons.
    choice : ThresholdChoice
        The threshold, the FMR at it, and whether the data support it.
    lowest_genuine, highest_impostor : tuple of Pair
        The worst pairs, worst first.
    """

    fnmr: Rate
    genuine: int
    impostor: int
    eer: float | None
    choice: ThresholdChoice
    lowest_genuine: tuple[Pair, ...]
    highest_impostor: tuple[Pair, ...]

    @property
    def supported(self) -> bool:
        """Whether the upper bound of the FMR is at most the target."""
        return self.choice.supported

    @property
    def calibration(self) -> Calibration:
        """The calibration that is saved.

        Raises
        ------
        CalibrationError
            ``insufficient-data`` if the data do not support the target.
        """
        if not self.supported:
            raise self.insufficient()
        return Calibration(
            model=self.identity.model,
            weights_sha256=self.identity.weights_sha256,
            preprocessing=self.identity.preprocessing,
            threshold=self.choice.threshold,
            target_fmr=self.choice.target,
            status="calibrated",
            data=self.data,
            created=self.created,
            people=self.people + self.strangers,
            photos=self.photos + self.stranger_photos,
            failures_to_acquire=self.failures_to_acquire,
            fmr=self.choice.fmr,
            fnmr=self.fnmr,
            own_fmr=self.choice.own_fmr,
            strangers_fmr=self.choice.strangers_fmr,
            eer=self.eer,
            tail=self.choice.tail,
            seed=self.plan.seed,
            split=self.plan.split,
        )

    def insufficient(self) -> CalibrationError:
        """Return the error that says what is missing."""
        choice, fmr = self.choice, self.choice.fmr
        lowest = (
            f"the lowest FMR these data can support is {choice.lowest_supported_fmr:.2g}"
            if choice.lowest_supported_fmr < 1
            else "these data cannot support any FMR"
        )
        return CalibrationError(
            "insufficient-data",
            f"insufficient data: with {self.impostor:,} impostor comparisons of "
            f"{counted(fmr.people, 'person', 'people')}, the FMR "
            f"could be as high as {fmr.upper:.2g} (95 % bound), above the target {choice.target:g}; {lowest}",
            hint=f"{self._way_out()}. No threshold was saved.",
        )

    def _way_out(self) -> str:
        """Return what would help: more strangers, if that can be enough, and the target that holds now."""
        needed, lowest = self.choice.needed_people, readable_target(self.choice.lowest_supported_fmr)
        ways = []
        if self.people + self.strangers < needed <= PUBLISHED_STRANGERS:
            pull = f"faceunlock strangers pull lfw --model {self.identity.model}"
            ways.append(f"run: {pull}, which brings {PUBLISHED_STRANGERS:,}")
        if lowest is not None:
            ways.append(f"use --target-fmr {lowest:g}")
        ways = ways or ["add people, or strangers with faceunlock strangers add FOLDER"]
        return f"{needed:,} people without a single false match would do; {' — or '.join(ways)}"


def readable_target(lowest: float) -> float | None:
    """Return a supported target as a number to type, rounded up to two digits; None if there is none.

    Examples
    --------
    >>> readable_target(0.000746823), readable_target(0.25), readable_target(0.999)
    (0.00075, 0.25, None)
    """
    step = 10.0 ** (floor(log10(lowest)) - 1)
    rounded = float(f"{ceil(lowest / step) * step:.1e}")
    return rounded if lowest <= rounded < 1.0 else None


def report_for(comparisons: Comparisons, target: float, at_least: float = -1.0) -> CalibrationReport:
    """Choose the threshold for a target, and return it with its effect on the comparisons.

    The same comparisons and the same target always give the same report.

    Parameters
    ----------
    comparisons : Comparisons
    target : float
        False match rate to stay below, in (0, 1).
    at_least : float
        No lower threshold is chosen; see `faceunlock.matching.thresholds.choose_threshold`.

    Raises
    ------
    ValueError
        If the target is out of range.
    """
    genuine, own, strangers = comparisons.scores()
    impostor = pool(own, strangers)
    seed = comparisons.plan.seed
    choice = choose_threshold(own, strangers if len(strangers) else None, target, seed, at_least)
    lowest, highest = _worst(comparisons, genuine, impostor)
    return CalibrationReport(
        **{entry.name: getattr(comparisons, entry.name) for entry in fields(Provenance)},
        fnmr=fnmr_at(genuine, choice.threshold, seed=seed),
        genuine=len(genuine),
        impostor=len(impostor),
        eer=equal_error_rate(genuine.scores, impostor.scores) if len(genuine) else None,
        choice=choice,
        lowest_genuine=lowest,
        highest_impostor=highest,
    )


def _worst(
    comparisons: Comparisons, genuine: GenuineScores, impostor: ImpostorScores
) -> tuple[tuple[Pair, ...], tuple[Pair, ...]]:
    """Return the comparisons that look most like mistakes, by name: genuine ones, then impostors."""

    def pair(photo: int, person: int, score: float) -> Pair:
        return Pair(comparisons.files[photo], comparisons.name_of(person), float(score))

    lowest, highest = worst_pairs(genuine, impostor, WORST)
    return (
        tuple(pair(genuine.photo[i], genuine.person[i], genuine.scores[i]) for i in lowest),
        tuple(pair(impostor.photo[i], impostor.template_person[i], impostor.scores[i]) for i in highest),
    )
