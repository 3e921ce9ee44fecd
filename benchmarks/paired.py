"""Compare two methods on the same photos: the errors of each, and their difference over resampled people."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from faceunlock.matching.error_rates import CONFIDENCE, equal_error_rate, people_draws, rate_over_people
from faceunlock.matching.scores import GenuineScores, ImpostorScores
from faceunlock.matching.thresholds import threshold_at

TARGETS = (1e-2, 1e-3, 1e-4)
TAIL = 3 * max(TARGETS)
"""Share of the impostor scores that is kept: resampling moves thresholds, but never beyond this share."""

AT_ONCE = 50


@dataclass(frozen=True, eq=False)
class Trial:
    """The comparisons of one set of people, reduced to what error rates need.

    `outcome` says for each target and genuine comparison whether it is a false non-match. `tail` holds the
    largest impostor scores, descending. `probes` and `templates` hold the number of each per person.
    """

    genuine: GenuineScores = field(repr=False)
    outcome: np.ndarray = field(repr=False)
    eer: float
    impostors: int
    strangers_mean: float
    strangers_deviation: float
    tail: np.ndarray = field(repr=False)
    tail_people: tuple[np.ndarray, np.ndarray] = field(repr=False)
    probes: np.ndarray = field(repr=False)
    templates: np.ndarray = field(repr=False)


def trial(
    genuine: GenuineScores, impostor: ImpostorScores, probes: np.ndarray, templates: np.ndarray
) -> Trial:
    """Return the trial of some comparisons; each target's threshold comes from these same impostors."""
    scores = impostor.scores
    kept = min(len(scores), int(TAIL * len(scores)) + 1)
    largest = np.argpartition(-scores, kept - 1)[:kept]
    largest = largest[np.argsort(-scores[largest], kind="stable")]
    return Trial(
        genuine=genuine,
        outcome=np.stack([genuine.scores < threshold_at(scores, target) for target in TARGETS]),
        eer=equal_error_rate(genuine.scores, scores),
        impostors=len(scores),
        strangers_mean=float(scores.mean()),
        strangers_deviation=float(scores.std()),
        tail=scores[largest],
        tail_people=(impostor.probe_person[largest], impostor.template_person[largest]),
        probes=probes,
        templates=templates,
    )


def summary(trials: list[Trial]) -> dict:
    """Pool trials, each at its own thresholds; return rates with bounds over people, and cosine spread."""
    person = np.concatenate([one.genuine.person for one in trials])
    outcome = np.concatenate([one.outcome for one in trials], axis=1)
    genuine = np.concatenate([one.genuine.scores for one in trials])
    weights = [one.impostors for one in trials]
    return {
        "eer": float(np.mean([one.eer for one in trials])),
        "fnmr": [
            {"target_fmr": target, **rate_over_people(wrong, person).to_dict()}
            for target, wrong in zip(TARGETS, outcome, strict=True)
        ],
        "impostor": int(sum(weights)),
        "strangers_mean": float(np.average([one.strangers_mean for one in trials], weights=weights)),
        "strangers_deviation": float(
            np.average([one.strangers_deviation for one in trials], weights=weights)
        ),
        "same_person_mean": float(genuine.mean()),
    }


def resampled(trials: list[Trial], people: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the pooled FNMR at each target, shape (targets,), and in each resample of the people.

    For the threshold, an impostor comparison counts (draws of the probe's person) * (draws of the template's
    person) times. A genuine comparison counts (draws of the person) times. So the threshold varies with the
    people, too.
    """
    draws = people_draws(people, 0)
    wrong = np.zeros((len(TARGETS), draws.shape[1]))
    trials_drawn = np.zeros(draws.shape[1])
    for one in trials:
        order = np.argsort(one.genuine.scores, kind="stable")
        ordered, person = one.genuine.scores[order], one.genuine.person[order]
        comparisons = one.impostors * drawn_share(draws, one.probes, one.templates)
        below = np.searchsorted(ordered, one.tail, side="right")
        for start in range(0, draws.shape[1], AT_ONCE):
            part = slice(start, start + AT_ONCE)
            times = draws[:, part].astype(np.int32)
            counted = np.cumsum(times[one.tail_people[0]] * times[one.tail_people[1]], axis=0)
            mated = np.cumsum(np.concatenate([np.zeros_like(times[:1]), times[person]]), axis=0)
            trials_drawn[part] += mated[-1]
            for row, target in enumerate(TARGETS):
                for column in range(counted.shape[1]):
                    allowed = int(target * comparisons[start + column])
                    place = np.searchsorted(counted[:, column], allowed, side="right")
                    wrong[row, start + column] += mated[below[min(place, len(below) - 1)], column]
    outcome = np.concatenate([one.outcome for one in trials], axis=1)
    return outcome.mean(axis=1), wrong / trials_drawn


def drawn_share(draws: np.ndarray, probes: np.ndarray, templates: np.ndarray) -> np.ndarray:
    """Return the number of impostor comparisons in each resample, as a share of the original number."""

    def comparisons(times: np.ndarray) -> np.ndarray:
        return (probes @ times) * (templates @ times) - (probes * templates) @ (times * times)

    return comparisons(draws.astype(np.float64)) / comparisons(np.ones((len(probes), 1)))


def difference(new: list[Trial], old: list[Trial], people: int) -> list[dict]:
    """Return the FNMR of `new` minus that of `old` at each target, with an interval over resampled people."""
    (new_value, new_drawn), (old_value, old_drawn) = resampled(new, people), resampled(old, people)
    edge = (1 - CONFIDENCE) / 2
    low, high = np.quantile(new_drawn - old_drawn, (edge, 1 - edge), axis=1)
    return [
        {
            "target_fmr": target,
            "old": float(old_value[row]),
            "new": float(new_value[row]),
            "difference": float(new_value[row] - old_value[row]),
            "lower": float(low[row]),
            "upper": float(high[row]),
        }
        for row, target in enumerate(TARGETS)
    ]
