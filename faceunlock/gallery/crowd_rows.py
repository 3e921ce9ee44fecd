"""Reads everybody's templates as arrays: thousands of rows are checked by columns.

Nothing here decides that a row is wrong. Where it is not sure that all rows are right, it raises, and they
are read again one by one, by the rules of `faceunlock.gallery.packing.unpack`, which know who is damaged.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from faceunlock.gallery.file import PEOPLE
from faceunlock.gallery.packing import LENGTH, Header, header, header_text
from faceunlock.gallery.seal import Plain, Row
from faceunlock.matching.crowd import Crowd, Templates, lengths_of
from faceunlock.matching.people import check_looks, check_name, check_time, well_formed
from faceunlock.matching.templates import ModelIdentity


@dataclass(slots=True)
class _Columns:
    """The templates of one model that were read so far."""

    names: list[str] = field(default_factory=list)
    blocks: bytearray = field(default_factory=bytearray)
    owner: array[int] = field(default_factory=lambda: array("q"))
    looks: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Kind:
    """What rows with one header have in common."""

    columns: _Columns
    header: Header
    start: int
    size: int


def crowd_of(batches: Iterable[Sequence[Row]], seal: Plain) -> Crowd:
    """Return everybody in batches of rows of people.

    Raises
    ------
    ValueError
        If it is not sure that every row is as it was written and holds a person, or that all are there.
    """
    columns: dict[ModelIdentity, _Columns] = {}
    kinds: dict[bytes, _Kind] = {}
    keys: set[str] = set()
    for rows in batches:
        values = list(seal.read_all(PEOPLE, rows))
        _check_texts(values)
        keys.update([row[0] for row in values])
        for _, _, name, _, _, packed in values:
            text = header_text(packed)
            kind = kinds.get(text)
            if kind is None:
                kind = _kind(text, columns)
                if not kind.header.looks:  # the headers of people with looks differ
                    kinds[text] = kind
            _add(kind, name, packed)
    if seal.missing(PEOPLE, keys):
        raise ValueError("somebody is missing")
    return Crowd.sorted(_templates(identity, found) for identity, found in columns.items())


def _check_texts(values: Sequence[Sequence[str]]) -> None:
    names = [row[2] for row in values]
    if not well_formed(names):
        for name in names:
            check_name(name)
    for moment in {moment for row in values for moment in (row[3], row[4])}:
        check_time(moment)


def _kind(text: bytes, columns: dict[ModelIdentity, _Columns]) -> _Kind:
    head = header(text)
    check_looks(head.looks)
    start = LENGTH.size + len(text)
    size = start + head.block_bytes * (1 + len(head.looks))
    return _Kind(columns.setdefault(head.identity, _Columns()), head, start, size)


def _add(kind: _Kind, name: str, packed: bytes) -> None:
    if len(packed) != kind.size:
        raise ValueError("it has the wrong length")
    columns = kind.columns
    at = len(columns.names)
    columns.names.append(name)
    columns.blocks += packed[kind.start :]
    columns.owner.append(at)
    for look, _ in kind.header.looks:
        columns.looks[len(columns.owner)] = look
        columns.owner.append(at)


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
