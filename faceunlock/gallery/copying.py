"""Copies a gallery into another one, wherever the two are, and proves that nothing is missing.

People, thresholds and banks of strangers that the target has already, to the bit, are passed over. So a copy
that was interrupted is finished by the same command, and one that is complete changes nothing. What the
target holds under the same name but different is never replaced: the copy is refused before it begins.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

import numpy as np

from faceunlock.errors import GalleryError
from faceunlock.files.text import quoted
from faceunlock.gallery.cipher import document
from faceunlock.gallery.gallery import Gallery
from faceunlock.matching.people import Person, name_key
from faceunlock.matching.records import person_to_record
from faceunlock.matching.strangers import Strangers

BATCH = 200
"""People that are written in one transaction."""

MOST_NAMED = 10
"""Names that an error lists."""

_ROOM = 2**256

T = TypeVar("T")
Track = Callable[[Iterable[Person], int, str], Iterable[Person]]
"""Shows progress over people; see `faceunlock.cli.console.Progress.track`."""


@dataclass(frozen=True, slots=True)
class Copied:
    """What a copy did, after it was verified.

    Attributes
    ----------
    people, thresholds, banks : int
        How many the source has, all of which the target has now.
    already : int
        How many people the target had before.
    checksum : str
        The sum of the SHA-256 of all people of the source, 64 hexadecimal digits. Every person of it was read
        back from the target.
    """

    people: int
    thresholds: int
    banks: int
    already: int
    checksum: str


def copy_gallery(
    source: Gallery, target: Gallery, track: Track = lambda people, total, label: people
) -> Copied:
    """Copy everybody, every threshold and every bank of strangers that the target lacks.

    Raises
    ------
    GalleryError
        ``import-conflict`` if the target holds something else under the same name; nothing is then copied.
        ``copy-differs`` if the target does not hold all of it afterwards. Otherwise as both galleries.
    """
    missing = _missing(source, target)
    written = 0
    with contextlib.closing(source.each()) as everybody:
        for batch in _batches(track(everybody, len(source.crowd()), "people"), BATCH):
            lacking = [person for person in batch if person.name in missing]
            if lacking:
                with target.transaction():
                    for person in lacking:
                        target.restore(person)
                written += len(lacking)
    thresholds = _copy_thresholds(source, target)
    banks = _copy_banks(source, target)
    people, checksum = _verify(source, target)
    return Copied(people, thresholds, banks, people - written, f"{checksum:064x}")


def _missing(source: Gallery, target: Gallery) -> set[str]:
    """Return the names of the source that the target lacks; refuse what is different there."""
    there = dict(_digests(target))
    missing, different = set(), []
    for person in source.each():
        kept = there.get(name_key(person.name))
        if kept is None:
            missing.add(person.name)
        elif kept != _digest(person):
            different.append(quoted(person.name))
    thresholds = dict(target.calibrations())
    different += [
        f"the threshold of {identity.model}"
        for identity, data in source.calibrations()
        if thresholds.get(identity, data) != data
    ]
    for state in source.strangers.states():
        bank = target.strangers.read(state.identity)
        if bank is not None and not _same(source.strangers.read(state.identity), bank):
            different.append(f"the strangers of {state.identity.model}")
    if different:
        more = "" if len(different) <= MOST_NAMED else f" and {len(different) - MOST_NAMED:,} more"
        raise GalleryError(
            "import-conflict",
            f"{target.path} holds something else as {', '.join(different[:MOST_NAMED])}{more}",
            hint="Forget these there first, or copy into an empty gallery.",
        )
    return missing


def _copy_thresholds(source: Gallery, target: Gallery) -> int:
    found = source.calibrations()
    for identity, data in found:
        if target.calibration(identity) is None:
            target.save_calibration(identity, data)
    return len(found)


def _copy_banks(source: Gallery, target: Gallery) -> int:
    states = source.strangers.states()
    for state in states:
        bank = source.strangers.read(state.identity)
        if bank is not None and target.strangers.read(state.identity) is None:
            target.strangers.update(state.identity, lambda _, bank=bank: bank)  # type: ignore[misc]
    return len(states)


def _verify(source: Gallery, target: Gallery) -> tuple[int, int]:
    """Read everything from both, and return how many people there are and the sum of their digests."""
    digests = dict(_digests(source))
    found = [digest for name, digest in _digests(target) if digests.get(name) == digest]
    complete = len(found) == len(digests) and sum(found) % _ROOM == sum(digests.values()) % _ROOM
    for identity, data in source.calibrations():
        complete &= target.calibration(identity) == data
    for state in source.strangers.states():
        there = target.strangers.read(state.identity)
        complete &= there is not None and _same(source.strangers.read(state.identity), there)
    if not complete:
        raise GalleryError("copy-differs", f"{target.path} does not hold all that {source.path} holds")
    return len(found), sum(found) % _ROOM


def _digests(gallery: Gallery) -> Iterator[tuple[str, int]]:
    """Yield the key of everybody's name and the digest of the person."""
    return ((name_key(person.name), _digest(person)) for person in gallery.each())


def _digest(person: Person) -> int:
    """Return the SHA-256 of everything about a person, as a number."""
    text = document(person_to_record(person)).encode("ascii")
    return int.from_bytes(hashlib.sha256(text).digest(), "big")


def _same(one: Strangers | None, other: Strangers) -> bool:
    """Return whether two banks are the same to the bit."""
    if one is None:
        return False
    texts = [(bank.identity, bank.photo_key, bank.person, bank.source, bank.hashes) for bank in (one, other)]
    return texts[0] == texts[1] and np.array_equal(one.embeddings, other.embeddings)


def _batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch
