"""The SQLite file of the gallery: its tables, and the statements that create and migrate them."""

from __future__ import annotations

from faceunlock.files.database import PrivateDatabase, Slugs

FILE_NAME = "gallery.db"
APPLICATION_ID = 0x46554C4B
"""``FULK`` in the file's header; it marks the SQLite file as a faceunlock gallery."""

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE people (key TEXT PRIMARY KEY NOT NULL, name TEXT NOT NULL, created TEXT NOT NULL, "
        "updated TEXT NOT NULL, template TEXT NOT NULL, checksum TEXT NOT NULL)",
        "CREATE TABLE calibrations (identity TEXT PRIMARY KEY NOT NULL, data TEXT NOT NULL, "
        "checksum TEXT NOT NULL)",
    ),
    (
        "CREATE TABLE seal (id INTEGER PRIMARY KEY CHECK (id = 1), key_id TEXT NOT NULL, "
        "place TEXT NOT NULL, generation INTEGER NOT NULL, manifest TEXT NOT NULL, mac TEXT NOT NULL)",
    ),
    (
        "CREATE TABLE strangers (identity TEXT PRIMARY KEY NOT NULL, data TEXT NOT NULL, "
        "checksum TEXT NOT NULL)",
    ),
    # The tables stay, but a person's row may now hold looks. An earlier version would call it damaged.
    (),
)
"""Entry i holds the statements that migrate version i to i + 1. Entries are only ever appended."""


class GalleryFile(PrivateDatabase):
    """``gallery.db``."""

    file_name = FILE_NAME
    application_id = APPLICATION_ID
    slugs = Slugs("gallery-damaged", "gallery-newer", "gallery-busy", "gallery-unwritable")

    @classmethod
    def migrations(cls) -> tuple[tuple[str, ...], ...]:
        """Return `MIGRATIONS`."""
        return MIGRATIONS
