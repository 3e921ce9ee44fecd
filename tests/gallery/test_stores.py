"""What a gallery promises wherever it is kept: the same tests for a file and for a PostgreSQL server."""

from __future__ import annotations

import dataclasses
import hashlib
import sqlite3
from contextlib import closing
from random import Random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.fakes import slug_of
from support.made_templates import make_template

from faceunlock.errors import GalleryError
from faceunlock.gallery.gallery import Gallery
from faceunlock.gallery.postgres.address import parse
from faceunlock.gallery.postgres.gallery import ServerGallery
from faceunlock.matching.crowd import Crowd
from faceunlock.matching.people import Person
from faceunlock.matching.records import template_to_record
from faceunlock.matching.second_names import same_faces
from faceunlock.matching.similarity import unit
from faceunlock.matching.templates import ModelIdentity

OTHER_MODEL = ModelIdentity("vggface2", "cd" * 32, "mtcnn-160", 3)


@pytest.fixture(params=["file", "server"])
def opening(request, tmp_path):
    """Opens the gallery, again and again."""
    if request.param == "file":
        return lambda: Gallery(tmp_path / "data", busy_timeout=0.1)
    address = parse(request.getfixturevalue("server").url(request.getfixturevalue("database")))
    return lambda: ServerGallery(address, busy_timeout=0.1)


@pytest.fixture
def gallery(opening):
    with opening() as opened:
        yield opened


@pytest.fixture
def behind(gallery, request):
    """Change what is stored behind the gallery's back."""

    def execute(statement, *values):
        if isinstance(gallery, ServerGallery):
            database = request.getfixturevalue("database")
            return request.getfixturevalue("server").run(statement.replace("?", "%s"), database, values)
        with closing(sqlite3.connect(gallery.path)) as connection, connection:
            return connection.execute(statement, values).fetchall()

    return execute


def names(gallery) -> list[str]:
    return [person.name for person in gallery.people()]


def same(one, other) -> bool:
    return template_to_record(one) == template_to_record(other)


def test_what_is_added_comes_back_exactly_from_anywhere(gallery, opening):
    template = make_template(np.float32([0.1, 1 / 3, -2.5e-7]))
    added = gallery.add("  Ada  Lovelace", template)
    with opening() as other:
        found = other.get("ADA LOVELACE")
    assert found.name == "Ada Lovelace"
    assert (found.created, found.updated) == (added.created, added.updated)
    assert same(found.template, template)


def test_people_are_sorted_whatever_their_case(gallery):
    for name in ("bob", "Cleo", "Ada"):
        gallery.add(name, make_template())
    assert names(gallery) == ["Ada", "bob", "Cleo"]


def test_a_name_is_enrolled_once_whatever_its_case(gallery):
    gallery.add("Ada", make_template())
    assert slug_of(gallery.add, "ADA", make_template()) == "already-enrolled"
    assert slug_of(gallery.add, "a/b", make_template()) == "bad-name"
    assert names(gallery) == ["Ada"]


def test_somebody_unknown_gets_the_closest_names_as_a_hint(gallery):
    gallery.add("Ada Lovelace", make_template())
    with pytest.raises(GalleryError, match="'Ada Lovelase'") as caught:
        gallery.get("Ada Lovelase")
    assert "Did you mean Ada Lovelace?" in caught.value.hint
    with pytest.raises(GalleryError) as caught:
        gallery.get("Zoë")
    assert caught.value.hint == "See: faceunlock people"


def test_replace_keeps_name_and_first_date_and_enrols_who_was_not(gallery, monkeypatch):
    monkeypatch.setattr("faceunlock.gallery.gallery.now", lambda: "2025-01-01T00:00:00Z")
    gallery.add("Ada", make_template())
    monkeypatch.setattr("faceunlock.gallery.gallery.now", lambda: "2025-02-02T00:00:00Z")
    gallery.replace("ada", make_template([9.0]))
    gallery.replace("Bob", make_template())
    ada, bob = gallery.people()
    assert (ada.name, ada.created, ada.updated) == ("Ada", "2025-01-01T00:00:00Z", "2025-02-02T00:00:00Z")
    assert (bob.name, bob.created) == ("Bob", "2025-02-02T00:00:00Z")
    assert same(ada.template, make_template([9.0]))


def test_update_merges_and_a_failing_merge_changes_nothing(gallery):
    gallery.add("Ada", make_template(count=5))
    gallery.update("ada", lambda template: dataclasses.replace(template, count=template.count + 2))
    assert gallery.get("Ada").template.count == 7
    with pytest.raises(ZeroDivisionError):
        gallery.update("Ada", lambda template: dataclasses.replace(template, count=1 // 0))
    assert gallery.get("Ada").template.count == 7


def test_rename_moves_the_person_or_changes_the_spelling(gallery):
    gallery.add("Ada", make_template())
    gallery.add("Bob", make_template([2.0]))
    assert gallery.rename("ada", "ADA").name == "ADA"
    assert slug_of(gallery.rename, "Ada", "bob") == "already-enrolled"
    gallery.rename("ADA", "Countess")
    assert names(gallery) == ["Bob", "Countess"]
    assert same(gallery.get("Countess").template, make_template())


def test_forget_all_leaves_the_calibrations(gallery):
    gallery.add("Ada", make_template())
    gallery.add("Bob", make_template())
    gallery.save_calibration(OTHER_MODEL, {"threshold": 0.5})
    assert gallery.forget_all() == 2
    assert gallery.people() == () and gallery.calibration(OTHER_MODEL) == {"threshold": 0.5}


def test_models_are_those_of_the_templates(gallery):
    gallery.add("Ada", make_template())
    gallery.add("Bob", make_template())
    gallery.add("Cleo", make_template(identity=OTHER_MODEL))
    assert gallery.models() == (make_template().identity, OTHER_MODEL)


def test_one_calibration_for_each_exact_model(gallery):
    data = {"threshold": 0.1 + 0.2, "folder": "/photos/Zoë \udcff", "tail": [0.5, 1e-300], "eer": None}
    gallery.save_calibration(OTHER_MODEL, {"threshold": 1.0})
    gallery.save_calibration(OTHER_MODEL, data)
    assert gallery.calibration(OTHER_MODEL) == data
    assert gallery.calibrations() == ((OTHER_MODEL, data),)
    assert gallery.calibration(dataclasses.replace(OTHER_MODEL, preprocessing="other")) is None
    with pytest.raises(ValueError):
        gallery.save_calibration(OTHER_MODEL, {"threshold": float("nan")})


def test_an_invalid_template_is_never_stored(gallery):
    with pytest.raises(ValueError):
        gallery.add("Ada", make_template(count=0))
    assert gallery.people() == ()


def test_a_transaction_is_all_or_nothing(gallery):
    gallery.add("Ada", make_template())
    with pytest.raises(RuntimeError), gallery.transaction():
        gallery.forget("Ada")
        gallery.add("Bob", make_template())
        assert names(gallery) == ["Bob"]
        raise RuntimeError
    assert names(gallery) == ["Ada"]


def test_a_damaged_person_is_mended_by_replacing(gallery, behind):
    gallery.add("Ada", make_template())
    behind("UPDATE people SET created = 'once'")
    gallery.replace("ADA", make_template([4.0]))
    assert names(gallery) == ["ADA"]


@pytest.mark.parametrize(
    "change",
    [lambda marks: b"", lambda marks: marks[:-1], lambda marks: marks + marks, lambda marks: marks[:40]],
)
def test_wrong_marks_of_photos_are_refused_where_they_are_needed(gallery, behind, change):
    gallery.add("Ada", make_template())
    ((_, marks, _),) = behind("SELECT * FROM photos")
    marks = change(marks)
    checksum = hashlib.sha256(b"photos\0ada\0" + marks).digest()
    behind("UPDATE photos SET marks = ?, checksum = ?", marks, checksum)
    assert slug_of(gallery.get, "Ada") == slug_of(gallery.people) == "gallery-damaged"
    assert "'ada'" in gallery.problems()[0] and list(gallery.crowd().names()) == ["Ada"]
    gallery.forget("Ada")
    assert gallery.people() == () == gallery.problems()


@pytest.mark.parametrize("statement", ["DELETE FROM photos", "UPDATE photos SET key = 'bob'"])
def test_missing_marks_of_photos_are_damage(gallery, behind, statement):
    gallery.add("Ada", make_template())
    behind(statement)
    assert slug_of(gallery.get, "Ada") == slug_of(gallery.people) == "gallery-damaged"
    gallery.replace("Ada", make_template())
    assert same(gallery.get("Ada").template, make_template())


def test_a_person_without_marks_cannot_be_stored(gallery):
    gallery.add("Ada", make_template())
    (ada,) = gallery.people(marks=False)
    assert ada.template.photo_hashes == frozenset() and ada.template.count == 5
    with pytest.raises(ValueError):
        gallery.restore(ada)
    assert same(gallery.get("Ada").template, make_template())


def test_a_changed_calibration_is_refused_and_can_be_replaced_or_forgotten(gallery, behind):
    identity = make_template().identity
    gallery.save_calibration(identity, {"threshold": 0.7})
    behind("UPDATE calibrations SET data = '{\"threshold\":0.1}'")
    assert slug_of(gallery.calibration, identity) == "gallery-damaged"
    assert "calibration" in gallery.problems()[0]
    gallery.save_calibration(identity, {"threshold": 0.7})
    assert gallery.calibration(identity) == {"threshold": 0.7}
    behind("UPDATE calibrations SET checksum = ''")


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        ("name = 'Eve'", "ada"),
        ("created = created || 'x'", "ada"),
        ("updated = updated || 'x'", "ada"),
        ("template = CAST('x' AS BLOB)", "ada"),
        ("checksum = CAST('x' AS BLOB)", "ada"),
        ("alike = 'eve'", "ada"),
    ],
)
def test_a_changed_row_is_refused_by_name_and_blocks_nobody_else(gallery, behind, change, shown):
    gallery.add("Ada", make_template())
    gallery.add("Bob", make_template([-1.0, 0.0, 2.0]))
    behind(f"UPDATE people SET {change} WHERE key = 'ada'")
    probe = unit([1.0, 2.0, 3.0])
    for query in (
        gallery.people,
        gallery.summaries,
        lambda: gallery.get("Ada"),
        lambda: gallery.crowd().made_by(make_template().identity).decide(probe, 0.5),
    ):
        with pytest.raises(GalleryError, match=f"'{shown}'") as caught:
            query()
        assert caught.value.slug == "gallery-damaged"
        assert "forget 'ada'" in caught.value.hint and str(gallery.path) in caught.value.message
    assert "'ada'" in gallery.problems()[0]
    assert gallery.get("Bob").name == "Bob"
    gallery.forget("Ada")
    assert names(gallery) == ["Bob"] and gallery.problems() == ()


def random_people(random, count):
    """People of two models, some with looks, some of them very alike."""
    vectors = [[random.gauss(0, 1) for _ in range(3)] for _ in range(4)]
    for number in range(count):
        vector = random.choice(vectors)
        if random.random() < 0.5:
            vector = [value + random.gauss(0, 1e-7) for value in vector]
        one = make_template(vector, count=random.randrange(1, 2**32))
        if random.random() < 0.3:
            one = dataclasses.replace(one, identity=OTHER_MODEL)
        person = Person(f"P {number}", one, "2025-01-31T09:30:00Z", "2025-01-31T09:30:00Z")
        for look in random.sample(["hat", "beard", "Brille"], random.choice([0, 0, 1, 2])):
            looks = make_template([random.gauss(0, 1) for _ in range(3)], identity=one.identity)
            person = person.with_look(look, looks)
        yield person


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 60), st.integers(0, 2**32))
def test_everybody_is_compared_as_one_by_one_to_the_bit(gallery, count, seed):
    random = Random(seed)
    gallery.forget_all()
    with gallery.transaction():
        for person in random_people(random, count):
            gallery.restore(person)
    people, crowd = gallery.people(), gallery.crowd()
    alone = Crowd.of(people)
    assert gallery.summaries() == tuple(person.summary for person in people)
    assert len(crowd) == len(people) and sorted(crowd.names()) == sorted(person.name for person in people)
    assert crowd.identities == alone.identities == gallery.models()
    if not people:
        return
    assert crowd.first()[0] == alone.first()[0]
    for expected in alone.parts:
        part = crowd.made_by(expected.identity)
        assert len(part) == len(expected) and len(part.names) == len(expected.names)
        assert crowd.others(expected.identity) == alone.others(expected.identity)
        for _ in range(3):
            probe = unit([random.gauss(0, 1) for _ in range(3)])
            if random.random() < 0.5:
                probe = unit(expected.sums[random.randrange(len(expected))])
            assert part.decide(probe, 0.7) == expected.decide(probe, 0.7)
            template = make_template(probe, identity=expected.identity)
            found = same_faces("somebody", template, crowd, 0.9)
            wanted = same_faces("somebody", template, alone, 0.9)
            assert [one.enrolled_as for one in found] == [one.enrolled_as for one in wanted]
            assert [one.similarity for one in found] == pytest.approx([one.similarity for one in wanted])
            locked = random.sample(list(expected.names), random.randrange(len(expected.names)))
            fewer = part.without(locked)
            assert len(fewer) == len(expected.without(locked))
            assert fewer.decide(probe, 0.7) == expected.without(locked).decide(probe, 0.7)
            one = [random.choice(list(expected.names))]
            assert part.only(one).decide(probe, 0.7) == expected.only(one).decide(probe, 0.7)
