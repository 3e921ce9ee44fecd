"""A gallery of an earlier version says the same afterwards, whatever happens while it is converted."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys

import keyring
import pytest
from keyring.backends.fail import Keyring as NoKeyring
from support.earlier_gallery import LAST, write_as_before
from support.fake_keyring import FakeKeyring
from support.made_templates import make_template

from faceunlock.errors import GalleryError
from faceunlock.files import database
from faceunlock.gallery.file import MIGRATIONS
from faceunlock.gallery.gallery import Gallery
from faceunlock.matching.records import person_to_record
from faceunlock.matching.templates import ModelIdentity

OTHER_MODEL = ModelIdentity("vggface2", "cd" * 32, "mtcnn-160", 3)
PLACES = (None, "file", "keyring")


@pytest.fixture(autouse=True)
def desktop(tmp_path):
    fake = FakeKeyring(tmp_path / "desktop.json")
    keyring.set_keyring(fake)
    yield fake
    keyring.set_keyring(NoKeyring())


def opened(tmp_path):
    return Gallery(tmp_path / "data", busy_timeout=0.2, keys=tmp_path / "keys")


@pytest.fixture(params=PLACES)
def place(request):
    return request.param


@pytest.fixture
def earlier(tmp_path, place):
    """Three people, one of them with a look, and a calibration, as the last version with JSON wrote them."""
    gallery = opened(tmp_path)
    if place is not None:
        gallery.protect(place)
    gallery.add("Ada", make_template([1.0, 2.0, 3.0]))
    gallery.add("Bob", make_template([3.0, 2.0, 1.0], identity=OTHER_MODEL))
    gallery.add("Zoë", make_template([0.5, 2.0, 1.0], count=7, photo_hashes=frozenset()))
    gallery.change("Zoë", lambda person: person.with_look("hat", make_template([5.0, 1.0, 1.0])))
    gallery.save_calibration(OTHER_MODEL, {"threshold": 0.5})
    truth = everything(gallery)
    write_as_before(gallery)
    return truth


def everything(gallery):
    return [person_to_record(person) for person in gallery.people()], gallery.calibrations()


def slug_of(action, *args, **options):
    with pytest.raises(GalleryError) as caught:
        action(*args, **options)
    return caught.value.slug


def execute(gallery, statement, *values):
    with contextlib.closing(sqlite3.connect(gallery.path)) as connection, connection:
        return connection.execute(statement, values).fetchall()


def version(gallery):
    return execute(gallery, "PRAGMA user_version")[0][0]


def test_everybody_is_there_and_the_old_rows_are_gone(tmp_path, earlier, place):
    with opened(tmp_path) as gallery:
        assert version(gallery) == LAST
        assert everything(gallery) == earlier
        assert version(gallery) == len(MIGRATIONS)
        assert execute(gallery, "SELECT * FROM earlier") == [] and gallery.problems() == ()
        assert len(gallery.crowd()) == 3 and sum(map(len, gallery.crowd().parts)) == 4
        assert gallery.protection().place == place
        assert b"vector_sum" not in gallery.path.read_bytes()
    with opened(tmp_path) as gallery:
        assert everything(gallery) == earlier
        gallery.forget("Ada")
        gallery.add("Cleo", make_template())
        assert [person.name for person in gallery.people()] == ["Bob", "Cleo", "Zoë"]


@pytest.mark.parametrize("number", range(1, LAST + 1))
def test_every_earlier_version_is_read(tmp_path, number):
    with opened(tmp_path) as gallery:
        gallery.add("Ada", make_template())
        gallery.save_calibration(OTHER_MODEL, {"threshold": 0.5})
        truth = everything(gallery)
        write_as_before(gallery, number)
        assert version(gallery) == number and everything(gallery) == truth


USES = {
    "get": lambda gallery: gallery.get("Ada"),
    "people": lambda gallery: gallery.people(),
    "crowd": lambda gallery: gallery.crowd(),
    "calibration": lambda gallery: gallery.calibration(OTHER_MODEL),
    "add": lambda gallery: gallery.add("Cleo", make_template()),
    "forget": lambda gallery: gallery.forget("Ada"),
    "rename": lambda gallery: gallery.rename("Ada", "Countess"),
    "forget all": lambda gallery: gallery.forget_all(),
    "problems": lambda gallery: gallery.problems(),
}


@pytest.mark.parametrize("use", USES)
def test_any_use_may_be_the_first(tmp_path, earlier, use):
    with opened(tmp_path) as gallery:
        USES[use](gallery)
    after = {
        "add": ["Ada", "Bob", "Cleo", "Zoë"],
        "forget": ["Bob", "Zoë"],
        "rename": ["Bob", "Countess", "Zoë"],
        "forget all": [],
    }.get(use, ["Ada", "Bob", "Zoë"])
    with opened(tmp_path) as gallery:
        assert [person.name for person in gallery.people()] == after and gallery.problems() == ()
        assert gallery.calibration(OTHER_MODEL) == {"threshold": 0.5}


@pytest.mark.parametrize("action", ["protect", "rotate", "unprotect"])
def test_the_seal_may_change_at_once(tmp_path, earlier, place, action):
    with opened(tmp_path) as gallery:
        if action == "protect":
            gallery.protect("file")
        elif place is not None:
            getattr(gallery, action)()
    with opened(tmp_path) as gallery:
        assert everything(gallery) == earlier and gallery.problems() == ()
        assert gallery.protection().sealed == (
            action != "unprotect" and (place is not None or action == "protect")
        )


class Kill(BaseException):
    """The end of a process at a chosen moment."""


@pytest.mark.parametrize("moment", range(5))
def test_a_kill_at_any_step_loses_nothing(tmp_path, earlier, monkeypatch, moment):
    commit, steps = database._commit, [0]

    def dying(connection):
        for act in (lambda: None, lambda: commit(connection)):
            if steps[0] == moment:
                raise Kill
            act()
            steps[0] += 1

    monkeypatch.setattr(database, "_commit", dying)
    with contextlib.suppress(Kill), opened(tmp_path) as gallery:
        gallery.people()
    monkeypatch.undo()
    with opened(tmp_path) as gallery:
        assert everything(gallery) == earlier and gallery.problems() == ()


def test_a_process_that_is_killed_in_the_middle_is_followed_by_one_that_finishes(tmp_path, earlier, desktop):
    """With pages of the new rows already in the file."""
    script = (
        "import os, signal, sys\nfrom pathlib import Path\n"
        "from faceunlock.gallery import earlier\nfrom faceunlock.gallery.gallery import Gallery\n"
        "write, done = earlier.write_person, []\n"
        "def dying(change, key, person):\n"
        "    change.connection.execute('PRAGMA cache_size = 1')\n"
        "    change.connection.execute('PRAGMA cache_spill = 1')\n"
        "    write(change, key, person)\n"
        "    done.append(key)\n"
        "    if len(done) == 2: os.kill(os.getpid(), signal.SIGKILL)\n"
        "earlier.write_person = dying\n"
        "folder = Path(sys.argv[1])\nGallery(folder / 'data', keys=folder / 'keys').people()\n"
    )
    environment = os.environ | desktop.environment
    killed = subprocess.run([sys.executable, "-c", script, str(tmp_path)], env=environment, check=False)
    assert killed.returncode == -9
    with opened(tmp_path) as gallery:
        assert everything(gallery) == earlier and gallery.problems() == ()


def test_what_was_damaged_stays_damaged_and_blocks_nobody_else(tmp_path, earlier):
    gallery = opened(tmp_path)
    execute(gallery, "UPDATE people SET updated = '2020-01-01T00:00:00Z' WHERE key = 'ada'")
    with gallery:
        for query in (gallery.people, gallery.crowd, lambda: gallery.get("Ada")):
            assert slug_of(query) in ("gallery-damaged", "gallery-tampered")
        assert "'ada'" in gallery.problems()[0] and gallery.get("Bob").name == "Bob"
        assert sorted(gallery.crowd(intact=True).names()) == ["Bob", "Zoë"]
        assert slug_of(gallery.add, "Ada", make_template()) == "already-enrolled"
        gallery.forget("Ada")
        assert [person.name for person in gallery.people()] == ["Bob", "Zoë"] and gallery.problems() == ()


@pytest.mark.parametrize("template", ["", "{}", "[" * 100_000, "sealed-1:1:AAAA", "\0", "x' "])
def test_rows_that_hold_no_person_are_damaged(tmp_path, earlier, template):
    gallery = opened(tmp_path)
    execute(gallery, "UPDATE people SET template = ? WHERE key = 'zoë'", template)
    with gallery:
        assert slug_of(gallery.get, "Zoë") in ("gallery-damaged", "gallery-tampered")
        assert gallery.get("Ada").name == "Ada"
        gallery.replace("Zoë", make_template())
        assert gallery.problems() == () and len(gallery.people()) == 3


@pytest.mark.parametrize("place", ["file", "keyring"], indirect=True)
def test_the_list_of_a_sealed_gallery_holds_through_the_conversion(tmp_path, earlier):
    gallery = opened(tmp_path)
    (ada,) = execute(gallery, "SELECT * FROM people WHERE key = 'ada'")
    execute(gallery, "DELETE FROM people WHERE key = 'ada'")
    execute(gallery, "INSERT INTO people VALUES ('eve', 'Eve', ?, ?, ?, ?)", *ada[2:])
    with gallery:
        assert slug_of(gallery.get, "Ada") == slug_of(gallery.get, "Eve") == "gallery-tampered"
        assert slug_of(gallery.people) == slug_of(gallery.crowd) == "gallery-tampered"
        assert sorted(gallery.crowd(intact=True).names()) == ["Bob", "Zoë"]
        for name in ("Ada", "Eve"):
            gallery.forget(name)
        assert [person.name for person in gallery.people()] == ["Bob", "Zoë"] and gallery.problems() == ()


@pytest.mark.parametrize("place", ["file", "keyring"], indirect=True)
@pytest.mark.parametrize("change", ["manifest = '[]'", "mac = '00'", "generation = generation + 1"])
def test_a_changed_seal_is_not_converted(tmp_path, earlier, change):
    gallery = opened(tmp_path)
    execute(gallery, f"UPDATE seal SET {change}")
    with gallery:
        assert slug_of(gallery.people) == slug_of(gallery.get, "Ada") == "gallery-tampered"
        assert len(execute(gallery, "SELECT * FROM earlier")) == 3
        assert gallery.forget_all() == 3 and gallery.people() == () and not gallery.protection().sealed


@pytest.mark.parametrize("place", ["keyring"], indirect=True)
def test_without_its_keyring_a_gallery_waits_as_it_is(tmp_path, earlier, desktop):
    desktop.locked = True
    with opened(tmp_path) as gallery:
        assert slug_of(gallery.people) == "keyring-unavailable"
        assert gallery.protection().place == "keyring"
        assert len(execute(gallery, "SELECT * FROM earlier")) == 3
    desktop.locked = False
    with opened(tmp_path) as gallery:
        assert everything(gallery) == earlier


@pytest.mark.parametrize("place", ["keyring"], indirect=True)
def test_the_file_from_before_the_conversion_is_an_older_copy(tmp_path, earlier):
    shutil.copy(tmp_path / "data" / "gallery.db", tmp_path / "copy")
    with opened(tmp_path) as gallery:
        assert len(gallery.people()) == 3
    shutil.copy(tmp_path / "copy", tmp_path / "data" / "gallery.db")
    with opened(tmp_path) as gallery:
        assert slug_of(gallery.people) == slug_of(gallery.get, "Ada") == "gallery-tampered"


def test_two_processes_convert_once(tmp_path, earlier, monkeypatch):
    one, two = opened(tmp_path), opened(tmp_path)
    from faceunlock.gallery import guard

    convert = guard.convert

    def while_another_waits(change):
        assert slug_of(two.people) == "gallery-busy"
        convert(change)

    monkeypatch.setattr(guard, "convert", while_another_waits)
    assert everything(one) == earlier
    monkeypatch.undo()
    assert everything(two) == earlier
    one.close(), two.close()
