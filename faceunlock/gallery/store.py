"""What a gallery asks of the place that holds it: a SQLite file, or a PostgreSQL database.

The rules about people, thresholds and attempts are the same in both. They are written once, above these
protocols, in SQL that both understand: ``?`` stands for a value.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from faceunlock.files.database import Slugs

Where = Path | str
"""The path of a file, or the address of a database without any password."""


class Cursor(Protocol):
    """The rows that a statement found."""

    @property
    def rowcount(self) -> int:
        """How many rows were changed."""
        ...

    def fetchall(self) -> list[Any]:
        """Return all rows."""
        ...

    def fetchone(self) -> Any:
        """Return the next row, or None."""
        ...

    def __iter__(self) -> Iterator[Any]:
        """Yield the rows."""
        ...


class Connection(Protocol):
    """A connection inside a transaction."""

    def execute(self, statement: str, values: Sequence[Any] = ..., /) -> Cursor:
        """Run a statement."""
        ...


class Database(Protocol):
    """Tables of one kind, and transactions on them; see `faceunlock.files.database.PrivateDatabase`."""

    @property
    def slugs(self) -> Slugs:
        """Slugs of its errors."""
        ...

    @property
    def path(self) -> Where:
        """Where it is, for messages."""
        ...

    @property
    def mending(self) -> str | None:
        """What helps where it is damaged; None: what the slug says."""
        ...

    def close(self) -> None:
        """Close it; the next use opens it again."""
        ...

    def query(self, statement: str, *values: str | int) -> list[tuple[Any, ...]]:
        """Return the rows of a statement that changes nothing."""
        ...

    def batches(self, statement: str, *values: str | int) -> Iterator[list[tuple[Any, ...]]]:
        """Yield the rows of a statement that changes nothing, some thousand at a time."""
        ...

    def check_pages(self) -> None:
        """Refuse a damaged file."""
        ...

    def reading(self) -> AbstractContextManager[None]:
        """Return a context in which all queries see the same moment."""
        ...

    def transaction(self) -> AbstractContextManager[Connection]:
        """Return a context whose changes all happen or none; nobody else writes meanwhile."""
        ...

    def expect(self, statement: str, values: Sequence[str | int], rows: Sequence[Sequence[Any]]) -> None:
        """Say what a query must find before the transaction is committed."""
        ...


class AttemptsDatabase(Database, Protocol):
    """The counts and the log of attempts."""

    def has_gallery(self) -> bool:
        """Return whether there is a gallery that attempts can be about."""
        ...

    def require_owner(self) -> None:
        """Refuse who may not change the gallery."""
        ...


class BankStore(Protocol):
    """The encrypted contents of banks of strangers, by name."""

    def place(self, name: str) -> Where:
        """Return where a content is, for messages."""
        ...

    def names(self) -> list[str]:
        """Return the names of all contents that are there."""
        ...

    def read(self, name: str) -> bytes | None:
        """Return a content, or None if it is missing; raises OSError if it cannot be read."""
        ...

    def write(self, name: str, content: bytes) -> None:
        """Store a content; raises OSError if it cannot be written."""
        ...

    def remove(self, name: str) -> None:
        """Delete a content, if that is possible."""
        ...
