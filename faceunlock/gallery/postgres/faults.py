"""What goes wrong with a PostgreSQL server, told as the errors of faceunlock."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from faceunlock.errors import GalleryError
from faceunlock.files.database import Slugs

if TYPE_CHECKING:
    import psycopg

MENDING = (
    "Ask who manages the database what was changed; a copy or an export can be put into an empty one: "
    "faceunlock gallery copy FROM TO"
)
"""What helps where rows or tables are not what faceunlock made."""

CONTENDED = frozenset(("55P03", "40001", "40P01", "57014"))
"""A lock was not to be had, transactions collided, or a statement took too long."""

_FULL = ("53100", "53200", "53400", "25006", "58030")
"""Full disk, no memory, a limit, a server that only reads, a failing disk."""

_GONE = ("57P01", "57P02", "57P03", "57P05", "25P03")
"""The server stops, starts, or ended the connection."""


def told(error: psycopg.Error, slugs: Slugs, where: str) -> GalleryError:
    """Return the error that tells a failure of psycopg.

    Parameters
    ----------
    error : psycopg.Error
    slugs : Slugs
        Of the tables that were used.
    where : str
        What messages call the database.
    """
    state = error.sqlstate or ""
    said = _said(error)
    if not state or state in _GONE or state.startswith("08"):
        return GalleryError("server-unreachable", f"{where}: the connection was lost: {said}")
    if state in CONTENDED:
        return GalleryError(slugs.busy, f"{where}: another command is using the gallery: {said}")
    if state in _FULL:
        return GalleryError(
            slugs.unwritable,
            f"{where}: the server cannot write: {said}",
            hint="Check the disk and the log of the server.",
        )
    if state == "42501":
        return GalleryError("server-rights", f"{where}: {said}")
    return GalleryError(slugs.damaged, f"{where}: {said}", hint=MENDING)


def refused(error: psycopg.Error, where: str, *, local: bool) -> GalleryError:
    """Return the error that tells why no connection could be made."""
    said = _said(error)
    connection = error.pgconn
    if connection is not None and (connection.needs_password or connection.used_password):
        what = "it needs a password" if connection.needs_password else said
        return GalleryError("server-refused", f"{where}: the server refuses the login: {what}")
    if "FATAL" in said:
        return GalleryError("server-refused", f"{where}: {said}")
    if not local and re.search(r"\b(SSL|TLS|certificate)\b", said):
        return GalleryError("server-insecure", f"{where}: {said}")
    return GalleryError("server-unreachable", f"{where}: {said}")


def _said(error: psycopg.Error) -> str:
    """Return what the server or libpq says, on one line; statements and values are left out."""
    text = error.diag.message_primary or str(error)
    return " ".join(text.split()).removeprefix("connection failed: ")[:300] or "no reason given"
