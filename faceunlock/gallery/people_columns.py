"""Everybody's rows column by column: thousands are proven and checked at once, without NumPy.

Nothing here decides that a row is wrong. Where it is not sure that all rows are right, it raises, and they
are read again one by one, by the rules of `faceunlock.gallery.packing.unpack`, which know who is damaged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat
from typing import Any, NamedTuple

from faceunlock.gallery.file import PEOPLE
from faceunlock.gallery.packing import LENGTH, NUMBERS, Header, header, header_text
from faceunlock.gallery.seal import Plain, Row
from faceunlock.matching.people import (
    LookSummary,
    Summary,
    check_looks,
    check_name,
    check_times,
    well_formed,
)


class Alike(NamedTuple):
    """People whose packed templates begin with the same header, and so have the same size.

    Attributes
    ----------
    head : Header
        The model, and the looks that each of them has.
    start : int
        Number of bytes before the first block.
    names, created, updated : sequence of str
        One for each person.
    packed : sequence of bytes
        The templates of each person; see `faceunlock.gallery.packing`.
    """

    head: Header
    start: int
    names: Sequence[str]
    created: Sequence[str]
    updated: Sequence[str]
    packed: Sequence[bytes]


def alike(batches: Iterable[Sequence[Row]], seal: Plain) -> Iterator[Alike]:
    """Yield everybody in batches of rows of people, those with the same header side by side.

    The numbers in the blocks are not looked at.

    Raises
    ------
    ValueError
        If it is not sure that every row is as it was written, or that all are there.
    """
    expected, there = seal.keys(PEOPLE), set[str]()
    for rows in batches:
        keys, _, names, created, updated, packed = seal.columns(PEOPLE, rows)
        if expected:
            there.update(keys)
        if not well_formed(names):
            for name in names:
                check_name(name)
        check_times({*created, *updated})
        yield from _groups(names, created, updated, packed)
    if seal.missing(PEOPLE, there):
        raise ValueError("somebody is missing")


def summaries_of(batches: Iterable[Sequence[Row]], seal: Plain) -> list[Summary]:
    """Return what is listed of everybody in batches of rows of people; raises as `alike`."""
    return [summary for group in alike(batches, seal) for summary in _summaries(group)]


def _groups(*columns: Sequence[Any]) -> Iterator[Alike]:
    """Yield rows, given as columns of which the last is the packed people, by their headers."""
    begin = _begin(columns[-1][0])
    if {one[: len(begin)] for one in columns[-1]} == {begin}:  # nearly always
        yield _group(begin, columns)
        return
    groups: dict[bytes, list[Sequence[Any]]] = {}
    for row in zip(*columns, strict=True):
        groups.setdefault(_begin(row[-1]), []).append(row)
    for begin, rows in groups.items():
        yield _group(begin, [*zip(*rows, strict=True)])


def _begin(packed: bytes) -> bytes:
    """Return the length of the header, and the header."""
    text = header_text(packed)
    return LENGTH.pack(len(text)) + text


def _group(begin: bytes, columns: Sequence[Sequence[Any]]) -> Alike:
    head = header(begin[LENGTH.size :])
    check_looks(head.looks)
    group = Alike(head, len(begin), *columns)
    if {*map(len, group.packed)} != {len(begin) + (1 + len(head.looks)) * head.block_bytes}:
        raise ValueError("it has the wrong length")
    return group


def _summaries(group: Alike) -> Iterator[Summary]:
    head = group.head
    own, *others = (_numbers(group, template) for template in range(1 + len(head.looks)))
    looks = [
        [LookSummary(look, *numbers, since) for numbers in column]
        for (look, since), column in zip(head.looks, others, strict=True)
    ]
    theirs: Iterable[tuple[LookSummary, ...]] = zip(*looks, strict=True) if looks else repeat((), len(own))
    return (
        Summary(name, head.identity, *numbers, created, updated, their)
        for name, numbers, created, updated, their in zip(
            group.names, own, group.created, group.updated, theirs, strict=True
        )
    )


def _numbers(group: Alike, template: int) -> list[tuple[int, float, float]]:
    """Return the number of photos, the mean and the lowest similarity in one of everybody's templates."""
    at = group.start + template * group.head.block_bytes
    found = [NUMBERS.unpack_from(packed, at) for packed in group.packed]
    if not all(-1 <= mean <= 1 and -1 <= lowest <= 1 and count >= 1 for mean, lowest, count in found):
        raise ValueError("a number is out of range")
    return [(count, mean, lowest) for mean, lowest, count in found]
