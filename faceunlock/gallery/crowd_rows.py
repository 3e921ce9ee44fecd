"""Everybody's templates as arrays, from rows that `faceunlock.gallery.people_columns` proves."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from faceunlock.gallery.people_columns import Alike, alike
from faceunlock.gallery.seal import Plain, Row
from faceunlock.matching.crowd import Crowd, Templates, lengths_of
from faceunlock.matching.templates import ModelIdentity


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
    for group in alike(batches, seal):
        _add(found.setdefault(group.head.identity, _Columns()), group)
    return Crowd.sorted(_templates(identity, columns) for identity, columns in found.items())


def _add(columns: _Columns, group: Alike) -> None:
    head, names = group.head, group.names
    templates = 1 + len(head.looks)
    columns.blocks += b"".join([one[group.start :] for one in group.packed])
    at = len(columns.names)
    columns.names += names
    if head.looks:
        for row in range(len(columns.owner), len(columns.owner) + templates * len(names), templates):
            columns.looks.update({row + 1 + place: look for place, (look, _) in enumerate(head.looks)})
    owners = np.repeat(np.arange(at, at + len(names), dtype=np.int64), templates)
    columns.owner.frombytes(owners.tobytes())


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
