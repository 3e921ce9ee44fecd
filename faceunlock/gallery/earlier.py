"""People as earlier versions stored them, as JSON: read once, and written as they are stored now.

The file's own migration (`faceunlock.gallery.file`) only moves their rows aside, because those of a sealed
gallery cannot be read without its key. The first use that has the key converts them all in one transaction.
A process that is killed meanwhile leaves the file as it was, and the next one begins again.

A row that is not as it was written is never made to look as if it were: it goes among the people as it is,
where it is refused, can be forgotten, and blocks only what needs it.
"""

from __future__ import annotations

from collections.abc import Mapping

from faceunlock.files.reading import parse_json
from faceunlock.gallery.change import Change
from faceunlock.gallery.entries import write_person
from faceunlock.gallery.file import PEOPLE
from faceunlock.gallery.seal import Plain, Row, Sealed, checksum
from faceunlock.matching.people import Person, name_key
from faceunlock.matching.records import record_to_person

_ROWS = "SELECT key, name, created, updated, template, checksum FROM earlier ORDER BY key"


def convert(change: Change) -> None:
    """Write all people as they are stored now, as part of a change."""
    seal = change.seal
    listed = seal.listing.earlier() if isinstance(seal, Sealed) else {}
    rows: list[Row] = change.connection.execute(_ROWS).fetchall()
    for row in rows:
        try:
            person = _person(row, seal, listed)
        except ValueError:
            _keep(change, row)
        else:
            listed.pop(row[0], None)
            write_person(change, row[0], person)
    if isinstance(seal, Sealed):
        for key, digest in listed.items():  # still missed, or still not what was written
            seal.listing.put(PEOPLE, key, digest)
    change.forget_earlier()


def _person(row: Row, seal: Plain, listed: Mapping[str, bytes]) -> Person:
    """Return the person in a row; raise ValueError if it is not as it was written."""
    *values, claimed = row
    key, name, created, updated, template = values
    if not all(isinstance(value, str) for value in values) or checksum(values) != claimed:
        raise ValueError("its checksum does not match")
    if isinstance(seal, Sealed):
        if listed.get(key) != bytes.fromhex(claimed):
            raise ValueError("it is not what was last written there")
        template = seal.cipher.unseal(template, [PEOPLE, key, name, created, updated])
    content = parse_json(template)
    fields = {"name": name, "created": created, "updated": updated, "template": content}
    if isinstance(content, dict) and "looks" in content:
        fields["looks"] = content.pop("looks")
    return record_to_person(fields)


def _keep(change: Change, row: Row) -> None:
    """Move a row that cannot be read, as it is."""
    key, *rest = row
    alike = name_key(key) if isinstance(key, str) else key
    change.connection.execute(
        "INSERT OR REPLACE INTO people VALUES (?, ?, ?, ?, ?, ?, ?)", (key, alike, *rest)
    )
