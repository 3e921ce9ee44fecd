"""The encrypted contents of banks of strangers as rows."""

from __future__ import annotations

from faceunlock.gallery.postgres.database import PostgresDatabase


class BankRows:
    """The contents of banks, each encrypted under a key in another row; see `faceunlock.gallery.bank`.

    Parameters
    ----------
    database : PostgresDatabase
    """

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    def place(self, name: str) -> str:
        """Return what messages call a content."""
        return f"{self._database.path}, bank {name}"

    def names(self) -> list[str]:
        """Return the names of all contents that are there."""
        return [name for (name,) in self._database.query("SELECT name FROM banks")]

    def read(self, name: str) -> bytes | None:
        """Return a content, or None if it is missing."""
        rows = self._database.query("SELECT content FROM banks WHERE name = ?", name)
        return bytes(rows[0][0]) if rows else None

    def write(self, name: str, content: bytes) -> None:
        """Store a content, as part of a change."""
        with self._database.transaction() as connection:
            connection.execute("INSERT INTO banks VALUES (?, ?)", (name, content))

    def remove(self, name: str) -> None:
        """Delete a content, as part of a change."""
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM banks WHERE name = ?", (name,))
