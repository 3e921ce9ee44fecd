"""The tables of a gallery on PostgreSQL: how they are made, who may use them, and what they must be like.

People, thresholds, banks and attempts are rows as in a SQLite gallery, to the byte, so that checks, exports
and copies are the same. What the server searches is beside them: for each template its unit vector, with the
number of the model that made it. All are in one table, whatever their length, since a role that may enroll
must not make tables; an index is for one model and so for one length, as pgvector's manual advises.
"""

from __future__ import annotations

from collections.abc import Iterator

SCHEMA = "faceunlock"

VERIFY, ENROLL = "faceunlock_verify", "faceunlock_enroll"
"""Roles that may ask, and that may also enroll."""

_TEXT = 'text COLLATE "C"'

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE version (number integer NOT NULL)",
        "INSERT INTO version VALUES (0)",
        # SQLite's name for bytes: the same statements read both.
        "CREATE DOMAIN blob AS bytea",
        f"CREATE TABLE people (key {_TEXT} PRIMARY KEY, alike {_TEXT} NOT NULL, name text NOT NULL, "
        "created text NOT NULL, updated text NOT NULL, template bytea NOT NULL, checksum bytea NOT NULL)",
        "CREATE INDEX people_alike ON people (alike)",
        f"CREATE TABLE photos (key {_TEXT} PRIMARY KEY, marks bytea NOT NULL, checksum bytea NOT NULL)",
        f"CREATE TABLE calibrations (identity {_TEXT} PRIMARY KEY, data text NOT NULL, "
        "checksum text NOT NULL)",
        f"CREATE TABLE strangers (identity {_TEXT} PRIMARY KEY, data text NOT NULL, checksum text NOT NULL)",
        f"CREATE TABLE banks (name {_TEXT} PRIMARY KEY, content bytea NOT NULL)",
        f"CREATE TABLE models (number integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "
        f"identity {_TEXT} NOT NULL UNIQUE)",
        f"CREATE TABLE templates (key {_TEXT} NOT NULL REFERENCES people (key) ON DELETE CASCADE, "
        "place integer NOT NULL, model integer NOT NULL, unit vector NOT NULL, PRIMARY KEY (key, place))",
        # A vector of up to 512 numbers fits into the row itself, where a search reads it faster.
        "ALTER TABLE templates ALTER COLUMN unit SET STORAGE MAIN",
        # For counting, which is part of every search.
        "CREATE INDEX templates_model ON templates (model, place)",
        f"CREATE TABLE failures (key {_TEXT} PRIMARY KEY, count bigint NOT NULL, boot text NOT NULL, "
        "seconds double precision NOT NULL, checksum text NOT NULL)",
        f"CREATE TABLE log (number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, time text NOT NULL, "
        f"key {_TEXT}, person text, outcome text NOT NULL, similarity double precision, model text, "
        "source text NOT NULL)",
    ),
)
"""Entry i holds the statements that migrate version i to i + 1. Entries are only ever appended."""

LOOK = """
SELECT c.relname::text,
  (SELECT string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
                     || CASE WHEN a.attnotnull THEN '' ELSE ' NULL' END, ', ' ORDER BY a.attnum)
   FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
  c.relkind = 'r' AND NOT c.relrowsecurity AND NOT c.relhasrules AND NOT c.relhassubclass
  AND NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal)
  AND (c.relname = 'version' OR EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary
                                        AND i.indisvalid))
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'faceunlock' AND c.relkind IN ('r', 'v', 'm', 'p', 'f')
"""
"""Every table with its columns, and whether nothing else answers for it, drops rows or hides them.

A view could answer for a table; a trigger, a rule or a policy could drop what is written or hide what is
there; a table that inherits from another adds its rows to it. We make none of these.
"""

SHAPE: dict[str, str] = {
    "version": "number integer",
    "people": "key text, alike text, name text, created text, updated text, template bytea, checksum bytea",
    "photos": "key text, marks bytea, checksum bytea",
    "calibrations": "identity text, data text, checksum text",
    "strangers": "identity text, data text, checksum text",
    "banks": "name text, content bytea",
    "models": "number integer, identity text",
    "templates": "key text, place integer, model integer, unit vector",
    "failures": "key text, count bigint, boot text, seconds double precision, checksum text",
    "log": "number bigint, time text, key text NULL, person text NULL, outcome text, "
    "similarity double precision NULL, model text NULL, source text",
}
"""What `LOOK` must find after all migrations."""

_ASKING = ("version", "people", "photos", "calibrations", "strangers", "banks", "models", "templates")
_CHANGING = _ASKING[1:]
_COUNTING = ("failures", "log")


def creation(version: int = 0) -> Iterator[str]:
    """Yield the statements that bring a schema from a version to the newest; 0 is none at all."""
    if version == 0:
        yield f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"
        yield f"REVOKE ALL ON SCHEMA {SCHEMA} FROM PUBLIC"
        yield "CREATE EXTENSION IF NOT EXISTS vector"
    for statements in MIGRATIONS[version:]:
        yield from statements
    yield f"UPDATE version SET number = {len(MIGRATIONS)}"  # noqa: S608 - a number of ours


def grants() -> Iterator[str]:
    """Yield the statements that give both roles what they need, and nothing else."""
    everything = ", ".join((*_ASKING, *_COUNTING))
    yield f"REVOKE ALL ON {everything} FROM PUBLIC, {VERIFY}, {ENROLL}"
    yield f"GRANT USAGE ON SCHEMA {SCHEMA} TO {VERIFY}, {ENROLL}"
    yield f"GRANT SELECT ON {', '.join(_ASKING)} TO {VERIFY}, {ENROLL}"
    yield f"GRANT SELECT, INSERT, UPDATE, DELETE ON {', '.join(_COUNTING)} TO {VERIFY}, {ENROLL}"
    yield f"GRANT INSERT, UPDATE, DELETE ON {', '.join(_CHANGING)} TO {ENROLL}"


def script() -> str:
    """Return all of it as a script for psql: tables, both roles and what they may do."""
    lines = [
        "-- Run as the owner of an empty database: psql -v ON_ERROR_STOP=1 -f FILE DATABASE",
        "BEGIN;",
        *(f"{statement};" for statement in creation() if statement.startswith(("CREATE SCHEMA", "REVOKE"))),
        f"SET LOCAL search_path = {SCHEMA}, public;",
        *(f"{one};" for one in creation() if not one.startswith(("CREATE SCHEMA", "REVOKE"))),
        "",
        f"-- {VERIFY} may ask who somebody is, which counts and logs attempts. It cannot enroll anybody.",
        f"-- {ENROLL} may also enroll, rename and forget people, and save thresholds.",
        f"CREATE ROLE {VERIFY} NOLOGIN;",
        f"CREATE ROLE {ENROLL} NOLOGIN;",
        *(f"{statement};" for statement in grants()),
        "COMMIT;",
        "",
        "-- Then for each machine a user of its own, in one of the roles:",
        f"-- CREATE USER door LOGIN IN ROLE {VERIFY};",
        r"-- \password door",
    ]
    return "\n".join(lines)
