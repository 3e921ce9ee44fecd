"""How a row holds a person: the templates as numbers side by side, the marks of the photos apart.

A packed person is the length of a header, the header, and a block for each template: the mean and the lowest
similarity (float64), the number of photos (uint32) and the sum of the embeddings (float32), little-endian.
The header is JSON: the model, and the names and dates of the looks. All people of one model without looks
have the same header and blocks of one size, so NumPy reads thousands of them as one array; see
`faceunlock.gallery.crowd_rows`.

The marks of the photos, a key and hashes under it, are needed only where photos are compared with those that
built a template. They are in a row of their own.
"""

from __future__ import annotations

import functools
import struct
import sys
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

from faceunlock.files.reading import parse_json
from faceunlock.gallery.cipher import document
from faceunlock.matching.people import Look, Person, check_person
from faceunlock.matching.records import identity_to_record, record_to_identity
from faceunlock.matching.templates import KEY_BYTES, ModelIdentity, Template

LENGTH = struct.Struct("<I")
NUMBERS = struct.Struct("<ddI")
"""Mean similarity, lowest similarity, number of photos: what a block holds before the sum."""

HASH_BYTES = 32


@dataclass(frozen=True, slots=True)
class Header:
    """What a packed person says before the numbers.

    Attributes
    ----------
    identity : ModelIdentity
    looks : tuple of (str, str)
        The name of each look, and when it was enrolled.
    """

    identity: ModelIdentity
    looks: tuple[tuple[str, str], ...]

    @property
    def block_bytes(self) -> int:
        """Size of the block of one template."""
        return NUMBERS.size + 4 * self.identity.dimension


@functools.lru_cache(maxsize=64)
def header(text: bytes) -> Header:
    """Return a header; raise ValueError for anything that `pack` does not write.

    People share headers, so the last ones are remembered.
    """
    fields = parse_json(text)
    if not isinstance(fields, dict) or set(fields) != {"identity", "looks"}:
        raise ValueError("the header is malformed")
    looks = fields["looks"]
    if not isinstance(looks, list) or not all(_is_look(look) for look in looks):
        raise ValueError("the header is malformed")
    return Header(record_to_identity(fields["identity"]), tuple((name, created) for name, created in looks))


def header_text(packed: bytes) -> bytes:
    """Return the text of the header of a packed person; raise ValueError if it cannot have one."""
    if len(packed) < LENGTH.size:
        raise ValueError("it is too short")
    (length,) = LENGTH.unpack_from(packed)
    return packed[LENGTH.size : LENGTH.size + length]


def pack(person: Person) -> tuple[bytes, bytes]:
    """Return the templates of a person as they are stored, and the marks of their photos.

    Parameters
    ----------
    person : Person
        As `faceunlock.matching.records.record_to_person` makes it.
    """
    head = {
        "identity": identity_to_record(person.template.identity),
        "looks": [[look.name, look.created] for look in person.looks],
    }
    text = document(head).encode("ascii")
    templates = [template for _, template in person.templates]
    blocks = (
        NUMBERS.pack(template.mean_similarity, template.lowest_similarity, template.count)
        + _little(array("f", cast("array[float]", template.vector_sum))).tobytes()
        for template in templates
    )
    marks = (
        template.photo_key
        + LENGTH.pack(len(template.photo_hashes))
        + b"".join(sorted(map(bytes.fromhex, template.photo_hashes)))
        for template in templates
    )
    return LENGTH.pack(len(text)) + text + b"".join(blocks), b"".join(marks)


def unpack(name: str, created: str, updated: str, packed: bytes, marks: bytes | None) -> Person:
    """Return the person that `pack` stored; raise ValueError for anything else.

    Without the marks of the photos the templates have an empty key and no hashes, and cannot be stored again.
    """
    text = header_text(packed)
    head = header(text)
    start, size = LENGTH.size + len(text), head.block_bytes
    if len(packed) != start + size * (1 + len(head.looks)):
        raise ValueError("it has the wrong length")
    blocks = [packed[at : at + size] for at in range(start, len(packed), size)]
    photos = [(b"", frozenset[str]())] * len(blocks) if marks is None else list(_photos(marks))
    if len(photos) != len(blocks):
        raise ValueError("the marks of its photos have the wrong length")
    own, *others = [
        _template(head.identity, block, *mark) for block, mark in zip(blocks, photos, strict=True)
    ]
    looks = [Look(look, other, since) for (look, since), other in zip(head.looks, others, strict=True)]
    person = Person(name, own, created, updated, tuple(looks))
    check_person(person)
    return person


def _template(identity: ModelIdentity, block: bytes, key: bytes, hashes: frozenset[str]) -> Template:
    mean, lowest, count = NUMBERS.unpack_from(block)
    return Template(identity, _little(array("f", block[NUMBERS.size :])), count, mean, lowest, key, hashes)


def _photos(marks: bytes) -> Iterator[tuple[bytes, frozenset[str]]]:
    """Yield the key and the hashes of each template's photos."""
    at = 0
    while at < len(marks):
        start = at + KEY_BYTES + LENGTH.size
        if start > len(marks):
            raise ValueError("the marks of its photos have the wrong length")
        end = start + HASH_BYTES * LENGTH.unpack_from(marks, start - LENGTH.size)[0]
        if end > len(marks):
            raise ValueError("the marks of its photos have the wrong length")
        hashes = [marks[one : one + HASH_BYTES].hex() for one in range(start, end, HASH_BYTES)]
        if hashes != sorted(set(hashes)):
            raise ValueError("the marks of its photos are not sorted, or one occurs twice")
        yield marks[at : at + KEY_BYTES], frozenset(hashes)
        at = end


def _little(numbers: array[float]) -> array[float]:
    """Return an array turned between this machine's order of bytes and the little-endian one of the file."""
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def _is_look(look: Any) -> bool:
    return isinstance(look, list) and len(look) == 2 and all(isinstance(part, str) for part in look)
