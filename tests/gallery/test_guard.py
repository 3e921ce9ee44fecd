"""A sealed gallery: the same answers, nothing readable, every change from outside noticed, no loss."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import shutil
import sqlite3
import stat
import subprocess
import sys

import keyring
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from keyring.backends.fail import Keyring as NoKeyring
from support.fake_keyring import FakeKeyring
from support.made_templates import make_template

from faceunlock.errors import GalleryError
from faceunlock.files import database
from faceunlock.gallery import keys as key_store
from faceunlock.gallery.gallery import Gallery
from faceunlock.gallery.keys import KeyStore
from faceunlock.matching.records import template_to_record
from faceunlock.matching.templates import ModelIdentity

OTHER_MODEL = ModelIdentity("vggface2", "cd" * 32, "mtcnn-160", 3)
TABLES = {"people": "key", "photos": "key", "parts": "name", "calibrations": "identity"}
PLACES = ("file", "keyring")


@pytest.fixture
def desktop(tmp_path):
    """A desktop keyring that is there for the time of a test."""
    fake = FakeKeyring(tmp_path / "desktop.json")
    keyring.set_keyring(fake)
    yield fake
    keyring.set_keyring(NoKeyring())


@pytest.fixture(params=PLACES)
def place(request, desktop):
    return request.param


@pytest.fixture
def gallery(tmp_path):
    with opened(tmp_path) as gallery:
        yield gallery


@pytest.fixture
def sealed(gallery, place):
    """Two people and a calibration, sealed."""
    fill(gallery)
    assert gallery.protect(place)
    return gallery


def opened(tmp_path, **options):
    return Gallery(tmp_path / "data", **{"busy_timeout": 0.2, "keys": tmp_path / "keys"} | options)


def fill(gallery):
    gallery.add("Ada", make_template([1.0, 2.0, 3.0]))
    gallery.add("Bob", make_template([3.0, 2.0, 1.0], identity=OTHER_MODEL))
    gallery.save_calibration(OTHER_MODEL, {"threshold": 0.5})


def everything(gallery):
    people = [
        (person.name, person.created, person.updated, template_to_record(person.template))
        for person in gallery.people()
    ]
    return people, gallery.calibrations()


def slug_of(action, *args, **options):
    with pytest.raises(GalleryError) as caught:
        action(*args, **options)
    return caught.value.slug


def names(gallery):
    return [person.name for person in gallery.people()]


def execute(gallery, statement, *values):
    """Change the file behind the gallery's back."""
    with contextlib.closing(sqlite3.connect(gallery.path)) as connection, connection:
        return connection.execute(statement, values).fetchall()


def key_files(gallery):
    folder = gallery.path.parent.parent / "keys"
    return sorted(path.suffix for path in folder.iterdir()) if folder.exists() else []


def all_bytes(gallery):
    return b"".join(path.read_bytes() for path in gallery.path.parent.iterdir())


# the same answers


def test_a_gallery_says_the_same_sealed_and_unsealed(gallery, place):
    fill(gallery)
    truth = everything(gallery)
    assert gallery.protect(place) and not gallery.protect(place)
    assert everything(gallery) == truth
    before = gallery.protection()
    gallery.rotate()
    after = gallery.protection()
    assert everything(gallery) == truth
    assert (before.place, after.place, after.generation) == (place, place, 2)
    assert before.key_file != after.key_file or place == "keyring"
    assert gallery.unprotect() and not gallery.unprotect()
    assert everything(gallery) == truth and not gallery.protection().sealed
    assert key_files(gallery) == []


def test_every_change_works_under_seal(sealed, tmp_path):
    sealed.add("Cleo", make_template())
    assert slug_of(sealed.add, "ada", make_template()) == "already-enrolled"
    sealed.replace("bob", make_template([9.0]))
    sealed.update("Ada", lambda old: dataclasses.replace(old, count=old.count + 2))
    sealed.rename("Cleo", "Countess")
    sealed.forget("Bob")
    sealed.save_calibration(make_template().identity, {"threshold": 0.7})
    sealed.save_calibration(OTHER_MODEL, {"threshold": 0.6})
    with pytest.raises(RuntimeError), sealed.transaction():
        sealed.forget("Ada")
        sealed.add("Dan", make_template())
        assert names(sealed) == ["Countess", "Dan"]
        raise RuntimeError
    with sealed.transaction():
        pass
    with opened(tmp_path) as other:
        assert names(other) == ["Ada", "Countess"] and other.get("ada").template.count == 7
        kept = {identity.model: data["threshold"] for identity, data in other.calibrations()}
        assert kept == {make_template().identity.model: 0.7, OTHER_MODEL.model: 0.6}
        assert slug_of(other.get, "Bob") == "not-enrolled" and other.problems() == ()
    assert sealed.protection().generation == 8
    assert sealed.forget_all() == 2 and sealed.forget_all() == 0
    assert sealed.protection().sealed and len(sealed.calibrations()) == 2


def test_nothing_but_names_dates_and_models_can_be_read(sealed):
    template = make_template([1.0, 2.0, 3.0])
    content = all_bytes(sealed)
    numbers = template.vector_sum.astype("<f4").tobytes()
    hidden = (numbers, template.photo_key, bytes.fromhex(max(template.photo_hashes)))
    for secret in (*hidden, b"threshold", b"looks", template.identity.model.encode()):
        assert secret not in content
    for visible in ("Ada", "vggface2"):
        assert visible.encode() in content
    sealed.unprotect()
    assert all(secret in all_bytes(sealed) for secret in hidden)


def test_a_new_gallery_can_be_sealed_before_anybody_is_enrolled(gallery, place):
    assert gallery.protect(place)
    gallery.add("Ada", make_template())
    assert make_template().vector_sum.astype("<f4").tobytes() not in all_bytes(gallery)


def test_the_key_moves_between_file_and_keyring(sealed, desktop):
    other = "file" if sealed.protection().place == "keyring" else "keyring"
    truth = everything(sealed)
    sealed.rotate(other)
    assert sealed.protection().place == other and everything(sealed) == truth
    assert len(desktop.items) == (other == "keyring") and key_files(sealed) == [".key"]


def test_files_of_keys_are_private_and_hold_the_key_only_without_a_keyring(sealed, desktop, tmp_path):
    (path,) = (tmp_path / "keys").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    in_keyring = sealed.protection().place == "keyring"
    assert ('"key": null' in path.read_text()) == in_keyring
    assert len(desktop.items) == in_keyring


def test_rotating_what_is_not_sealed_is_an_error(gallery):
    assert slug_of(gallery.rotate) == "not-sealed" and not gallery.path.exists()
    assert not gallery.unprotect()


def test_a_damaged_gallery_is_not_sealed(gallery):
    fill(gallery)
    execute(gallery, "UPDATE people SET name = 'Eve' WHERE key = 'ada'")
    assert slug_of(gallery.protect, "file") == "gallery-damaged"
    assert not gallery.protection().sealed and names_of_rows(gallery) == ["Bob", "Eve"]
    gallery.forget("ada")
    assert key_files(gallery) == []


def names_of_rows(gallery):
    return sorted(name for (name,) in execute(gallery, "SELECT name FROM people"))


# changes from outside


def rows_of(gallery):
    return [
        (table, *row)
        for table, key in TABLES.items()
        for row in execute(gallery, f"SELECT * FROM {table} ORDER BY {key}")
    ]


def put_back(gallery, rows):
    with contextlib.closing(sqlite3.connect(gallery.path)) as connection, connection:
        for table in TABLES:
            connection.execute(f"DELETE FROM {table}")
        for table, *values in rows:
            connection.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(values))})", values)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A gallery under a key file, its rows, and those of an earlier moment."""
    gallery = opened(tmp_path_factory.mktemp("written"))
    gallery.protect("file")
    fill(gallery)
    old = rows_of(gallery)
    gallery.replace("Ada", make_template([1.0, 2.0, 3.0]))
    gallery.replace("Bob", make_template([3.0, 2.0, 1.0], identity=OTHER_MODEL))
    gallery.save_calibration(OTHER_MODEL, {"threshold": 0.5})
    yield gallery, rows_of(gallery), old
    gallery.close()


QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def noticed(gallery):
    """Whether looking at everything is refused, and says so in the problems."""
    assert gallery.problems()
    return slug_of(everything, gallery) == "gallery-tampered"


@QUICK
@given(st.data())
def test_any_flipped_bit_of_any_row_is_noticed(written, data):
    gallery, rows, _ = written
    number = data.draw(st.integers(0, len(rows) - 1))
    column = data.draw(st.integers(1, len(rows[number]) - 1))
    value = rows[number][column]
    content = bytearray(value if isinstance(value, bytes) else value.encode())
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 6))
    flipped = bytes(content) if isinstance(value, bytes) else content.decode()
    changed = [*rows[number][:column], flipped, *rows[number][column + 1 :]]
    try:
        put_back(gallery, [*rows[:number], changed, *rows[number + 1 :]])
    except sqlite3.IntegrityError:
        return  # the key of another row
    assert noticed(gallery)
    put_back(gallery, rows)
    assert gallery.problems() == ()


@QUICK
@given(st.data())
def test_any_exchange_between_rows_and_any_older_column_is_noticed(written, data):
    gallery, rows, old = written
    people = [row for row in rows if row[0] == "people"]
    others = [row for row in (*people, *old) if row[0] == "people"]
    number = data.draw(st.integers(0, len(people) - 1))
    other = data.draw(st.sampled_from([row for row in others if row != people[number]]))
    columns = data.draw(st.sets(st.integers(2, 6), min_size=1))
    changed = [other[i] if i in columns else value for i, value in enumerate(people[number])]
    if changed == list(people[number]):
        return
    put_back(gallery, [changed if row == people[number] else row for row in rows])
    assert noticed(gallery)
    put_back(gallery, rows)
    assert gallery.problems() == ()


@pytest.mark.parametrize("count", range(1, 4))
def test_older_rows_missing_rows_and_exchanged_rows_are_noticed(written, count):
    gallery, rows, old = written
    for changed in (
        [*old[:count], *rows[count:]],
        [*rows[: count - 1], *rows[count:]],
        [*rows, ("people", "eve", *rows[0][2:])],
    ):
        put_back(gallery, changed)
        assert noticed(gallery)
    swapped = [("people", rows[0][1], *rows[1][2:]), ("people", rows[1][1], *rows[0][2:]), *rows[2:]]
    put_back(gallery, swapped)
    assert noticed(gallery)
    put_back(gallery, rows)
    assert gallery.problems() == ()


@pytest.mark.parametrize("column", ["key_id", "place", "generation", "manifest", "mac"])
def test_a_changed_seal_blocks_everything_but_a_new_start(sealed, column):
    wrong = {"generation": "generation + 1", "place": "'file'", "manifest": "'[]'"}.get(column, "'00'")
    if column == "place" and sealed.protection().place == "file":
        wrong = "'keyring'"
    execute(sealed, f"UPDATE seal SET {column} = {wrong}")
    for action in (
        sealed.people, sealed.unprotect, sealed.rotate, lambda: sealed.get("Ada"),
        lambda: sealed.forget("Ada"),
        lambda: sealed.calibration(OTHER_MODEL), lambda: sealed.replace("Ada", make_template()),
    ):  # fmt: skip
        assert slug_of(action) == "gallery-tampered"
    assert sealed.forget_all() == 2
    assert sealed.people() == sealed.calibrations() == sealed.problems() == ()
    assert not sealed.protection().sealed


def test_a_changed_row_blocks_only_what_needs_it_and_goes_with_its_person(sealed):
    execute(sealed, "UPDATE people SET updated = '2020-01-01T00:00:00Z' WHERE key = 'ada'")
    assert slug_of(sealed.get, "Ada") == slug_of(sealed.people) == "gallery-tampered"
    assert sealed.get("Bob").name == "Bob" and sealed.calibration(OTHER_MODEL) == {"threshold": 0.5}
    sealed.save_calibration(OTHER_MODEL, {"threshold": 0.6})
    assert slug_of(sealed.get, "Ada") == "gallery-tampered", "no other change vouches for the row"
    assert slug_of(sealed.rotate) == slug_of(sealed.unprotect) == "gallery-tampered"
    sealed.forget("Ada")
    assert names(sealed) == ["Bob"] and sealed.problems() == ()


def test_who_was_removed_from_outside_is_missed_until_forgotten(sealed):
    execute(sealed, "DELETE FROM people WHERE key = 'ada'")
    execute(sealed, "DELETE FROM calibrations")
    assert slug_of(sealed.get, "Ada") == slug_of(sealed.people) == "gallery-tampered"
    assert slug_of(sealed.calibration, OTHER_MODEL) == slug_of(sealed.calibrations) == "gallery-tampered"
    assert len(sealed.problems()) == 2
    assert slug_of(sealed.add, "Ada", make_template()) == "already-enrolled"
    sealed.forget("Ada")
    sealed.save_calibration(OTHER_MODEL, {"threshold": 0.5})
    assert names(sealed) == ["Bob"] and sealed.problems() == ()


def test_who_was_put_in_from_outside_is_not_believed_and_can_be_forgotten(sealed, tmp_path):
    with opened(tmp_path / "other") as other:
        other.add("Eve", make_template())
        (row,) = execute(other, "SELECT * FROM people")
    execute(sealed, "INSERT INTO people VALUES (?, ?, ?, ?, ?, ?, ?)", *row)
    assert slug_of(sealed.get, "Eve") == slug_of(sealed.people) == "gallery-tampered"
    sealed.forget("Eve")
    assert names(sealed) == ["Ada", "Bob"]


def test_an_older_copy_of_the_file_is_noticed_with_a_keyring_and_not_without(sealed, tmp_path):
    shutil.copy(sealed.path, tmp_path / "copy")
    sealed.forget("Ada")
    shutil.copy(tmp_path / "copy", sealed.path)
    if sealed.protection().place == "file":
        assert names(sealed) == ["Ada", "Bob"]
        return
    for gallery in (sealed, opened(tmp_path)):
        assert slug_of(gallery.people) == slug_of(gallery.forget, "Bob") == "gallery-tampered"
        assert "older copy" in gallery.problems()[0]
    assert sealed.forget_all() == 2


def test_a_copy_from_before_the_last_key_opens_no_more(sealed, tmp_path):
    shutil.copy(sealed.path, tmp_path / "copy")
    sealed.rotate()
    shutil.copy(tmp_path / "copy", sealed.path)
    assert slug_of(sealed.people) == "gallery-tampered"


def test_an_unsealed_gallery_in_place_of_a_sealed_one_is_not_believed(sealed, tmp_path):
    with opened(tmp_path / "other") as other:
        other.add("Ada", make_template([7.0, 7.0, 7.0]))
    sealed.close()
    shutil.copy(other.path, sealed.path)
    for action in (
        sealed.people,
        sealed.unprotect,
        sealed.rotate,
        lambda: sealed.get("Ada"),
        lambda: sealed.protect("file"),
    ):
        assert slug_of(action) == "gallery-tampered"
    assert sealed.forget_all() == 1 and sealed.people() == () and key_files(sealed) == []


def test_a_gallery_after_one_that_was_removed_is_sealed_with_the_same_key(sealed, tmp_path):
    sealed.close()
    kept = sealed.path.rename(tmp_path / "kept")
    assert sealed.people() == ()
    sealed.add("Cleo", make_template())
    assert sealed.protection().sealed and names(opened(tmp_path)) == ["Cleo"]
    sealed.close()
    kept.replace(sealed.path)
    if sealed.protection().place == "file":
        assert names(sealed) == ["Ada", "Bob"]
    else:
        assert slug_of(sealed.people) == "gallery-tampered"


def test_galleries_that_share_a_folder_of_keys_leave_each_other_alone(tmp_path):
    one, two = (Gallery(tmp_path / name, keys=tmp_path / "keys") for name in ("one", "two"))
    fill(two)
    one.protect("file")
    fill(one)
    assert names(two) == ["Ada", "Bob"]
    two.protect("file")
    one.rotate()
    two.unprotect()
    assert names(one) == names(two) == ["Ada", "Bob"] and one.protection().sealed
    one.close(), two.close()


# the note outside the gallery decides


def claim(gallery, **values):
    """Let a gallery name another key, with a seal that fits that key."""
    for column, value in values.items():
        execute(gallery, f"UPDATE seal SET {column} = ?", value)


@pytest.mark.parametrize(
    "key_id", ["../evil", "{folder}/evil", "", "0" * 15, "0" * 17, "A" * 16, "0" * 16 + "\n"]
)
def test_a_key_id_that_is_a_path_leads_nowhere(sealed, desktop, tmp_path, key_id):
    """Somebody who can write the gallery puts a key of their own beside it."""
    with opened(tmp_path / "evil") as evil:
        evil.protect("file")
        evil.add("Eve", make_template())
        (note,) = (tmp_path / "evil" / "keys").iterdir()
        shutil.copy(note, sealed.path.parent / "evil.key")
    key_id = key_id.format(folder=sealed.path.parent)
    claim(sealed, key_id=key_id, place="file")
    asked = desktop.calls
    for gallery in (sealed, opened(tmp_path)):
        assert slug_of(gallery.people) == slug_of(gallery.protection) == "gallery-tampered"
    assert desktop.calls == asked and key_files(sealed) == [".key"]


@pytest.mark.parametrize("stage", ["key", "new", "old"])
def test_another_sealed_gallery_of_the_owner_is_not_taken_for_this_one(sealed, desktop, tmp_path, stage):
    """Copied over with its notes; nothing that is then done deletes a key."""
    before, items = sealed.path.read_bytes(), desktop.items
    place = sealed.protection().place
    with opened(tmp_path / "other") as other:
        other.protect(place)
        other.add("Eve", make_template())
        (note,) = (tmp_path / "other" / "keys").iterdir()
    others = desktop.items
    sealed.close()
    for with_note in (False, True):
        shutil.copy(other.path, sealed.path)
        if with_note:
            shutil.copy(note, tmp_path / "keys" / f"{note.stem}.{stage}")
        for action in (
            sealed.people, lambda: sealed.add("Mallory", make_template()), sealed.unprotect, sealed.rotate,
            lambda: sealed.protect("file"), lambda: sealed.forget("Eve"),
        ):  # fmt: skip
            assert slug_of(action) == "gallery-tampered"
        assert desktop.items == others and {*items} <= {*others}
        sealed.close()
    sealed.path.write_bytes(before)
    (tmp_path / "keys" / f"{note.stem}.{stage}").unlink()
    assert names(sealed) == ["Ada", "Bob"] and names(opened(tmp_path / "other")) == ["Eve"]


def test_a_gallery_that_names_another_place_for_its_key_is_not_believed(sealed, tmp_path):
    place = sealed.protection().place
    claim(sealed, place="file" if place == "keyring" else "keyring")
    assert slug_of(sealed.people) == slug_of(sealed.add, "Eve", make_template()) == "gallery-tampered"


def test_a_lost_note_is_not_written_again_from_what_the_gallery_says(sealed, tmp_path):
    (note,) = (tmp_path / "keys").iterdir()
    content = note.read_bytes()
    note.unlink()
    for action in (sealed.people, lambda: sealed.add("Eve", make_template()), sealed.rotate):
        with pytest.raises(GalleryError) as caught:
            action()
        assert caught.value.slug == "key-missing" and str(note) in caught.value.hint
    assert key_files(sealed) == []
    note.touch(0o600)
    note.write_bytes(content)
    assert names(sealed) == ["Ada", "Bob"]


def test_a_note_of_another_gallery_is_named_with_that_gallery(sealed, tmp_path):
    """The folder of the gallery was moved without the one of the keys, or is a copy."""
    sealed.close()
    shutil.copytree(sealed.path.parent, tmp_path / "moved")
    moved = Gallery(tmp_path / "moved", keys=tmp_path / "keys")
    with pytest.raises(GalleryError) as caught:
        moved.people()
    assert caught.value.slug == "gallery-tampered" and str(sealed.path) in caught.value.hint
    assert names(sealed) == ["Ada", "Bob"]


def test_an_item_of_the_keyring_opens_only_the_gallery_that_it_names(gallery, desktop, tmp_path):
    """A whole home is copied: both would ask for one item, and its generations fit only one of them."""
    fill(gallery)
    gallery.protect("keyring")
    gallery.close()
    for part in ("data", "keys"):
        shutil.copytree(tmp_path / part, tmp_path / "copy" / part)
    with opened(tmp_path / "copy") as copy:
        with pytest.raises(GalleryError, match=str(gallery.path)) as caught:
            copy.people()
        assert caught.value.slug == "gallery-tampered"
        assert slug_of(copy.add, "Eve", make_template()) == "gallery-tampered"
        assert copy.forget_all() == 2, "a new start"
    assert len(desktop.items) == 1, "the key of the other gallery stays"
    assert names(gallery) == ["Ada", "Bob"]


def test_a_home_that_was_moved_takes_its_key_along(gallery, desktop, tmp_path):
    fill(gallery)
    gallery.protect("keyring")
    gallery.close()
    (tmp_path / "new").mkdir(0o700)
    for part in ("data", "keys"):
        (tmp_path / part).rename(tmp_path / "new" / part)
    with opened(tmp_path / "new") as moved:
        assert names(moved) == ["Ada", "Bob"]
        moved.forget("Bob")
        ((_, item),) = desktop.items.items()
        assert json.loads(item)["gallery"] == str(moved.path)


def test_an_item_of_an_earlier_version_names_its_gallery_from_the_next_change_on(gallery, desktop, tmp_path):
    fill(gallery)
    gallery.protect("keyring")
    ((name, item),) = desktop.items.items()
    desktop._store({name: json.dumps({part: json.loads(item)[part] for part in ("key", "accepted")})})
    with opened(tmp_path) as later:
        assert names(later) == ["Ada", "Bob"]
        later.forget("Bob")
        assert json.loads(desktop.items[name])["gallery"] == str(later.path)
        assert names(later) == ["Ada"]


def test_a_new_key_is_believed_only_with_the_proof_of_the_one_it_replaces(
    sealed, tmp_path, die_at, monkeypatch
):
    """The process dies between the commit and the clean-up: two notes are there."""
    steps = die_at(10**6)
    sealed.rotate()
    monkeypatch.undo()
    tried = 0
    for moment in range(steps[0]):
        die_at(moment)
        with contextlib.suppress(Kill):
            sealed.rotate()
        monkeypatch.undo()
        notes = sorted((tmp_path / "keys").iterdir())
        with opened(tmp_path) as gallery:
            assert names(gallery) == ["Ada", "Bob"]
        named = execute(sealed, "SELECT key_id FROM seal")[0][0]
        standing = [note for note in notes if note.suffix == ".key" and note.stem != named]
        (current,) = [note for note in notes if note.stem == named]
        if standing:
            tried += 1
            fields = json.loads(current.read_text())
            for changed in ({"proof": "00" * 32}, {"proof": ""}, {"follows": named}, {"follows": None}):
                current.write_text(json.dumps(fields | changed))
                with opened(tmp_path) as gallery:
                    assert slug_of(gallery.people) == "gallery-tampered"
                    assert slug_of(gallery.add, "Eve", make_template()) == "gallery-tampered"
                assert sorted((tmp_path / "keys").iterdir()) == notes
            current.write_text(json.dumps(fields))
        with opened(tmp_path) as gallery:
            gallery.save_calibration(OTHER_MODEL, {"threshold": 0.5})
            assert key_files(gallery) == [".key"]
    assert tried >= 2


# what is there is not run


HOSTILE = {
    "a view in the place of the people": """
        ALTER TABLE people RENAME TO hidden;
        CREATE VIEW people AS SELECT 'ada' AS key, name, created, updated, template, checksum FROM hidden
        WHERE key = 'bob'""",
    "a trigger that ignores deleting": """
        CREATE TRIGGER keep BEFORE DELETE ON people BEGIN SELECT RAISE(IGNORE); END""",
    "a trigger that ignores writing": """
        CREATE TRIGGER keep BEFORE INSERT ON people BEGIN SELECT RAISE(IGNORE); END""",
    "a trigger on the seal": """
        CREATE TRIGGER keep BEFORE INSERT ON seal BEGIN SELECT RAISE(IGNORE); END""",
    "another index": "CREATE INDEX more ON people (name)",
    "another table": "CREATE TABLE more (a)",
    "another column": "ALTER TABLE people ADD COLUMN note TEXT",
    "statistics": "ANALYZE",
}


@pytest.mark.parametrize("change", HOSTILE)
@pytest.mark.parametrize("known", [False, True])
def test_a_schema_that_is_not_ours_is_refused(sealed, tmp_path, change, known):
    """Also in a process that has opened the file before."""
    gallery = sealed if known else opened(tmp_path)
    if known:
        gallery.people()
    with contextlib.closing(sqlite3.connect(sealed.path)) as connection:
        connection.executescript(HOSTILE[change])
    for action in (
        gallery.people, lambda: gallery.get("Ada"), lambda: gallery.forget("Ada"), gallery.rotate,
        lambda: gallery.calibration(OTHER_MODEL), gallery.unprotect, gallery.forget_all,
    ):  # fmt: skip
        assert slug_of(action) == "gallery-damaged"
    assert gallery.problems()


# keys that are not there


def test_a_lost_key_is_named_and_leaves_a_new_start(sealed, desktop, tmp_path, caplog):
    state = sealed.protection()
    shutil.rmtree(tmp_path / "keys")
    desktop.path.unlink(missing_ok=True)
    for gallery in (sealed, opened(tmp_path)):
        for action in (gallery.people, gallery.unprotect, gallery.rotate):
            assert slug_of(action) == "key-missing"
        assert slug_of(gallery.forget, "Ada") == "key-missing"
    assert sealed.protection() == state
    assert sealed.forget_all() == 2 and "protect on" in caplog.text
    sealed.add("Ada", make_template())
    assert names(sealed) == ["Ada"] and not sealed.protection().sealed


@pytest.mark.parametrize("gone", ["locked", "removed"])
def test_everybody_is_forgotten_without_the_keyring_and_no_copy_comes_back(
    gallery, desktop, tmp_path, caplog, gone
):
    fill(gallery)
    gallery.protect("keyring")
    (key_id,) = (path.stem for path in (tmp_path / "keys").iterdir())
    gallery.close()
    copy = tmp_path / "copy.db"
    shutil.copy(gallery.path, copy)

    if gone == "locked":
        desktop.locked = True
    else:
        keyring.set_keyring(NoKeyring())
    for action in (gallery.people, gallery.unprotect, lambda: gallery.protect("file"), gallery.rotate):
        assert slug_of(action) == "keyring-unavailable"
    assert gallery.forget_all() == 2
    assert gallery.people() == () and not gallery.protection().sealed
    assert gallery.calibrations() == (), "nothing of an unverified gallery stays"
    assert key_id in caplog.text and "faceunlock gallery" in caplog.text
    gallery.add("Cleo", make_template())
    assert names(gallery) == ["Cleo"]
    assert gallery.protect("file") and names(gallery) == ["Cleo"]
    gallery.unprotect()
    gallery.forget_all()
    gallery.close()

    # Whoever put the old copy back would have everybody back, once the keyring answers.
    kept = gallery.path.rename(tmp_path / "kept.db")
    shutil.copy(copy, gallery.path)
    desktop.locked = False
    keyring.set_keyring(desktop)
    assert slug_of(gallery.people) == slug_of(gallery.rotate) == "gallery-tampered"
    gallery.close()
    kept.replace(gallery.path)
    gallery.add("Dan", make_template())
    assert desktop.items == {} and list((tmp_path / "keys").iterdir()) == []
    gallery.close()
    shutil.copy(copy, gallery.path)
    assert slug_of(gallery.people) == "key-missing"


def test_a_removed_gallery_whose_keyring_is_gone_has_a_way_out(gallery, desktop):
    gallery.add("Ada", make_template())
    gallery.protect("keyring")
    gallery.close()
    gallery.path.unlink()
    keyring.set_keyring(NoKeyring())
    assert slug_of(gallery.add, "Ada", make_template()) == "keyring-unavailable"
    assert gallery.forget_all() == 0
    gallery.add("Ada", make_template())
    assert names(gallery) == ["Ada"]


def test_a_deletion_that_fails_without_the_keyring_changes_nothing(gallery, desktop, tmp_path):
    fill(gallery)
    gallery.protect("keyring")
    truth = everything(gallery)
    gallery.close()
    desktop.locked = True
    with contextlib.closing(sqlite3.connect(gallery.path)) as busy:
        busy.execute("BEGIN IMMEDIATE")
        assert slug_of(opened(tmp_path).forget_all) == "gallery-busy"
    desktop.locked = False
    assert everything(opened(tmp_path)) == truth


@pytest.mark.parametrize(
    "content", ["", "{}", "[]", "no", '{"gallery": "x", "place": "file", "key": "00"}', "\0"]
)
def test_a_key_file_that_holds_no_key(tmp_path, content):
    with opened(tmp_path) as gallery:
        gallery.protect("file")
        gallery.protection().key_file.write_text(content)
        assert slug_of(gallery.people) == "key-missing"


def test_another_key_under_the_same_name_proves_nothing(tmp_path):
    with opened(tmp_path) as gallery:
        fill(gallery)
        gallery.protect("file")
        path = gallery.protection().key_file
        fields = path.read_text()
        path.write_text(fields[: fields.index('"key": "') + 8] + "0" * 64 + '"}')
        assert slug_of(opened(tmp_path).people) == "gallery-tampered"


def test_others_must_not_have_been_able_to_change_the_key(tmp_path):
    with opened(tmp_path) as gallery:
        gallery.protect("file")
        path = gallery.protection().key_file
        for changed, mode in ((path, 0o666), (path.parent, 0o777)):
            usual = stat.S_IMODE(changed.stat().st_mode)
            changed.chmod(mode)
            assert slug_of(opened(tmp_path).people) == "insecure-permissions"
            changed.chmod(usual)
        path.chmod(0o640)
        assert opened(tmp_path).people() == () and stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_keyring_that_does_not_answer(gallery, desktop, tmp_path):
    fill(gallery)
    gallery.protect("keyring")
    truth = everything(gallery)
    desktop.locked = True
    with opened(tmp_path) as other:
        with pytest.raises(GalleryError, match="locked") as caught:
            other.people()
        assert caught.value.slug == "keyring-unavailable" and caught.value.retryable
        assert "people forget --all" in caught.value.hint
    desktop.locked, desktop.hangs = False, True
    with opened(tmp_path, keyring_timeout=0.05) as other:
        assert slug_of(other.people) == "keyring-unavailable"
    desktop.hangs = False
    assert everything(opened(tmp_path)) == truth


@pytest.mark.parametrize(
    "text", ["no", "{}", '{"key": "00", "accepted": [1]}', '{"key": null, "accepted": 1}']
)
def test_a_keyring_that_holds_something_else(gallery, desktop, text):
    gallery.protect("keyring")
    ((name, _),) = desktop.items.items()
    desktop._store({name: text})
    gallery.close()
    assert slug_of(opened(gallery.path.parent.parent).people) == "key-missing"


def test_a_keyring_that_fails_in_the_middle_changes_nothing(gallery, desktop, monkeypatch):
    gallery.protect("keyring")
    gallery.add("Ada", make_template())

    def refuse(*_):
        raise keyring.errors.PasswordSetError("full")

    with monkeypatch.context() as patch:
        patch.setattr(FakeKeyring, "set_password", refuse)
        assert slug_of(gallery.add, "Bob", make_template()) == "keyring-unavailable"
    assert names(gallery) == ["Ada"]
    gallery.add("Bob", make_template())
    assert names(gallery) == ["Ada", "Bob"]


def test_the_keyring_is_asked_once_as_long_as_nothing_changes(gallery, desktop):
    fill(gallery)
    gallery.protect("keyring")
    gallery.people()
    before = desktop.calls
    for _ in range(5):
        gallery.people(), gallery.calibration(OTHER_MODEL)
    assert desktop.calls == before


@pytest.fixture
def no_keyring():
    keyring.set_keyring(NoKeyring())


def test_where_there_is_no_keyring_the_key_is_in_a_file(gallery, no_keyring):
    assert slug_of(gallery.protect, "keyring") == "keyring-unavailable" and key_files(gallery) == []
    gallery.protect()
    assert gallery.protection().place == "file"


def test_a_keyring_that_protects_nothing_is_none(desktop, gallery, monkeypatch):
    monkeypatch.setattr(FakeKeyring, "priority", 0.5)  # as the library's plain-text file
    assert slug_of(gallery.protect, "keyring") == "keyring-unavailable"


@pytest.mark.parametrize(("user", "expected"), [(0, "file"), (1000, "keyring")])
def test_the_keyring_is_preferred_except_by_root(gallery, desktop, monkeypatch, user, expected):
    store = gallery._guard._keys
    monkeypatch.setattr(key_store.os, "geteuid", lambda: user)
    assert store.choose() == expected


def test_keys_that_cannot_be_written(gallery, tmp_path):
    (tmp_path / "keys").write_text("in the way")
    assert slug_of(gallery.protect, "file") == "gallery-unwritable"


# kills


class Kill(BaseException):
    """The end of a process at a chosen moment."""


STEPS = ("_write", "_put", "_rename", "_remove")
"""What changes something outside the gallery's file; the other step is its commit."""


@pytest.fixture
def die_at(monkeypatch):
    """Let the process die before or after one of its steps; give how many steps there were."""

    def arrange(moment):
        steps = [0]

        def step(action):
            def stepped(*args, **options):
                if steps[0] == moment:
                    raise Kill
                result = action(*args, **options)
                steps[0] += 1
                if steps[0] == moment:
                    raise Kill
                return result

            return stepped

        for name in STEPS:
            monkeypatch.setattr(KeyStore, name, step(getattr(KeyStore, name)))
        monkeypatch.setattr(database, "_commit", step(database._commit))
        return steps

    return arrange


ACTIONS = {
    "on": lambda gallery, place: gallery.protect(place),
    "off": lambda gallery, place: gallery.unprotect(),
    "rotate": lambda gallery, place: gallery.rotate(),
    "move": lambda gallery, place: gallery.rotate("file" if place == "keyring" else "keyring"),
    "add": lambda gallery, place: gallery.add("Cleo", make_template()),
    "forget": lambda gallery, place: gallery.forget("Ada"),
}


@pytest.mark.parametrize("moment", range(12))
@pytest.mark.parametrize("action", ACTIONS)
def test_a_kill_at_any_step_leaves_the_old_or_the_new_state(
    tmp_path, place, die_at, monkeypatch, action, moment
):
    with opened(tmp_path) as gallery:
        fill(gallery)
        if action != "on":
            gallery.protect(place)
        before = names(gallery)
        die_at(moment)
        with contextlib.suppress(Kill):
            ACTIONS[action](gallery, place)
        monkeypatch.undo()
    after = {"add": ["Ada", "Bob", "Cleo"], "forget": ["Bob"]}.get(action, before)
    with opened(tmp_path) as gallery:
        found = names(gallery)
        assert found in (before, after) and gallery.problems() == ()
        assert gallery.calibration(OTHER_MODEL) == {"threshold": 0.5}
        gallery.add("Zoë", make_template())
        gallery.forget("Zoë")
        assert names(gallery) == found
        state = gallery.protection()
        assert key_files(gallery) == ([".key"] if state.sealed else [])
        items = FakeKeyring(tmp_path / "desktop.json").items
        assert len(items) == (state.place == "keyring")


# several processes


def test_nothing_is_lost_between_processes_under_one_keyring(tmp_path, desktop):
    gallery = opened(tmp_path)
    gallery.add("Ada", make_template(count=1))
    gallery.protect("keyring")
    script = (
        "import dataclasses, sys\nfrom pathlib import Path\nfrom faceunlock.gallery.gallery import Gallery\n"
        "folder = Path(sys.argv[1])\n"
        "gallery = Gallery(folder / 'data', busy_timeout=60, keys=folder / 'keys')\n"
        "for _ in range(15):\n"
        "    gallery.update('Ada', lambda old: dataclasses.replace(old, count=old.count + 1))\n"
        "    if sys.argv[2] == 'rotate': gallery.rotate()\n"
    )
    environment = os.environ | desktop.environment
    processes = [
        subprocess.Popen([sys.executable, "-c", script, str(tmp_path), word], env=environment)
        for word in ("update", "rotate")
    ]
    while any(process.poll() is None for process in processes):
        try:
            assert names(gallery) == ["Ada"]
        except GalleryError as error:
            assert error.slug == "gallery-busy"
    assert [process.wait() for process in processes] == [0, 0]
    assert gallery.get("Ada").template.count == 31 and len(desktop.items) == 1
    gallery.close()


# what is loaded


@pytest.mark.parametrize(
    ("place", "loaded"), [(None, set()), ("file", {"cryptography"}), ("keyring", {"cryptography", "keyring"})]
)
def test_only_what_the_seal_needs_is_loaded(tmp_path, desktop, place, loaded):
    with opened(tmp_path) as gallery:
        fill(gallery)
        if place is not None:
            gallery.protect(place)
    script = (
        "import sys\nfrom pathlib import Path\nfrom faceunlock.gallery.gallery import Gallery\n"
        "folder = Path(sys.argv[1])\nGallery(folder / 'data', keys=folder / 'keys').people()\n"
        "print(*sorted({'cryptography', 'keyring'} & set(sys.modules)))"
    )
    environment = os.environ | desktop.environment
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert set(done.stdout.split()) == loaded


def test_a_sealed_look_is_hidden_and_cannot_be_taken_away(sealed):
    def with_scarf(person):
        return person.with_look(
            "headscarf", make_template([5.0, 6.0, 7.0], identity=person.template.identity)
        )

    sealed.change("Ada", with_scarf)
    sealed.close()
    assert [look.name for look in sealed.get("Ada").looks] == ["headscarf"]
    assert b"headscarf" not in sealed.path.read_bytes()
    row = sealed_row(sealed, "ada")
    sealed.change("Ada", lambda person: person.without_look("headscarf"))
    sealed.close()
    assert sealed.get("Ada").looks == ()
    with contextlib.closing(sqlite3.connect(sealed.path)) as connection, connection:
        connection.execute("INSERT OR REPLACE INTO people VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    assert slug_of(sealed.get, "Ada") == "gallery-tampered"


def sealed_row(gallery, key):
    with contextlib.closing(sqlite3.connect(gallery.path)) as connection:
        return connection.execute("SELECT * FROM people WHERE key = ?", (key,)).fetchone()
