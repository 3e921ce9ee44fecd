"""A classifier of embeddings over a closed set of people: whose face it is, or none of theirs.

A linear map of unit embeddings gives a probability for each person. The similarity to the centroid of the
most probable person decides whether the face is any of them. A probability cannot decide that: the
probabilities of the known people add up to 1, even for a face unlike all of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceunlock.matching.error_rates import rate_over_people
from faceunlock.matching.rate import Rate
from faceunlock.matching.similarity import unit
from faceunlock.matching.thresholds import threshold_at
from faceunlock.pipeline.samples import NamedFace

FOLDS = 5
STRANGERS = 0.01
"""Share of strangers who may be taken for one of the people."""

INVERSE_REGULARISATION = 10.0
"""Inverse penalty of the logistic regression.

Its embeddings are scaled to a root mean square distance of 1 from their mean.
"""


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """A classifier over a closed set of people.

    Attributes
    ----------
    names : tuple of str
        Names of the k people, at least two.
    weights : ndarray of float64, shape (k, dimension)
    offsets : ndarray of float64, shape (k,)
        The probabilities are the softmax of ``weights @ embedding + offsets``.
    centroids : ndarray of float64, shape (k, dimension)
        Unit vectors.
    threshold : float
        Similarity to a centroid below which a face is none of these people, in [-1, 1].
    """

    names: tuple[str, ...]
    weights: NDArray[np.float64] = field(repr=False)
    offsets: NDArray[np.float64] = field(repr=False)
    centroids: NDArray[np.float64] = field(repr=False)
    threshold: float

    def best(self, embeddings: ArrayLike) -> NDArray[np.intp]:
        """Return the position of the most probable person for each unit embedding, shape (n, dimension)."""
        best: NDArray[np.intp] = np.argmax(np.asarray(embeddings) @ self.weights.T + self.offsets, axis=1)
        return best

    def name(self, embedding: ArrayLike) -> NamedFace:
        """Return whose face a unit embedding, shape (dimension,), is.

        Examples
        --------
        >>> eye = np.eye(2)
        >>> head = Head(("Ada", "Bob"), 10 * eye, np.zeros(2), eye, 0.5)
        >>> head.name([1.0, 0.0]).name, head.name([-1.0, 0.0]).name
        ('Ada', None)
        """
        vector = np.asarray(embedding, dtype=np.float64)
        values = self.weights @ vector + self.offsets
        shares = np.exp(values - values.max())
        best = int(np.argmax(values))
        similarity = float(np.clip(self.centroids[best] @ vector, -1.0, 1.0))
        return NamedFace(
            name=self.names[best] if similarity >= self.threshold else None,
            closest=self.names[best],
            probability=float(shares[best] / shares.sum()),
            similarity=similarity,
            threshold=self.threshold,
        )


@dataclass(frozen=True, slots=True, eq=False)
class HeldOut:
    """Results of a head on photos that it was not trained on, unless `how` says otherwise.

    Attributes
    ----------
    confusion : ndarray of int, shape (k, k + 1)
        Photos of the row's person taken for the column's person; the last column is none of these people.
    misnamed : Rate
        Photos whose most probable person is the wrong one, at any similarity.
    refused : Rate
        Photos of these people that were taken for none of them.
    strangers : Rate
        Each photo compared with everyone but its own person, as a stand-in for strangers: photos similar
        enough to somebody else.
    how : str
        Which photos these were, in words.
    """

    confusion: NDArray[np.intp] = field(repr=False)
    misnamed: Rate
    refused: Rate
    strangers: Rate
    how: str

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes as plain JSON values."""
        rates = {name: getattr(self, name).to_dict() for name in ("misnamed", "refused", "strangers")}
        return {"confusion": self.confusion.tolist(), **rates, "how": self.how}


@dataclass(frozen=True, slots=True, eq=False)
class _Trials:
    """Held-out photos: the person taken for it, the similarity to that one and to the closest wrong one."""

    person: NDArray[np.intp]
    best: NDArray[np.intp]
    similarity: NDArray[np.float64]
    as_stranger: NDArray[np.float64]


def learn_head(
    embeddings: NDArray[np.float32],
    person: NDArray[np.intp],
    names: tuple[str, ...],
    *,
    strangers: float = STRANGERS,
    seed: int = 0,
) -> tuple[Head, HeldOut]:
    """Return a head trained by logistic regression, and its results in cross-validation.

    Parameters
    ----------
    embeddings : ndarray of float32, shape (n, dimension)
        Unit vectors.
    person : ndarray of intp, shape (n,)
        Position in `names`; each of the k >= 2 people has at least two photos.
    names : tuple of str
    strangers : float
        Share of strangers who may be taken for one of the people, in [0, 1). The threshold is the lowest
        that keeps to it on the held-out photos, or the middle of the gap above that.
    seed : int
        Seed of the folds.
    """
    from sklearn.model_selection import StratifiedKFold

    folds = min(FOLDS, int(np.bincount(person).min()))
    trials = [
        _try(_fit(embeddings[known], person[known], names), embeddings[new], person[new])
        for known, new in StratifiedKFold(folds, shuffle=True, random_state=seed).split(embeddings, person)
    ]
    together = _Trials(
        *(np.concatenate([getattr(trial, name) for trial in trials]) for name in _Trials.__slots__)
    )
    threshold = _threshold(together, strangers)
    head = _fit(embeddings, person, names)
    return _with_threshold(head, threshold), _judge(
        together, len(names), threshold, f"{folds}-fold cross-validation"
    )


def measure_head(
    head: Head,
    embeddings: NDArray[np.float32],
    person: NDArray[np.intp],
    how: str,
    strangers: float = STRANGERS,
) -> tuple[Head, HeldOut]:
    """Return an existing head with the threshold that some photos support, and its results on them."""
    trials = _try(head, embeddings, person)
    threshold = _threshold(trials, strangers)
    return _with_threshold(head, threshold), _judge(trials, len(head.names), threshold, how)


def centroids(embeddings: NDArray[np.float32], person: NDArray[np.intp], people: int) -> NDArray[np.float64]:
    """Return the unit vectors along the sums of each person's embeddings, shape (people, dimension)."""
    return np.stack([unit(embeddings[person == one].sum(axis=0, dtype=np.float64)) for one in range(people)])


def _fit(embeddings: NDArray[np.float32], person: NDArray[np.intp], names: tuple[str, ...]) -> Head:
    from sklearn.linear_model import LogisticRegression

    # The cosines of some models lie close to 1; regularisation must not depend on how close.
    middle = embeddings.mean(axis=0, dtype=np.float64)
    spread = float(np.sqrt(((embeddings - middle) ** 2).sum(axis=1).mean())) or 1.0
    model = LogisticRegression(C=INVERSE_REGULARISATION, max_iter=1000)
    model.fit((embeddings - middle) / spread, person)
    weights = model.coef_ / spread
    offsets = model.intercept_ - weights @ middle
    if len(names) == 2:  # one row, for the second person against the first
        weights = np.concatenate([np.zeros_like(weights), weights])
        offsets = np.concatenate([np.zeros_like(offsets), offsets])
    return Head(names, weights, offsets, centroids(embeddings, person, len(names)), 1.0)


def _try(head: Head, embeddings: NDArray[np.float32], person: NDArray[np.intp]) -> _Trials:
    best, rows = head.best(embeddings), np.arange(len(person))
    similarities = (embeddings.astype(np.float64) @ head.centroids.T).clip(-1.0, 1.0)
    others = similarities.copy()
    others[rows, person] = -1.0
    return _Trials(person, best, similarities[rows, best], others.max(axis=1))


def _threshold(trials: _Trials, strangers: float) -> float:
    """Return the lowest threshold that keeps the share of strangers, or the middle of the gap above it.

    There is a gap if even the least similar photo of the people themselves lies above that threshold. The
    lower edge of the gap would only be the similarity of the most similar stranger, and a set of few people
    contains few strangers.
    """
    lowest = threshold_at(trials.as_stranger, strangers)
    own = float(trials.similarity[trials.best == trials.person].min(initial=1.0))
    return max(lowest, (lowest + own) / 2)


def _with_threshold(head: Head, threshold: float) -> Head:
    return Head(head.names, head.weights, head.offsets, head.centroids, min(1.0, threshold))


def _judge(trials: _Trials, people: int, threshold: float, how: str) -> HeldOut:
    refused = trials.similarity < threshold
    confusion = np.zeros((people, people + 1), dtype=np.intp)
    np.add.at(confusion, (trials.person, np.where(refused, people, trials.best)), 1)
    return HeldOut(
        confusion=confusion,
        misnamed=rate_over_people(trials.best != trials.person, trials.person),
        refused=rate_over_people(refused, trials.person),
        strangers=rate_over_people(trials.as_stranger >= threshold, trials.person),
        how=how,
    )
