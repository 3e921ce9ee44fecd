"""What the gallery stores comes back exactly, or not at all; what it forgets is gone."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import sqlite3
import stat
import struct
import threading
from contextlib import closing
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.made_templates import make_template

from faceunlock.errors import GalleryError
from faceunlock.gallery.gallery import Gallery
from faceunlock.matching.crowd import Crowd
from faceunlock.matching.people import Person
from faceunlock.matching.records import template_to_record
from faceunlock.matching.templates import ModelIdentity

OTHER_MODEL = ModelIdentity("vggface2", "cd" * 32, "mtcnn-160", 3)


@pytest.fixture
def gallery(tmp_path):
    with Gallery(tmp_path / "data", busy_timeout=0.1) as opened:
        yield opened


def slug_of(action, *args, **options) -> str:
    with pytest.raises(GalleryError) as caught:
        action(*args, **options)
    return caught.value.slug


def names(gallery) -> list[str]:
    return [person.name for person in gallery.people()]


def same(one, other) -> bool:
    return template_to_record(one) == template_to_record(other)


def execute(gallery, statement, *values):
    """Change the file behind the gallery's back."""
    with closing(sqlite3.connect(gallery.path)) as connection, connection:
        connection.execute(statement, values)


def rewrite_template(gallery, key, change=lambda packed: packed):
    """Store a wrong template under a correct checksum."""
    with closing(sqlite3.connect(gallery.path)) as connection, connection:
        *texts, packed, _ = connection.execute("SELECT * FROM people WHERE key = ?", (key,)).fetchone()
        packed = change(packed)
        checksum = hashlib.sha256("\0".join(["people", *texts]).encode() + b"\0" + packed).digest()
        connection.execute(
            "UPDATE people SET template = ?, checksum = ? WHERE key = ?", (packed, checksum, key)
        )


def with_numbers(mean=0.9, lowest=0.8, count=5, vector=(1.0, 2.0, 3.0)):
    """Return what replaces the numbers of a packed person."""

    def change(packed):
        start = 4 + int.from_bytes(packed[:4], "little")
        return packed[:start] + struct.pack(f"<ddI{len(vector)}f", mean, lowest, count, *vector)

    return change


def with_header(text):
    """Return what replaces the header of a packed person."""

    def change(packed):
        start = 4 + int.from_bytes(packed[:4], "little")
        return len(text).to_bytes(4, "little") + text.encode() + packed[start:]

    return change


def test_queries_on_a_gallery_that_does_not_exist_find_nothing_and_create_nothing(gallery, tmp_path):
    assert gallery.people() == gallery.models() == gallery.calibrations() == gallery.problems() == ()
    assert gallery.calibration(OTHER_MODEL) is None
    assert gallery.forget_all() == 0
    assert slug_of(gallery.get, "Ada") == slug_of(gallery.forget, "Ada") == "not-enrolled"
    assert slug_of(gallery.rename, "Ada", "Bob") == "not-enrolled"
    assert slug_of(gallery.update, "Ada", lambda template: template) == "not-enrolled"
    assert list(tmp_path.iterdir()) == []


def test_what_is_added_comes_back_in_another_process_exactly(gallery):
    template = make_template(np.float32([0.1, 1 / 3, -2.5e-7]))
    added = gallery.add("  Ada  Lovelace", template)
    found = Gallery(gallery.path.parent).get("ADA LOVELACE")
    assert found.name == "Ada Lovelace"
    assert (found.created, found.updated) == (added.created, added.updated)
    assert same(found.template, template)


def test_files_and_directory_are_private_whatever_the_umask(gallery):
    before = os.umask(0)
    try:
        gallery.add("Ada", make_template())
        with gallery.transaction():
            gallery.forget("Ada")
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in gallery.path.parent.iterdir()}
    finally:
        os.umask(before)
    assert modes == {"gallery.db": 0o600, "gallery.db-journal": 0o600}
    assert stat.S_IMODE(gallery.path.parent.stat().st_mode) == 0o700


def all_bytes(gallery) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(gallery.path.parent.iterdir()))


def traces(name, template) -> list[bytes]:
    record = template_to_record(template)
    numbers = np.asarray(template.vector_sum, dtype="<f4").tobytes()
    texts = [name, name.casefold()]
    marks = map(bytes.fromhex, [record["photo_key"], *record["photo_hashes"]])
    return [*(text.encode() for text in texts), numbers[:30], numbers[-30:], *marks]


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 700), min_size=1, max_size=8), st.integers(0, 2**32))
def test_what_is_forgotten_is_nowhere_in_the_files(tmp_path_factory, sizes, seed):
    random = Random(seed)
    gallery = Gallery(tmp_path_factory.mktemp("forget"))
    people = {}
    for number, size in enumerate(sizes):
        marks = [random.random() + number + 1 for _ in range(size)]
        key = random.randbytes(32)
        people[f"Marked Person {number}"] = make_template(
            marks, photo_key=key, photo_hashes=frozenset({hashlib.sha256(key).hexdigest()})
        )
    for name, template in people.items():
        gallery.add(name, template)
    renamed = random.choice(sorted(people))
    gallery.rename(renamed, "Somebody Else")
    replaced = people.pop(renamed)
    gallery.replace("Somebody Else", make_template([1.5]))
    for trace in traces(renamed, replaced):
        assert trace not in all_bytes(gallery)
    for name in random.sample(sorted(people), len(people)):
        expected = traces(name, people[name])
        if len(people[name].vector_sum) < 100:  # a longer row is spread over pages
            assert all(trace in all_bytes(gallery) for trace in expected)
        gallery.forget(name)
        assert not [trace for trace in expected if trace in all_bytes(gallery)]
    assert names(gallery) == ["Somebody Else"]
    gallery.close()


@pytest.mark.parametrize("column", ["name", "created", "updated", "template", "checksum"])
def test_a_changed_row_is_refused_by_name_and_blocks_nobody_else(gallery, column):
    gallery.add("Ada", make_template())
    gallery.add("Bob", make_template())
    execute(gallery, f"UPDATE people SET {column} = {column} || 'x' WHERE key = 'ada'")
    for query in (gallery.people, gallery.models, lambda: gallery.get("Ada")):
        with pytest.raises(GalleryError, match="'ada'") as caught:
            query()
        assert caught.value.slug == "gallery-damaged"
        assert "forget 'ada'" in caught.value.hint and str(gallery.path) in caught.value.message
    (problem,) = gallery.problems()
    assert "'ada'" in problem
    assert gallery.get("Bob").name == "Bob"
    assert slug_of(gallery.add, "Ada", make_template()) == "already-enrolled"
    gallery.forget("Ada")
    assert names(gallery) == ["Bob"] and gallery.problems() == ()


@pytest.mark.parametrize("value", [b"blob", 5, 1.5])
def test_a_value_of_another_type_is_refused(gallery, value):
    gallery.add("Ada", make_template())
    execute(gallery, "UPDATE people SET template = ?", value)
    assert slug_of(gallery.get, "Ada") == "gallery-damaged"


def test_a_person_with_a_damaged_key_is_forgotten_by_the_name_that_is_shown(gallery):
    gallery.add("Ada", make_template())
    execute(gallery, "UPDATE people SET key = 'aDb'")
    with pytest.raises(GalleryError, match="'aDb'"):
        gallery.people()
    gallery.forget("aDb")
    assert gallery.people() == ()


IDENTITY = '{"identity":{"dimension":%s,"model":"dlib","preprocessing":"aligned-150","weights_sha256":"%s"},'


@pytest.mark.parametrize(
    "change",
    [
        with_numbers(count=0),
        with_numbers(vector=[1.0]),
        with_numbers(vector=[1.0, float("nan"), 1.0]),
        with_numbers(vector=[1.0, float("inf"), 1.0]),
        with_numbers(vector=[0.0, 0.0, 0.0]),
        with_numbers(mean=2.0),
        with_numbers(mean=float("nan")),
        with_numbers(lowest=-1.1),
        with_header(IDENTITY % (0, "ab" * 32) + '"looks":[]}'),
        with_header(IDENTITY % (3, "xy" * 32) + '"looks":[]}'),
        with_header(IDENTITY % (3, "ab" * 32) + '"looks":[["hat","2025-01-31T09:30:00Z"]]}'),
        with_header(IDENTITY % (3, "ab" * 32) + '"looks":[["a/b","2025-01-31T09:30:00Z"]]}'),
        with_header(IDENTITY % (3, "ab" * 32) + '"looks":[1]}'),
        with_header(IDENTITY % (3, "ab" * 32) + '"more":[]}'),
        with_header("{}"),
        with_header("no"),
        with_header(100_000 * "["),
        lambda packed: b"",
        lambda packed: packed[:3],
        lambda packed: packed + b"\0",
        lambda packed: b"\xff" * 4 + packed[4:],
    ],
)
def test_a_wrong_template_is_refused_even_under_a_correct_checksum(gallery, change):
    gallery.add("Ada", make_template())
    gallery.add("Bob", make_template())
    rewrite_template(gallery, "ada")
    assert same(gallery.get("Ada").template, make_template()), "the checksum of this test is the gallery's"
    assert sorted(gallery.crowd().names()) == ["Ada", "Bob"]
    rewrite_template(gallery, "ada", change)
    assert (
        slug_of(gallery.get, "Ada") == slug_of(gallery.people) == slug_of(gallery.crowd) == "gallery-damaged"
    )
    assert "'ada'" in gallery.problems()[0]
    assert gallery.crowd(intact=True).names() == ["Bob"]


def random_people(random, count):
    """People of two models, some with looks, with names and dates of all kinds."""
    names = ["Ada", "Zoë", "علی‌رضا", "李 小龍", "O'Neil", "x", "Marie-Luise"]
    for number in range(count):
        one = make_template([random.gauss(0, 1) for _ in range(3)], count=random.randrange(1, 2**32))
        if random.random() < 0.3:
            one = dataclasses.replace(one, identity=OTHER_MODEL)
        moment = f"20{random.randrange(10, 99)}-0{random.randrange(1, 10)}-30T23:59:59Z"
        moment = moment.replace("02-30", "02-28")
        person = Person(f"{random.choice(names)} {number}", one, moment, moment)
        for look in random.sample(["hat", "beard", "Brille"], random.choice([0, 0, 1, 2])):
            vector = [random.gauss(0, 1) for _ in range(3)]
            person = person.with_look(look, make_template(vector, identity=one.identity))
        yield person


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 40), st.integers(0, 2**32), st.booleans())
def test_a_crowd_is_everybody(tmp_path_factory, count, seed, sealed):
    """What is read by columns is what is read one by one."""
    folder = tmp_path_factory.mktemp("crowd")
    gallery = Gallery(folder / "data", keys=folder / "keys")
    if sealed:
        gallery.protect("file")
    with gallery.transaction():
        for person in random_people(Random(seed), count):
            gallery.restore(person)
    people, crowd = gallery.people(), gallery.crowd()
    assert gallery.summaries() == tuple(person.summary for person in people)
    assert sorted(crowd.names()) == sorted(person.name for person in people)
    assert crowd.identities == Crowd.of(people).identities == gallery.models()
    for part in crowd.parts:
        there = {
            (person.name, look): np.asarray(template.vector_sum)
            for person in people
            for look, template in person.templates
            if template.identity == part.identity
        }
        labels = [(part.names[owner], part.looks.get(row)) for row, owner in enumerate(part.owner)]
        assert labels and len(set(labels)) == len(labels) and {*labels} == {*there}
        for row, label in enumerate(labels):
            assert part.sums[row].tobytes() == there[label].tobytes()
            assert part.lengths[row] == pytest.approx(np.linalg.norm(there[label].astype(float)))
    gallery.close()


def test_a_crowd_is_read_once_until_somebody_changes_the_gallery(gallery):
    gallery.add("Ada", make_template())
    first = gallery.crowd()
    assert gallery.crowd() is first and gallery.crowd(intact=True) is first
    gallery.add("Bob", make_template())
    assert sorted(gallery.crowd().names()) == ["Ada", "Bob"]
    with Gallery(gallery.path.parent) as other:
        other.forget("Bob")
    assert gallery.crowd().names() == ["Ada"]
    with gallery.transaction():
        gallery.add("Cleo", make_template())
        assert len(gallery.crowd()) == 2
        gallery.forget("Ada")
        assert gallery.crowd().names() == ["Cleo"]
    assert gallery.crowd().names() == ["Cleo"]
    with pytest.raises(RuntimeError), gallery.transaction():
        gallery.forget("Cleo")
        assert len(gallery.crowd()) == 0
        raise RuntimeError
    assert gallery.crowd().names() == ["Cleo"]
    execute(gallery, "UPDATE people SET name = 'Eve'")
    assert slug_of(gallery.crowd) == "gallery-damaged" and len(gallery.crowd(intact=True)) == 0


def test_a_gallery_that_was_removed_does_not_go_on_answering(gallery, tmp_path):
    gallery.add("Ada", make_template())
    gallery.path.unlink()
    assert gallery.people() == ()
    other = Gallery(tmp_path / "other")
    other.add("Bob", make_template())
    other.path.rename(gallery.path)
    assert names(gallery) == ["Bob"]


def test_use_in_another_thread_is_a_bug_not_damage(gallery):
    gallery.add("Ada", make_template())
    caught = []

    def use():
        try:
            gallery.people()
        except sqlite3.ProgrammingError as error:
            caught.append(error)

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert caught


def test_insecure_permissions_are_refused_at_every_use(gallery):
    gallery.add("Ada", make_template())
    gallery.path.chmod(0o666)
    assert slug_of(gallery.people) == "insecure-permissions"
    gallery.path.chmod(0o644)
    assert names(gallery) == ["Ada"] and stat.S_IMODE(gallery.path.stat().st_mode) == 0o600
    gallery.path.parent.chmod(0o777)
    assert slug_of(gallery.forget, "Ada") == "insecure-permissions"
    assert gallery.problems()
    gallery.path.parent.chmod(0o700)
    moved = gallery.path.rename(gallery.path.parent / "elsewhere")
    gallery.path.symlink_to(moved)
    assert slug_of(gallery.people) == "insecure-permissions"


def test_the_example_in_the_class_is_true():
    assert Gallery(Path("/nonexistent/faceunlock")).people() == ()
