"""What a report finds out: everybody compared with everybody, the people, a map; functions of arrays."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from faceunlock.matching.calibration import Calibration
from faceunlock.matching.rate import Rate
from faceunlock.matching.scores import BLOCK
from faceunlock.matching.similarity import leave_one_out, similarities, unit
from faceunlock.studies.collection import LabelledSamples
from faceunlock.studies.projection import Method, Projection, project
from faceunlock.studies.tally import PhotoPair, Tally, edges_with, person_sums, tally_centroids, tally_photos

WORST = 12
"""Pairs shown of each kind."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One way to compare, at the threshold that is in use for it.

    Attributes
    ----------
    calibration : Calibration
        Where the threshold comes from.
    threshold : float
        Similarity from which on it is a match.
    tally : Tally
        Of all comparisons.
    fmr, fnmr : Rate
        At the threshold, on these photos.
    eer : float or None
        Equal error rate; None without comparisons of either kind.
    """

    calibration: Calibration
    threshold: float
    tally: Tally = field(repr=False)
    fmr: Rate
    fnmr: Rate
    eer: float | None

    @classmethod
    def of(cls, tally: Tally, calibration: Calibration, threshold: float) -> Operation:
        """Measure a tally, one of whose edges is the threshold."""
        fmr, fnmr = tally.fmr(threshold), tally.fnmr(threshold)
        return cls(calibration, threshold, tally, fmr, fnmr, tally.equal_error_rate())


@dataclass(frozen=True, slots=True)
class PersonSummary:
    """One person's photos among the others'.

    Attributes
    ----------
    name : str
    photos, failures : int
        Usable, and without a usable face.
    consistency, lowest : float or None
        Mean and lowest similarity of a photo to the centroid of the person's other photos; None with
        one photo.
    nearest : str or None
        The person with the most similar centroid; None if there is nobody else.
    nearest_similarity : float or None
        Of the two centroids.
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
        """How much more alike the own photos are than the nearest other person; None where unknown."""
        if self.consistency is None or self.nearest_similarity is None:
            return None
        return self.consistency - self.nearest_similarity


@dataclass(frozen=True, slots=True)
class Study:
    """What was found out about samples photos.

    Attributes
    ----------
    samples : LabelledSamples
    pairs : Operation
        Photos against photos, every pair once.
    templates : Operation
        Photos against centroids, the photo itself left out of its person's.
    lowest_genuine, highest_impostor : tuple of PhotoPair
        The least similar photos of one person and the most similar of two, worst first.
    people : tuple of PersonSummary
        Everybody with a photo, in the order of the folder.
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
    """Compare everything with everything.

    Memory grows with photos x dimension and with people x bins, not with the number of comparisons.

    Parameters
    ----------
    samples : LabelledSamples
    pair : Calibration
        Of two single photos.
    template : Calibration
        Of a photo and a centroid.
    threshold : float, optional
        In the place of the one of `pair`, in [-1, 1].
    method : {"pca", "umap"}
        Of the map.
    worst : int
        Pairs to name of each kind.

    Raises
    ------
    ReportError
        ``package-missing`` for a map that cannot be made.
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
    """Return everybody with a photo, usable or not, and how their photos relate to the others'."""
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
    """Return for each person who has the most similar centroid, and how similar that is."""
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
