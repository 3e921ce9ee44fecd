"""Reads everybody's templates as arrays: thousands of rows are checked by columns.

Nothing here decides that a row is wrong. Where it is not sure that all rows are right, it raises, and they
are read again one by one, by the rules of `faceunlock.gallery.packing.unpack`, which know who is damaged.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from faceunlock.gallery.file import PEOPLE
from faceunlock.gallery.packing import LENGTH, Header, header, header_text
from faceunlock.gallery.seal import Plain, Row
from faceunlock.matching.crowd import Crowd, Templates, lengths_of
from faceunlock.matching.people import check_looks, check_name, check_time, well_formed
from faceunlock.matching.templates import ModelIdentity

TIME_LENGTH = len("2025-01-31T09:30:00Z")
_SIGNS = [4, 7, 10, 13, 16, 19]
_SIGN = np.frombuffer(b"--T::Z", dtype=np.uint8)
_DIGITS = [at for at in range(TIME_LENGTH) if at not in _SIGNS]
_LEAST = np.array([1, 0, 1, 1, 0, 0, 0])
_MOST = np.array([99, 99, 12, 28, 23, 59, 59])
"""Numbers of a time that are right in every month of every year; others are looked at one by one."""


@dataclass(slots=True)
class _Columns:
    """The templates of one model that were read so far."""

    names: list[str] = field(default_factory=list)
    blocks: bytearray = field(default_factory=bytearray)
    owner: array[int] = field(default_factory=lambda: array("q"))
    looks: dict[int, str] = field(default_factory=dict)


def crowd_of(batches: Iterable[Sequence[Row]], seal: Plain) -> Crowd:
    """Return everybody in batches of rows of people.

    Raises
    ------
    ValueError
        If it is not sure that every row is as it was written and holds a person, or that all are there.
    """
    found: dict[ModelIdentity, _Columns] = {}
    expected, there = seal.keys(PEOPLE), set[str]()
    for rows in batches:
        keys, _, names, created, updated, packed = seal.columns(PEOPLE, rows)
        if expected:
            there.update(keys)
        _check_names(names)
        _check_times([*{*created, *updated}])
        for begin, members, contents in _alike(names, packed):
            head = header(begin[LENGTH.size :])
            check_looks(head.looks)
            _add(found.setdefault(head.identity, _Columns()), head, len(begin), members, contents)
    if seal.missing(PEOPLE, there):
        raise ValueError("somebody is missing")
    return Crowd.sorted(_templates(identity, columns) for identity, columns in found.items())


def _alike(
    names: Sequence[str], packed: Sequence[bytes]
) -> Iterator[tuple[bytes, Sequence[str], Sequence[bytes]]]:
    """Yield the beginning that many people share, and all names and packed people with that beginning."""
    begin = _begin(packed[0])
    if {one[: len(begin)] for one in packed} == {begin}:
        yield begin, names, packed
        return
    groups: dict[bytes, tuple[list[str], list[bytes]]] = {}
    for name, one in zip(names, packed, strict=True):
        members, contents = groups.setdefault(_begin(one), ([], []))
        members.append(name)
        contents.append(one)
    for begin, group in groups.items():
        yield begin, *group


def _begin(packed: bytes) -> bytes:
    """Return the length of the header, and the header."""
    text = header_text(packed)
    return LENGTH.pack(len(text)) + text


def _add(columns: _Columns, head: Header, start: int, names: Sequence[str], packed: Sequence[bytes]) -> None:
    templates = 1 + len(head.looks)
    if {*map(len, packed)} != {start + templates * head.block_bytes}:
        raise ValueError("it has the wrong length")
    columns.blocks += b"".join([one[start:] for one in packed])
    at = len(columns.names)
    columns.names += names
    if head.looks:
        for row in range(len(columns.owner), len(columns.owner) + templates * len(names), templates):
            columns.looks.update({row + 1 + place: look for place, (look, _) in enumerate(head.looks)})
    owners = np.repeat(np.arange(at, at + len(names), dtype=np.int64), templates)
    columns.owner.frombytes(owners.tobytes())


def _check_names(names: Sequence[str]) -> None:
    if not well_formed(names):
        for name in names:
            check_name(name)


def _check_times(moments: Sequence[str]) -> None:
    """Look at all times as a table of characters, and by themselves at those that are not clear at once."""
    sure = np.zeros(len(moments), dtype=bool)
    joined = "".join(moments)
    if joined.isascii() and {*map(len, moments)} == {TIME_LENGTH}:
        table = np.frombuffer(joined.encode("ascii"), dtype=np.uint8).reshape(-1, TIME_LENGTH)
        digits = table[:, _DIGITS].astype(np.int16) - ord("0")
        sure = np.all((digits >= 0) & (digits <= 9), axis=1) & np.all(table[:, _SIGNS] == _SIGN, axis=1)
        numbers = digits[:, ::2] * 10 + digits[:, 1::2]  # century, year, month, day, hour, minute, second
        sure &= np.all((numbers >= _LEAST) & (numbers <= _MOST), axis=1)
    for at in map(int, np.flatnonzero(~sure)):
        check_time(moments[at])


def _templates(identity: ModelIdentity, columns: _Columns) -> Templates:
    """Return the templates of one model, after checking their numbers by columns."""
    block = np.dtype(
        [("mean", "<f8"), ("lowest", "<f8"), ("count", "<u4"), ("sum", "<f4", (identity.dimension,))]
    )
    blocks = np.frombuffer(columns.blocks, dtype=block)
    sums: NDArray[np.float32] = blocks["sum"]
    lengths = lengths_of(sums)
    directed = np.isfinite(lengths) & (lengths > 0)
    consistent = (np.abs(blocks["mean"]) <= 1) & (np.abs(blocks["lowest"]) <= 1)
    if not np.all(directed & consistent & (blocks["count"] >= 1)):
        raise ValueError("a number is out of range")
    owner = np.frombuffer(columns.owner, dtype=np.int64)
    return Templates(identity, sums, lengths, owner, columns.names, columns.looks)
