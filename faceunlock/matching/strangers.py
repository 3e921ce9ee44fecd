"""A bank of strangers: embeddings of people who are not enrolled, to compare enrolled people with.

Ten people's own photos cannot bound a false match rate of one in a thousand; thousands of strangers can.
Strangers of the same name are one person, whichever source they came from: counting one person twice would
make a bound too small, counting two people as one only makes it larger.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceunlock.matching.people import name_key
from faceunlock.matching.templates import ModelIdentity, photo_hash

MAX_PHOTOS = 1 << 19
"""Maximum number of photos in a bank; at 512 numbers each they take 1 GiB."""


@dataclass(frozen=True, slots=True)
class StrangerPhoto:
    """One photo of a stranger, as a bank keeps it.

    Attributes
    ----------
    source : str
        Where it came from, such as ``lfw``.
    person : str
        Name of the person's folder.
    digest : bytes
        SHA-256 of the file's content; the bank keeps only a keyed hash of it.
    embedding : ndarray of float32, shape (dimension,)
        Unit vector.
    """

    source: str
    person: str
    digest: bytes = field(repr=False)
    embedding: NDArray[np.float32] = field(repr=False)


@dataclass(frozen=True, slots=True)
class NearStranger:
    """The stranger who is most similar to a template.

    Attributes
    ----------
    name : str
        Name in the bank.
    similarity : float
        Cosine of the stranger's photo and the template's centroid, in [-1, 1].
    threshold : float
        Lowest similarity that is a match.
    strangers : int
        Number of people compared.
    """

    name: str
    similarity: float
    threshold: float
    strangers: int

    @property
    def match(self) -> bool:
        """Whether this stranger would be taken for the person."""
        return self.similarity >= self.threshold


@dataclass(frozen=True, slots=True, eq=False)
class Strangers:
    """The strangers of one model: an embedding of each photo, and never a photo.

    Attributes
    ----------
    identity : ModelIdentity
        What made the embeddings.
    photo_key : bytes
        Random 32 bytes, the key of `hashes`.
    embeddings : ndarray of float32, shape (n, dimension)
        Unit vectors.
    person, source : tuple of str
        Name and source of the person on each photo.
    hashes : tuple of str
        Keyed hash of each photo's content, see `photo_hash`; all different.

    Raises
    ------
    ValueError
        If the lengths differ, a vector is not a unit vector, or there are too many photos.
    """

    identity: ModelIdentity
    photo_key: bytes = field(repr=False)
    embeddings: NDArray[np.float32] = field(repr=False)
    person: tuple[str, ...] = field(repr=False, default=())
    source: tuple[str, ...] = field(repr=False, default=())
    hashes: tuple[str, ...] = field(repr=False, default=())

    def __post_init__(self) -> None:
        count = len(self.person)
        fit = len(self.source) == len(self.hashes) == count
        if not fit or self.embeddings.shape != (count, self.identity.dimension):
            raise ValueError("the embeddings and the names do not fit together")
        if count > MAX_PHOTOS:
            raise ValueError(f"a bank holds at most {MAX_PHOTOS:,} photos")
        if len(set(self.hashes)) != count:
            raise ValueError("a photo occurs twice")
        lengths = np.linalg.norm(self.embeddings.astype(np.float64), axis=1)
        if not np.all(np.abs(lengths - 1.0) < 1e-3):
            raise ValueError("an embedding is not a unit vector")

    def __len__(self) -> int:
        return len(self.person)

    @classmethod
    def none(cls, identity: ModelIdentity, photo_key: bytes) -> Strangers:
        """Return an empty bank."""
        return cls(identity, photo_key, np.empty((0, identity.dimension), dtype=np.float32))

    @property
    def people(self) -> int:
        """Number of different people."""
        return len({name_key(person) for person in set(self.person)})

    def by_source(self) -> dict[str, tuple[int, int]]:
        """Return the number of people and of photos of each source, in order of their names."""
        found: dict[str, list[str]] = {}
        for source, person in zip(self.source, self.person, strict=True):
            found.setdefault(source, []).append(person)
        return {
            source: (len({name_key(name) for name in set(names)}), len(names))
            for source, names in sorted(found.items())
        }

    def with_photos(self, photos: Iterable[StrangerPhoto]) -> Strangers:
        """Return a bank with further photos; those that it has already are passed over.

        Raises
        ------
        ValueError
            If there are too many, or an embedding is not one of this model.
        """
        known = set(self.hashes)
        new: dict[str, StrangerPhoto] = {}
        for photo in photos:
            hashed = photo_hash(self.photo_key, photo.digest)
            if hashed not in known:
                new.setdefault(hashed, photo)
        if not new:
            return self
        rows = [photo.embedding for photo in new.values()]
        return replace(
            self,
            embeddings=np.concatenate([self.embeddings, np.stack(rows)]).astype(np.float32, copy=False),
            person=(*self.person, *(photo.person for photo in new.values())),
            source=(*self.source, *(photo.source for photo in new.values())),
            hashes=(*self.hashes, *new),
        )

    def without(self, name: str) -> Strangers:
        """Return a bank without the source or the person of a name, or a person of a source ("lfw/Ada")."""
        key = name_key(name)
        origin, _, of_origin = name.partition("/")  # no folder has a slash in its name
        member = name_key(of_origin) if of_origin else None
        return self._only(
            [
                source != name and name_key(person) != key and (source, name_key(person)) != (origin, member)
                for source, person in zip(self.source, self.person, strict=True)
            ]
        )

    def apart_from(self, people: Collection[str], digests: Iterable[bytes] = ()) -> Strangers:
        """Return the strangers who are certainly none of these people's namesakes or on their photos.

        A stranger is left out for the name, or if one of the photos has the same content as one of the
        people's. Nobody is left out for being similar: that would hide the false matches to be counted.

        Parameters
        ----------
        people : collection of str
            Names of people who are no strangers.
        digests : iterable of bytes
            SHA-256 of each of their photos.
        """
        hashes = {photo_hash(self.photo_key, digest) for digest in digests} if len(self) else set()
        known = {name_key(person) for person in people}
        known |= {
            name_key(person)
            for person, hashed in zip(self.person, self.hashes, strict=True)
            if hashed in hashes
        }
        return self._only([name_key(person) not in known for person in self.person])

    def without_photos(self, digests: Iterable[bytes]) -> Strangers:
        """Return a bank without the photos of these contents."""
        hashes = {photo_hash(self.photo_key, digest) for digest in digests} if len(self) else set()
        return self._only([hashed not in hashes for hashed in self.hashes])

    def nearest(self, centroid: ArrayLike, threshold: float, *, name: str | None) -> NearStranger | None:
        """Return the stranger most similar to a person's centroid, or to a photo; None without any stranger.

        Parameters
        ----------
        centroid : array_like, shape (dimension,)
            Unit vector.
        threshold : float
            Lowest similarity that is a match, in [-1, 1].
        name : str or None
            The person, who is no stranger.
        """
        others = self if name is None else self.apart_from([name])
        if not len(others):
            return None
        scores = others.embeddings @ np.asarray(centroid, dtype=np.float32)
        best = int(np.argmax(scores))
        similarity = float(np.clip(scores[best], -1.0, 1.0))
        return NearStranger(others.person[best], similarity, threshold, others.people)

    def _only(self, kept: Sequence[bool]) -> Strangers:
        if all(kept):
            return self
        chosen = [index for index, keep in enumerate(kept) if keep]
        return replace(
            self,
            embeddings=self.embeddings[chosen],
            person=tuple(self.person[index] for index in chosen),
            source=tuple(self.source[index] for index in chosen),
            hashes=tuple(self.hashes[index] for index in chosen),
        )
