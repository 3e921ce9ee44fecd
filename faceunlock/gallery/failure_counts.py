"""The failures in a row in the attempts file: one row for each person, and one for attempts without a name.

Each row has a checksum, and is read back after it was written: a count that a damaged file lowers would let
somebody try too often.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection
from typing import Any, Protocol, runtime_checkable

from faceunlock.errors import GalleryError
from faceunlock.gallery.lockout import Failures, Moment
from faceunlock.gallery.store import Connection, Database
from faceunlock.matching.people import name_key, name_keys

CREATE = (
    "CREATE TABLE failures (key TEXT PRIMARY KEY NOT NULL, count INTEGER NOT NULL, boot TEXT NOT NULL, "
    "seconds REAL NOT NULL, checksum TEXT NOT NULL)"
)
EVERYBODY = ""
"""The key of attempts without a name; no person's key is empty."""

_ROW = "SELECT key, count, boot, seconds, checksum FROM failures WHERE key = ?"
_STORE = (
    "INSERT INTO failures VALUES (?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET count = excluded.count, "
    "boot = excluded.boot, seconds = excluded.seconds, checksum = excluded.checksum"
)


@runtime_checkable
class Directory(Protocol):
    """Names that are looked up by their keys rather than listed, because there are so many."""

    def having(self, keys: Collection[str]) -> Collection[str]:
        """Return the names that have one of these keys."""
        ...


class FailureCounts:
    """The counts in the attempts file.

    Methods that take a connection run inside the caller's transaction. Every method raises `GalleryError`
    as the file does.

    Parameters
    ----------
    file : Database
        Holds the table that `CREATE` creates.
    clock : callable
        Returns the present moment.
    """

    def __init__(self, file: Database, clock: Callable[[], Moment]) -> None:
        self._file, self._clock = file, clock

    def under(self, key: str) -> list[Failures]:
        """Return the failures recorded for a key: at most one record."""
        return [self._checked(key, row) for row in self._file.query(_ROW, key)]

    def of(self, name: str) -> list[Failures]:
        """Return the failures recorded for a person, the latest record last."""
        return [record for key in name_keys(name) for record in self.under(key)]

    def who_failed(self, names: Collection[str]) -> Collection[str]:
        """Return those of these people for whom there may be failures; the others need no further look."""
        if len(names) == 1:
            return names
        known = {name_key(str(key)) for (key,) in self._file.query("SELECT key FROM failures")} - {EVERYBODY}
        if isinstance(names, Directory):
            return names.having(known) if known else ()
        return {name for name in names if name_key(name) in known} if known else ()

    def add(self, connection: Connection, key: str) -> None:
        """Count a failure now."""
        known = self.under(key)
        self.store(connection, key, Failures(1 + sum(f.count for f in known), self._clock()))

    def charge(self, key: str) -> tuple[list[Failures], list[Failures]]:
        """Count a failure now in a transaction of its own, and return the records before and after."""
        with self._file.transaction() as connection:
            before = self.under(key)
            self.add(connection, key)
            return before, self.under(key)

    def uncharge(
        self, connection: Connection, key: str, before: list[Failures], after: list[Failures]
    ) -> None:
        """Take back what `charge` counted, and nothing that was counted since."""
        present = self.under(key)
        if present != after:  # others failed meanwhile, or somebody's yes began the count again
            less = [Failures(one.count - 1, one.last) for one in present]
            before = [one for one in less if one.count > 0]
        if before:
            self.store(connection, key, before[0])
        else:
            self.begin_again(connection, key)

    def store(self, connection: Connection, key: str, failures: Failures) -> None:
        """Replace the record of a key."""
        values = (key, failures.count, failures.last.boot, float(failures.last.seconds))
        row = (*values, _checksum(*values))
        connection.execute(_STORE, row)
        self._file.expect(_ROW, (key,), (row,))

    def begin_again(self, connection: Connection, key: str) -> None:
        """Delete the record of a key."""
        connection.execute("DELETE FROM failures WHERE key = ?", (key,))
        self._file.expect(_ROW, (key,), ())

    def drop(self, connection: Connection) -> None:
        """Delete all records."""
        connection.execute("DELETE FROM failures")
        self._file.expect("SELECT 1 FROM failures LIMIT 1", (), ())

    def _checked(self, asked: str, row: tuple[Any, ...]) -> Failures:
        key, count, boot, seconds, checksum = row
        types = (count, int), (boot, str), (seconds, float)
        typed = key == asked and all(isinstance(value, kind) for value, kind in types)
        if not typed or checksum != _checksum(*row[:-1]):
            raise GalleryError(
                "attempts-damaged",
                f"{self._file.path}: a count of attempts is damaged",
                hint=self._file.mending,
            )
        return Failures(count, Moment(boot, seconds))


def _checksum(*values: str | float) -> str:
    return hashlib.sha256(json.dumps(values).encode("ascii")).hexdigest()
