"""An audit: rates, spread and group differences, computed from embeddings by pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isnan
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from faceunlock.matching.calibration import Calibration
from faceunlock.matching.error_rates import failures_to_acquire, fnmr_at
from faceunlock.matching.rate import Rate
from faceunlock.matching.scores import GenuineScores
from faceunlock.matching.templates import ModelIdentity
from faceunlock.pipeline.samples import LeftOut
from faceunlock.studies.collection import LabelledSamples
from faceunlock.studies.groupings import Grouping
from faceunlock.studies.measures import (
    PeoplePairs,
    Ratio,
    comparisons_within,
    most_similar_pairs,
    pair_fmr,
    pairs_of_people,
    within_sum_of_squares,
    worst_ratios,
)
from faceunlock.studies.permutation import (
    Difference,
    MeanOverPairs,
    MeanOverPeople,
    Measure,
    Spread,
    compare_groups,
)

MeasureName = Literal["fmr", "fnmr", "distance", "spread"]

SIGNIFICANCE = 0.05
"""A corrected p-value below this counts as more than chance."""

MOST_SIMILAR = 5
"""Number of pairs of different people that are named."""


@dataclass(frozen=True, slots=True, eq=False)
class GroupedEmbeddings:
    """The usable photos of an audit, sorted by group and person, and the owners of the photos that failed.

    Attributes
    ----------
    embeddings : ndarray of float32, shape (n, dimension)
        Unit vectors.
    files : tuple of str
        Name of each photo.
    person : ndarray of int, shape (n,)
        Person on each photo: ascending from 0, without gaps.
    group : ndarray of int, shape (n,)
        Index in `names` of each photo's group, ascending.
    names : tuple of str
        The groups, including those without a usable photo.
    failed_person, failed_group : tuple of int
        Person and group of each photo that gave no embedding. People without a usable photo have numbers
        of their own.
    thumbnails : tuple of bytes
        The face on each photo as a small JPEG; empty if they were not asked for.
    """

    embeddings: NDArray[np.float32] = field(repr=False)
    files: tuple[str, ...] = field(repr=False)
    person: NDArray[np.intp] = field(repr=False)
    group: NDArray[np.intp] = field(repr=False)
    names: tuple[str, ...]
    failed_person: tuple[int, ...] = field(repr=False, default=())
    failed_group: tuple[int, ...] = field(repr=False, default=())
    thumbnails: tuple[bytes, ...] = field(repr=False, default=())

    @property
    def group_of_person(self) -> NDArray[np.intp]:
        """Group of each person with a usable photo, shape (people,)."""
        _, first = np.unique(self.person, return_index=True)
        found: NDArray[np.intp] = self.group[first]
        return found


@dataclass(frozen=True, slots=True)
class GroupResult:
    """The results for one group.

    Attributes
    ----------
    name : str
    people, photos : int
        Number of people with a usable photo, and of usable photos.
    failures_to_acquire : Rate
        Over all photos of the group.
    sum_of_squares : float
        Sum of the squared Euclidean distances of the unit embeddings to their mean.
    mean_distance : float or None
        Mean Euclidean distance between photos of two people, in [0, 2]; None with fewer than two people.
    fmr : Rate
        Over comparisons between two people of the group; without trials if it has only one person.
    fnmr : Rate
        Over comparisons between two photos of one person; without trials if nobody has two.
    """

    name: str
    people: int
    photos: int
    failures_to_acquire: Rate
    sum_of_squares: float
    mean_distance: float | None
    fmr: Rate
    fnmr: Rate

    @property
    def spread(self) -> float | None:
        """Sum of squares per photo; None without photos."""
        return self.sum_of_squares / self.photos if self.photos else None


@dataclass(frozen=True, slots=True)
class Comparison:
    """One measure, compared between each group and all others.

    Attributes
    ----------
    measure : {"fmr", "fnmr", "distance", "spread"}
    differences : tuple of Difference
        One for each group.
    """

    measure: MeasureName
    differences: tuple[Difference, ...]

    @property
    def told(self) -> tuple[Difference, ...]:
        """The differences that could be tested."""
        return tuple(difference for difference in self.differences if difference.p is not None)

    @property
    def significant(self) -> tuple[Difference, ...]:
        """The groups that differ from the others by more than chance, lowest corrected p-value first."""
        found = [d for d in self.told if d.p_corrected is not None and d.p_corrected < SIGNIFICANCE]
        return tuple(sorted(found, key=lambda difference: difference.p_corrected or 0.0))


@dataclass(frozen=True, slots=True)
class SimilarPair:
    """Two photos of two different people.

    Attributes
    ----------
    group : str
    photo, other : str
    similarity : float
        Cosine, in [-1, 1].
    places : tuple of two int
        Positions of the two photos in the `GroupedEmbeddings`.
    """

    group: str
    photo: str
    other: str
    similarity: float
    places: tuple[int, int] = field(repr=False, default=(0, 0))


@dataclass(frozen=True, slots=True)
class GroupAudit:
    """The results of an audit.

    Attributes
    ----------
    threshold : float
        Similarity at or above which two photos match.
    permutations, seed : int
        Number of permutations in each test; seed of the tests and of the resampling.
    groups : tuple of GroupResult
    comparisons : tuple of Comparison
        FMR, FNMR, mean distance and spread, in this order.
    fmr_ratios, fnmr_ratios : tuple of two Ratio
        Worst to best, and worst to geometric mean.
    most_similar : tuple of SimilarPair
        Pairs of different people of one group, the most similar first. A person who is there under two
        names shows up here.
    """

    threshold: float
    permutations: int
    seed: int
    groups: tuple[GroupResult, ...]
    comparisons: tuple[Comparison, ...]
    fmr_ratios: tuple[Ratio, Ratio]
    fnmr_ratios: tuple[Ratio, Ratio]
    most_similar: tuple[SimilarPair, ...]

    def comparison(self, measure: MeasureName) -> Comparison:
        """Return the comparison of one measure."""
        return next(comparison for comparison in self.comparisons if comparison.measure == measure)


def audit_groups(
    material: GroupedEmbeddings, threshold: float, *, permutations: int = 9_999, seed: int = 0
) -> GroupAudit:
    """Return the rates and the spread of each group, and compare each group with all others.

    Parameters
    ----------
    material : GroupedEmbeddings
    threshold : float
        Similarity at or above which two photos match, in [-1, 1].
    permutations : int
        At least 1.
    seed : int

    Examples
    --------
    >>> vectors = np.eye(4, dtype=np.float32)[[0, 0, 1, 2, 3]]
    >>> audit = audit_groups(
    ...     GroupedEmbeddings(
    ...         vectors, tuple("abcde"), np.array([0, 0, 1, 2, 3]), np.array([0, 0, 0, 1, 1]), ("one", "two")
    ...     ),
    ...     0.5,
    ...     permutations=99,
    ... )
    >>> [(group.people, group.photos, round(group.sum_of_squares, 3)) for group in audit.groups]
    [(2, 3, 1.333), (2, 2, 1.0)]
    """
    genuine, fmr = _compare_within(material, threshold, seed)
    pairs = pairs_of_people(material.embeddings, material.person, threshold)
    comparisons = _comparisons(material, pairs, genuine, threshold, permutations, seed)
    distances = {c.measure: c for c in comparisons}["distance"].differences
    groups = tuple(
        _result(material, i, distances[i].value, fmr[i], fnmr_at(genuine[i], threshold, seed=seed), seed)
        for i in range(len(material.names))
    )
    return GroupAudit(
        threshold=threshold,
        permutations=permutations,
        seed=seed,
        groups=groups,
        comparisons=comparisons,
        fmr_ratios=worst_ratios([(group.name, group.fmr) for group in groups]),
        fnmr_ratios=worst_ratios([(group.name, group.fnmr) for group in groups]),
        most_similar=_most_similar(material),
    )


def _compare_within(
    material: GroupedEmbeddings, threshold: float, seed: int
) -> tuple[list[GenuineScores], list[Rate]]:
    """Return the mated comparisons and the FMR of each group; impostor comparisons are too many to keep."""
    genuine, fmr = [], []
    for i in range(len(material.names)):
        chosen = material.group == i
        mated, other = comparisons_within(material.embeddings[chosen], material.person[chosen])
        genuine.append(mated)
        fmr.append(pair_fmr(other, threshold, seed=seed))
    return genuine, fmr


def _result(
    material: GroupedEmbeddings, i: int, mean_distance: float, fmr: Rate, fnmr: Rate, seed: int
) -> GroupResult:
    chosen = material.group == i
    vectors, people = material.embeddings[chosen], material.person[chosen]
    failures = zip(material.failed_person, material.failed_group, strict=True)
    failed = [person for person, group in failures if group == i]
    photos = np.bincount(people) if len(people) else np.zeros(0)
    return GroupResult(
        name=material.names[i],
        people=int(np.count_nonzero(photos)),
        photos=len(vectors),
        failures_to_acquire=failures_to_acquire(people.tolist(), failed, seed=seed),
        sum_of_squares=within_sum_of_squares(vectors),
        mean_distance=None if isnan(mean_distance) else mean_distance,
        fmr=fmr,
        fnmr=fnmr,
    )


def _comparisons(
    material: GroupedEmbeddings,
    pairs: PeoplePairs,
    genuine: Sequence[GenuineScores],
    threshold: float,
    permutations: int,
    seed: int,
) -> tuple[Comparison, ...]:
    group = material.group_of_person
    people = len(group)
    scores = np.concatenate([part.scores for part in genuine])
    owner = np.concatenate([part.person for part in genuine])
    trials = np.bincount(owner, minlength=people).astype(np.float64)
    errors = np.bincount(owner, weights=scores < threshold, minlength=people).astype(np.float64)
    sums = np.zeros((people, material.embeddings.shape[1]))
    np.add.at(sums, material.person, material.embeddings)
    mated = trials > 0  # the others have no FNMR, in any group
    everybody = np.ones(people, dtype=bool)
    measures: list[tuple[MeasureName, Measure, NDArray[np.bool_]]] = [
        ("fmr", MeanOverPairs(pairs.matches, pairs.photos), everybody),
        ("fnmr", MeanOverPeople(errors[mated], trials[mated]), mated),
        ("distance", MeanOverPairs(pairs.distance, pairs.photos), everybody),
        ("spread", Spread(sums, pairs.photos), everybody),
    ]
    return tuple(
        Comparison(
            name,
            compare_groups(measure, group[who], material.names, permutations=permutations, seed=seed),
        )
        for name, measure, who in measures
    )


def _most_similar(material: GroupedEmbeddings) -> tuple[SimilarPair, ...]:
    rows, columns, scores = most_similar_pairs(
        material.embeddings, material.person, material.group, MOST_SIMILAR
    )
    return tuple(
        SimilarPair(
            material.names[material.group[i]],
            material.files[i],
            material.files[j],
            float(score),
            (int(i), int(j)),
        )
        for i, j, score in zip(rows, columns, scores, strict=True)
    )


MOST_PHOTOS = 8_000
"""Most photos of an audit: all are compared with all, so memory grows with the square of their number."""


@dataclass(frozen=True, slots=True)
class AuditReport:
    """The results of an audit and the photos that it is about.

    Attributes
    ----------
    folder : str
        Name of the folder.
    path : str
        The folder as the user gave it.
    source : str
        Where the groups come from, in words.
    people_known : bool
        False if every photo counted as a different person.
    identity : ModelIdentity
        The model that made the embeddings.
    calibration : Calibration or None
        Where the threshold comes from; None if the user chose it.
    created : str
        Time in ISO 8601.
    photos : int
        Photos examined, usable or not.
    duplicates : int
        Photos dropped because an earlier file had the same content.
    ungrouped : int
        Photos in no group, which were not examined.
    skipped : int
        Files that are not photos.
    failures : tuple of LeftOut
    audit : GroupAudit
    material : GroupedEmbeddings
        The embeddings, for the figures.
    """

    folder: str
    path: str
    source: str
    people_known: bool
    identity: ModelIdentity
    calibration: Calibration | None
    created: str
    photos: int
    duplicates: int
    ungrouped: int
    skipped: int
    failures: tuple[LeftOut, ...]
    audit: GroupAudit
    material: GroupedEmbeddings = field(repr=False)


def arrange(samples: LabelledSamples, grouping: Grouping) -> GroupedEmbeddings:
    """Return embeddings sorted by group and person; numbers go first to people with a usable photo."""
    groups = grouping.groups
    group_of = {photo.person: groups.index(photo.group) for photo in grouping.photos}
    order = sorted(range(len(samples)), key=lambda i: (group_of[samples.person[i]], samples.person[i]))
    numbers: dict[str, int] = {}
    for person in (*(samples.person[i] for i in order), *samples.failed_person):
        numbers.setdefault(person, len(numbers))
    return GroupedEmbeddings(
        embeddings=samples.embeddings[order],
        files=tuple(samples.photo[i] for i in order),
        person=np.array([numbers[samples.person[i]] for i in order]),
        group=np.array([group_of[samples.person[i]] for i in order]),
        names=groups,
        failed_person=tuple(numbers[person] for person in samples.failed_person),
        failed_group=tuple(group_of[person] for person in samples.failed_person),
        thumbnails=tuple(samples.thumbnails[i] for i in order) if samples.thumbnails else (),
    )
