"""Private SQLite files: opening, checking, migrating, transactions and errors.

Each change is one transaction, so a killed command leaves the file as it was. A writer takes its
lock before it reads, so two commands at once cannot lose each other's work.

A file may come from somebody else, so nothing in it is run: its schema must be, to the letter, what the
migrations make. A view could answer for a table, and a trigger could drop what is written. Writers say what
they wrote (`PrivateDatabase.expect`); it is read back before the commit, and after it from the path anew.

The journal is SQLite's rollback journal, not a write-ahead log. Reading then needs no write access
and leaves no files, a network home directory is safe, and forgotten data does not survive in a log
until the last reader has closed it. With ``secure_delete``, SQLite overwrites deleted data with
zeros. We cannot reach the copies that a disk or a backup keeps.
"""

from __future__ import annotations

import contextlib
import functools
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from faceunlock.errors import GalleryError
from faceunlock.files.file_system import lacks_locks, lacks_sync, without_locks
from faceunlock.files.private import (
    atomic_write,
    check_private_directory,
    check_private_file,
    ensure_private_directory,
    remove_leftovers,
)
from faceunlock.files.sqlite_defence import defend

Signature = tuple[int, int, int, int, int]
"""Changes whenever a file's content does: device, inode, size, and its mtime and ctime in nanoseconds."""


SMALL = 1 << 22
"""A file of up to 4 MiB is looked at page by page whenever it is opened, which takes a few milliseconds."""

BATCH = 1000
"""Rows that are read at a time where there may be many."""

_SCHEMA = "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name"

_JOURNALS = ("-journal", "-wal", "-shm")


_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


_UNWRITABLE = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PERM,
}


class Slugs(NamedTuple):
    """The error slugs of one kind of file."""

    damaged: str
    newer: str
    busy: str
    unwritable: str


class PrivateDatabase:
    """A SQLite file in a private directory; each subclass is one kind of file.

    The file is opened at its first use and stays open until `close`. Every use checks the permissions and
    notices if the file was removed or replaced: a deleted gallery must not go on answering.

    Attributes
    ----------
    file_name : str
        Name of the file in its directory.
    application_id : int
        Number in the file's header that identifies the kind of file.
    slugs : Slugs
        Slugs of its errors.
    growing : frozenset of str
        Tables that may hold so much that looking at every page takes long. In a file of more than `SMALL`
        bytes their pages are checked before the first write, and by `check_pages`, but not for reading: rows
        have checksums, and who reads all of them counts them.
    mending : str or None
        What helps where the file is damaged; None: what the slug says.

    Parameters
    ----------
    directory : Path
        The private directory that holds, or will hold, the file.
    busy_timeout : float
        How long to wait for another process, in seconds.
    """

    file_name: ClassVar[str]
    application_id: ClassVar[int]
    slugs: ClassVar[Slugs]
    growing: ClassVar[frozenset[str]] = frozenset()
    mending: ClassVar[str | None] = None

    def __init__(self, directory: Path, busy_timeout: float) -> None:
        self.directory = directory
        self.path = directory / self.file_name
        self._busy_timeout = busy_timeout
        self._connection: sqlite3.Connection | None = None
        self._opened: tuple[int, int] | None = None
        self._pages_checked = False
        self._expected: dict[tuple[str, tuple[str | int, ...]], list[tuple[Any, ...]]] = {}

    @classmethod
    def migrations(cls) -> tuple[tuple[str, ...], ...]:
        """Return the statements that upgrade each version to the next; versions are only ever appended."""
        raise NotImplementedError

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def query(self, statement: str, *values: str | int) -> list[tuple[Any, ...]]:
        """Return the rows of a statement that changes nothing; a missing file has none and is not created.

        Raises
        ------
        GalleryError
            ``insecure-permissions``, or one of `slugs`.
        """
        with self.reading(), self._translating():
            connection = self._connection
            return [] if connection is None else connection.execute(statement, values).fetchall()

    def batches(self, statement: str, *values: str | int) -> Iterator[list[tuple[Any, ...]]]:
        """Yield the rows of a statement that changes nothing, some thousand at a time; as `query`."""
        with self.reading():
            connection = self._connection
            if connection is None:
                return
            with self._translating():
                cursor = connection.execute(statement, values)
            rows: list[tuple[Any, ...]] | None = None
            while rows != []:
                with self._translating():
                    rows = cursor.fetchmany(BATCH)
                if rows:
                    yield rows

    def check_pages(self) -> None:
        """Look at every page of the file, if that was not done since it was opened.

        Raises
        ------
        GalleryError
            As `query`.
        """
        with self.reading(), self._translating():
            if self._connection is not None:
                self._check_every_page(self._connection)

    def version(self) -> int | None:
        """Return a number that changes when another process changes the file; None if there is no file."""
        with self.reading(), self._translating():
            return None if self._connection is None else int(_pragma(self._connection, "data_version"))

    def signature(self) -> Signature | None:
        """Return the signature of the file, which shows later writes; None if there is no file."""
        try:
            info = self.path.stat()
        except FileNotFoundError:
            return None
        return info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Make all queries in a ``with`` block see the file at one moment; the block must change nothing.

        Raises
        ------
        GalleryError
            As `query`.
        """
        with self._translating():
            connection = self._connect()
            if connection is not None and not connection.in_transaction:
                connection.execute("BEGIN")
                ours = True
            else:
                ours = False
        if connection is None or not ours:
            yield
            return
        try:
            with self._translating():
                self._check_schema(connection)
            yield
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Make the changes in a ``with`` block atomic: all of them happen, or none.

        The file is created if it does not exist. The lock is taken at the beginning, so what is
        read inside stays true until the end. A nested block is part of the outer one.

        Raises
        ------
        GalleryError
            As `query`.
        """
        with self._translating():
            connection = self._connect()
            if connection is None:
                self._create()
                connection = self._connect()
            if connection is None:
                raise GalleryError(
                    self.slugs.unwritable, f"{self.path} was removed while it was being created"
                )
            if connection.in_transaction:
                yield connection
                return
            self._expected.clear()
            with _transaction(connection):
                self._check_schema(connection)
                self._check_every_page(connection)
                yield connection
                self._refuse(self._unlike(connection))
                before = _pragma(connection, "data_version")
            if self._expected:
                self._read_back(connection, before)

    def expect(self, statement: str, values: Sequence[str | int], rows: Sequence[Sequence[Any]]) -> None:
        """Say what a query must find at the end of the transaction, once it is committed.

        A later call for the same query replaces the earlier one.

        Parameters
        ----------
        statement : str
            A query.
        values : sequence of str or int
            Its parameters.
        rows : sequence of sequences
            The rows that it must find.
        """
        self._expected[statement, tuple(values)] = [tuple(row) for row in rows]

    def _unlike(self, connection: sqlite3.Connection) -> bool:
        """Return whether a query finds anything but what was written."""
        return any(
            connection.execute(statement, values).fetchall() != rows
            for (statement, values), rows in self._expected.items()
        )

    def _read_back(self, connection: sqlite3.Connection, version: int) -> None:
        """Read what was committed from the path, with a connection that has seen nothing of it.

        Parameters
        ----------
        connection : sqlite3.Connection
            The connection that committed it.
        version : int
            Its ``data_version`` before the commit, which changes when another process commits: what is then
            found is that process's work.
        """
        with contextlib.closing(self._new_connection()) as fresh:
            fresh.execute("BEGIN")
            self._check_schema(fresh)
            unlike = self._unlike(fresh)
        self._refuse(unlike and _pragma(connection, "data_version") == version)

    def _refuse(self, unlike: bool) -> None:
        if unlike:
            raise GalleryError(
                self.slugs.unwritable, f"{self.path} does not hold what was just written to it"
            )

    def _connect(self) -> sqlite3.Connection | None:
        """Return the connection to the file as it is now, or None if there is no file."""
        if self._connection is not None and self._connection.in_transaction:
            return self._connection
        if not self._is_there():
            self.close()
            return None
        info = self.path.stat()
        if self._connection is None or self._opened != (info.st_dev, info.st_ino):
            self.close()
            self._connection = self._open()
            self._opened = (info.st_dev, info.st_ino)
        return self._connection

    def _is_there(self) -> bool:
        if not check_private_directory(self.directory, holds=(self.file_name,)):
            return False
        for suffix in _JOURNALS:
            check_private_file(self._beside(suffix))
        return check_private_file(self.path)

    def _beside(self, suffix: str) -> Path:
        return self.path.with_name(self.file_name + suffix)

    def _open(self) -> sqlite3.Connection:
        try:
            connection = self._new_connection()
            try:
                self._check(connection)
            except BaseException:
                connection.close()
                raise
        except UnicodeDecodeError as error:
            # SQLite's own message quoted damaged text, and Python could not decode it.
            raise GalleryError(self.slugs.damaged, f"{self.path} is damaged") from error
        return connection

    def _new_connection(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"{self.path.absolute().as_uri()}?mode=rw",  # never creates a file
            uri=True,
            timeout=self._busy_timeout,
            isolation_level=None,
        )
        try:
            defend(connection)
            if lacks_sync(self.directory):
                connection.execute("PRAGMA synchronous = OFF")  # SQLite takes it for a failed write
        except BaseException:
            connection.close()
            raise
        return connection

    def _check(self, connection: sqlite3.Connection) -> None:
        """Refuse a file that is of another kind, newer or damaged, and migrate an older one."""
        if _pragma(connection, "application_id") != self.application_id:
            raise GalleryError(self.slugs.damaged, f"{self.path} is not a faceunlock {self.file_name}")
        version = _pragma(connection, "user_version")
        migrations = self.migrations()
        if version > len(migrations):
            raise GalleryError(
                self.slugs.newer,
                f"{self.path} has format {version}; this faceunlock knows formats up to {len(migrations)}",
            )
        if version < 1:
            raise GalleryError(self.slugs.damaged, f"{self.path} is damaged")
        self._check_schema(connection, migrations[:version])
        self._pages_checked = False
        if version < len(migrations) or not self._is_large(connection):
            self._check_every_page(connection)
        else:
            for table in sorted(_tables(connection) - self.growing):
                self._check_pages_of(connection, table)
        if version < len(migrations):
            _migrate(connection, migrations)

    def _is_large(self, connection: sqlite3.Connection) -> bool:
        if not self.growing:
            return False
        return bool(_pragma(connection, "page_count") * _pragma(connection, "page_size") > SMALL)

    def _check_every_page(self, connection: sqlite3.Connection) -> None:
        if not self._pages_checked:
            self._check_pages_of(connection, 1)
            self._pages_checked = True

    def _check_pages_of(self, connection: sqlite3.Connection, what: str | int) -> None:
        """Refuse damaged pages of a table, or with 1 of the whole file."""
        # Not quick_check: it does not check that the indexes agree with their tables.
        if _pragma(connection, f"integrity_check({what})") != "ok":
            raise GalleryError(self.slugs.damaged, f"{self.path} is damaged")

    def _check_schema(
        self, connection: sqlite3.Connection, migrations: tuple[tuple[str, ...], ...] | None = None
    ) -> None:
        """Refuse tables, views, triggers or indexes that these migrations, by default all, do not make."""
        expected = _made_by(self.migrations() if migrations is None else migrations)
        if connection.execute(_SCHEMA).fetchall() != expected:
            raise GalleryError(
                self.slugs.damaged, f"{self.path} is damaged: its tables are not those that faceunlock makes"
            )

    def _create(self) -> None:
        """Create an empty file in one step; another process may be faster."""
        ensure_private_directory(self.directory, holds=(self.file_name,))
        remove_leftovers(self.directory)
        journal = self._beside("-journal")
        if journal.exists() and not self.path.exists():
            # SQLite would replay it into the new file.
            raise GalleryError(
                self.slugs.damaged,
                f"{journal} is left over from a file that was removed",
                hint=f"Remove it too: rm '{journal}'",
            )
        try:
            atomic_write(self.path, self._empty(), overwrite=False)
        except FileExistsError:
            return
        except OSError as error:
            raise GalleryError(
                self.slugs.unwritable, f"{self.path} cannot be created: {error.strerror}"
            ) from error

    def _empty(self) -> bytes:
        """Return the content of a file that stores nothing yet."""
        with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
            connection.execute(f"PRAGMA application_id = {self.application_id}")
            _migrate(connection, self.migrations())
            return connection.serialize()

    @contextlib.contextmanager
    def _translating(self) -> Iterator[None]:
        """Turn SQLite's errors into ours."""
        try:
            yield
        except sqlite3.ProgrammingError:
            raise  # our own bug, such as a connection used by another thread
        except sqlite3.Error as error:
            # The low byte is the kind of the error, the rest its detail.
            kind = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
            # SQLite takes a lock that cannot be had, for whatever reason, for one that somebody else has.
            unlockable = lacks_locks(self.directory) if kind in {*_BUSY, sqlite3.SQLITE_IOERR} else None
            if unlockable is not None:
                raise GalleryError("locks-unsupported", without_locks(self.path, unlockable)) from error
            if kind in _BUSY:
                raise GalleryError(self.slugs.busy, f"Another command is using {self.path}") from error
            if kind in _UNWRITABLE:
                raise GalleryError(
                    self.slugs.unwritable, f"{self.path} cannot be written: {error}"
                ) from error
            raise GalleryError(self.slugs.damaged, f"{self.path} is damaged: {error}") from error


@functools.cache
def _made_by(migrations: tuple[tuple[str, ...], ...]) -> list[tuple[str, ...]]:
    """Return the rows of ``sqlite_master`` after these migrations."""
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        _migrate(connection, migrations)
        return connection.execute(_SCHEMA).fetchall()


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        _commit(connection)
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _commit(connection: sqlite3.Connection) -> None:
    connection.execute("COMMIT")


def _tables(connection: sqlite3.Connection) -> set[str]:
    return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def _pragma(connection: sqlite3.Connection, name: str) -> Any:
    return connection.execute(f"PRAGMA {name}").fetchone()[0]


def _migrate(connection: sqlite3.Connection, migrations: tuple[tuple[str, ...], ...]) -> None:
    """Run the migrations that a file lacks, all in one transaction."""
    with _transaction(connection):
        version = _pragma(connection, "user_version")  # another process may have been faster
        for statements in migrations[version:]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(migrations)}")
