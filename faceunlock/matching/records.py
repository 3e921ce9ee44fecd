"""People and templates as plain records, dicts of JSON types, which exports and earlier galleries hold.

All code that stores or moves people uses the same records and the same validation, so no route accepts what
another would refuse.
"""

from __future__ import annotations

import base64
import math
import re
import sys
from array import array
from typing import TYPE_CHECKING, Any

from faceunlock.matching.people import Look, Person, check_person, check_template, is_count, require
from faceunlock.matching.templates import ModelIdentity, Template

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

Record = dict[str, Any]

_HEX_256 = re.compile("[0-9a-f]{64}")
_PERSON_FIELDS = {"name", "created", "updated", "template"}
_LOOK_FIELDS = {"name", "created", "template"}
_IDENTITY_FIELDS = {"model", "weights_sha256", "preprocessing", "dimension"}
_TEMPLATE_FIELDS = {
    "identity",
    "vector_sum",
    "count",
    "mean_similarity",
    "lowest_similarity",
    "photo_key",
    "photo_hashes",
}


def person_to_record(person: Person) -> Record:
    """Return a person as a dict of JSON types; it has an entry ``looks`` only if the person has any."""
    record: Record = {
        "name": person.name,
        "created": person.created,
        "updated": person.updated,
        "template": template_to_record(person.template),
    }
    if person.looks:
        record["looks"] = [
            {"name": look.name, "created": look.created, "template": template_to_record(look.template)}
            for look in person.looks
        ]
    return record


def record_to_person(record: object) -> Person:
    """Return the person in a record, after checking every field.

    Raises
    ------
    ValueError
        If the record is not exactly what `person_to_record` makes.
    """
    has_looks = isinstance(record, dict) and "looks" in record
    fields = _fields(record, _PERSON_FIELDS | {"looks"} if has_looks else _PERSON_FIELDS)
    template = record_to_template(fields["template"])
    looks = _looks(fields["looks"]) if has_looks else ()
    person = Person(fields["name"], template, fields["created"], fields["updated"], looks)
    check_person(person)
    return person


def _looks(records: object) -> tuple[Look, ...]:
    require(isinstance(records, list) and records != [], "the looks are not a list, or there is none")
    looks = []
    for record in records if isinstance(records, list) else []:
        fields = _fields(record, _LOOK_FIELDS)
        looks.append(Look(fields["name"], record_to_template(fields["template"]), fields["created"]))
    return tuple(looks)


def identity_to_record(identity: ModelIdentity) -> Record:
    """Return the identity of a model as a dict of JSON types."""
    return {
        "model": identity.model,
        "weights_sha256": identity.weights_sha256,
        "preprocessing": identity.preprocessing,
        "dimension": identity.dimension,
    }


def record_to_identity(record: object) -> ModelIdentity:
    """Return the model identity in a record, after checking every field.

    Raises
    ------
    ValueError
        If the record is not exactly what `identity_to_record` makes.
    """
    fields = _fields(record, _IDENTITY_FIELDS)
    for field in ("model", "preprocessing"):
        require(isinstance(fields[field], str) and fields[field] != "", f"{field} is not a text")
    require(_is_hex_256(fields["weights_sha256"]), "weights_sha256 is not a checksum")
    require(is_count(fields["dimension"]), "dimension is not a positive number")
    return ModelIdentity(**fields)


def template_to_record(template: Template) -> Record:
    """Return a template as a dict of JSON types.

    The vector is base64 of its little-endian float64 bytes, exact to the last bit. A template that is read
    from a record has it as float32, as a gallery stores it. The photo key is hexadecimal. The photo hashes
    are sorted, so that equal templates have equal records.
    """
    return {
        "identity": identity_to_record(template.identity),
        "vector_sum": _packed(template.vector_sum),
        "count": int(template.count),
        "mean_similarity": float(template.mean_similarity),
        "lowest_similarity": float(template.lowest_similarity),
        "photo_key": template.photo_key.hex(),
        "photo_hashes": sorted(template.photo_hashes),
    }


def record_to_template(record: object) -> Template:
    """Return the template in a record, after checking every field.

    Raises
    ------
    ValueError
        If the record is not exactly what `template_to_record` makes: a vector that is not as long as
        the model's, not finite, or zero; a count below 1; a similarity outside [-1, 1]; a key that is not
        32 bytes long; a photo hash that is malformed or repeated.
    """
    fields = _fields(record, _TEMPLATE_FIELDS)
    identity = record_to_identity(fields["identity"])
    require(isinstance(fields["vector_sum"], str), "the vector is not a text")
    content = base64.b64decode(fields["vector_sum"], validate=True)
    require(len(content) == 8 * identity.dimension, "the vector has the wrong length")
    vector = array("d", content)
    if sys.byteorder == "big":
        vector.byteswap()
    for field in ("mean_similarity", "lowest_similarity"):
        value = fields[field]
        number = isinstance(value, int | float) and not isinstance(value, bool)
        require(number, f"{field} is not a number")
    require(_is_hex_256(fields["photo_key"]), "the photo key has the wrong length")
    hashes = fields["photo_hashes"]
    require(isinstance(hashes, list) and all(map(_is_hex_256, hashes)), "a photo hash is malformed")
    require(len(set(hashes)) == len(hashes), "a photo hash is repeated")
    template = Template(
        identity=identity,
        vector_sum=array("f", vector),
        count=fields["count"],
        mean_similarity=_number(fields["mean_similarity"]),
        lowest_similarity=_number(fields["lowest_similarity"]),
        photo_key=bytes.fromhex(fields["photo_key"]),
        photo_hashes=frozenset(hashes),
    )
    check_template(template)
    return template


def _number(value: int | float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _packed(vector: ArrayLike) -> str:
    import numpy as np

    return base64.b64encode(np.asarray(vector, dtype="<f8").tobytes()).decode("ascii")


def _fields(record: object, names: set[str]) -> Record:
    """Return the record, after checking that it is a dict with exactly these fields."""
    if not isinstance(record, dict) or set(record) != names:
        raise ValueError(f"the fields are not exactly {', '.join(sorted(names))}")
    return record


def _is_hex_256(value: object) -> bool:
    return isinstance(value, str) and _HEX_256.fullmatch(value) is not None
