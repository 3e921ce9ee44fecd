"""The text and JSON documents of ``faceunlock people`` and its subcommands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from faceunlock.cli.answers.parts import Document, identity
from faceunlock.files.text import Table, local_time, printable, table
from faceunlock.matching.wording import counted

if TYPE_CHECKING:
    from faceunlock.matching.people import Person, Summary

_TO_THE_MINUTE = len("2025-01-31T09:30")


def people(enrolled: Sequence[Summary]) -> str | Table:
    """Return the table of enrolled people."""
    if not enrolled:
        return "Nobody is enrolled."
    minutes = {one.updated[:_TO_THE_MINUTE]: one.updated for one in enrolled}
    shown = {minute: local_time(moment) for minute, moment in minutes.items()}
    rows = [
        (
            one.name,
            one.photos,
            f"{one.mean_similarity:.3f}",
            f"{one.lowest_similarity:.3f}",
            one.identity.model,
            shown[one.updated[:_TO_THE_MINUTE]],
        )
        for one in enrolled
    ]
    return table(
        "name", "photos", "mean", "lowest", "model", "updated", rows=rows, details=("mean", "lowest")
    )


def people_document(enrolled: Sequence[Summary]) -> Document:
    """Return the data of ``people``."""
    return {"people": [summary_document(one) for one in enrolled]}


def person(enrolled: Person) -> str:
    """Return everything that is stored about one person."""
    template = enrolled.template
    identity = template.identity
    return "\n".join(
        (
            f"name           {enrolled.name}",
            f"photos         {template.count} (not kept; only a sum of embeddings and keyed hashes are)",
            f"similarity     mean {template.mean_similarity:.4f}, lowest {template.lowest_similarity:.4f}"
            " to the centroid of the others",
            f"model          {identity.model}, {identity.dimension} numbers, {identity.preprocessing}",
            f"weights        SHA-256 {identity.weights_sha256}",
            f"enrolled       {local_time(enrolled.created)}",
            f"updated        {local_time(enrolled.updated)}",
            *(
                f"look           {look.name}: {counted(look.template.count, 'photo')}, similarity mean "
                f"{look.template.mean_similarity:.4f}, lowest {look.template.lowest_similarity:.4f}, "
                f"enrolled {local_time(look.created)}"
                for look in enrolled.looks
            ),
        )
    )


def person_document(enrolled: Person) -> Document:
    """Return the data of ``people show``."""
    return summary_document(enrolled.summary)


def summary_document(enrolled: Summary) -> Document:
    """Return the data of one person."""
    return {
        "name": enrolled.name,
        "photos": enrolled.photos,
        "mean_similarity": enrolled.mean_similarity,
        "lowest_similarity": enrolled.lowest_similarity,
        "created": enrolled.created,
        "updated": enrolled.updated,
        "model": identity(enrolled.identity),
        "looks": [
            {
                "name": look.name,
                "photos": look.photos,
                "mean_similarity": look.mean_similarity,
                "lowest_similarity": look.lowest_similarity,
                "created": look.created,
            }
            for look in enrolled.looks
        ],
    }


def renamed(old: str, person: Person) -> str:
    """Return the answer to a new name."""
    return f"{printable(old)} is now {person.name}."


def renamed_document(old: str, person: Person) -> Document:
    """Return the data of ``people rename``."""
    return {"name": person.name, "was": old}


def forgotten(name: str | None, count: int, look: str | None = None) -> str:
    """Return the answer to `people forget`; `name` is None where everybody was forgotten."""
    if look is not None:
        return f"Forgotten: the look {printable(look)} of {printable(name or '')}."
    if name is not None:
        return f"Forgotten: {printable(name)}."
    return f"Forgotten: {counted(count, 'person', 'people')}."


def forgotten_document(name: str | None, count: int, look: str | None = None) -> Document:
    """Return the data of ``people forget``."""
    return {"name": name, "look": look, "forgotten": count}
