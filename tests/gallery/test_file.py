"""The file stays whole: kills, concurrent commands, migrations and damaged bytes."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from support.made_templates import make_template

from faceunlock.errors import GalleryError
from faceunlock.gallery import file as gallery_file
from faceunlock.gallery.gallery import Gallery
from faceunlock.matching.records import template_to_record

VERSION_1 = """
PRAGMA application_id = 1179995211;
CREATE TABLE people (key TEXT PRIMARY KEY NOT NULL, name TEXT NOT NULL, created TEXT NOT NULL, \
updated TEXT NOT NULL, template TEXT NOT NULL, checksum TEXT NOT NULL);
CREATE TABLE calibrations (identity TEXT PRIMARY KEY NOT NULL, data TEXT NOT NULL, checksum TEXT NOT NULL);
INSERT INTO people VALUES ('ada', 'Ada', '2025-01-31T09:30:00Z', '2025-01-31T09:30:00Z',
    '{"count":5,"identity":{"dimension":1,"model":"dlib","preprocessing":"aligned-150","weights_sha256":"HEX"},"lowest_similarity":0.8,"mean_similarity":0.9,"photo_hashes":[],"photo_key":"HEX","vector_sum":"AAAAAAAA8D8="}',
    '1bf82720046234d13f9b1e86fa650854a5981a48f4a70700af42f41ef6f1f011');
PRAGMA user_version = 1;
""".replace("HEX", "ab" * 32)


@pytest.fixture
def gallery(tmp_path):
    with Gallery(tmp_path / "data", busy_timeout=0.1) as opened:
        yield opened


@pytest.fixture
def old_gallery(gallery):
    gallery.path.parent.mkdir(0o700)
    with closing(sqlite3.connect(gallery.path)) as connection:
        connection.executescript(VERSION_1)
    return gallery


def slug_of(action, *args, **options) -> str:
    with pytest.raises(GalleryError) as caught:
        action(*args, **options)
    return caught.value.slug


def names(gallery) -> list[str]:
    return [person.name for person in gallery.people()]


def start(script: str, *arguments: object) -> subprocess.Popen:
    """Start a Python program that knows Gallery and make_template."""
    imports = (
        "import dataclasses, itertools, sys\nfrom pathlib import Path\n"
        "from faceunlock.gallery.gallery import Gallery\nfrom support.made_templates import make_template\n"
        "gallery = Gallery(Path(sys.argv[1]), busy_timeout=30)\n"
    )
    path = os.pathsep.join([str(Path(__file__).parents[1]), str(Path(__file__).parents[2])])
    return subprocess.Popen(
        [sys.executable, "-c", imports + script, *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": path},
        stdout=subprocess.PIPE,
        text=True,
    )


def finish(processes) -> None:
    for process in processes:
        process.communicate(timeout=120)
    assert [process.returncode for process in processes] == [0] * len(processes)


def test_version_1_is_read_for_ever(old_gallery):
    (ada,) = old_gallery.people()
    assert ada.name == "Ada" and ada.template.vector_sum.tolist() == [1.0]


def test_migrations_run_once_in_order(old_gallery, monkeypatch):
    extended = (
        *gallery_file.MIGRATIONS,
        ("CREATE TABLE notes (note TEXT)",),
        ("INSERT INTO notes VALUES ('migrated')",),
    )
    monkeypatch.setattr(gallery_file, "MIGRATIONS", extended)
    assert names(old_gallery) == ["Ada"]
    old_gallery.close()
    assert names(old_gallery) == ["Ada"]
    with closing(sqlite3.connect(old_gallery.path)) as connection:
        assert connection.execute("SELECT note FROM notes").fetchall() == [("migrated",)]
        assert connection.execute("PRAGMA user_version").fetchone() == (len(extended),)
    monkeypatch.undo()
    old_gallery.close()
    assert slug_of(old_gallery.people) == "gallery-newer"


def test_a_failing_migration_leaves_the_file_as_it_was(old_gallery, monkeypatch):
    before = old_gallery.path.read_bytes()
    broken = (*gallery_file.MIGRATIONS, ("DELETE FROM people", "ALTER TABLE nobody ADD COLUMN note TEXT"))
    with monkeypatch.context() as patch:
        patch.setattr(gallery_file, "MIGRATIONS", broken)
        with pytest.raises(GalleryError, match="no such table: nobody"):
            old_gallery.people()
    assert old_gallery.path.read_bytes() == before
    assert names(old_gallery) == ["Ada"]


@pytest.mark.parametrize(
    ("pragma", "slug"),
    [("application_id = 7", "gallery-damaged"), ("user_version = 99", "gallery-newer"),
     ("user_version = 0", "gallery-damaged"), ("user_version = -1", "gallery-damaged")],
)  # fmt: skip
def test_a_file_that_is_not_ours_or_not_for_us_is_refused(gallery, pragma, slug):
    gallery.add("Ada", make_template())
    gallery.close()
    with closing(sqlite3.connect(gallery.path)) as connection:
        connection.execute(f"PRAGMA {pragma}")
    assert slug_of(gallery.people) == slug_of(gallery.add, "Bob", make_template()) == slug


@pytest.mark.parametrize("content", [b"", b"not a database", b"SQLite format 3\0", bytes(4096)])
def test_what_is_no_database_is_refused_and_left_alone(gallery, content):
    gallery.path.parent.mkdir(0o700)
    gallery.path.touch(0o600)
    gallery.path.write_bytes(content)
    assert slug_of(gallery.people) == slug_of(gallery.add, "Ada", make_template()) == "gallery-damaged"
    assert gallery.path.read_bytes() == content


def test_the_journal_of_a_removed_gallery_is_not_played_into_a_new_one(gallery):
    gallery.path.parent.mkdir(0o700)
    journal = gallery.path.with_name("gallery.db-journal")
    journal.touch(0o600)
    assert gallery.people() == ()
    with pytest.raises(GalleryError, match="left over") as caught:
        gallery.add("Ada", make_template())
    assert str(journal) in caught.value.hint
    journal.unlink()
    gallery.add("Ada", make_template())


def test_another_writer_makes_us_wait_and_then_busy(gallery):
    gallery.add("Ada", make_template())
    with Gallery(gallery.path.parent).transaction():
        with pytest.raises(GalleryError) as caught:
            gallery.add("Bob", make_template())
        assert caught.value.slug == "gallery-busy" and caught.value.retryable
        assert names(gallery) == ["Ada"], "reading needs no waiting until the other commits"
    gallery.add("Bob", make_template())


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="permissions do not stop root")
def test_a_gallery_that_cannot_be_written_can_be_read(gallery):
    gallery.add("Ada", make_template())
    gallery.close()
    gallery.path.chmod(0o400)
    assert names(gallery) == ["Ada"]
    assert slug_of(gallery.add, "Bob", make_template()) == "gallery-unwritable"


def test_a_full_disk_changes_nothing(gallery):
    gallery.add("Ada", make_template())
    with pytest.raises(GalleryError) as caught, gallery.transaction() as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")
        gallery.add("Bob", make_template(range(1, 4096)))
    assert caught.value.slug == "gallery-unwritable"
    gallery.close()
    assert names(gallery) == ["Ada"]


def test_a_disk_that_fails_at_creation_leaves_nothing(gallery, monkeypatch):
    def fail(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    assert slug_of(gallery.add, "Ada", make_template()) == "gallery-unwritable"
    assert list(gallery.path.parent.iterdir()) == []


def test_eight_processes_add_eight_people_to_a_new_gallery(gallery):
    script = "gallery.add('Person ' + sys.argv[2], make_template())"
    finish([start(script, gallery.path.parent, number) for number in range(8)])
    assert names(gallery) == [f"Person {number}" for number in range(8)]
    assert [path.name for path in gallery.path.parent.iterdir()] == ["gallery.db"]


def test_no_update_of_two_processes_is_lost(gallery):
    gallery.add("Ada", make_template(count=1))
    script = (
        "for _ in range(20):\n"
        "    gallery.update('Ada', lambda old: dataclasses.replace(old, count=old.count + 1))"
    )
    finish([start(script, gallery.path.parent) for _ in range(2)])
    assert gallery.get("Ada").template.count == 41


def test_a_killed_writer_leaves_whole_transactions(gallery):
    """Each transaction moves both people on by one; no kill may ever show them apart."""
    pair = ("Ada", "Bob")
    for name in pair:
        gallery.add(name, make_template([1.0] * 1000, count=1))
    script = (
        "for number in itertools.count(gallery.get('Ada').template.count + 1):\n"
        "    with gallery.transaction():\n"
        "        for name in ('Ada', 'Bob'):\n"
        "            gallery.replace(name, make_template([float(number)] * 1000, count=number))\n"
        "    print(number, flush=True)"
    )
    chance = random.Random(5)
    done = 1
    for _ in range(20):
        process = start(script, gallery.path.parent)
        for _ in range(chance.randrange(1, 6)):
            done = int(process.stdout.readline())
        signal.sigtimedwait([], chance.random() * 0.01)
        process.send_signal(signal.SIGKILL)
        reported = process.communicate()[0].split()
        done = max([done, *map(int, reported)])
        counts = {gallery.get(name).template.count for name in pair}
        assert counts in ({done}, {done + 1})
        assert gallery.problems() == ()
        (done,) = counts


def test_a_journal_left_in_the_middle_of_a_commit_is_rolled_back(gallery):
    """The writer dies with changed pages in the file: the journal must bring the old ones back."""
    gallery.add("Ada", make_template([1.0] * 1000))
    script = (
        "import os, signal\n"
        "with gallery.transaction() as connection:\n"
        "    connection.execute('PRAGMA cache_size = 1')\n"
        "    connection.execute('PRAGMA cache_spill = 1')\n"
        "    for number in range(20):\n"
        "        gallery.replace(f'Person {number}', make_template([2.0] * 1000))\n"
        "    gallery.forget('Ada')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)"
    )
    before = gallery.path.read_bytes()
    start(script, gallery.path.parent).communicate()
    assert gallery.path.with_name("gallery.db-journal").exists()
    assert gallery.path.read_bytes() != before
    assert names(gallery) == ["Ada"]
    assert gallery.path.read_bytes() == before


def test_flipped_bytes_are_refused_or_change_nothing(tmp_path):
    source = Gallery(tmp_path / "source")
    for number in range(6):
        source.add(f"Person {number}", make_template([1.0 + number] * 40, count=number + 1))
    identity = make_template().identity
    source.save_calibration(identity, {"threshold": 0.5})
    truth = everything(source, identity)
    source.close()
    content = source.path.read_bytes()
    chance = random.Random(7)
    positions = [*range(100), *chance.sample(range(100, len(content)), 250)]
    refused = 0
    (tmp_path / "fuzz").mkdir(0o700)
    path = tmp_path / "fuzz" / "gallery.db"
    for position in positions:
        changed = bytearray(content)
        changed[position] ^= 1 << chance.randrange(8)
        path.unlink(missing_ok=True)
        path.touch(0o600)
        path.write_bytes(changed)
        with Gallery(path.parent, busy_timeout=0.1) as gallery:
            try:
                assert everything(gallery, identity) == truth, position
            except GalleryError as error:
                assert error.slug in {"gallery-damaged", "gallery-newer", "gallery-unwritable"}, position
                refused += 1
    assert refused > 30


def test_damage_that_sqlite_itself_quotes_is_refused(gallery):
    gallery.add("Ada", make_template())
    gallery.close()
    content = gallery.path.read_bytes()
    gallery.path.write_bytes(content.replace(b"KEY NOT NULL", b"KEY N\xa0T NULL"))
    assert slug_of(gallery.people) == "gallery-damaged"


def everything(gallery, identity) -> object:
    """All that a gallery says, in a form that can be compared."""
    by_name = [gallery.get(f"person {number}") for number in range(6)]
    people = [
        [person.name, person.created, person.updated, template_to_record(person.template)]
        for person in (*gallery.people(), *by_name)
    ]
    return people, gallery.calibration(identity), gallery.calibrations()


@pytest.mark.parametrize("keep", [1, 100, 4096, 8192, -4096, -1])
def test_a_truncated_file_is_refused(gallery, keep):
    for number in range(4):
        gallery.add(f"Person {number}", make_template([1.0] * 400))
    gallery.close()
    gallery.path.write_bytes(gallery.path.read_bytes()[:keep])
    assert slug_of(gallery.people) == "gallery-damaged"


def test_a_gallery_from_before_looks_takes_one_and_is_then_newer(old_gallery, monkeypatch):
    before = old_gallery.get("Ada")
    assert before.looks == ()
    look = make_template([2.0], identity=before.template.identity)
    old_gallery.change("Ada", lambda person: person.with_look("hat", look))
    old_gallery.close()
    after = old_gallery.get("Ada")
    assert [one.name for one in after.looks] == ["hat"] and after.created == before.created
    assert template_to_record(after.template) == template_to_record(before.template)
    old_gallery.close()
    monkeypatch.setattr(gallery_file, "MIGRATIONS", gallery_file.MIGRATIONS[:2])  # the version before
    assert slug_of(old_gallery.people) == "gallery-newer"
