"""The text and JSON documents of ``faceunlock log`` and ``unlock-attempts``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from faceunlock.files.text import Table, local_time, printable, table
from faceunlock.matching.wording import counted

if TYPE_CHECKING:
    from faceunlock.gallery.attempt_log import LogEntry


def entries(log: Sequence[LogEntry]) -> str | Table:
    """Return the table of attempts."""
    if not log:
        return "No attempts are logged."
    rows = (
        (
            local_time(entry.time),
            entry.outcome,
            entry.person or "-",
            "-" if entry.similarity is None else f"{entry.similarity:.4f}",
            entry.source,
            entry.model or "-",
        )
        for entry in log
    )
    titles = ("time", "outcome", "person", "similarity", "source", "model")
    return table(*titles, rows=rows, paths=("source",), details=("model",))


def document(log: Sequence[LogEntry]) -> dict[str, Any]:
    """Return the data of ``log``."""
    return {"entries": [asdict(entry) for entry in log]}


def cleared(count: int) -> str:
    """Return the answer to ``log --clear``."""
    return f"Deleted: {counted(count, 'entry', 'entries')}."


def cleared_document(name: str | None, count: int) -> dict[str, Any]:
    """Return the data of ``log --clear``."""
    return {"name": name, "deleted": count}


def released(name: str | None, forgiven: int) -> str:
    """Return the answer to ``unlock-attempts``."""
    who = "Everybody" if name is None else printable(name)
    if not forgiven:
        return f"{who}: no failed attempts to forgive."
    attempts = "1 failed attempt" if forgiven == 1 else f"{forgiven} failed attempts in a row"
    return f"{who} can try again: {attempts} forgiven."
