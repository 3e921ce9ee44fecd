"""Changes of a gallery on PostgreSQL: rows with checksums, and beside each person what is searched."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from faceunlock.errors import GalleryError
from faceunlock.gallery.change import PRIMARY, Change, row_of
from faceunlock.gallery.cipher import Place, document
from faceunlock.gallery.file import PEOPLE
from faceunlock.gallery.guard import ProtectionState
from faceunlock.gallery.packing import unpack
from faceunlock.gallery.postgres.database import PostgresDatabase
from faceunlock.gallery.postgres.vectors import as_text
from faceunlock.gallery.seal import Plain, Row
from faceunlock.matching.people import Person
from faceunlock.matching.records import identity_to_record
from faceunlock.matching.templates import ModelIdentity


class ServerChange(Change):
    """One transaction on a gallery on PostgreSQL."""

    def _store(self, table: str, row: Row) -> None:
        key, marks = PRIMARY[table], ", ".join("?" * len(row))
        self.connection.execute(f"DELETE FROM {table} WHERE {key} = ?", (row[0],))  # noqa: S608
        self.connection.execute(f"INSERT INTO {table} VALUES ({marks})", row)  # noqa: S608
        self._expect(row_of(table), (row[0],), (row,))
        self.dirty = True
        if table == PEOPLE:
            key, _, name, created, updated, template, _ = row
            self._search_for(key, unpack(name, created, updated, template, None))

    def _search_for(self, key: str, person: Person) -> None:
        """Store the unit vectors of a person, who has none: they went with the earlier row."""
        number = self._number(person.template.identity)
        for place, (_, template) in enumerate(person.templates):
            row = (key, place, number, as_text(template.centroid))
            self.connection.execute("INSERT INTO templates VALUES (?, ?, ?, ?)", row)

    def _number(self, identity: ModelIdentity) -> int:
        """Return the number of a model, which it gets with its first person."""
        text = document(identity_to_record(identity))
        found = self.connection.execute("SELECT number FROM models WHERE identity = ?", (text,)).fetchone()
        if found is None:
            made = "INSERT INTO models (identity) VALUES (?) RETURNING number"
            found = self.connection.execute(made, (text,)).fetchone()
        return int(found[0])


class ServerGuard:
    """Reads and changes a gallery on PostgreSQL, which is never sealed; see `faceunlock.gallery.keeper`.

    Parameters
    ----------
    database : PostgresDatabase
    """

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database
        self._change: Change | None = None

    @contextlib.contextmanager
    def reading(self) -> Iterator[Plain]:
        """Yield what reads rows; all queries inside see the same moment."""
        with self._database.reading():
            yield Plain()

    @contextlib.contextmanager
    def changing(self) -> Iterator[Change]:
        """Yield a change, committed at the end of the block or not at all; nested calls yield it too."""
        if self._change is not None:
            yield self._change
            return
        with self._database.transaction() as connection:
            self._change = ServerChange(connection, Plain(), self._database.expect)
            try:
                yield self._change
            finally:
                self._change = None

    def moment(self) -> None:
        """Return None: other machines may change the gallery at any time."""

    def forget_key(self) -> None:
        """Do nothing: there is no key."""

    def state(self) -> ProtectionState:
        """Return that the gallery is not sealed."""
        return ProtectionState(sealed=False, server=True)

    def protect(self, place: Place | None = None) -> bool:
        """Refuse; raises `GalleryError` ``cannot-seal``."""
        raise GalleryError("cannot-seal")

    def rotate(self, place: Place | None = None) -> None:
        """Refuse; raises `GalleryError` ``not-sealed``."""
        raise GalleryError("not-sealed")

    def unprotect(self) -> bool:
        """Return False: the gallery is not sealed."""
        return False

    def start_again(self) -> int:
        """Never needed: there is no key to lose."""
        raise GalleryError("not-sealed")

    def check_next_key(self) -> None:
        """Do nothing: there is no key."""
