"""Validation of a network on held-out photos: every photo is compared with every other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import nextafter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceunlock.matching.error_rates import equal_error_rate, rate_over_people
from faceunlock.matching.rate import Rate
from faceunlock.matching.scores import GenuineScores, ImpostorScores
from faceunlock.matching.thresholds import fnmr_at_fmr, threshold_at

MOST_PHOTOS = 3000
"""Maximum number of photos compared, evenly spread over all of them: four and a half million pairs."""


@dataclass(frozen=True, slots=True)
class Validation:
    """Results on held-out photos.

    Attributes
    ----------
    people, photos, genuine, impostor : int
        Numbers of people and photos held out, and of the genuine and impostor pairs that they form.
    eer : float or None
        Equal error rate of the pairs, in [0, 1]; None without pairs of both kinds.
    fnmr_1e2, fnmr_1e3 : Rate or None
        FNMR at an FMR of 1e-2 and 1e-3; None where there are fewer impostor pairs than one false match needs.
    misnamed : Rate or None
        Photos whose most similar class is that of a different person; for ``softmax`` only.
    teacher_cosine : float or None
        Mean cosine with the teacher's embeddings of the same crops, in [-1, 1]; None without a teacher.
    loss : float or None
        Loss on held-out photos, where it is defined for them: for losses that compare photos, and for
        ``softmax``, whose held-out photos show its own people.
    """

    people: int
    photos: int
    genuine: int
    impostor: int
    eer: float | None
    fnmr_1e2: Rate | None
    fnmr_1e3: Rate | None
    misnamed: Rate | None = None
    teacher_cosine: float | None = None
    loss: float | None = None

    @property
    def badness(self) -> float:
        """Value that decides which weights are kept; lower is better.

        It is the share of photos misnamed, or the EER; 2 if unknown.
        """
        if self.misnamed is not None and self.misnamed.trials:
            return self.misnamed.value
        return 2.0 if self.eer is None else self.eer

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes as plain JSON values."""
        values = {name: getattr(self, name) for name in self.__slots__}
        return {name: value.to_dict() if isinstance(value, Rate) else value for name, value in values.items()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Validation:
        """Read what `to_dict` wrote."""
        values = dict(data)
        for name in ("fnmr_1e2", "fnmr_1e3", "misnamed"):
            values[name] = None if values[name] is None else Rate.from_dict(values[name])
        return cls(**values)


def evenly_spread(count: int, most: int) -> NDArray[np.intp]:
    """Return at most `most` of `count` positions, evenly spread, with the first and the last.

    Examples
    --------
    >>> evenly_spread(3, 5).tolist(), evenly_spread(10, 4).tolist()
    ([0, 1, 2], [0, 3, 6, 9])
    """
    return np.unique(np.linspace(0, count - 1, min(most, count)).astype(np.intp))


def all_pairs(
    embeddings: NDArray[np.float32], person: NDArray[np.intp]
) -> tuple[GenuineScores, ImpostorScores]:
    """Return the scores of every photo compared with every other, for at most `MOST_PHOTOS` photos.

    Parameters
    ----------
    embeddings : ndarray of float32, shape (n, dimension)
        Unit vectors.
    person : ndarray of intp, shape (n,)
    """
    chosen = evenly_spread(len(embeddings), MOST_PHOTOS)
    embeddings, person = embeddings[chosen], person[chosen]
    row, column = np.triu_indices(len(embeddings), k=1)
    scores = (embeddings @ embeddings.T)[row, column].clip(-1.0, 1.0)
    mated = person[row] == person[column]
    return (
        GenuineScores(scores[mated], person[row][mated]),
        ImpostorScores(scores[~mated], person[row][~mated], person[column][~mated]),
    )


def validate(
    embeddings: NDArray[np.float32],
    person: NDArray[np.intp],
    named: NDArray[np.intp] | None = None,
    taught: NDArray[np.float32] | None = None,
) -> Validation:
    """Return how well embeddings tell people apart.

    Parameters
    ----------
    embeddings : ndarray of float32, shape (n, dimension)
        Unit vectors.
    person : ndarray of intp, shape (n,)
    named : ndarray of intp, shape (n,), optional
        The person that a classifier names for each photo.
    taught : ndarray of float32, shape (n, dimension), optional
        The teacher's unit embeddings of the same photos.

    Examples
    --------
    >>> found = validate(np.repeat(np.eye(2, dtype=np.float32), 2, axis=0), np.array([0, 0, 1, 1]))
    >>> found.eer, found.genuine, found.impostor, found.fnmr_1e2
    (0.0, 2, 4, None)
    """
    genuine, impostor = all_pairs(embeddings, person)
    rates: list[Rate | None] = []
    for target in (1e-2, 1e-3):
        told = len(genuine) > 0 and len(impostor) * target >= 1
        rates.append(fnmr_at_fmr(genuine, impostor, target) if told else None)
    return Validation(
        people=len(np.unique(person)),
        photos=len(person),
        genuine=len(genuine),
        impostor=len(impostor),
        eer=equal_error_rate(genuine.scores, impostor.scores) if len(genuine) and len(impostor) else None,
        fnmr_1e2=rates[0],
        fnmr_1e3=rates[1],
        misnamed=None if named is None else rate_over_people(named != person, person),
        teacher_cosine=None if taught is None else float((embeddings * taught).sum(axis=1).mean()),
    )


def first_threshold(embeddings: NDArray[np.float32], person: NDArray[np.intp]) -> float:
    """Return an initial threshold: FMR 1e-3 over the impostor pairs, or just above all if they are too few.

    Fewer than 1,000 pairs are too few. Without an impostor pair the threshold is 0.9.
    """
    _, impostor = all_pairs(embeddings, person)
    if not len(impostor):
        return 0.9
    target = 1e-3 if len(impostor) >= 1000 else 0.0
    return min(threshold_at(impostor.scores, target), nextafter(1.0, 0.0))
