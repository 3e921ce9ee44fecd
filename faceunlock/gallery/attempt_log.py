"""The log of attempts: who, when, the outcome and the photo's source; bounded, and without photos.

Attempts that count have a bound of their own: anybody can show a photo without a face as often as they like,
and must not be able to push the others out of the log that way.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Any

from faceunlock.errors import GalleryError
from faceunlock.gallery.store import Connection, Database
from faceunlock.matching.people import known_name, name_key, name_keys

CREATE = (
    "CREATE TABLE log (number INTEGER PRIMARY KEY, time TEXT NOT NULL, key TEXT, person TEXT, "
    "outcome TEXT NOT NULL, similarity REAL, model TEXT, source TEXT NOT NULL)"
)
YES, NO = "yes", "no"
COUNTED = frozenset(
    (
        "not-live", "turn-too-slow", "turn-wrong-way", "turn-too-soon", "turn-too-fast", "face-lost",
        "face-jumped", "second-face", "face-changed", "frames-stopped", "too-few-frames",
    )
)  # fmt: skip
"""Errors that also count as failed attempts, so that spoofing is rate-limited."""

_COLUMNS = "time, person, outcome, similarity, model, source"
_ENTRY = f"SELECT key, {_COLUMNS} FROM log WHERE number = ?"  # noqa: S608
_KINDS = tuple(
    f"outcome {word} ({', '.join(repr(slug) for slug in sorted({YES, NO, *COUNTED}))})"
    for word in ("IN", "NOT IN")
)
"""Conditions for attempts that were decided or counted, and for all others."""


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One attempt.

    Attributes
    ----------
    time : str
        UTC, ISO 8601, by the wall clock.
    person : str or None
        The claimed person. Without a claim, the person who was recognised, if any.
    outcome : str
        ``yes``, ``no``, or the slug of the error that prevented a decision.
    similarity : float or None
        Cosine, in [-1, 1]; None if nothing was decided.
    model : str or None
        Id of the model that was used.
    source : str
        Where the photo came from: a path, ``stdin``, or another source.
    """

    time: str
    person: str | None
    outcome: str
    similarity: float | None
    model: str | None
    source: str


class AttemptLog:
    """The log entries in the attempts file.

    Methods that take a connection run inside the caller's transaction. Every method raises `GalleryError`
    as the file does.

    Parameters
    ----------
    file : Database
        Holds the table that `CREATE` creates.
    limit : int
        How many entries are kept of attempts that were decided or counted, and how many of all others; the
        oldest are deleted first. 0 keeps none.
    """

    def __init__(self, file: Database, limit: int) -> None:
        self._file, self._limit = file, limit

    def add(self, connection: Connection, entry: LogEntry) -> int | None:
        """Append an entry and return its number, or None if no log is kept."""
        number = None
        if self._limit:
            row = (None if entry.person is None else name_key(entry.person), *astuple(entry))
            (number,) = connection.execute(
                f"INSERT INTO log (key, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING number",  # noqa: S608
                row,
            ).fetchone()
            self._file.expect(_ENTRY, (number,), (row,))
        for kind in _KINDS:
            newest = f"SELECT number FROM log WHERE {kind} ORDER BY number DESC LIMIT 1 OFFSET ?"  # noqa: S608
            connection.execute(
                f"DELETE FROM log WHERE {kind} AND number <= ({newest})",  # noqa: S608
                (self._limit,),
            )
        return number

    def turn_into_yes(self, connection: Connection, number: int | None, person: str) -> None:
        """Change the outcome of an entry to a yes for a person; None is no entry."""
        if number is None:
            return
        connection.execute(
            "UPDATE log SET key = ?, person = ?, outcome = ? WHERE number = ?",
            (name_key(person), person, YES, number),
        )
        for _, time, _, _, *rest in connection.execute(_ENTRY, (number,)).fetchall():
            self._file.expect(_ENTRY, (number,), ((name_key(person), time, person, YES, *rest),))

    def entries(self, name: str | None = None) -> tuple[LogEntry, ...]:
        """Return the entries, oldest first; with a name, only that person's."""
        where, values = _about(name)
        statement = f"SELECT {_COLUMNS} FROM log {where} ORDER BY number"  # noqa: S608
        return tuple(self._entry(row) for row in self._file.query(statement, *values))

    def clear(self, name: str | None = None) -> int:
        """Delete the log, or one person's entries, and return how many entries were deleted."""
        where, values = _about(name)
        if not self._file.query(f"SELECT 1 FROM log {where} LIMIT 1", *values):  # noqa: S608
            return 0
        with self._file.transaction() as connection:
            return self.drop(connection, name)

    def drop(self, connection: Connection, name: str | None = None) -> int:
        """Do what `clear` does, as part of a transaction."""
        where, values = _about(name)
        count = connection.execute(f"DELETE FROM log {where}", values).rowcount  # noqa: S608
        self._file.expect(f"SELECT 1 FROM log {where} LIMIT 1", values, ())  # noqa: S608
        return count

    def rename(self, connection: Connection, old: str, new: str) -> None:
        """Replace a person's old name with the new one."""
        for key in name_keys(old):
            connection.execute("UPDATE log SET key = ?, person = ? WHERE key = ?", (name_key(new), new, key))

    def _entry(self, row: tuple[Any, ...]) -> LogEntry:
        time, person, outcome, similarity, model, source = row
        texts = (time, outcome, source, person or "", model or "")
        number = 0.0 if similarity is None else similarity
        if not all(isinstance(text, str) for text in texts) or not isinstance(number, float):
            raise GalleryError(
                "attempts-damaged",
                f"{self._file.path}: an entry of the log is damaged",
                hint=self._file.mending,
            )
        return LogEntry(time, person, outcome, similarity, model, source)


def _about(name: str | None) -> tuple[str, tuple[str, ...]]:
    """Return the SQL condition for one person's entries, or for all entries, with its values."""
    if name is None:
        return "WHERE TRUE", ()
    keys = name_keys(known_name(name))
    return f"WHERE key IN ({', '.join('?' * len(keys))})", keys
