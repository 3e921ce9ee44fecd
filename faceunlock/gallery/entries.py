"""What a stored row of the gallery says: a person or a calibration, or the error that names a bad row."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from faceunlock.errors import GalleryError
from faceunlock.files.reading import parse_json
from faceunlock.files.text import quoted
from faceunlock.gallery.seal import Plain, Row
from faceunlock.matching.people import Person, record_to_identity, record_to_person
from faceunlock.matching.templates import ModelIdentity

PEOPLE, CALIBRATIONS = "people", "calibrations"


def person_of(row: Row, seal: Plain, path: Path) -> Person:
    """Return the person in a row of the gallery at `path`.

    Raises
    ------
    GalleryError
        ``gallery-damaged``, or ``gallery-tampered`` if the gallery is sealed: it is not what was written.
    """
    try:
        _, name, created, updated, template = seal.read(PEOPLE, row)
        content = parse_json(template)
        fields = {"name": name, "created": created, "updated": updated, "template": content}
        if isinstance(content, dict) and "looks" in content:
            fields["looks"] = content.pop("looks")
        return record_to_person(fields)
    except ValueError as error:
        raise GalleryError(
            seal.slug,
            f"{path}: the entry for {quoted(row[0])} is {seal.verdict}: {error}",
            hint=f"Run: faceunlock people forget {quoted(row[0])} — then enroll this person again, "
            "or import an export.",
        ) from error


def calibration_of(row: Row, seal: Plain, path: Path) -> tuple[ModelIdentity, dict[str, Any]]:
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


def asked_for(key: str, rows: Sequence[Row], seal: Plain, path: Path) -> Row:
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
