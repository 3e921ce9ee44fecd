"""The content of a report: all comparisons, each person, and a map; functions of arrays."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from faceunlock.matching.calibration import Calibration
from faceunlock.matching.likeness import exceeds
from faceunlock.matching.rate import Rate
from faceunlock.matching.scores import BLOCK
from faceunlock.matching.similarity import leave_one_out, similarities, unit
from faceunlock.studies.collection import LabelledSamples
from faceunlock.studies.projection import Method, Projection, project
from faceunlock.studies.tally import PhotoPair, Tally, edges_with, person_sums, tally_centroids, tally_photos

WORST = 12
"""Number of pairs shown of each kind."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One way to compare, at the threshold in use for it.

    Attributes
    ----------
    calibration : Calibration
        Where the threshold comes from.
    threshold : float
        Similarity at or above which it is a match.
    tally : Tally
        Counts of all comparisons.
    fmr, fnmr : Rate
        Rates at the threshold, on these photos.
    eer : float or None
        Equal error rate; None unless there are comparisons of both kinds.
    """

    calibration: Calibration
    threshold: float
    tally: Tally = field(repr=False)
    fmr: Rate
    fnmr: Rate
    eer: float | None

    @property
    def more_alike(self) -> bool | None:
        """Whether different people match more often than was measured; None if nothing was."""
        measured = self.calibration.fmr
        if measured is None or self.threshold != self.calibration.threshold or not self.fmr.trials:
            return None
        return exceeds(self.fmr.errors, self.fmr.trials, measured.upper)

    @classmethod
    def of(cls, tally: Tally, calibration: Calibration, threshold: float) -> Operation:
        """Return the rates of a tally, which must have the threshold as an edge."""
        fmr, fnmr = tally.fmr(threshold), tally.fnmr(threshold)
        return cls(calibration, threshold, tally, fmr, fnmr, tally.equal_error_rate())


@dataclass(frozen=True, slots=True)
class PersonSummary:
    """How one person's photos relate to those of the others.

    Attributes
    ----------
    name : str
    photos, failures : int
        Number of usable photos, and of photos without a usable face.
    consistency, lowest : float or None
        Mean and lowest similarity of a photo to the centroid of the person's other photos; None with
        one photo.
    nearest : str or None
        The person with the most similar centroid; None if there is nobody else.
    nearest_similarity : float or None
        Similarity of the two centroids.
    """

    name: str
    photos: int
    failures: int
    consistency: float | None
    lowest: float | None
    nearest: str | None
    nearest_similarity: float | None

    @property
    def margin(self) -> float | None:
        """How much more alike the person's own photos are than the nearest other person; None if unknown."""
        if self.consistency is None or self.nearest_similarity is None:
            return None
        return self.consistency - self.nearest_similarity


@dataclass(frozen=True, slots=True)
class Study:
    """The results of comparing all photos of some people.

    Attributes
    ----------
    samples : LabelledSamples
    pairs : Operation
        Photos against photos, each pair once.
    templates : Operation
        Photos against centroids; a photo is left out of its own person's centroid.
    lowest_genuine, highest_impostor : tuple of PhotoPair
        The least similar pairs of photos of one person, and the most similar of two people; worst first.
    people : tuple of PersonSummary
        The people with a photo, in the order of the folder.
    projection : Projection or None
        None with fewer than three usable photos.
    """

    samples: LabelledSamples
    pairs: Operation
    templates: Operation
    lowest_genuine: tuple[PhotoPair, ...]
    highest_impostor: tuple[PhotoPair, ...]
    people: tuple[PersonSummary, ...]
    projection: Projection | None


def study(
    samples: LabelledSamples,
    pair: Calibration,
    template: Calibration,
    *,
    threshold: float | None = None,
    method: Method = "pca",
    worst: int = WORST,
) -> Study:
    """Compare all photos with all photos and all centroids, and return the results.

    Memory grows with photos x dimension and with people x bins, not with the number of comparisons.

    Parameters
    ----------
    samples : LabelledSamples
    pair : Calibration
        Calibration for two single photos.
    template : Calibration
        Calibration for a photo and a centroid.
    threshold : float, optional
        Replaces the threshold of `pair`; in [-1, 1].
    method : {"pca", "umap"}
        Method of the map.
    worst : int
        Number of pairs to name of each kind.

    Raises
    ------
    ReportError
        ``package-missing`` if the package for the map is not installed.
    """
    person = samples.person_index
    between = pair.threshold if threshold is None else threshold
    edges = edges_with(between, template.threshold)
    photos, lowest, highest = tally_photos(samples.embeddings, person, edges, worst)
    return Study(
        samples=samples,
        pairs=Operation.of(photos, pair, between),
        templates=Operation.of(
            tally_centroids(samples.embeddings, person, edges), template, template.threshold
        ),
        lowest_genuine=lowest,
        highest_impostor=highest,
        people=summarise(samples),
        projection=project(samples.embeddings, method) if len(samples) >= 3 else None,
    )


def summarise(samples: LabelledSamples) -> tuple[PersonSummary, ...]:
    """Return a summary of each person with a photo, usable or not."""
    names, person = samples.people, samples.person_index
    nearest, closeness = _nearest(samples.embeddings, person)
    failures: dict[str, int] = {}
    for name in samples.failed_person:
        failures[name] = failures.get(name, 0) + 1
    found = []
    order = np.argsort(person, kind="stable")
    for number, rows in enumerate(np.split(order, np.cumsum(np.bincount(person))[:-1]) if names else ()):
        own = leave_one_out(samples.embeddings[rows]) if len(rows) > 1 else None
        alone = len(names) == 1
        found.append(
            PersonSummary(
                name=names[number],
                photos=len(rows),
                failures=failures.pop(names[number], 0),
                consistency=None if own is None else float(own.mean()),
                lowest=None if own is None else float(own.min()),
                nearest=None if alone else names[nearest[number]],
                nearest_similarity=None if alone else float(closeness[number]),
            )
        )
    found += [PersonSummary(name, 0, count, None, None, None, None) for name, count in failures.items()]
    return tuple(found)


def _nearest(
    embeddings: NDArray[np.float32], person: NDArray[np.int32]
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return, for each person, the other person with the most similar centroid, and that similarity."""
    if not len(person):
        return np.empty(0, dtype=np.intp), np.empty(0)
    centroids = unit(person_sums(embeddings, person))
    who, closeness = np.empty(len(centroids), dtype=np.intp), np.empty(len(centroids))
    height = max(1, BLOCK // len(centroids))
    for start in range(0, len(centroids), height):
        table = similarities(centroids[start : start + height], centroids)
        rows = np.arange(len(table))
        table[rows, rows + start] = -np.inf
        who[start : start + height] = table.argmax(axis=1)
        closeness[start : start + height] = table.max(axis=1)
    return who, closeness
