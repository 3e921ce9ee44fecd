"""What is kept of a person, and what made it.

A person is represented by the sum of the unit embeddings of their photos. Its direction is the centroid.
Keeping the sum and the count, rather than photos or single embeddings, lets photos be added later.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from faceunlock.matching.similarity import Vector


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """What made an embedding; only embeddings with equal identities are comparable.

    Attributes
    ----------
    model : str
        Id in the registry, such as ``dlib``.
    weights_sha256 : str
        Checksum of the weights, 64 hexadecimal digits.
    preprocessing : str
        Id of alignment, crop and normalisation; changes whenever their output does.
    dimension : int
        Length of the embedding.
    """

    model: str
    weights_sha256: str
    preprocessing: str
    dimension: int


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """What is kept of a person: never a photo, only a sum of embeddings.

    Attributes
    ----------
    identity : ModelIdentity
        What made the embeddings.
    vector_sum : array_like of float64 or float32, shape (dimension,)
        Sum of the unit embeddings of `count` photos. A gallery stores it as float32. When read from one it
        is a plain `array.array`, so that listing people needs no NumPy.
    count : int
        Number of photos in the sum, at least 1.
    mean_similarity, lowest_similarity : float
        How consistent the photos were at the last enrolment: the similarity of each photo to the centroid
        of the others, in [-1, 1].
    photo_key : bytes
        Random 32 bytes, the key of `photo_hashes`. Each template has its own.
    photo_hashes : frozenset of str
        HMAC-SHA-256 (hexadecimal) of each photo's content under `photo_key`, so that a calibration
        recognises a probe that also built the template.
    """

    identity: ModelIdentity
    vector_sum: ArrayLike = field(repr=False)
    count: int
    mean_similarity: float
    lowest_similarity: float
    photo_key: bytes = field(repr=False)
    photo_hashes: frozenset[str] = field(repr=False)

    @property
    def centroid(self) -> Vector:
        """The unit vector along the sum, shape (dimension,)."""
        from faceunlock.matching.similarity import unit

        return unit(self.vector_sum)


KEY_BYTES = 32


def least_length(count: int, agreement: float) -> float:
    """Return how long the sum of unit vectors must at least be that agree as much as is said.

    For n vectors x with the sum S and agreements c = cos(x, S - x), S·S is the sum of x·S = 1 + c |S - x|.
    |S - x| is at least |S| - 1, and at most |S| + 1. With the mean agreement a, that gives |S|² >= n a |S|.
    k vectors that are added later, none of them on the far side of the sum, make |S|² longer by at least
    k a |S|, so |S| by at least k a / 2. Earlier vectors keep the agreement they had.

    Parameters
    ----------
    count : int
        Number of vectors, in one enrolment or several.
    agreement : float
        The mean agreement that is stated, in [-1, 1].

    Returns
    -------
    float
        count * agreement / 2, or 0.0 if that is negative.

    Examples
    --------
    >>> least_length(10, 0.9), least_length(10, -0.1)
    (4.5, 0.0)
    """
    return max(0.0, count * agreement / 2)


def photo_hash(key: bytes, digest: bytes) -> str:
    """Return the keyed hash under which a template remembers a photo.

    Parameters
    ----------
    key : bytes
        The template's own random key. Without it, nobody can test whether a known photo was used.
    digest : bytes
        SHA-256 of the photo's content.

    Returns
    -------
    str
        HMAC-SHA-256, 64 hexadecimal digits.
    """
    return hmac.new(key, digest, hashlib.sha256).hexdigest()
