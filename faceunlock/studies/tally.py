"""Counts of comparisons by score and by person, so that people can be resampled without keeping scores."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceunlock.matching.error_rates import (
    CONFIDENCE,
    FEWEST_RESAMPLED,
    fmr_from_counts,
    people_draws,
    rate_over_people,
)
from faceunlock.matching.rate import Rate
from faceunlock.matching.scores import BLOCK
from faceunlock.matching.similarity import similarities, unit

BINS = 1000
"""Number of steps of similarity from -1 to 1, each 0.002 wide."""

TEMPLATE_PHOTOS = 2
"""Fewest photos of a centroid. A person needs one photo more, so that a photo can be left out."""

Counts = NDArray[np.int32]
Curve = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PhotoPair:
    """Two photos that were compared, by their positions, with their similarity."""

    first: int
    second: int
    similarity: float


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """Number of comparisons of each person in each bin of similarity.

    Attributes
    ----------
    edges : ndarray of float64, shape (bins + 1,)
        Limits of the bins, ascending from -1 to 1. A score on a limit belongs to the bin above it.
    genuine : ndarray of int32, shape (people, bins)
        Mated comparisons of each person.
    impostor : ndarray of int32, shape (people, bins)
        Non-mated comparisons of each person, on either side, so each counts for two people.
    """

    edges: Curve = field(repr=False)
    genuine: Counts = field(repr=False)
    impostor: Counts = field(repr=False)

    @property
    def genuine_trials(self) -> int:
        """Number of mated comparisons."""
        return int(self.genuine.sum(dtype=np.int64))

    @property
    def impostor_trials(self) -> int:
        """Number of non-mated comparisons."""
        return int(self.impostor.sum(dtype=np.int64)) // 2

    @property
    def people(self) -> int:
        """Number of people with a comparison of either kind."""
        return int(np.count_nonzero(self.genuine.any(axis=1) | self.impostor.any(axis=1)))

    def fmr(self, threshold: float, *, seed: int = 0) -> Rate:
        """Return the false match rate at a threshold, which must be one of the edges."""
        above = slice(self._edge(threshold), None)
        return fmr_from_counts(
            self.impostor[:, above].sum(axis=1, dtype=np.int64),
            self.impostor.sum(axis=1, dtype=np.int64),
            seed=seed,
        )

    def fnmr(self, threshold: float, *, seed: int = 0) -> Rate:
        """Return the false non-match rate at a threshold, which must be one of the edges."""
        edge = self._edge(threshold)
        below = self.genuine[:, :edge].sum(axis=1, dtype=np.int64)
        above = self.genuine[:, edge:].sum(axis=1, dtype=np.int64)
        person = np.arange(len(below))
        wrong = np.repeat([True, False], [below.sum(), above.sum()])
        return rate_over_people(
            wrong, np.concatenate([person.repeat(below), person.repeat(above)]), seed=seed
        )

    def _edge(self, threshold: float) -> int:
        edge = int(np.searchsorted(self.edges, threshold))
        if edge == len(self.edges) or self.edges[edge] != threshold:
            raise ValueError(f"{threshold} is not an edge of this tally")
        return edge

    def det(self) -> tuple[Curve, Curve]:
        """Return FMR and FNMR with each edge as the threshold, shape (bins + 1,) each.

        A rate is NaN if there are no comparisons of its kind.
        """
        genuine = np.concatenate([[0], self.genuine.sum(axis=0, dtype=np.int64).cumsum()])
        impostor = np.concatenate([[0], self.impostor.sum(axis=0, dtype=np.int64).cumsum()])
        with np.errstate(invalid="ignore"):
            return 1.0 - impostor / impostor[-1], genuine / genuine[-1]

    def det_band(self, fmr: ArrayLike, *, seed: int = 0) -> tuple[Curve, Curve] | None:
        """Return the 95 % band of the FNMR at some false match rates, from 1,000 resamples of people.

        Each resample has its own DET curve, with impostor comparisons weighted as in
        `faceunlock.matching.error_rates.fmr_from_counts`. The band holds the middle 95 % of them at each FMR.

        Parameters
        ----------
        fmr : array_like, shape (n,)
            False match rates in (0, 1), ascending.
        seed : int
            Seed of the resampling.

        Returns
        -------
        lower, upper : ndarray of float64, shape (n,), or None
            None with fewer than `FEWEST_RESAMPLED` people with genuine comparisons, or without impostors.
        """
        if np.count_nonzero(self.genuine.any(axis=1)) < FEWEST_RESAMPLED or not self.impostor_trials:
            return None
        draws = people_draws(len(self.genuine), seed).T.astype(np.float64)
        genuine = draws @ self.genuine.cumsum(axis=1, dtype=np.float64)
        other = self.impostor[:, ::-1].cumsum(axis=1, dtype=np.float64)
        impostor = draws @ other - other.sum(axis=0) / 2
        grid = np.asarray(fmr, dtype=np.float64)
        curves = np.empty((len(draws), len(grid)))
        for row, (mated, unmated) in enumerate(zip(genuine, impostor, strict=True)):
            # From the highest threshold to the lowest: FMR rises, FNMR falls.
            match_rate = np.maximum.accumulate(np.clip(unmated / max(unmated[-1], 1.0), 0.0, 1.0))
            missed = np.concatenate([[0.0], mated[:-1]])[::-1] / max(mated[-1], 1.0)
            curves[row] = np.interp(grid, match_rate, missed)
        tail = (1.0 - CONFIDENCE) / 2.0
        lower, upper = np.quantile(curves, (tail, 1.0 - tail), axis=0)
        return lower, upper

    def equal_error_rate(self) -> float | None:
        """Return the rate where FMR equals FNMR, to the width of a bin; None unless both have comparisons."""
        fmr, fnmr = self.det()
        if not np.isfinite(fmr[0] + fnmr[0]):
            return None
        gap = fmr - fnmr  # falls from 1 to -1
        after = int(np.argmax(gap <= 0.0))
        share = gap[after - 1] / (gap[after - 1] - gap[after])
        return float(fmr[after - 1] + share * (fmr[after] - fmr[after - 1]))


def edges_with(*thresholds: float) -> Curve:
    """Return the limits of `BINS` equal bins, plus the thresholds, so that rates at those are exact."""
    return np.unique(np.concatenate([np.linspace(-1.0, 1.0, BINS + 1), thresholds]))


class Worst:
    """The pairs that look most like mistakes among all that were offered.

    Parameters
    ----------
    count : int
        Maximum number of pairs kept.
    lowest : bool
        Whether to keep the least similar pairs rather than the most similar.
    """

    def __init__(self, count: int, *, lowest: bool) -> None:
        self._count, self._sign = count, 1.0 if lowest else -1.0
        self._kept: list[PhotoPair] = []

    def offer(self, scores: NDArray[np.float64], first: NDArray[np.intp], second: NDArray[np.intp]) -> None:
        """Take in some comparisons of photos at positions `first` and `second`."""
        keys = scores * self._sign
        if len(self._kept) == self._count:
            near = np.flatnonzero(keys < self._kept[-1].similarity * self._sign)
        else:
            near = np.arange(len(keys))
        if len(near) > self._count:
            near = near[np.argpartition(keys[near], self._count - 1)[: self._count]]
        found = [PhotoPair(int(first[i]), int(second[i]), float(scores[i])) for i in near]
        ranked = sorted([*self._kept, *found], key=lambda p: (p.similarity * self._sign, p.first, p.second))
        self._kept = ranked[: self._count]

    @property
    def pairs(self) -> tuple[PhotoPair, ...]:
        """The pairs that are kept, worst first."""
        return tuple(self._kept)


def tally_photos(
    embeddings: NDArray[np.float32], person: NDArray[np.int32], edges: Curve, worst: int
) -> tuple[Tally, tuple[PhotoPair, ...], tuple[PhotoPair, ...]]:
    """Compare every pair of photos once, and return the counts without keeping the scores.

    Parameters
    ----------
    embeddings : ndarray of float32, shape (n, dimension)
        Unit vectors.
    person : ndarray of int32, shape (n,)
        Person on each photo, counted from 0.
    edges : ndarray of float64
        Limits of the bins; see `edges_with`.
    worst : int
        Number of worst pairs to find, of each kind.

    Returns
    -------
    Tally
    lowest_genuine, highest_impostor : tuple of PhotoPair
        Worst first.
    """
    counter = _Counter(int(person.max(initial=-1)) + 1, edges)
    lowest, highest = Worst(worst, lowest=True), Worst(worst, lowest=False)
    for start, similarity in _blocks(embeddings, embeddings):
        # Pairs on and below the diagonal were counted before, or are a photo with itself.
        row, column = np.nonzero(
            np.arange(len(embeddings)) > np.arange(start, start + len(similarity))[:, None]
        )
        scores, first = similarity[row, column], row + start
        mated = person[first] == person[column]
        counter.add(scores, person[first], person[column], mated)
        lowest.offer(scores[mated], first[mated], column[mated])
        highest.offer(scores[~mated], first[~mated], column[~mated])
    return counter.tally(), lowest.pairs, highest.pairs


def tally_centroids(embeddings: NDArray[np.float32], person: NDArray[np.int32], edges: Curve) -> Tally:
    """Compare every photo with every person's centroid, as `verify` would, and return only the counts.

    Only people with more than `TEMPLATE_PHOTOS` photos have a centroid. A photo is compared with the centroid
    of the other photos of its own person, and with the whole centroids of the other people.

    Parameters
    ----------
    embeddings, person, edges
        The same as in `tally_photos`.
    """
    counter = _Counter(int(person.max(initial=-1)) + 1, edges)
    templates = np.flatnonzero(np.bincount(person) > TEMPLATE_PHOTOS) if len(person) else np.empty(0, np.intp)
    if len(templates):
        sums = person_sums(embeddings, person)
        for start, similarity in _blocks(embeddings, unit(sums[templates])):
            rows = np.arange(start, start + len(similarity))
            own = np.flatnonzero(np.isin(person[rows], templates))
            photos = embeddings[rows[own]].astype(np.float64)
            left_out = unit(sums[person[rows[own]]] - photos)
            column = np.searchsorted(templates, person[rows[own]])
            similarity[own, column] = np.clip(np.einsum("nd,nd->n", photos, left_out), -1.0, 1.0)
            probe = np.repeat(person[rows], len(templates))
            template = np.tile(templates, len(rows))
            counter.add(similarity.ravel(), probe, template, probe == template)
    return counter.tally()


def person_sums(embeddings: NDArray[np.float32], person: NDArray[np.int32]) -> NDArray[np.float64]:
    """Return the sum of the embeddings of each person, shape (people, dimension)."""
    sums = np.zeros((int(person.max(initial=-1)) + 1, embeddings.shape[1]))
    np.add.at(sums, person, embeddings)
    return sums


def _blocks(rows: ArrayLike, columns: ArrayLike) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """Yield the similarities of some rows with all columns, and the position of the first row."""
    left, right = np.asarray(rows, dtype=np.float64), np.asarray(columns, dtype=np.float64)
    height = max(1, BLOCK // max(1, len(right)))
    for start in range(0, len(left), height):
        yield start, similarities(left[start : start + height], right)


class _Counter:
    def __init__(self, people: int, edges: Curve) -> None:
        self._edges = edges
        self._shape = people, len(edges) - 1
        self._genuine, self._impostor = np.zeros(self._shape, np.int32), np.zeros(self._shape, np.int32)

    def add(
        self,
        scores: NDArray[np.float64],
        first: NDArray[np.integer],
        second: NDArray[np.integer],
        mated: NDArray[np.bool_],
    ) -> None:
        width = self._shape[1]
        # The highest bin also takes a similarity of exactly 1.
        place = np.minimum(np.searchsorted(self._edges, scores, side="right") - 1, width - 1)
        self._count(self._genuine, first[mated] * np.int64(width) + place[mated])
        for people in (first, second):
            self._count(self._impostor, people[~mated] * np.int64(width) + place[~mated])

    def _count(self, table: Counts, places: NDArray[np.int64]) -> None:
        np.add.at(table.reshape(-1), places, np.int32(1))  # a view: the table is contiguous

    def tally(self) -> Tally:
        return Tally(self._edges, self._genuine, self._impostor)
