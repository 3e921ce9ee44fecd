"""Comparisons in a calibration: who is compared with whom, and the resulting scores.

A comparison is mated (genuine) if probe and template are of the same person, and non-mated (impostor)
otherwise. Every score keeps the people behind it. Comparisons that share a person are not independent, and
the intervals of `faceunlock.matching.error_rates` depend on that.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

PersonIds = NDArray[np.int32]
Scores = NDArray[np.float64]

BLOCK = 1 << 20
"""Similarities separated at a time, so that intermediate arrays stay small."""


def _none() -> PersonIds:
    return np.empty(0, dtype=np.int32)


def _checked_scores(scores: ArrayLike) -> Scores:
    array = np.asarray(scores, dtype=np.float64)
    if array.ndim != 1:
        raise ValueError(f"scores must have one dimension, not {array.ndim}")
    if not np.all((array >= -1.0) & (array <= 1.0)):
        raise ValueError("a cosine similarity is a number from -1 to 1")
    return array


def _checked_ids(ids: ArrayLike, count: int) -> PersonIds:
    array = np.asarray(ids, dtype=np.int32)
    if array.shape != (count,):
        raise ValueError(f"{count} scores need {count} ids, not an array of shape {array.shape}")
    return array


@dataclass(frozen=True, slots=True, eq=False)
class GenuineScores:
    """Scores of mated comparisons.

    Attributes
    ----------
    scores : ndarray of float64, shape (n,)
        Cosine similarities, in [-1, 1].
    person : ndarray of int32, shape (n,)
        The person of each comparison.
    photo : ndarray of int32, shape (n,)
        The probe of each comparison, in the caller's numbering; 0 to n - 1 if omitted.

    Raises
    ------
    ValueError
        If the shapes differ, or a score is not a number from -1 to 1.
    """

    scores: Scores = field(repr=False)
    person: PersonIds = field(repr=False)
    photo: PersonIds = field(repr=False, default_factory=_none)

    def __post_init__(self) -> None:
        scores = _checked_scores(self.scores)
        photo = self.photo if len(self.photo) else np.arange(len(scores))
        object.__setattr__(self, "scores", scores)
        object.__setattr__(self, "person", _checked_ids(self.person, len(scores)))
        object.__setattr__(self, "photo", _checked_ids(photo, len(scores)))

    def __len__(self) -> int:
        return len(self.scores)


@dataclass(frozen=True, slots=True, eq=False)
class ImpostorScores:
    """Scores of non-mated comparisons; 20 bytes each, so that millions fit in memory.

    Attributes
    ----------
    scores : ndarray of float64, shape (n,)
        Cosine similarities, in [-1, 1].
    probe_person, template_person : ndarray of int32, shape (n,)
        The person of each probe and of its template. Both use the same numbering and are never equal.
    photo : ndarray of int32, shape (n,)
        The probe of each comparison, in the caller's numbering; 0 to n - 1 if omitted.

    Raises
    ------
    ValueError
        If the shapes differ, a score is not a number from -1 to 1, or a comparison is mated.
    """

    scores: Scores = field(repr=False)
    probe_person: PersonIds = field(repr=False)
    template_person: PersonIds = field(repr=False)
    photo: PersonIds = field(repr=False, default_factory=_none)

    def __post_init__(self) -> None:
        scores = _checked_scores(self.scores)
        photo = self.photo if len(self.photo) else np.arange(len(scores))
        object.__setattr__(self, "scores", scores)
        object.__setattr__(self, "probe_person", _checked_ids(self.probe_person, len(scores)))
        object.__setattr__(self, "template_person", _checked_ids(self.template_person, len(scores)))
        object.__setattr__(self, "photo", _checked_ids(photo, len(scores)))
        if np.any(self.probe_person == self.template_person):
            raise ValueError("an impostor comparison must be between two people")

    def __len__(self) -> int:
        return len(self.scores)


def pool(own: ImpostorScores, strangers: ImpostorScores) -> ImpostorScores:
    """Return the impostor comparisons of a folder joined with those of strangers.

    Raises
    ------
    ValueError
        If a stranger has the id of a person in `own` or of a template. Two people would count as one.

    Examples
    --------
    >>> own = ImpostorScores([0.1, 0.2], [0, 1], [1, 0])
    >>> pool(own, ImpostorScores([0.3], [2], [0])).scores
    array([0.1, 0.2, 0.3])
    """
    known = np.concatenate([own.probe_person, own.template_person, strangers.template_person])
    if np.any(np.isin(np.unique(strangers.probe_person), known)):
        raise ValueError("strangers need person ids of their own")
    return ImpostorScores(
        np.concatenate([own.scores, strangers.scores]),
        np.concatenate([own.probe_person, strangers.probe_person]),
        np.concatenate([own.template_person, strangers.template_person]),
        np.concatenate([own.photo, strangers.photo]),
    )


def separate(
    similarity: ArrayLike, probe_person: ArrayLike, template_person: ArrayLike
) -> tuple[GenuineScores, ImpostorScores]:
    """Return the mated and the non-mated comparisons separately.

    Parameters
    ----------
    similarity : array_like, shape (n, t)
        Similarity of every probe with every template, in [-1, 1].
    probe_person : array_like of int, shape (n,)
    template_person : array_like of int, shape (t,)
        Ids in the same numbering as `probe_person`.

    Returns
    -------
    GenuineScores, ImpostorScores
        Comparisons with equal and with different ids, probe by probe; `photo` is the row.

    Examples
    --------
    >>> genuine, impostor = separate([[0.8, 0.1], [0.2, 0.3]], [7, 9], [7, 8])
    >>> genuine.scores, impostor.scores, impostor.photo
    (array([0.8]), array([0.1, 0.2, 0.3]), array([0, 1, 1], dtype=int32))
    """
    table = np.asarray(similarity, dtype=np.float64)
    probe_ids = _checked_ids(probe_person, table.shape[0])
    template_ids = _checked_ids(template_person, table.shape[1])
    scores: tuple[list[Scores], list[Scores]] = ([_checked_scores([])], [_checked_scores([])])
    rows: tuple[list[PersonIds], list[PersonIds]] = ([_none()], [_none()])
    columns: list[PersonIds] = [_none()]
    height = max(1, BLOCK // max(1, len(template_ids)))
    for start in range(0, len(table), height):
        block = table[start : start + height]
        mated = probe_ids[start : start + height, None] == template_ids[None, :]
        for kind, chosen in enumerate((mated, ~mated)):
            row, column = np.nonzero(chosen)
            scores[kind].append(block[row, column])
            rows[kind].append((row + start).astype(np.int32))
            if kind == 1:
                columns.append(template_ids[column])
    mated_row, other_row = np.concatenate(rows[0]), np.concatenate(rows[1])
    return (
        GenuineScores(np.concatenate(scores[0]), probe_ids[mated_row], mated_row),
        ImpostorScores(np.concatenate(scores[1]), probe_ids[other_row], np.concatenate(columns), other_row),
    )


@dataclass(frozen=True, slots=True)
class CentroidSplit:
    """Which photos build centroids and which are probes, as positions in the caller's list.

    Attributes
    ----------
    templates : tuple of int
        Photos that build the centroids of the `enrolled`, ascending.
    probes : tuple of int
        All other photos, ascending. Those of people who are not `enrolled` are impostor probes only.
    enrolled : tuple of str
        The people who have a centroid, sorted.
    """

    templates: tuple[int, ...]
    probes: tuple[int, ...]
    enrolled: tuple[str, ...]


def split_people(person_of_photo: Sequence[str], k: int, seed: int) -> CentroidSplit:
    """Split photos: `k` of each person who has more than `k` build a centroid, the rest are probes.

    The choice depends only on the seed, the person's name and the number of the person's photos. Adding or
    removing another person does not change it.

    Parameters
    ----------
    person_of_photo : sequence of str
        Name of the person in each photo.
    k : int
        Photos per centroid, at least 1.
    seed : int

    Raises
    ------
    ValueError
        If `k` is below 1.

    Examples
    --------
    >>> split = split_people(["ada", "ada", "ada", "bob"], k=2, seed=0)
    >>> len(split.templates), len(split.probes), split.enrolled
    (2, 2, ('ada',))
    """
    if k < 1:
        raise ValueError(f"a centroid needs at least one photo, not {k}")
    photos: dict[str, list[int]] = {}
    for position, person in enumerate(person_of_photo):
        photos.setdefault(person, []).append(position)
    enrolled = tuple(sorted(person for person, own in photos.items() if len(own) > k))
    templates = {
        photos[person][i] for person in enrolled for i in _choice(person, len(photos[person]), k, seed)
    }
    probes = tuple(i for i in range(len(person_of_photo)) if i not in templates)
    return CentroidSplit(tuple(sorted(templates)), probes, enrolled)


def _choice(person: str, count: int, k: int, seed: int) -> list[int]:
    # A folder name need not be valid UTF-8; Python then holds it as surrogates.
    digest = hashlib.sha256(f"{seed}:{person}".encode("utf-8", "surrogateescape")).digest()
    generator = np.random.default_rng(int.from_bytes(digest, "big"))
    return [int(i) for i in generator.choice(count, size=k, replace=False)]


def worst_pairs(
    genuine: GenuineScores, impostor: ImpostorScores, count: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the comparisons that look most like mistakes, such as a mislabelled photo.

    Parameters
    ----------
    genuine : GenuineScores
    impostor : ImpostorScores
    count : int
        Most of each to return.

    Returns
    -------
    lowest_genuine, highest_impostor : ndarray of intp
        Positions in the two arrays of scores, worst first and, among equals, earlier first. Their `photo`
        leads to the file.

    Examples
    --------
    >>> worst_pairs(GenuineScores([0.9, 0.2], [0, 1]), ImpostorScores([0.1, 0.8], [0, 1], [1, 0]), 1)
    (array([1]), array([1]))
    """
    return _smallest(genuine.scores, count), _smallest(-impostor.scores, count)


def _smallest(values: Scores, count: int) -> NDArray[np.intp]:
    if count <= 0:
        return np.empty(0, dtype=np.intp)
    # Do not sort millions of scores for a handful: find the limit first, then sort the scores up to it.
    limit = np.partition(values, count - 1)[count - 1] if count < len(values) else np.inf
    near = np.flatnonzero(values <= limit)
    return near[np.argsort(values[near], kind="stable")][:count]
