"""A private SQLite file runs nothing that it holds, and says so if it does not hold what was written."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import sys

import pytest

from faceunlock.errors import GalleryError
from faceunlock.files import database
from faceunlock.files.database import PrivateDatabase, Slugs
from faceunlock.gallery.attempts import AttemptFile
from faceunlock.gallery.file import GalleryFile

ROW = "SELECT * FROM things WHERE name = ?"


class Things(PrivateDatabase):
    """A file of another kind than the program's own."""

    file_name = "things.db"
    application_id = 7
    slugs = Slugs("gallery-damaged", "gallery-newer", "gallery-busy", "gallery-unwritable")

    @classmethod
    def migrations(cls):
        return (
            ("CREATE TABLE things (name TEXT PRIMARY KEY NOT NULL, count INTEGER NOT NULL)",),
            ("CREATE TABLE more (name TEXT)", "CREATE INDEX more_names ON more (name)"),
        )


@pytest.fixture
def things(tmp_path):
    with contextlib.closing(Things(tmp_path / "data", 0.2)) as file:
        write(file, "one", 1)
        yield file


def write(file, name, count):
    with file.transaction() as connection:
        connection.execute("INSERT OR REPLACE INTO things VALUES (?, ?)", (name, count))
        file.expect(ROW, (name,), [(name, count)])


def slug_of(action, *args):
    with pytest.raises(GalleryError) as caught:
        action(*args)
    return caught.value.slug


@pytest.mark.parametrize("kind", [Things, GalleryFile, AttemptFile])
@pytest.mark.parametrize(
    "change",
    [
        "CREATE VIEW seen AS SELECT 1",
        "CREATE TABLE more_of_it (a)",
        "ANALYZE",
        "CREATE TRIGGER t BEFORE DELETE ON {table} BEGIN SELECT RAISE(IGNORE); END",
        "CREATE INDEX i ON {table} ({column})",
        "ALTER TABLE {table} ADD COLUMN note TEXT",
        "DROP TABLE {table}",
        "ALTER TABLE {table} RENAME TO other; CREATE VIEW {table} AS SELECT * FROM other",
    ],
)
def test_every_file_has_the_schema_that_its_migrations_make(tmp_path, kind, change):
    file = kind(tmp_path / "data", 0.2)
    with file.transaction():
        pass
    (table, column) = {Things: ("things", "count"), GalleryFile: ("people", "name")}.get(
        kind, ("log", "time")
    )
    assert file.query(f"SELECT * FROM {table}") == []
    with contextlib.closing(sqlite3.connect(file.path)) as connection:
        connection.executescript(change.format(table=table, column=column))
    for again in (file, kind(tmp_path / "data", 0.2)):
        assert slug_of(again.query, f"SELECT * FROM {table}") == kind.slugs.damaged
        with pytest.raises(GalleryError), again.transaction():
            pytest.fail("a transaction began")
        again.close()


def test_a_file_of_an_earlier_version_has_that_versions_schema(things, tmp_path):
    with contextlib.closing(sqlite3.connect(things.path)) as connection:
        connection.executescript("DROP TABLE more; PRAGMA user_version = 1")
    things.close()
    copy = things.path.read_bytes()
    assert things.query(ROW, "one") == [("one", 1)] and things.query("SELECT * FROM more") == []
    things.close()
    things.path.write_bytes(copy)
    with contextlib.closing(sqlite3.connect(things.path)) as connection:
        connection.executescript("CREATE VIEW more AS SELECT name FROM things")
    assert slug_of(things.query, ROW, "one") == "gallery-damaged"


def test_what_sqlite_can_switch_off_is_off(things):
    with things.transaction() as connection:
        connection.execute("CREATE TABLE loud (a)")
        connection.execute("CREATE TRIGGER t AFTER INSERT ON loud BEGIN INSERT INTO more VALUES ('x'); END")
        with contextlib.suppress(sqlite3.Error):
            connection.execute("INSERT INTO loud VALUES (1)")
        assert connection.execute("SELECT * FROM more").fetchall() == [], "no trigger ran"
        with pytest.raises(sqlite3.Error):
            connection.execute("ATTACH ':memory:' AS other")
        for pragma, value in (("trusted_schema", 0), ("cell_size_check", 1), ("writable_schema", 0)):
            assert connection.execute(f"PRAGMA {pragma}").fetchone() == (value,)
        if sys.version_info >= (3, 12):
            assert connection.getconfig(sqlite3.SQLITE_DBCONFIG_DEFENSIVE)
            assert not connection.getconfig(sqlite3.SQLITE_DBCONFIG_ENABLE_VIEW)
        connection.execute("DROP TABLE loud")


def test_what_was_not_written_is_noticed_before_the_commit(things):
    with pytest.raises(GalleryError, match="just written") as caught, things.transaction() as connection:
        connection.execute("UPDATE things SET count = 5")
        things.expect(ROW, ("one",), [("one", 6)])
    assert caught.value.slug == "gallery-unwritable"
    assert things.query(ROW, "one") == [("one", 1)]


def test_a_file_that_was_replaced_under_a_transaction_is_noticed_after_the_commit(things, tmp_path):
    """The commit goes to a file that no path leads to any more."""
    shutil.copy(things.path, tmp_path / "copy")
    with pytest.raises(GalleryError, match="just written") as caught, things.transaction() as connection:
        connection.execute("DELETE FROM things")
        things.expect(ROW, ("one",), [])
        (tmp_path / "copy").replace(things.path)
    assert caught.value.slug == "gallery-unwritable"
    write(things, "two", 2)
    assert things.query("SELECT * FROM things ORDER BY name") == [("one", 1), ("two", 2)]


def test_what_another_process_wrote_after_the_commit_is_no_error(things, tmp_path, monkeypatch):
    commit = database._commit

    def commit_and_be_overtaken(connection):
        commit(connection)
        monkeypatch.undo()
        with contextlib.closing(Things(tmp_path / "data", 0.2)) as other:
            write(other, "one", 99)

    monkeypatch.setattr(database, "_commit", commit_and_be_overtaken)
    write(things, "one", 2)
    assert things.query(ROW, "one") == [("one", 99)]


def test_the_last_word_about_a_row_counts(things):
    with things.transaction() as connection:
        write(things, "one", 3)
        connection.execute("DELETE FROM things")
        things.expect(ROW, ("one",), [])
    with pytest.raises(RuntimeError), things.transaction():
        write(things, "one", 4)
        raise RuntimeError
    with things.transaction():
        pass
    assert things.query(ROW, "one") == []
