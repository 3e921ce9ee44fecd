"""Everybody on a server: it finds who is near a probe, and this machine compares those exactly.

The server knows a unit vector of float32 for each template. Its inner products are good to about 1e-5, so it
is asked for everybody within `MARGIN` of the most similar one. Their rows are read and checked as always, and
the same code decides about them as about a gallery in a file, with the same numbers. So a vector that
somebody changed lets nobody in: it is compared with its template before anything is decided.

By default every vector is looked at. With an index (`faceunlock.gallery.postgres.index`) the most similar
person may be missed, never confused.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceunlock.errors import GalleryError
from faceunlock.files.reading import parse_json
from faceunlock.gallery.cipher import document
from faceunlock.gallery.entries import person_of
from faceunlock.gallery.postgres.database import PostgresDatabase
from faceunlock.gallery.postgres.faults import MENDING
from faceunlock.gallery.postgres.vectors import as_text, from_text
from faceunlock.gallery.seal import Plain
from faceunlock.matching.crowd import Crowd, Templates
from faceunlock.matching.people import Person, in_order, name_key
from faceunlock.matching.records import identity_to_record, record_to_identity
from faceunlock.matching.similarity import Decision
from faceunlock.matching.templates import ModelIdentity

MARGIN = 1e-4
"""More than the inner product of two vectors of float32 can be wrong."""

FIRST, MORE = 32, 8
"""How many templates the server is asked for, and how many times as many while that is not enough."""

BREADTH = 200
"""How many vectors a search by index keeps in sight: pgvector's ``hnsw.ef_search``, at most 1,000."""

_WIDEST = 1000

_COLUMNS = "p.key, p.alike, p.name, p.created, p.updated, p.template, p.checksum"

_COUNTS = "SELECT model, count(*), count(*) FILTER (WHERE place = 0) FROM templates GROUP BY model"


def index_name(number: int) -> str:
    """Return the name of the index of one model's vectors."""
    return f"templates_hnsw_{number}"


@dataclass(frozen=True, slots=True)
class Stored:
    """A model with at least one person.

    Attributes
    ----------
    identity : ModelIdentity
    number : int
        Its number in the database.
    templates, people : int
        How many there are.
    indexed : bool
        Whether an index can search them.
    """

    identity: ModelIdentity
    number: int
    templates: int
    people: int
    indexed: bool


class ServerNames(Collection[str]):
    """The names of people, looked up in the database rather than listed.

    Parameters
    ----------
    database : PostgresDatabase
    count : int
        How many there are.
    model : Stored, optional
        Only people of this model.
    """

    def __init__(self, database: PostgresDatabase, count: int, model: Stored | None = None) -> None:
        self._database, self._count = database, count
        self._of = "" if model is None else _of_model(model)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[str]:
        for rows in self._database.batches(f"SELECT p.name FROM people p WHERE TRUE {self._of}"):  # noqa: S608
            yield from (name for (name,) in rows)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name in self.having({name_key(name)})

    def having(self, keys: Collection[str]) -> Collection[str]:
        """Return the names that have one of these keys, in any spelling."""
        wanted = f"SELECT p.name FROM people p WHERE p.alike = ANY(?) {self._of}"  # noqa: S608
        return {name for (name,) in self._database.query(wanted, list(keys))}


def _of_model(model: Stored) -> str:
    return f"AND p.key IN (SELECT key FROM templates WHERE model = {model.number})"  # noqa: S608


class ServerTemplates:
    """The templates of all people that were made by one model; see `faceunlock.matching.candidates`.

    Parameters
    ----------
    database : PostgresDatabase
    model : Stored
    left_out : collection of str
        Names of people who are not compared.
    """

    def __init__(self, database: PostgresDatabase, model: Stored, left_out: Collection[str] = ()) -> None:
        self._database, self._model = database, model
        self._left_out = sorted({name_key(name) for name in left_out})
        self.identity = model.identity
        self._fewer = self._count_left_out() if self._left_out else (0, 0)

    def __len__(self) -> int:
        return self._model.templates - self._fewer[0]

    @property
    def names(self) -> ServerNames:
        """The people, including those who are not compared; there are as many as are compared."""
        return ServerNames(self._database, self._model.people - self._fewer[1], self._model)

    @property
    def approximate(self) -> bool:
        """Whether an index searches, which may miss the most similar template."""
        return self._model.indexed

    def without(self, names: Collection[str]) -> ServerTemplates:
        """Return the templates of all other people."""
        return ServerTemplates(self._database, self._model, names) if names else self

    def only(self, names: Collection[str]) -> Templates:
        """Return the templates of these people alone."""
        wanted = f"SELECT {_COLUMNS} FROM people p WHERE p.alike = ANY(?)"  # noqa: S608
        rows = self._database.query(wanted, [name_key(name) for name in names])
        people = [person_of(row, None, Plain(), self._database.path) for row in rows]
        return self._local([person for person in people if person.name in names])

    def decide(self, probe: ArrayLike, threshold: float) -> Decision:
        """Compare one probe with all templates and decide; as `Templates.decide`, with the same numbers."""
        near = self.near(np.asarray(probe)[None, :], math.inf)
        return replace(near.decide(probe, threshold), candidates=len(self))

    def near(self, probes: ArrayLike, least: float) -> Templates:
        """Return templates among which are all that decide about these probes; as `Templates.near`.

        Raises
        ------
        GalleryError
            ``gallery-damaged`` if the row of somebody near, or a vector, is not as it was written.
        """
        found: dict[str, Person] = {}
        with self._database.reading():
            for probe in np.asarray(probes, dtype=np.float64):
                for row in self._closest(probe, least):
                    if row[0] not in found:
                        found[row[0]] = person_of(row[:7], None, Plain(), self._database.path)
                    self._check_vector(found[row[0]], *row[7:9])
        return self._local(found.values())

    def nearest(self, probe: ArrayLike, *, by_index: bool) -> float:
        """Return the largest similarity that the server finds, good to about 1e-5; -1 if it finds nobody."""
        with self._database.reading():
            rows = self._ordered(as_text(probe), 1, by_index=by_index)
        return -float(rows[0][9]) if rows else -1.0

    def _closest(self, probe: NDArray[np.float64], least: float) -> Sequence[Sequence[Any]]:
        """Return the rows of all who are near enough, the nearest first, and who else was found."""
        limit, vector = FIRST, as_text(probe)
        while True:
            rows = self._search(vector, limit)
            scores = [-float(row[9]) for row in rows]
            # Also of what is not a number, which would come last.
            if len(rows) < limit or not scores[-1] >= min(scores[0], least) - MARGIN:
                return rows
            limit *= MORE

    def _search(self, vector: str, limit: int) -> list[tuple[Any, ...]]:
        by_index = self._model.indexed and limit + len(self._left_out) <= _WIDEST
        rows = self._ordered(vector, limit, by_index=by_index)
        # An index stops early; those who are left out may be all that it found.
        return rows if rows or not by_index else self._ordered(vector, limit, by_index=False)

    def _ordered(self, vector: str, limit: int, *, by_index: bool) -> list[tuple[Any, ...]]:
        off, on = ("off", "on") if by_index else ("on", "off")
        breadth = min(_WIDEST, max(BREADTH, limit + len(self._left_out)))
        self._database.query(
            "SELECT set_config('enable_indexscan', ?, true), set_config('enable_seqscan', ?, true), "
            "set_config('enable_sort', ?, true), set_config('hnsw.ef_search', ?, true)",
            *(on, off, off, str(breadth)),
        )
        unit = f"unit::vector({self.identity.dimension})" if by_index else "unit"  # as in the index
        ask = f"""
            SELECT {_COLUMNS}, t.place, t.unit::text, t.far
            FROM (SELECT key, place, unit, {unit} <#> ?::vector AS far FROM templates
                  WHERE model = {self._model.number} {self._allowed()}
                  ORDER BY {unit} <#> ?::vector LIMIT {limit}) t
            JOIN people p ON p.key = t.key
            """  # noqa: S608 - names and numbers of ours
        rows = self._database.query(ask, *self._values(vector), vector)
        return sorted(rows, key=lambda row: row[9])

    def _allowed(self) -> str:
        locked = "AND key NOT IN (SELECT key FROM people WHERE alike = ANY(?))"
        return locked if self._left_out else ""

    def _values(self, *first: str) -> list[Any]:
        return [*first, self._left_out] if self._left_out else [*first]

    def _count_left_out(self) -> tuple[int, int]:
        ask = (
            f"SELECT count(*), count(*) FILTER (WHERE place = 0) FROM templates "  # noqa: S608
            f"WHERE model = {self._model.number} AND key IN (SELECT key FROM people WHERE alike = ANY(?))"
        )
        ((templates, people),) = self._database.query(ask, self._left_out)
        return templates, people

    def _check_vector(self, person: Person, place: int, text: str) -> None:
        """Refuse a vector that is not the one of the template that it stands for."""
        if person.template.identity == self.identity and _stands_for(text, person, place):
            return
        raise GalleryError(
            "gallery-damaged",
            f"{self._database.path}: a vector of {person.name} is not that of the template",
            hint=MENDING,
        )

    def _local(self, people: Collection[Person]) -> Templates:
        found = Crowd.of(people).made_by(self.identity)
        if found is None:
            raise GalleryError(
                "gallery-damaged", f"{self._database.path}: people of this model are missing", hint=MENDING
            )
        return found


class ServerCrowd:
    """Everybody who is enrolled in a database; see `faceunlock.matching.candidates.Everybody`.

    Parameters
    ----------
    database : PostgresDatabase
        Counted now, and searched later.

    Attributes
    ----------
    models : list of Stored
        The models with at least one person.

    Raises
    ------
    GalleryError
        ``gallery-damaged`` if somebody has no vector.
    """

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database
        with database.reading():
            self._count = int(database.query("SELECT count(*) FROM people")[0][0])
            counts = {number: (templates, people) for number, templates, people in database.query(_COUNTS)}
            models = database.query("SELECT number, identity FROM models")
            indexes = {name for (name,) in database.query(_INDEXES)}
        if self._count != sum(people for _, people in counts.values()):
            raise GalleryError(
                "gallery-damaged",
                f"{database.path}: not everybody has a vector, so a search would miss somebody",
                hint=MENDING,
            )
        self.models = [
            Stored(identity, number, *counts[number], index_name(number) in indexes)
            for number, identity in ((number, self._identity(text)) for number, text in models)
            if number in counts
        ]
        if len(self.models) != len(counts):
            raise GalleryError(
                "gallery-damaged", f"{database.path}: a model of vectors is unknown", hint=MENDING
            )

    def __len__(self) -> int:
        return self._count

    @property
    def parts(self) -> tuple[ServerTemplates, ...]:
        """The templates of each model, sorted by model."""
        models = sorted(self.models, key=lambda model: _order(model.identity))
        return tuple(ServerTemplates(self._database, model) for model in models)

    @property
    def identities(self) -> tuple[ModelIdentity, ...]:
        """What made the templates, sorted by model."""
        return tuple(part.identity for part in self.parts)

    def made_by(self, identity: ModelIdentity) -> ServerTemplates | None:
        """Return the templates of one model, or None if there are none."""
        return next((part for part in self.parts if part.identity == identity), None)

    def names(self) -> ServerNames:
        """Return everybody's name, in no order."""
        return ServerNames(self._database, self._count)

    def first(self) -> tuple[str, ModelIdentity]:
        """Return the first person by name, of at least one, and what made that person's templates."""
        ask = f"SELECT {_COLUMNS} FROM people p ORDER BY alike LIMIT 1"  # noqa: S608
        (row,) = self._database.query(ask)
        person = person_of(row, None, Plain(), self._database.path)
        return person.name, person.template.identity

    def others(self, identity: ModelIdentity) -> tuple[str, ...]:
        """Return the names of those whose templates another model made, sorted."""
        others = [model for model in self.models if model.identity != identity]
        return in_order(name for model in others for name in ServerNames(self._database, model.people, model))

    def _identity(self, text: str) -> ModelIdentity:
        try:
            return record_to_identity(parse_json(text))
        except ValueError as error:
            raise GalleryError(
                "gallery-damaged", f"{self._database.path}: a model is not one: {error}", hint=MENDING
            ) from error


_INDEXES = """
SELECT c.relname::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'faceunlock' AND i.indisvalid AND position('hnsw' IN c.relname) > 0
"""


def _order(identity: ModelIdentity) -> tuple[str, str, str]:
    return identity.model, identity.weights_sha256, identity.preprocessing


def wrong_vectors(database: PostgresDatabase) -> Iterator[str]:
    """Yield everybody whose vectors are not those of the templates; damaged people are left out."""
    ask = (
        f"SELECT {_COLUMNS}, m.identity, t.place, t.unit::text FROM people p "  # noqa: S608
        "LEFT JOIN templates t ON t.key = p.key LEFT JOIN models m ON m.number = t.model "
        "ORDER BY p.key, t.place"
    )
    every = (row for rows in database.batches(ask) for row in rows)
    for _, rows in groupby(every, key=lambda row: row[0]):
        vectors = list(rows)
        try:
            person = person_of(vectors[0][:7], None, Plain(), database.path)
        except GalleryError:
            continue
        identity = document(identity_to_record(person.template.identity))
        complete = [place for *_, place, _ in vectors] == list(range(len(person.templates)))
        if not complete or not all(
            made_by == identity and _stands_for(text, person, place) for *_, made_by, place, text in vectors
        ):
            yield person.name


def _stands_for(text: str, person: Person, place: int) -> bool:
    """Return whether a stored vector is the unit vector of a person's template, rounded to float32."""
    templates = person.templates
    return 0 <= place < len(templates) and np.array_equal(
        from_text(text), templates[place][1].centroid.astype(np.float32)
    )
