"""Similarity and the decision: pure functions of arrays.

Similarity is the cosine of two unit vectors, in [-1, 1].
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Vector = NDArray[np.float64]

Label = str | tuple[str, str | None]
"""Whose template it is: a person's name, or the name and the look."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer to one verification.

    Attributes
    ----------
    match : bool
        Whether `similarity` >= `threshold`.
    name : str
        The claimed person; without a claim, the most similar of all enrolled people.
    similarity : float
        Cosine similarity of probe and centroid, in [-1, 1].
    threshold : float
        Lowest similarity that is a match.
    candidates : int
        How many templates the probe was compared with: one for each person and each further look.
    look : str or None
        The person's look that is most similar; None for the person's own template.
    """

    match: bool
    name: str
    similarity: float
    threshold: float
    candidates: int
    look: str | None = None


def unit(vectors: ArrayLike) -> Vector:
    """Return the vectors scaled to length one along the last axis.

    Parameters
    ----------
    vectors : array_like, shape (..., dimension)

    Returns
    -------
    ndarray of float64, the same shape

    Raises
    ------
    ValueError
        If a vector is zero or not finite: it has no direction.

    Examples
    --------
    >>> unit([[3.0, 4.0]])
    array([[0.6, 0.8]])
    """
    array = np.asarray(vectors, dtype=np.float64)
    lengths = np.linalg.norm(array, axis=-1, keepdims=True)
    if not np.all(np.isfinite(lengths)) or np.any(lengths == 0):
        raise ValueError("a vector of length zero or with non-finite entries has no direction")
    scaled: Vector = array / lengths
    return scaled


def similarities(probes: ArrayLike, centroids: ArrayLike) -> Vector:
    """Return the cosine similarity of every probe with every centroid.

    Parameters
    ----------
    probes : array_like, shape (n_probes, dimension)
        Unit vectors.
    centroids : array_like, shape (n_centroids, dimension)
        Unit vectors.

    Returns
    -------
    ndarray of float64, shape (n_probes, n_centroids)
        Element [i, j] compares probe i with centroid j; clipped to [-1, 1].

    Examples
    --------
    >>> similarities([[1.0, 0.0]], [[0.6, 0.8], [-1.0, 0.0]])
    array([[ 0.6, -1. ]])
    """
    product = np.asarray(probes, dtype=np.float64) @ np.asarray(centroids, dtype=np.float64).T
    return np.clip(product, -1.0, 1.0)


def cosine(one: ArrayLike, other: ArrayLike) -> float:
    """Return the cosine similarity of two unit vectors, in [-1, 1].

    Examples
    --------
    >>> cosine([1.0, 0.0], [0.6, 0.8])
    0.6
    """
    return float(similarities(np.asarray(one)[None], np.asarray(other)[None])[0, 0])


def leave_one_out(embeddings: ArrayLike, base: ArrayLike | None = None) -> Vector:
    """Return the similarity of each embedding to the centroid of all the others.

    Parameters
    ----------
    embeddings : array_like, shape (n, dimension)
        Unit vectors; n >= 2, or n >= 1 with a `base`.
    base : array_like, shape (dimension,), optional
        A sum of further unit vectors, which count among "the others" of every embedding.

    Returns
    -------
    ndarray of float64, shape (n,)

    Raises
    ------
    ValueError
        If an embedding has no others.

    Examples
    --------
    >>> leave_one_out([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]).round(3)
    array([0.707, 0.707, 0.   ])
    """
    array = np.asarray(embeddings, dtype=np.float64)
    total = array.sum(axis=0)
    if base is not None:
        total = total + np.asarray(base, dtype=np.float64)
    elif len(array) < 2:
        raise ValueError("leave-one-out needs at least two embeddings")
    others = unit(total - array)
    scores: Vector = np.clip(np.einsum("ij,ij->i", array, others), -1.0, 1.0)
    return scores


def best_looks(probes: ArrayLike, people: Sequence[ArrayLike]) -> Vector:
    """Return the similarity of every probe to every person, who may have several looks.

    Parameters
    ----------
    probes : array_like, shape (n_probes, dimension)
        Unit vectors.
    people : sequence of array_like, each of shape (dimension,) or (n_looks, dimension)
        Unit vectors of each person; at least one person.

    Returns
    -------
    ndarray of float64, shape (n_probes, n_people)
        The similarity to the person's most similar look.

    Examples
    --------
    >>> best_looks([[1.0, 0.0]], [[0.6, 0.8], [[0.0, 1.0], [0.8, 0.6]]])
    array([[0.6, 0.8]])
    """
    looks = [np.atleast_2d(np.asarray(person, dtype=np.float64)) for person in people]
    first = np.cumsum([0, *(len(each) for each in looks[:-1])])
    best: Vector = np.maximum.reduceat(similarities(probes, np.concatenate(looks)), first, axis=1)
    return best


def decide(probe: ArrayLike, centroids: Mapping[Label, Vector], threshold: float) -> Decision:
    """Compare one probe with one or more people and decide on the most similar of them.

    Parameters
    ----------
    probe : array_like, shape (dimension,)
        Unit vector.
    centroids : mapping of str, or of str and look, to ndarray of shape (dimension,)
        At least one person; unit vectors.
    threshold : float
        Lowest similarity that is a match; the caller chooses it for ``len(centroids)`` templates.

    Raises
    ------
    ValueError
        If there is no centroid.

    Examples
    --------
    >>> decide([1.0, 0.0], {"ada": np.array([0.8, 0.6]), "bob": np.array([0.0, 1.0])}, 0.75)
    Decision(match=True, name='ada', similarity=0.8, threshold=0.75, candidates=2, look=None)
    """
    if not centroids:
        raise ValueError("nobody to compare with")
    labels = list(centroids)
    scores = similarities(np.asarray(probe)[None, :], np.stack([centroids[label] for label in labels]))[0]
    best = int(np.argmax(scores))
    similarity = float(scores[best])
    label = labels[best]
    name, look = label if isinstance(label, tuple) else (label, None)
    return Decision(similarity >= threshold, name, similarity, float(threshold), len(labels), look)


def assign(similarity: ArrayLike, threshold: float) -> tuple[int | None, ...]:
    """Assign each person to at most one face of a photo, and each face to at most one person.

    Pairs below the threshold are excluded first. Among the remaining assignments, the one with the largest
    sum of similarity above the threshold wins, so a clear match is not given up for two doubtful ones.
    The solver is SciPy's ``linear_sum_assignment`` (D. F. Crouse, doi:10.1109/TAES.2016.140952).

    Parameters
    ----------
    similarity : array_like, shape (n_faces, n_people)
        Cosines, in [-1, 1].
    threshold : float
        Lowest similarity at which a face may be assigned to a person.

    Returns
    -------
    tuple of int or None
        For each face, the column of its person, or None if the face is unknown.

    Examples
    --------
    >>> assign([[0.99, 0.20], [0.97, 0.10]], 0.96)
    (0, None)
    >>> assign([[0.99, 0.98], [0.97, 0.10]], 0.90)
    (1, 0)
    """
    from scipy.optimize import linear_sum_assignment

    scores = np.asarray(similarity, dtype=np.float64)
    given: list[int | None] = [None] * len(scores)
    allowed = scores >= threshold
    # The small term lets a score exactly at the threshold count, too.
    gain = np.where(allowed, scores - threshold + 1e-9, 0.0)
    for face, person in zip(*linear_sum_assignment(gain, maximize=True), strict=True):
        if allowed[face, person]:
            given[int(face)] = int(person)
    return tuple(given)
