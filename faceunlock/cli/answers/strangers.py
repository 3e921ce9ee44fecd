"""The text and JSON documents of ``faceunlock strangers``, and of strangers in other answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from faceunlock.cli.answers.parts import Document, identity, left_out
from faceunlock.files.text import Table, local_time, printable, table
from faceunlock.matching.wording import counted

if TYPE_CHECKING:
    from faceunlock.gallery.bank import BankState
    from faceunlock.matching.strangers import NearStranger
    from faceunlock.tasks.strangers import Filled

PULL = "faceunlock strangers pull lfw"


def banks(states: Sequence[BankState]) -> str | Table:
    """Return a row for each source of each bank."""
    if not states:
        return f"There are no strangers. To get thousands: {PULL}"
    return table(
        "model",
        "source",
        "people",
        "photos",
        "updated",
        rows=[
            (state.identity.model, source.source, source.people, source.photos, local_time(state.updated))
            for state in states
            for source in state.sources
        ],
    )


def banks_document(states: Sequence[BankState]) -> Document:
    """Return the data of ``strangers list``."""
    return {"banks": [bank_document(state) for state in states]}


def bank_document(state: BankState) -> Document:
    """Return one bank as JSON."""
    return {
        "model": identity(state.identity),
        "people": state.people,
        "photos": state.photos,
        "sources": [
            {"source": one.source, "people": one.people, "photos": one.photos} for one in state.sources
        ],
        "updated": state.updated,
    }


def summary(states: Sequence[BankState]) -> str:
    """Return what the banks hold, in one line."""
    if not states:
        return f"none; to get thousands: {PULL}"
    return "; ".join(
        f"{counted(state.people, 'person', 'people')}, {counted(state.photos, 'photo')} "
        f"for {printable(state.identity.model)}"
        for state in states
    )


def filled(done: Filled) -> str:
    """Return the answer to ``strangers pull`` and ``strangers add``."""
    parts = [
        f"{printable(done.source)}: {counted(done.added, 'photo')} added of {done.photos:,}",
        f"{done.known:,} known already" if done.known else "",
        f"{len(done.failures):,} without a usable face" if done.failures else "",
    ]
    bank = done.bank
    return (
        f"{', '.join(part for part in parts if part)}. The bank of {printable(bank.identity.model)} now "
        f"holds {counted(bank.people, 'person', 'people')}, {counted(bank.photos, 'photo')}."
    )


def filled_document(done: Filled) -> Document:
    """Return the data of ``strangers pull`` and ``strangers add``."""
    return {
        "source": done.source,
        "photos": done.photos,
        "added": done.added,
        "known": done.known,
        "failures": [left_out(photo) for photo in done.failures],
        "bank": bank_document(done.bank),
    }


def forgotten(name: str | None, photos: int) -> str:
    """Return the answer to ``strangers forget``."""
    return f"{printable(name) if name else 'All strangers'}: {counted(photos, 'photo')} forgotten."


def forgotten_document(name: str | None, photos: int) -> Document:
    """Return the data of ``strangers forget``."""
    return {"name": name, "photos": photos}


def nearest(near: NearStranger) -> str:
    """Return how near the nearest stranger comes to a person, as a sentence."""
    counts = counted(near.strangers, "stranger")
    closest = f"Closest of {counts} {near.similarity:.2f}, needed {near.threshold:.2f}"
    if not near.match:
        return f"{closest}."
    return (
        f"{closest}: {printable(near.name)} would be taken for this person. "
        "If it is the same person, use strangers forget; if not, use security = strict, or calibrate for a "
        "lower FMR."
    )


def nearest_document(near: NearStranger | None) -> Document | None:
    """Return the nearest stranger as JSON; None without a bank."""
    if near is None:
        return None
    return {
        "name": near.name,
        "similarity": near.similarity,
        "threshold": near.threshold,
        "match": near.match,
        "strangers": near.strangers,
    }
