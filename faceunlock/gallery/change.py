"""One transaction on a gallery: rows in and out through its seal, and what the file must hold afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from faceunlock.gallery.file import CALIBRATIONS, EARLIER, PARTS, PEOPLE, PHOTOS, STRANGERS
from faceunlock.gallery.seal import Plain, Row, Sealed
from faceunlock.gallery.store import Connection

TABLES = {PEOPLE: "key", PHOTOS: "key", CALIBRATIONS: "identity", STRANGERS: "identity"}
"""The tables of a gallery and their primary keys; see `faceunlock.gallery.seal.Row`."""

PRIMARY = TABLES | {PARTS: "name"}
"""Every table that is written by row, and its primary key."""

EVERY = (*PRIMARY, EARLIER)

_KEYS = {table: f"SELECT {key} FROM {table}" for table, key in PRIMARY.items()}  # noqa: S608

_MARKS_OF_NOBODY = "SELECT key FROM photos WHERE key NOT IN (SELECT key FROM people)"


class Change:
    """One transaction on a gallery.

    Parameters
    ----------
    connection : Connection
        Inside a transaction.
    seal : Plain or Sealed
        How rows are read and written; replaced when the gallery is sealed or unsealed.
    expect : callable
        `PrivateDatabase.expect` of the file: told what every row must be after the commit.
    """

    def __init__(
        self,
        connection: Connection,
        seal: Plain,
        expect: Callable[[str, Sequence[str], Sequence[Row]], None],
    ) -> None:
        self.connection, self.seal = connection, seal
        self._expect = expect
        self.before = seal
        self.dirty = False

    def write(self, table: str, values: Sequence[Any]) -> None:
        """Store a row, replacing the one with the same key."""
        self._store(table, self.seal.write(table, values))

    def delete(self, table: str, *keys: str) -> int:
        """Delete rows, damaged or not, and return how many there were or should have been."""
        statement = f"DELETE FROM {table} WHERE {PRIMARY[table]} = ?"  # noqa: S608
        count = 0
        for key in keys:
            count += self.connection.execute(statement, (key,)).rowcount
            self._expect(row_of(table), (key,), ())
        self.dirty = True
        return max(count, self.seal.drop(table, keys))

    def forget_earlier(self) -> None:
        """Delete all rows as an earlier version stored them; none is ever written."""
        self.connection.execute(f"DELETE FROM {EARLIER} WHERE TRUE")  # noqa: S608
        self._expect(f"SELECT 1 FROM {EARLIER} LIMIT 1", (), ())  # noqa: S608
        self.dirty = True

    def rows(self) -> Iterator[tuple[str, list[Any]]]:
        """Yield every row with its table.

        Raises
        ------
        ValueError
            If a row is missing or not as it was written.
        """
        for table, key in TABLES.items():
            rows = self.connection.execute(f"SELECT * FROM {table} ORDER BY {key}").fetchall()  # noqa: S608
            for row in self.seal.complete(table, rows):
                yield table, self.seal.read(table, row)

    def reseal(self, seal: Plain) -> None:
        """Rewrite every row under a different seal."""
        self.delete(PHOTOS, *self._keys(_MARKS_OF_NOBODY))
        rows = list(self.rows())
        self.delete(PARTS, *self._keys(_KEYS[PARTS]))
        self.seal = seal
        for table, values in rows:
            self.write(table, values)
        self.dirty = True

    def _keys(self, statement: str) -> list[str]:
        return [key for (key,) in self.connection.execute(statement)]

    def write_parts(self, seal: Sealed) -> None:
        """Store the parts of the list that the change altered."""
        for name, row in seal.parts():
            if row is None:
                self.delete(PARTS, name)
            else:
                self._store(PARTS, row)

    def _store(self, table: str, row: Row) -> None:
        marks = ", ".join("?" * len(row))
        self.connection.execute(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", row)  # noqa: S608
        self._expect(row_of(table), (row[0],), (row,))
        self.dirty = True


def row_of(table: str) -> str:
    """Return the statement that finds the row of a key."""
    return f"SELECT * FROM {table} WHERE {PRIMARY[table]} = ?"  # noqa: S608
