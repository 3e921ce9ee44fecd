"""The content of an export before encryption: compressed JSON, with every record checked when it is read."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from faceunlock.errors import TransferError
from faceunlock.files.reading import parse_json
from faceunlock.matching.calibration import Calibration, calibration_of
from faceunlock.matching.people import Person, name_key, now
from faceunlock.matching.records import (
    identity_to_record,
    person_to_record,
    record_to_identity,
    record_to_person,
)
from faceunlock.matching.templates import ModelIdentity, Template, least_length

if TYPE_CHECKING:
    from array import array

MAX_CONTENT_BYTES = 128 * 2**20

MAX_RATIO, SLACK_BYTES = 4, 2**20
"""Templates and hashes are random, so they shrink to no less than a third."""

BYTES_PER_VALUE, SLACK_VALUES = 8, 10_000
"""A value of JSON takes up to 64 bytes of memory, however short it is; ours are longer than this."""

MAX_PHOTOS = 10**6
"""Upper bound on the photos of one template."""


@dataclass(frozen=True, slots=True)
class Content:
    """The content of an export, validated."""

    people: tuple[Person, ...]
    calibrations: tuple[tuple[ModelIdentity, dict[str, Any]], ...] = field(repr=False)


def pack(content: Content) -> bytes:
    """Return the content as bytes, before encryption."""
    document = {
        "exported": now(),
        "people": [person_to_record(person) for person in content.people],
        "calibrations": [
            {"identity": identity_to_record(identity), "data": data}
            for identity, data in content.calibrations
        ],
    }
    text = json.dumps(document, allow_nan=False).encode("ascii")
    packed = zlib.compress(text, 9)
    if len(text) > _max_content(packed):
        packed = zlib.compress(text, 0)  # nothing that we write may look like a decompression bomb
    if len(text) > MAX_CONTENT_BYTES:
        raise TransferError("file-unwritable", "The gallery is too large for one export")
    return packed


def _max_content(packed: bytes) -> int:
    return min(MAX_CONTENT_BYTES, MAX_RATIO * len(packed) + SLACK_BYTES)


def unpack(packed: bytes, file: Path, dimensions: Mapping[str, int]) -> Content:
    """Return the content of decrypted bytes, with every record checked as the gallery checks its own."""
    try:
        decompressor = zlib.decompressobj()
        text = decompressor.decompress(packed, _max_content(packed))
        if not decompressor.eof or decompressor.unused_data:
            raise ValueError("the content is incomplete or too large")
        if sum(map(text.count, (b",", b"[", b"{"))) > len(text) // BYTES_PER_VALUE + SLACK_VALUES:
            raise ValueError("the content holds too many values")
        document = parse_json(text)
        people = tuple(record_to_person(record) for record in document["people"])
        if len({name_key(person.name) for person in people}) != len(people):
            raise ValueError("a person occurs twice")
        for person in people:
            for _, template in person.templates:
                _check_template(template, dimensions)
        calibrations = tuple(
            (record_to_identity(record["identity"]), _dict(record["data"]))
            for record in document["calibrations"]
        )
        json.dumps([data for _, data in calibrations], allow_nan=False)
    except (ValueError, KeyError, TypeError, RecursionError, zlib.error) as error:
        raise TransferError("export-damaged", f"{file} was not written by faceunlock: {error}") from error
    return Content(people, calibrations)


def _check_template(template: Template, dimensions: Mapping[str, int]) -> None:
    """Refuse a template that no photos could have made; `record_to_person` has checked each field."""
    identity = template.identity
    if dimensions.get(identity.model, identity.dimension) != identity.dimension:
        raise ValueError(f"{identity.model} does not make vectors of {identity.dimension} numbers")
    if template.count > MAX_PHOTOS or len(template.photo_hashes) > template.count:
        raise ValueError("a template was not made from as many photos as it says")
    if template.lowest_similarity > template.mean_similarity + 1e-9:
        raise ValueError("the lowest similarity is above the mean")
    length = math.sqrt(sum(number * number for number in cast("array[float]", template.vector_sum)))
    if length > template.count * (1 + 1e-6):
        raise ValueError("a sum of unit vectors is longer than their number")
    if length < least_length(template.count, template.mean_similarity) * (1 - 1e-6):
        raise ValueError("a sum of unit vectors is too short for what is said of their agreement")


def _dict(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("a calibration is not an object")
    return value


def checked_calibration(identity: ModelIdentity, data: dict[str, Any], file: Path) -> Calibration:
    """Return a calibration of an export, checked as one of the gallery is, or raise ``export-damaged``."""
    try:
        return calibration_of(identity, data)
    except ValueError as error:
        raise TransferError(
            "export-damaged", f"{file} holds no calibration of {identity.model}: {error}"
        ) from error
