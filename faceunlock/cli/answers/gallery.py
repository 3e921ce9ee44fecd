"""The text and JSON documents of ``faceunlock gallery``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from faceunlock.cli.answers.parts import Document, identity
from faceunlock.files.text import printable
from faceunlock.matching.wording import counted, file_size

if TYPE_CHECKING:
    from faceunlock.gallery.copying import Copied
    from faceunlock.tasks.server import GalleryState, IndexState, SetUp

APPROXIMATE = (
    "An index searched the gallery and may have missed the right person. "
    "To compare with somebody exactly: --as NAME"
)
"""What is said below a no that an index found."""


def state(found: GalleryState) -> list[str]:
    """Return where the gallery is and how it is searched, one per line."""
    lines = [f"gallery  {printable(found.where)}"]
    if found.server is None:
        return [*lines, "         a file of this home; to keep it on a PostgreSQL server: docs/postgres.md"]
    link = "encrypted" if found.encrypted else "on this machine"
    role = "may enroll" if found.may_enroll else "may verify, not enroll"
    lines.append(f"server   {printable(found.server)}; connection {link}")
    lines.append(f"role     {role}")
    lines.append(f"size     {file_size(found.size or 0)}")
    lines += [f"search   {_search(one)}" for one in found.indexes]
    return lines if found.indexes else [*lines, "search   nobody is enrolled"]


def _search(one: IndexState) -> str:
    who = f"{counted(one.people, 'person', 'people')} of {printable(one.identity.model)}"
    if one.size is None:
        return f"{who}: exact, every vector is looked at"
    return f"{who}: HNSW index of {file_size(one.size)}, which may miss somebody"


def state_document(found: GalleryState) -> Document:
    """Return the data of ``gallery``."""
    return {
        "gallery": found.where,
        "server": found.server,
        "encrypted": found.encrypted,
        "may_enroll": found.may_enroll,
        "size": found.size,
        **indexes_document(found.indexes),
    }


def set_up(done: SetUp) -> list[str]:
    """Return the answer to ``gallery setup``."""
    where = printable(done.where)
    if done.before == done.after:
        lines = [f"{where} has its tables already (format {done.after})."]
    elif done.before == 0:
        lines = [f"{where} now has the tables of a gallery (format {done.after})."]
    else:
        lines = [f"{where} was updated from format {done.before} to {done.after}."]
    if done.roles:
        return [*lines, f"Rights given to the roles {' and '.join(done.roles)}."]
    return [
        *lines,
        "No roles yet. To see how to make one that may only verify: faceunlock gallery setup --print",
    ]


def set_up_document(done: SetUp) -> Document:
    """Return the data of ``gallery setup``."""
    return {"gallery": done.where, "before": done.before, "after": done.after, "roles": list(done.roles)}


def indexes(built: Sequence[IndexState]) -> list[str]:
    """Return the answer to ``gallery index``."""
    if not built:
        return ["Nobody is enrolled, so there is nothing to index."]
    return [line for one in built for line in _built(one)]


def _built(one: IndexState) -> list[str]:
    lines = [f"Index of {counted(one.people, 'person', 'people')} of {printable(one.identity.model)}: "
             f"{file_size(one.size or 0)}."]  # fmt: skip
    if one.probes and one.least_recall is not None:
        lines.append(
            f"It found the right person for {one.found:,} of {one.probes:,} probes that are only just alike "
            f"enough for a yes (recall at least {100 * one.least_recall:.1f} %, 95 % confidence)."
        )
        lines.append(
            "Whoever it misses gets a no. To look at everybody again: faceunlock gallery index --drop"
        )
    return lines


def indexes_document(built: Sequence[IndexState]) -> Document:
    """Return how the people of each model are searched, as JSON."""
    return {
        "indexes": [
            {
                "model": identity(one.identity),
                "people": one.people,
                "templates": one.templates,
                "search": "exact" if one.size is None else "hnsw",
                "size": one.size,
                "found": one.found,
                "probes": one.probes,
                "recall": one.recall,
                "least_recall": one.least_recall,
            }
            for one in built
        ]
    }


def dropped(count: int) -> str:
    """Return the answer to ``gallery index --drop``."""
    if not count:
        return "There was no index; every vector is looked at."
    return "The index is deleted; every vector is looked at."


def copied(done: Copied) -> list[str]:
    """Return the answer to ``gallery copy``."""
    what = (counted(done.people, "person", "people"), counted(done.thresholds, "threshold"))
    new = done.people - done.already
    return [
        f"Copied {', '.join(what)} and {counted(done.banks, 'bank')} of strangers "
        f"({new:,} new, {done.already:,} there before).",
        f"Read back and compared: all {done.people:,} are the same (checksum {done.checksum[:16]}).",
    ]


def copied_document(done: Copied) -> Document:
    """Return the data of ``gallery copy``."""
    return {
        "people": done.people,
        "thresholds": done.thresholds,
        "banks": done.banks,
        "already": done.already,
        "checksum": done.checksum,
    }


def next_step(target: str) -> str:
    """Return how to use a gallery that was copied to."""
    return f'To use it, put into config.toml: gallery = "{printable(target)}"'
