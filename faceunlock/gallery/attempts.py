"""The attempts to be recognised: who failed how often in a row, who must wait, and the log of it all.

They are kept in a file of their own, ``attempts.db`` beside the gallery, because asking must never write
to the gallery. A decision is made, counted and logged in one transaction, and only then told: however many
processes ask at once, they get no answer more than the limits allow.

A failed attempt with a name counts for that person, one without a name for the gallery. A person's own
failures and the gallery's add up. So whoever has tried five times in whatever way must wait, and leaving
out the name is no way around a lock: a locked person is not among those that a photo without a name is
compared with. A yes begins the person's own count again, and, if no name was given, the gallery's.

Whoever may write the file can reset it. It protects against those who can only ask.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import sqlite3
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from faceunlock.errors import FaceUnlockError, GalleryError, LockoutError
from faceunlock.files.database import PrivateDatabase, Slugs
from faceunlock.gallery.attempt_log import CREATE as CREATE_LOG
from faceunlock.gallery.attempt_log import AttemptLog, LogEntry
from faceunlock.gallery.file import FILE_NAME as GALLERY_NAME
from faceunlock.gallery.lockout import Failures, Limits, Lock, Moment, lock, moment
from faceunlock.matching.people import name_key, normalise_name, now

if TYPE_CHECKING:
    from faceunlock.matching.similarity import Decision
    from faceunlock.matching.templates import ModelIdentity

FILE_NAME = "attempts.db"
APPLICATION_ID = 0x46554C41
"""``FULA`` in the file's header."""

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE failures (key TEXT PRIMARY KEY NOT NULL, count INTEGER NOT NULL, boot TEXT NOT NULL, "
        "seconds REAL NOT NULL, checksum TEXT NOT NULL)",
        CREATE_LOG,
    ),
)
"""Entry i holds the statements that lead from version i to i + 1; entries are only ever appended."""

EVERYBODY = ""
"""The key of attempts without a name; no person's key is empty."""

MAX_SOURCE_LENGTH = 1000
YES, NO = "yes", "no"
COUNTED = frozenset(("not-live",))
"""Errors that are failures, too: whoever tries out prints must not be free to go on."""


class Answer(Protocol):
    """What an attempt ends in."""

    @property
    def decision(self) -> Decision:
        """Match or no match, with name and similarity."""
        ...

    @property
    def identity(self) -> ModelIdentity:
        """What made the embeddings."""
        ...


AnyAnswer = TypeVar("AnyAnswer", bound=Answer)


class AttemptFile(PrivateDatabase):
    """``attempts.db``."""

    file_name = FILE_NAME
    application_id = APPLICATION_ID
    slugs = Slugs("attempts-damaged", "attempts-newer", "attempts-busy", "attempts-unwritable")

    @classmethod
    def migrations(cls) -> tuple[tuple[str, ...], ...]:
        """Return `MIGRATIONS`."""
        return MIGRATIONS


class Attempts:
    """Counts and logs the attempts on one gallery.

    Every method raises `GalleryError` with the slugs of `PrivateDatabase`: ``insecure-permissions``,
    ``attempts-damaged``, ``attempts-newer``, ``attempts-busy``, ``attempts-unwritable``. Whoever cannot count
    does not decide.

    Parameters
    ----------
    directory : Path
        The private directory of the gallery.
    limits : Limits
        How many failures in a row are allowed.
    log_entries : int
        How many entries the log keeps; the oldest make room. 0 keeps none.
    busy_timeout : float
        How long to wait for another process, in seconds.
    clock : callable
        Returns the present moment.
    """

    def __init__(
        self,
        directory: Path,
        limits: Limits,
        *,
        log_entries: int = 1000,
        busy_timeout: float = 10.0,
        clock: Callable[[], Moment] = moment,
    ) -> None:
        self._file = AttemptFile(directory, busy_timeout)
        self._limits, self._clock = limits, clock
        self.log = AttemptLog(self._file, log_entries)

    def close(self) -> None:
        """Let go of the file; the next use opens it again."""
        self._file.close()

    # deciding

    @contextlib.contextmanager
    def attempt(self, source: str) -> Iterator[Attempt]:
        """Give the attempt of a ``with`` block; an error of ours that ends the block is logged.

        It is not counted, unless it is one of `COUNTED`.

        Parameters
        ----------
        source : str
            Where the photo comes from, for the log.
        """
        attempt = Attempt(self, source)
        try:
            yield attempt
        except FaceUnlockError as error:
            # Where there is no gallery, nothing is created. And the error is more important than its entry.
            if (self._file.directory / GALLERY_NAME).exists():
                counted = error.slug in COUNTED
                bearing = contextlib.nullcontext() if counted else contextlib.suppress(GalleryError)
                with bearing, self._file.transaction() as connection:
                    if counted:
                        self._fail(connection, attempt.counts_for)
                    self._log(connection, attempt, error.slug)
            raise

    def locks(self, names: Collection[str]) -> dict[str, Lock]:
        """Return who of some people is locked out now, and for how long."""
        present = self._clock()
        everybody = self._failures(EVERYBODY)
        locks = {}
        for name in names:
            found = lock([*everybody, *self._failures(name_key(name))], self._limits, present)
            if found is not None:
                locks[name] = found
        return locks

    def _settle(
        self, attempt: Attempt, names: Sequence[str], decide: Callable[[Collection[str]], AnyAnswer]
    ) -> AnyAnswer:
        with self._file.transaction() as connection:
            answer = decide(attempt.admit(names, named=attempt.named))
            decision = answer.decision
            if decision.match:
                for key in {attempt.counts_for, name_key(decision.name)}:
                    self._begin_again(connection, key)
                attempt.person = decision.name
            else:
                self._fail(connection, attempt.counts_for)
            self._log(
                connection,
                attempt,
                YES if decision.match else NO,
                similarity=decision.similarity,
                model=answer.identity.model,
            )
        return answer

    # counting

    def _failures(self, key: str) -> list[Failures]:
        """Return the failures of a key: one record, or none."""
        rows = self._file.query("SELECT key, count, boot, seconds, checksum FROM failures WHERE key = ?", key)
        return [self._checked(row) for row in rows]

    def _checked(self, row: tuple[Any, ...]) -> Failures:
        key, count, boot, seconds, checksum = row
        types = (key, str), (count, int), (boot, str), (seconds, float)
        if not all(isinstance(value, kind) for value, kind in types) or checksum != _checksum(*row[:-1]):
            raise GalleryError("attempts-damaged", f"{self._file.path}: a count of attempts is damaged")
        return Failures(count, Moment(boot, seconds))

    def _fail(self, connection: sqlite3.Connection, key: str) -> None:
        known = self._failures(key)
        self._store(connection, key, Failures(1 + sum(f.count for f in known), self._clock()))

    def _store(self, connection: sqlite3.Connection, key: str, failures: Failures) -> None:
        values = (key, failures.count, failures.last.boot, float(failures.last.seconds))
        connection.execute(
            "INSERT OR REPLACE INTO failures VALUES (?, ?, ?, ?, ?)", (*values, _checksum(*values))
        )

    def _begin_again(self, connection: sqlite3.Connection, key: str) -> None:
        connection.execute("DELETE FROM failures WHERE key = ?", (key,))

    def release(self, name: str | None) -> int:
        """Let a person, or everybody, try again at once.

        Attempts without a name begin again in both cases: they count for the person, too.

        Returns
        -------
        int
            How many failures in a row were forgiven.
        """
        if not self._file.query("SELECT 1 FROM failures LIMIT 1"):
            return 0
        keys = None if name is None else (name_key(normalise_name(name)), EVERYBODY)
        with self._file.transaction() as connection:
            rows = connection.execute("SELECT key, count FROM failures").fetchall()
            released = [(key, count) for key, count in rows if keys is None or key in keys]
            for key, _ in released:
                self._begin_again(connection, key)
        return sum(count for _, count in released if isinstance(count, int))

    # people come and go

    def check(self) -> None:
        """Raise what would keep the file from being changed, before something else is."""
        self._knows()

    def copy(self, old: str, new: str) -> None:
        """Let a person's failures count for another name, too."""
        failures = self._failures(name_key(old))
        if failures and name_key(old) != name_key(new):
            with self._file.transaction() as connection:
                for record in self._failures(name_key(old)):
                    self._store(connection, name_key(new), record)

    def renamed(self, old: str, new: str) -> None:
        """Write a person's new name over the old one in the log, and drop the count of the old name."""
        if not self._knows(name_key(old)):
            return
        with self._file.transaction() as connection:
            if name_key(old) != name_key(new):
                self._begin_again(connection, name_key(old))
            self.log.rename(connection, old, new)

    def forget(self, name: str) -> None:
        """Delete what is kept of a person, log included; overwritten in the file."""
        key = name_key(normalise_name(name))
        if self._knows(key):
            with self._file.transaction() as connection:
                self._begin_again(connection, key)
                connection.execute("DELETE FROM log WHERE key = ?", (key,))

    def forget_all(self) -> None:
        """Delete everything."""
        if self._knows():
            with self._file.transaction() as connection:
                connection.execute("DELETE FROM failures")
                connection.execute("DELETE FROM log")

    def _knows(self, *key: str) -> bool:
        where = " WHERE key = ?" if key else ""
        return any(
            self._file.query(f"SELECT 1 FROM {table}{where} LIMIT 1", *key)  # noqa: S608
            for table in ("failures", "log")
        )

    def _log(
        self,
        connection: sqlite3.Connection,
        attempt: Attempt,
        outcome: str,
        *,
        similarity: float | None = None,
        model: str | None = None,
    ) -> None:
        entry = LogEntry(now(), attempt.person, outcome, similarity, model, attempt.source)
        self.log.add(connection, entry)

    # state

    def problems(self, names: Collection[str]) -> tuple[str, ...]:
        """Return one sentence for each person who is locked out, and for a file that cannot be used."""
        try:
            return tuple(_sentence(name, found) for name, found in self.locks(names).items())
        except GalleryError as error:
            return (f"{error.message}. {error.hint}",)


class Attempt:
    """One attempt; `Attempts.attempt` makes it.

    Attributes
    ----------
    source : str
        Where the photo comes from.
    named : bool
        Whether a person was claimed.
    person : str or None
        The claimed person; without a claim whoever was recognised.
    """

    def __init__(self, attempts: Attempts, source: str) -> None:
        self._attempts = attempts
        self.source = os.fsencode(source).decode("utf-8", "backslashreplace")[:MAX_SOURCE_LENGTH]
        self.named = False
        self.person: str | None = None

    @property
    def counts_for(self) -> str:
        """Key of the count that a failure adds to."""
        return name_key(self.person) if self.named and self.person is not None else EVERYBODY

    def admit(self, names: Sequence[str], *, named: bool) -> tuple[str, ...]:
        """Return those of some people whom a photo may be compared with now.

        Parameters
        ----------
        names : sequence of str
            The claimed person, or everybody.
        named : bool
            Whether it is a claim.

        Raises
        ------
        LockoutError
            If all of them are locked out.
        """
        self.named, self.person = named, names[0] if named else None
        locks = self._attempts.locks(names)
        if len(locks) < len(names):
            return tuple(name for name in names if name not in locks)
        first = min(locks.values(), key=lambda found: _unending(found.seconds_left))
        raise LockoutError("locked-out", _sentence(self.person, first), seconds_left=first.seconds_left)

    def settle(self, names: Sequence[str], decide: Callable[[Collection[str]], AnyAnswer]) -> AnyAnswer:
        """Decide, count and log in one transaction, and return the answer afterwards.

        Parameters
        ----------
        names : sequence of str
            The people who can be compared with.
        decide : callable
            Given those of them who are not locked out, returns the answer; called while other attempts
            wait, so everything slow must have happened before.

        Raises
        ------
        LockoutError
            If all of them are locked out by now.
        """
        return self._attempts._settle(self, names, decide)


def _unending(seconds: float | None) -> float:
    return math.inf if seconds is None else seconds


def _sentence(person: str | None, found: Lock) -> str:
    who = "Everybody" if person is None else person
    whom = "--all" if person is None else repr(person)
    left = (
        f"locked until it is released: faceunlock unlock-attempts {whom}"
        if found.seconds_left is None
        else f"{math.ceil(found.seconds_left)} s left"
    )
    return f"{who} is locked out after {found.failures} failed attempts in a row: {left}"


def _checksum(*values: str | float) -> str:
    return hashlib.sha256(json.dumps(values).encode("ascii")).hexdigest()
