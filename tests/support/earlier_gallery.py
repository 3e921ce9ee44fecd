"""Galleries as earlier versions wrote them: people as JSON, and one list of all rows under seal."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from faceunlock.gallery.cipher import SealRecord, document
from faceunlock.gallery.file import APPLICATION_ID, MIGRATIONS
from faceunlock.gallery.gallery import Gallery
from faceunlock.gallery.seal import Sealed, checksum
from faceunlock.matching.people import name_key
from faceunlock.matching.records import person_to_record

LAST = 4
"""The last version whose people were JSON."""


def write_as_before(gallery: Gallery, version: int = LAST) -> None:
    """Rewrite a gallery's file as an earlier version would have written it, with the same key."""
    people = gallery.people()
    with gallery._guard.reading() as seal:
        sealed = seal if isinstance(seal, Sealed) else None
    calibrations = _all(gallery.path, "SELECT * FROM calibrations")
    gallery.close()
    generation = 0 if sealed is None else sealed.record.generation
    rows = []
    for person in people:
        record = person_to_record(person)
        content = document(record["template"] | {name: record[name] for name in ("looks",) if name in record})
        visible = (name_key(person.name), person.name, person.created, person.updated)
        if sealed is not None:
            content = sealed.cipher.seal(content, ["people", *visible], generation=generation)
        rows.append((*visible, content, checksum((*visible, content))))
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        for statements in MIGRATIONS[:version]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {version}")
        connection.executemany("INSERT INTO people VALUES (?, ?, ?, ?, ?, ?)", rows)
        connection.executemany("INSERT INTO calibrations VALUES (?, ?, ?)", calibrations)
        if sealed is not None:
            manifest = {("people", row[0]): row[-1] for row in rows}
            manifest |= {("calibrations", row[0]): row[-1] for row in calibrations}
            record = SealRecord(sealed.record.key_id, sealed.record.place, generation, manifest)
            values = (record.key_id, record.place, generation, record.listing(), sealed.cipher.mac(record))
            connection.execute("INSERT INTO seal VALUES (1, ?, ?, ?, ?, ?)", values)
        gallery.path.write_bytes(connection.serialize())


def _all(path: Path, statement: str) -> list[tuple[object, ...]]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return connection.execute(statement).fetchall()
