"""What a stored row of the gallery says: a person or a calibration, or the error that names a bad row."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from faceunlock.errors import GalleryError
from faceunlock.files.reading import parse_json
from faceunlock.files.text import quoted
from faceunlock.gallery.change import Change
from faceunlock.gallery.file import CALIBRATIONS, PEOPLE, PHOTOS
from faceunlock.gallery.packing import pack, unpack
from faceunlock.gallery.seal import Plain, Row
from faceunlock.gallery.store import Where
from faceunlock.matching.people import Person, name_key
from faceunlock.matching.records import person_to_record, record_to_identity, record_to_person
from faceunlock.matching.templates import ModelIdentity


def person_of(row: Row, marks: Row | None, seal: Plain, path: Where) -> Person:
    """Return the person in a row of the gallery at `path`, and in the row with the marks of their photos.

    Without that row, None, the templates have no marks; see `faceunlock.gallery.packing.unpack`.

    Raises
    ------
    GalleryError
        ``gallery-damaged``, or ``gallery-tampered`` if the gallery is sealed: it is not what was written.
    """
    with refusing(row[0], seal, path):
        key, _, name, created, updated, template = seal.read(PEOPLE, row)
        if marks is None:
            return unpack(name, created, updated, template, None)
        of, photos = seal.read(PHOTOS, marks)
        if of != key:
            raise ValueError("the marks of its photos are another's")
        return unpack(name, created, updated, template, photos)


@contextlib.contextmanager
def refusing(key: object, seal: Plain, path: Where) -> Iterator[None]:
    """Turn the ValueError of a ``with`` block into the error that names a person whose row is wrong."""
    try:
        yield
    except ValueError as error:
        raise GalleryError(
            seal.slug,
            f"{path}: the entry for {quoted(key)} is {seal.verdict}: {error}",
            hint=f"Run: faceunlock people forget {quoted(key)} — then enroll this person again, "
            "or import an export.",
        ) from error


def write_person(change: Change, key: str, person: Person) -> None:
    """Write a person under a key, replacing the one that is there.

    Raises
    ------
    ValueError
        If the person is not valid. That is a bug of the caller, since user input is checked before
        it gets here.
    """
    person = record_to_person(person_to_record(person))
    template, marks = pack(person)
    change.write(PEOPLE, (key, name_key(key), person.name, person.created, person.updated, template))
    change.write(PHOTOS, (key, marks))


def delete_people(change: Change, *keys: str) -> int:
    """Delete people, damaged or not, and return how many there were or should have been."""
    marks = change.delete(PHOTOS, *keys)
    return max(change.delete(PEOPLE, *keys), marks)


def calibration_of(row: Row, seal: Plain, path: Where) -> tuple[ModelIdentity, dict[str, Any]]:
    """Return the model and the calibration in a row of the gallery at `path`; raises as `person_of`."""
    try:
        key, data = seal.read(CALIBRATIONS, row)
        return record_to_identity(parse_json(key)), parse_json(data)
    except ValueError as error:
        raise GalleryError(
            seal.slug,
            f"{path}: the calibration for {row[0]!s:.60} is {seal.verdict}: {error}",
            hint="Run: faceunlock calibrate — again, to replace it.",
        ) from error


def asked_for(key: str, rows: Sequence[Row], seal: Plain, path: Where) -> Row:
    """Return the row of a key, or a row of only the key if it is missing; refuse any other row."""
    row: Row = rows[0] if rows else (key,)
    if row[0] != key:
        raise GalleryError(seal.slug, f"{path}: the entry for {key!s:.60} is {seal.verdict}: it is another's")
    return row


@contextlib.contextmanager
def noting(found: list[str]) -> Iterator[None]:
    """Append an error's message and hint to the list instead of raising it."""
    try:
        yield
    except GalleryError as error:
        found.append(error.explained)
