"""SQLite's own switches against hostile files, for every connection that we open."""

from __future__ import annotations

import sqlite3
import sys

_PRAGMAS = (
    "PRAGMA trusted_schema = OFF",
    "PRAGMA writable_schema = OFF",
    "PRAGMA mmap_size = 0",
    "PRAGMA cell_size_check = ON",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA secure_delete = ON",
    "PRAGMA synchronous = EXTRA",  # a forgotten person must not come back after a power failure
    "PRAGMA fullfsync = ON",  # macOS: flush the drive's own cache as well
    "PRAGMA journal_mode = DELETE",
)


_LIMITS = {
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH: 0,
    sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
}
"""What no statement of ours needs."""


def defend(connection: sqlite3.Connection) -> None:
    """Switch off everything in SQLite that a hostile file could use and we do not."""
    for pragma in _PRAGMAS:
        connection.execute(pragma)
    for category, limit in _LIMITS.items():
        connection.setlimit(category, limit)
    if sys.version_info >= (3, 12):
        connection.setconfig(sqlite3.SQLITE_DBCONFIG_DEFENSIVE, True)
        for unused in (
            sqlite3.SQLITE_DBCONFIG_ENABLE_TRIGGER,
            sqlite3.SQLITE_DBCONFIG_ENABLE_VIEW,
            sqlite3.SQLITE_DBCONFIG_TRUSTED_SCHEMA,
            sqlite3.SQLITE_DBCONFIG_DQS_DDL,
            sqlite3.SQLITE_DBCONFIG_DQS_DML,
        ):
            connection.setconfig(unused, False)
