"""Everybody's templates as arrays: one comparison for all people, however many they are."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceunlock.matching.people import in_order, name_key
from faceunlock.matching.similarity import Decision, Label, Vector, decide, unit

if TYPE_CHECKING:
    from faceunlock.matching.people import Person
    from faceunlock.matching.templates import ModelIdentity

BLOCK = 1 << 16
"""Numbers that are turned into float64 at a time: few enough for the cache of a processor."""

TIE = 1e-9
"""Similarities this close are compared again, one by one, before one of them decides."""


@dataclass(frozen=True, slots=True, eq=False)
class Templates:
    """The templates of all people that were made by one model.

    Attributes
    ----------
    identity : ModelIdentity
        What made the embeddings.
    sums : ndarray of float32, shape (n, dimension)
        Sums of unit embeddings; the templates of a person are side by side.
    lengths : ndarray of float64, shape (n,)
        Their lengths, all of them finite and above zero.
    owner : ndarray of int64, shape (n,)
        The index of each template's person among `names`, never falling.
    names : sequence of str
        The people.
    looks : mapping of int to str
        The look of a template, by its row; a person's own template has none.
    """

    identity: ModelIdentity
    sums: NDArray[np.float32] = field(repr=False)
    lengths: Vector = field(repr=False)
    owner: NDArray[np.int64] = field(repr=False)
    names: Sequence[str] = field(repr=False)
    looks: Mapping[int, str] = field(repr=False)

    def __len__(self) -> int:
        return len(self.owner)

    def similarities(self, probes: ArrayLike) -> Vector:
        """Return the cosine similarity of every probe with every template.

        Parameters
        ----------
        probes : array_like, shape (n_probes, dimension)
            Unit vectors.

        Returns
        -------
        ndarray of float64, shape (n_probes, n)
            Clipped to [-1, 1].
        """
        turned = np.asarray(probes, dtype=np.float64).T
        scores = np.empty((len(self), turned.shape[1]))
        for part in _parts(self.sums):
            scores[part] = (self.sums[part].astype(np.float64) / self.lengths[part, None]) @ turned
        found: Vector = np.clip(scores.T, -1.0, 1.0)
        return found

    @property
    def approximate(self) -> bool:
        """Return False: every template is compared."""
        return False

    def near(self, probes: ArrayLike, least: float) -> Templates:
        """Return templates among which are all that decide about some probes: here, all there are.

        Parameters
        ----------
        probes : array_like, shape (n_probes, dimension)
            Unit vectors.
        least : float
            Every template at least this similar to a probe is wanted, and the most similar one of each probe.
        """
        return self

    def best_looks(self, probes: ArrayLike) -> Vector:
        """Return the similarity of every probe to every person's most similar look.

        Returns
        -------
        ndarray of float64, shape (n_probes, number of people)
        """
        first = np.flatnonzero(np.diff(self.owner, prepend=-1))
        best: Vector = np.maximum.reduceat(self.similarities(probes), first, axis=1)
        return best

    def without(self, names: Collection[str]) -> Templates:
        """Return the templates of all other people."""
        return self._of([name not in names for name in self.names]) if names else self

    def only(self, names: Collection[str]) -> Templates:
        """Return the templates of these people alone."""
        return self._of([name in names for name in self.names])

    def decide(self, probe: ArrayLike, threshold: float) -> Decision:
        """Compare one probe with all templates and decide on the most similar of them.

        Of several that are equally similar, the first by name is chosen.

        Parameters
        ----------
        probe : array_like, shape (dimension,)
            Unit vector.
        threshold : float
            Lowest similarity that is a match; the caller chooses it for ``len(self)`` templates.

        Raises
        ------
        ValueError
            If there is no template.
        """
        if not len(self):
            raise ValueError("nobody to compare with")
        scores = self.similarities(np.asarray(probe)[None, :])[0]
        close = np.flatnonzero(~(scores < scores.max() - TIE))  # also what is not a number
        rows = sorted(map(int, close), key=lambda row: (name_key(self._name(row)), row))
        centroids: dict[Label, Vector] = {
            (self._name(row), self.looks.get(row)): unit(self.sums[row]) for row in rows
        }
        return replace(decide(probe, centroids, threshold), candidates=len(self))

    def _name(self, row: int) -> str:
        return self.names[int(self.owner[row])]

    def _of(self, chosen: Sequence[bool]) -> Templates:
        kept = np.array(chosen, dtype=bool)
        rows = np.flatnonzero(kept[self.owner])
        places = {int(row): place for place, row in enumerate(rows)} if self.looks else {}
        return Templates(
            self.identity,
            self.sums[rows],
            self.lengths[rows],
            (np.cumsum(kept) - 1)[self.owner[rows]],
            [name for name, stays in zip(self.names, chosen, strict=True) if stays],
            {places[row]: look for row, look in self.looks.items() if row in places},
        )


@dataclass(frozen=True, slots=True, eq=False)
class Crowd:
    """Everybody who is enrolled, as one block of templates for each model.

    Attributes
    ----------
    parts : tuple of Templates
        Sorted by model.
    """

    parts: tuple[Templates, ...]

    @classmethod
    def of(cls, people: Iterable[Person]) -> Crowd:
        """Return people as columns."""
        groups: dict[ModelIdentity, list[Person]] = {}
        for person in people:
            groups.setdefault(person.template.identity, []).append(person)
        return cls.sorted(_templates(identity, members) for identity, members in groups.items())

    @classmethod
    def sorted(cls, parts: Iterable[Templates]) -> Crowd:
        """Return parts as a crowd, sorted by model."""
        return cls(tuple(sorted(parts, key=lambda part: _order(part.identity))))

    def __len__(self) -> int:
        return sum(len(part.names) for part in self.parts)

    @property
    def identities(self) -> tuple[ModelIdentity, ...]:
        """What made the templates, sorted by model."""
        return tuple(part.identity for part in self.parts)

    def made_by(self, identity: ModelIdentity) -> Templates | None:
        """Return the templates of one model, or None if there are none."""
        return next((part for part in self.parts if part.identity == identity), None)

    def names(self) -> list[str]:
        """Return everybody's name, in no order."""
        return [name for part in self.parts for name in part.names]

    def first(self) -> tuple[str, ModelIdentity]:
        """Return the first person by name, of at least one, and what made that person's templates."""
        everybody = ((name, part.identity) for part in self.parts for name in part.names)
        return min(everybody, key=lambda one: name_key(one[0]))

    def others(self, identity: ModelIdentity) -> tuple[str, ...]:
        """Return the names of those whose templates another model made, sorted."""
        return in_order(name for part in self.parts if part.identity != identity for name in part.names)


def _templates(identity: ModelIdentity, people: Sequence[Person]) -> Templates:
    templates = [
        (at, look, template) for at, person in enumerate(people) for look, template in person.templates
    ]
    sums = np.array([np.asarray(template.vector_sum) for _, _, template in templates], dtype=np.float32)
    return Templates(
        identity,
        sums,
        lengths_of(sums),
        np.array([at for at, _, _ in templates], dtype=np.int64),
        [person.name for person in people],
        {row: look for row, (_, look, _) in enumerate(templates) if look is not None},
    )


def lengths_of(sums: NDArray[np.float32]) -> Vector:
    """Return the lengths of vectors, shape (n, dimension), as float64."""
    squares = np.empty(len(sums))
    for part in _parts(sums):
        some = sums[part].astype(np.float64)
        squares[part] = np.einsum("ij,ij->i", some, some)
    found: Vector = np.sqrt(squares)
    return found


def _parts(sums: NDArray[np.float32]) -> Iterator[slice]:
    """Yield the parts of a block of templates that are turned into float64 one after the other."""
    size = max(1, BLOCK // sums.shape[1])
    return (slice(start, start + size) for start in range(0, len(sums), size))


def _order(identity: ModelIdentity) -> tuple[str, str, str]:
    return identity.model, identity.weights_sha256, identity.preprocessing
