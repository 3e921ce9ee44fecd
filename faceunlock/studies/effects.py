"""What any threshold would do to stored comparisons: rates with their bounds, and who would be wronged."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from faceunlock.matching.error_rates import FalseMatches, fnmr_at
from faceunlock.matching.rate import Rate
from faceunlock.matching.scores import pool, worst_pairs
from faceunlock.matching.thresholds import target_kept
from faceunlock.studies.calibration_report import Pair, readable_target
from faceunlock.studies.comparisons import Comparisons

BARS = 60
"""Bars of a histogram."""

POINTS = 120
"""Thresholds at which a DET curve is known."""

MOST_NAMED = 50
"""Comparisons of each kind that are named."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What one threshold does.

    Attributes
    ----------
    threshold : float
        Lowest similarity that is a match.
    fmr : Rate
        False match rate, with its one-sided bound.
    fnmr : Rate
        False non-match rate; without trials if nobody was compared with their own template.
    refused : tuple of Pair
        People's own photos that would be refused, the least similar first; at most `MOST_NAMED`.
    admitted : tuple of Pair
        Other people's photos that would be let in, the most similar first; at most `MOST_NAMED`.
    target : float or None
        The lowest target, rounded up to two digits, that the threshold provably keeps, so that a calibration
        for it may save the threshold; None if it keeps none.
    """

    threshold: float
    fmr: Rate
    fnmr: Rate
    refused: tuple[Pair, ...]
    admitted: tuple[Pair, ...]
    target: float | None


@dataclass(frozen=True, slots=True, eq=False)
class Curves:
    """The comparisons as curves.

    Attributes
    ----------
    edges : ndarray of float64, shape (BARS + 1,)
        Limits of the bars, as similarities.
    genuine, impostor : ndarray of float64, shape (BARS,)
        Share of each kind's comparisons in each bar, in [0, 1].
    thresholds, fmr, fnmr : ndarray of float64, shape (n_points,)
        Points of the DET curve, ascending thresholds; none without genuine comparisons.
    """

    edges: NDArray[np.float64] = field(repr=False)
    genuine: NDArray[np.float64] = field(repr=False)
    impostor: NDArray[np.float64] = field(repr=False)
    thresholds: NDArray[np.float64] = field(repr=False)
    fmr: NDArray[np.float64] = field(repr=False)
    fnmr: NDArray[np.float64] = field(repr=False)


class Effects:
    """Comparisons that can be looked at with any threshold; the resamples of people are drawn once.

    Parameters
    ----------
    comparisons : Comparisons
    """

    def __init__(self, comparisons: Comparisons) -> None:
        self.comparisons = comparisons
        self._genuine, own, strangers = comparisons.scores()
        self._sets = [part for part in (own, strangers) if len(part)]
        self._impostor = pool(own, strangers)
        self._seed = comparisons.plan.seed
        self._matches = FalseMatches(self._impostor, seed=self._seed)

    def at(self, threshold: float) -> Effect:
        """Return what a threshold does.

        Parameters
        ----------
        threshold : float
            In [-1, 1].
        """
        genuine, impostor = self._genuine, self._impostor
        lowest, highest = worst_pairs(genuine, impostor, MOST_NAMED)
        return Effect(
            threshold=threshold,
            fmr=self._matches.at(threshold),
            fnmr=fnmr_at(genuine, threshold, seed=self._seed),
            refused=tuple(
                self._pair(genuine.photo[one], genuine.person[one], genuine.scores[one])
                for one in lowest
                if genuine.scores[one] < threshold
            ),
            admitted=tuple(
                self._pair(impostor.photo[one], impostor.template_person[one], impostor.scores[one])
                for one in highest
                if impostor.scores[one] >= threshold
            ),
            target=readable_target(target_kept(self._matches, self._sets, threshold)),
        )

    def curves(self) -> Curves:
        """Return histograms of the similarities, and the DET curve."""
        genuine, impostor = self._genuine.scores, self._impostor.scores
        everything = np.concatenate([genuine, impostor])
        low, high = float(everything.min()), float(everything.max())
        edges = np.linspace(low, max(high, low + 1e-6), BARS + 1)
        thresholds = np.empty(0)
        if len(genuine):
            # Where the curve bends: the largest impostor scores and the smallest genuine ones.
            shares = np.concatenate([[0.0], np.logspace(-6, 0, POINTS // 2)])
            points = (np.quantile(impostor, 1 - shares), np.quantile(genuine, shares))
            thresholds = np.unique(np.concatenate(points))
        ordered_impostor, ordered_genuine = np.sort(impostor), np.sort(genuine)
        at_least = len(impostor) - np.searchsorted(ordered_impostor, thresholds, "left")
        below = np.searchsorted(ordered_genuine, thresholds, "left")
        return Curves(
            edges,
            _shares(genuine, edges),
            _shares(impostor, edges),
            thresholds,
            at_least / len(impostor),
            below / max(1, len(genuine)),
        )

    def _pair(self, photo: int, person: int, score: float) -> Pair:
        return Pair(self.comparisons.files[photo], self.comparisons.name_of(person), float(score))


def _shares(scores: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.float64]:
    counts = np.histogram(scores, edges)[0]
    return counts / max(1, len(scores))
