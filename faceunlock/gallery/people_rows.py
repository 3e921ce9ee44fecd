"""Finds people's rows in a gallery's file, and says which of them are missing; none is verified here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from faceunlock.errors import GalleryError
from faceunlock.gallery.file import PEOPLE
from faceunlock.gallery.seal import Plain, Row
from faceunlock.gallery.store import Database
from faceunlock.matching.people import name_key, name_keys

_OWN = "people.key, alike, name, created, updated, CAST(template AS BLOB), CAST(people.checksum AS BLOB)"
"""Columns of the table of people. What is damaged may have become a text that is none: bytes it always is."""

_TEMPLATE = f"SELECT {_OWN} FROM people"  # noqa: S608
_PERSON = (
    f"SELECT {_OWN}, photos.key, CAST(marks AS BLOB), CAST(photos.checksum AS BLOB) "  # noqa: S608
    "FROM people LEFT JOIN photos ON photos.key = people.key"
)
_COLUMNS = 7
"""Columns of `_PERSON` that are those of the table of people."""

MAX_NEAR = 5000
"""How many names are compared with one that is not enrolled, for a hint."""


class PeopleRows:
    """The rows of people and of the marks of their photos.

    Parameters
    ----------
    file : Database
    """

    def __init__(self, file: Database) -> None:
        self._file = file

    def is_empty(self, seal: Plain) -> bool:
        """Return whether there is no row and should be none."""
        return not self._file.query("SELECT 1 FROM people LIMIT 1") and not seal.keys(PEOPLE)

    def key(self, seal: Plain, name: str) -> str:
        """Return the key of a person's row, or the key for a new row if there is none.

        Rows of earlier versions keep the key they were given, in which invisible characters count.
        """
        for key in name_keys(name):
            if self.is_known(seal, key):
                return key
        wanted = name_key(name)
        stored = {key for (key,) in self._file.query("SELECT key FROM people WHERE alike = ?", wanted)}
        return min(
            (key for key in stored | {*seal.alike(PEOPLE, wanted)} if isinstance(key, str)), default=wanted
        )

    def keys(self) -> set[str]:
        """Return the keys of all rows that are there."""
        return {key for (key,) in self._file.query("SELECT key FROM people")}

    def is_known(self, seal: Plain, key: str) -> bool:
        """Return whether a person's row is there or should be."""
        return bool(self._file.query("SELECT 1 FROM people WHERE key = ?", key)) or seal.lists(PEOPLE, key)

    def one(self, seal: Plain, key: str) -> tuple[Row, Row] | None:
        """Return a person's row and that of the marks, each of only the key if missing; None if unknown."""
        rows = self._file.query(f"{_PERSON} WHERE people.key = ?", key)
        if rows:
            return _halves(rows[0])
        return ((key,), (key,)) if seal.lists(PEOPLE, key) else None

    def everybody(self, seal: Plain, *, marks: bool = True) -> Iterator[tuple[Row, Row | None]]:
        """Yield everybody's row with that of the marks; rows of only the key in place of missing ones."""
        there = set()
        for rows in self._counted(_PERSON if marks else _TEMPLATE):
            there.update([row[0] for row in rows])
            for row in rows:
                yield _halves(row) if marks else (row, None)
        for key in seal.missing(PEOPLE, there):
            yield (key,), (key,)

    def batches(self) -> Iterator[Sequence[Row]]:
        """Yield the rows of people that are there, many at a time, without those of the marks."""
        return self._counted(_TEMPLATE)

    def near(self, name: str) -> list[str]:
        """Return names that are much like one that is not enrolled, the closest first."""
        import difflib

        self._file.check_pages()  # an index with a damaged page does not find who is there
        some = self._file.query("SELECT name FROM people LIMIT ?", MAX_NEAR)
        names = {name_key(enrolled): enrolled for (enrolled,) in some}
        return [names[key] for key in difflib.get_close_matches(name_key(name), names)]

    def _counted(self, statement: str) -> Iterator[Sequence[Row]]:
        """Yield all rows of people, and refuse a file whose indexes do not know of as many."""
        count = 0
        for rows in self._file.batches(statement):
            count += len(rows)
            yield rows
        for column in ("key", "alike"):
            known = self._file.query(f"SELECT count(*) FROM people WHERE {column} >= ''")  # noqa: S608
            if known not in ([], [(count,)]):
                path = self._file.path
                raise GalleryError("gallery-damaged", f"{path} is damaged: rows of it cannot be found")


def _halves(row: Row) -> tuple[Row, Row]:
    """Return a person's row and the row of the marks, which is one of only the key if it is missing."""
    person, marks = row[:_COLUMNS], row[_COLUMNS:]
    return person, (person[:1] if marks[0] is None else marks)
