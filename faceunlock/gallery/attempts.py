"""Recognition attempts: failures in a row for each person, lockouts, and the log.

They are kept in a separate file, ``attempts.db`` beside the gallery, because asking must never write to
the gallery. Each decision is made, counted and logged in one transaction, and returned only after that. So
processes that ask at the same time get no more answers than the limits allow.

That transaction first writes a failure, and takes it back after a yes. So a yes needs at least the disk
that a no needs: a full disk or a limit on file sizes cannot stop the noes and let the yes through. If there
is no room for the log entry, the failure is counted without one, whatever the answer was, and no answer is
given.

A failed attempt with a name counts against that person; one without a name counts against the gallery. For
each person the two counts add up, so five failures of either kind force a wait. Leaving out the name does
not get around a lockout: a photo without a name is not compared with people who are locked out. A yes
resets the person's own count. If no name was given, it also resets the gallery's.

Anyone who can write the file can reset the counts. They only stop people who cannot write to it.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from faceunlock.errors import FaceUnlockError, GalleryError, LockoutError, SettingsError
from faceunlock.files.database import PrivateDatabase, Slugs
from faceunlock.files.text import quoted
from faceunlock.gallery.attempt_log import COUNTED, NO, AttemptLog, LogEntry
from faceunlock.gallery.attempt_log import CREATE as CREATE_LOG
from faceunlock.gallery.failure_counts import CREATE as CREATE_FAILURES
from faceunlock.gallery.failure_counts import EVERYBODY, FailureCounts
from faceunlock.gallery.file import FILE_NAME as GALLERY_NAME
from faceunlock.gallery.lockout import Failures, Limits, Lock, Moment, lock, moment
from faceunlock.gallery.store import AttemptsDatabase, Connection
from faceunlock.matching.people import known_name, name_key, name_keys, now

if TYPE_CHECKING:
    from faceunlock.matching.similarity import Decision
    from faceunlock.matching.templates import ModelIdentity

FILE_NAME = "attempts.db"
APPLICATION_ID = 0x46554C41
"""``FULA`` in the file's header."""

MIGRATIONS: tuple[tuple[str, ...], ...] = ((CREATE_FAILURES, CREATE_LOG),)
"""Entry i holds the statements that migrate version i to i + 1. Entries are only ever appended."""

MAX_SOURCE_LENGTH = 1000


class Answer(Protocol):
    """The result of an attempt."""

    @property
    def decision(self) -> Decision:
        """Match or no match, with name and similarity."""
        ...

    @property
    def identity(self) -> ModelIdentity:
        """The model that made the embeddings."""
        ...


AnyAnswer = TypeVar("AnyAnswer", bound=Answer)


class Admitted(Collection[str]):
    """The people that a photo may be compared with.

    Parameters
    ----------
    names : collection of str
        The claimed person, or everybody.
    locked : collection of str
        Those of them who are locked out.
    """

    def __init__(self, names: Collection[str], locked: Collection[str] = ()) -> None:
        self._names, self.locked = names, locked

    def __len__(self) -> int:
        return len(self._names) - len(self.locked)

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._names if name not in self.locked)

    def __contains__(self, name: object) -> bool:
        return name in self._names and name not in self.locked


class AttemptFile(PrivateDatabase):
    """``attempts.db``."""

    file_name = FILE_NAME
    application_id = APPLICATION_ID
    slugs = Slugs("attempts-damaged", "attempts-newer", "attempts-busy", "attempts-unwritable")

    @classmethod
    def migrations(cls) -> tuple[tuple[str, ...], ...]:
        """Return `MIGRATIONS`."""
        return MIGRATIONS

    def has_gallery(self) -> bool:
        """Return whether there is a gallery beside the file."""
        return (self.directory / GALLERY_NAME).exists()

    def require_owner(self) -> None:
        """Refuse who does not own the files; raises `SettingsError` ``usage``."""
        for name in (GALLERY_NAME, FILE_NAME):
            with contextlib.suppress(FileNotFoundError):
                if (self.directory / name).stat().st_uid != os.geteuid():
                    raise SettingsError("usage", "only the owner of the gallery may try without counting")


class Attempts:
    """Counts and logs the attempts on one gallery.

    Every method raises `GalleryError` with the slugs of `PrivateDatabase`: ``insecure-permissions``,
    ``attempts-damaged``, ``attempts-newer``, ``attempts-busy``, ``attempts-unwritable``. An attempt that
    cannot be counted is not decided.

    Parameters
    ----------
    place : Path or AttemptsDatabase
        The private directory of the gallery, or the database that holds it.
    limits : Limits
        How many failures in a row are allowed.
    log_entries : int
        How many entries of each kind the log keeps; see `AttemptLog`.
    busy_timeout : float
        How long to wait for another process, in seconds.
    clock : callable
        Returns the present moment.
    """

    def __init__(
        self,
        place: Path | AttemptsDatabase,
        limits: Limits,
        *,
        log_entries: int = 1000,
        busy_timeout: float = 10.0,
        clock: Callable[[], Moment] = moment,
    ) -> None:
        self._file = AttemptFile(place, busy_timeout) if isinstance(place, Path) else place
        self._limits, self._clock = limits, clock
        self._counts = FailureCounts(self._file, clock)
        self.log = AttemptLog(self._file, log_entries)

    def close(self) -> None:
        """Close the file or the connection; the next use opens it again."""
        self._file.close()

    # deciding

    @contextlib.contextmanager
    def attempt(self, source: str, *, count: bool = True) -> Iterator[Attempt]:
        """Yield the attempt of a ``with`` block, and log the `FaceUnlockError` that ends the block, if any.

        The error counts as a failure only if it is one of `COUNTED`.

        Parameters
        ----------
        source : str
            Where the photo comes from, for the log.
        count : bool
            False for the owner of the gallery, who tries something out: lockouts hold, but nothing is counted
            or logged, and a yes resets nothing. The owner could write the file anyway.

        Raises
        ------
        SettingsError
            ``usage`` without `count`, if the gallery belongs to another user.
        """
        if not count:
            self._file.require_owner()
        attempt = Attempt(self, self._counts, source, counted=count)
        try:
            yield attempt
        except FaceUnlockError as error:
            # Without a gallery, create nothing. The error matters more than its log entry, so if only the
            # entry is lost, the original error is raised.
            if count and self._file.has_gallery():
                if error.slug in COUNTED:
                    with self._counting(attempt) as connection:
                        attempt.uncharge(connection)
                        self._counts.add(connection, attempt.counts_for)
                        self._log(connection, attempt, error.slug)
                else:
                    with contextlib.suppress(GalleryError), self._file.transaction() as connection:
                        self._log(connection, attempt, error.slug)
            raise

    def locks(self, names: Collection[str]) -> dict[str, Lock]:
        """Return the lock of each of these people who is locked out now."""
        common, own = self._locks(names)
        if common is None:
            return own
        return {name: own.get(name, common) for name in names}

    def _locks(self, names: Collection[str]) -> tuple[Lock | None, dict[str, Lock]]:
        """Return the lock that all share, and those of people who failed themselves."""
        present = self._clock()
        everybody = self._counts.under(EVERYBODY)
        own = {}
        for name in self._counts.who_failed(names):
            found = lock([*everybody, *self._counts.of(name)], self._limits, present)
            if found is not None:
                own[name] = found
        return lock(everybody, self._limits, present), own

    def _admit(self, names: Collection[str], person: str | None) -> Admitted:
        common, own = self._locks(names)
        if common is None and len(own) < len(names):
            return Admitted(names, own.keys())
        # Failures add up, so the lock of all is the shortest, unless everybody has failed alone as well.
        locks = [*own.values(), *([common] if common is not None and len(own) < len(names) else [])]
        first = min(locks, key=lambda found: _unending(found.seconds_left))
        raise LockoutError("locked-out", _sentence(person, first), seconds_left=first.seconds_left)

    def _settle(
        self, attempt: Attempt, names: Collection[str], decide: Callable[[Admitted], AnyAnswer]
    ) -> AnyAnswer:
        if not attempt.counted:
            return decide(attempt.admit(names, named=attempt.named))
        with self._counting(attempt) as connection:
            attempt.uncharge(connection)
            admitted = attempt.admit(names, named=attempt.named)
            self._counts.add(connection, attempt.counts_for)
            answer = decide(admitted)
            decision = answer.decision
            number = self._log(
                connection, attempt, NO, similarity=decision.similarity, model=answer.identity.model
            )
            if decision.match:
                for key in {attempt.counts_for, *name_keys(decision.name)}:
                    self._counts.begin_again(connection, key)
                attempt.person = decision.name
                self.log.turn_into_yes(connection, number, decision.name)
        return answer

    @contextlib.contextmanager
    def _counting(self, attempt: Attempt) -> Iterator[Connection]:
        """Yield a transaction that counts a failure; if it cannot be written, count the failure alone."""
        try:
            with self._file.transaction() as connection:
                yield connection
        except GalleryError as error:
            if error.slug == self._file.slugs.unwritable:
                with contextlib.suppress(GalleryError), self._file.transaction() as connection:
                    self._counts.add(connection, attempt.counts_for)
            raise

    # ending lockouts

    def release(self, name: str | None) -> int:
        """Let a person, or everybody, try again at once.

        Both cases also reset the count of attempts without a name, because it counts against each person.

        Returns
        -------
        int
            Number of failures in a row that were forgiven.
        """
        if not self._file.query("SELECT 1 FROM failures LIMIT 1"):
            return 0
        keys = None if name is None else (*name_keys(known_name(name)), EVERYBODY)
        with self._file.transaction() as connection:
            rows = connection.execute("SELECT key, count FROM failures").fetchall()
            released = [(key, count) for key, count in rows if keys is None or key in keys]
            for key, _ in released:
                self._counts.begin_again(connection, key)
        return sum(count for _, count in released if isinstance(count, int))

    # people come and go

    def check(self) -> None:
        """Raise the error that would prevent a change to the file, before anything else is changed."""
        self._knows()

    def copy(self, old: str, new: str) -> None:
        """Copy a person's failures to another name."""
        if name_keys(old) == (name_key(new),) or not self._counts.of(old):
            return
        with self._file.transaction() as connection:
            records = self._counts.of(old)
            if records:
                failures = Failures(sum(record.count for record in records), records[-1].last)
                self._counts.store(connection, name_key(new), failures)

    def renamed(self, old: str, new: str) -> None:
        """Replace a person's old name in the log, and delete the old name's count."""
        if not any(self._knows(key) for key in name_keys(old)):
            return
        with self._file.transaction() as connection:
            for key in {*name_keys(old)} - {name_key(new)}:
                self._counts.begin_again(connection, key)
            self.log.rename(connection, old, new)

    def forget(self, name: str) -> None:
        """Delete a person's count and log entries, and overwrite them in the file."""
        for key in filter(self._knows, name_keys(known_name(name))):
            with self._file.transaction() as connection:
                self._counts.begin_again(connection, key)
                self.log.drop(connection, name)

    def forget_all(self) -> None:
        """Delete all counts and the whole log."""
        if self._knows():
            with self._file.transaction() as connection:
                self._counts.drop(connection)
                self.log.drop(connection)

    def _knows(self, *key: str) -> bool:
        where = " WHERE key = ?" if key else ""
        return any(
            self._file.query(f"SELECT 1 FROM {table}{where} LIMIT 1", *key)  # noqa: S608
            for table in ("failures", "log")
        )

    def _log(
        self,
        connection: Connection,
        attempt: Attempt,
        outcome: str,
        *,
        similarity: float | None = None,
        model: str | None = None,
    ) -> int | None:
        entry = LogEntry(now(), attempt.person, outcome, similarity, model, attempt.source)
        return self.log.add(connection, entry)

    # state

    def problems(self, names: Collection[str]) -> tuple[str, ...]:
        """Return one sentence for each person who is locked out, or one if the file cannot be used."""
        try:
            return tuple(_sentence(name, found) for name, found in self.locks(names).items())
        except GalleryError as error:
            return (error.explained,)


class Attempt:
    """One attempt, made by `Attempts.attempt`.

    Attributes
    ----------
    source : str
        Where the photo comes from.
    named : bool
        Whether a person was claimed.
    person : str or None
        The claimed person. Without a claim, the person who was recognised, if any.
    counted : bool
        Whether it is counted and logged.
    """

    def __init__(
        self, attempts: Attempts, counts: FailureCounts, source: str, *, counted: bool = True
    ) -> None:
        self._attempts, self._counts, self.counted = attempts, counts, counted
        self.source = os.fsencode(source).decode("utf-8", "backslashreplace")[:MAX_SOURCE_LENGTH]
        self.named = False
        self.person: str | None = None
        self._charged: tuple[list[Failures], list[Failures]] | None = None

    @property
    def counts_for(self) -> str:
        """The key of the count that a failure adds to."""
        return name_key(self.person) if self.named and self.person is not None else EVERYBODY

    def admit(self, names: Collection[str], *, named: bool) -> Admitted:
        """Return the people that a photo may be compared with now.

        Parameters
        ----------
        names : collection of str
            The claimed person, or everybody.
        named : bool
            Whether a person was claimed.

        Raises
        ------
        LockoutError
            If all of them are locked out.
        """
        self.named, self.person = named, next(iter(names)) if named else None
        return self._attempts._admit(names, self.person)

    def charge(self) -> None:
        """Count a failure in advance, because this process may be killed before it has an answer.

        `settle`, or the error that ends the attempt, counts in its place.
        """
        if self._charged is None and self.counted:
            self._charged = self._counts.charge(self.counts_for)

    def uncharge(self, connection: Connection) -> None:
        """Take back what `charge` counted, as part of a transaction that counts the outcome."""
        if self._charged is not None:
            self._counts.uncharge(connection, self.counts_for, *self._charged)

    def settle(self, names: Collection[str], decide: Callable[[Admitted], AnyAnswer]) -> AnyAnswer:
        """Decide, count and log in one transaction, then return the answer.

        Parameters
        ----------
        names : collection of str
            The people that the photo can be compared with.
        decide : callable
            Takes those who are not locked out and returns the answer. Other attempts wait while it
            runs, so all slow work must be done before.

        Raises
        ------
        LockoutError
            If all of them are locked out by now.
        """
        return self._attempts._settle(self, names, decide)


def _unending(seconds: float | None) -> float:
    return math.inf if seconds is None else seconds


def _sentence(person: str | None, found: Lock) -> str:
    who = "Everyone" if person is None else person
    whom = "--all" if person is None else quoted(person)
    left = (
        f"to end this, run: faceunlock unlock-attempts {whom}"
        if found.seconds_left is None
        else f"try again in {math.ceil(found.seconds_left)} s"
    )
    return f"{who} is locked out after {found.failures} failed attempts in a row; {left}"
