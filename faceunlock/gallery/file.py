"""The SQLite file of the gallery: its tables, and the statements that create and migrate them."""

from __future__ import annotations

from faceunlock.files.database import PrivateDatabase, Slugs

FILE_NAME = "gallery.db"
APPLICATION_ID = 0x46554C4B
"""``FULK`` in the file's header; it marks the SQLite file as a faceunlock gallery."""

PEOPLE, PHOTOS, CALIBRATIONS, STRANGERS = "people", "photos", "calibrations", "strangers"
"""What is stored: people, the marks of their photos, thresholds, and the keys of banks."""

PARTS, EARLIER = "parts", "earlier"
"""The parts of a sealed gallery's list; people as an earlier version stored them."""

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
    # Templates as bytes. Rows can be read only with the key of a sealed gallery, so they wait in a table of
    # their own for `faceunlock.gallery.earlier`.
    (
        "CREATE TABLE earlier (key TEXT PRIMARY KEY NOT NULL, name TEXT NOT NULL, created TEXT NOT NULL, "
        "updated TEXT NOT NULL, template TEXT NOT NULL, checksum TEXT NOT NULL)",
        "INSERT INTO earlier SELECT key, name, created, updated, template, checksum FROM people",
        "DROP TABLE people",
        "CREATE TABLE people (key TEXT PRIMARY KEY NOT NULL, alike TEXT NOT NULL, name TEXT NOT NULL, "
        "created TEXT NOT NULL, updated TEXT NOT NULL, template BLOB NOT NULL, checksum BLOB NOT NULL)",
        "CREATE INDEX people_alike ON people (alike)",
        "CREATE TABLE photos (key TEXT PRIMARY KEY NOT NULL, marks BLOB NOT NULL, checksum BLOB NOT NULL)",
        "CREATE TABLE parts (name TEXT PRIMARY KEY NOT NULL, content BLOB NOT NULL, checksum BLOB NOT NULL)",
    ),
)
"""Entry i holds the statements that migrate version i to i + 1. Entries are only ever appended."""


class GalleryFile(PrivateDatabase):
    """``gallery.db``."""

    file_name = FILE_NAME
    application_id = APPLICATION_ID
    slugs = Slugs("gallery-damaged", "gallery-newer", "gallery-busy", "gallery-unwritable")
    growing = frozenset((PEOPLE, PHOTOS, PARTS))

    @classmethod
    def migrations(cls) -> tuple[tuple[str, ...], ...]:
        """Return `MIGRATIONS`."""
        return MIGRATIONS
