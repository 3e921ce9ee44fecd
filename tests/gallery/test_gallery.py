"""What the gallery stores comes back exactly, or not at all; what it forgets is gone."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import sqlite3
import stat
import threading
from contextlib import closing
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.made_templates import make_template

from faceunlock.errors import GalleryError
from faceunlock.gallery.gallery import Gallery
from faceunlock.matching.people import template_to_record
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


def rewrite_template(gallery, key, **changes):
    """Store a wrong template under a correct checksum."""
    with closing(sqlite3.connect(gallery.path)) as connection, connection:
        *start, template = connection.execute(
            "SELECT key, name, created, updated, template FROM people WHERE key = ?", (key,)
        ).fetchone()
        values = [*start, json.dumps(json.loads(template) | changes)]
        checksum = hashlib.sha256(json.dumps(values, separators=(",", ":")).encode()).hexdigest()
        connection.execute(
            "UPDATE people SET template = ?, checksum = ? WHERE key = ?", (values[-1], checksum, key)
        )


def test_queries_on_a_gallery_that_does_not_exist_find_nothing_and_create_nothing(gallery, tmp_path):
    assert gallery.people() == gallery.models() == gallery.calibrations() == gallery.problems() == ()
    assert gallery.calibration(OTHER_MODEL) is None
    assert gallery.forget_all() == 0
    assert slug_of(gallery.get, "Ada") == slug_of(gallery.forget, "Ada") == "not-enrolled"
    assert slug_of(gallery.rename, "Ada", "Bob") == "not-enrolled"
    assert slug_of(gallery.update, "Ada", lambda template: template) == "not-enrolled"
    assert list(tmp_path.iterdir()) == []


def test_what_is_added_comes_back_in_another_process_exactly(gallery):
    template = make_template([0.1, 1 / 3, -2.5e-7])
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


def all_bytes(gallery) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(gallery.path.parent.iterdir()))


def traces(name, template) -> list[bytes]:
    record = template_to_record(template)
    texts = [
        name,
        name.casefold(),
        record["vector_sum"][:40],
        record["vector_sum"][-40:],
        record["photo_key"],
    ]
    return [text.encode() for text in [*texts, *record["photo_hashes"]]]


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


def test_a_damaged_person_is_mended_by_replacing(gallery):
    gallery.add("Ada", make_template())
    execute(gallery, "UPDATE people SET created = 'once'")
    gallery.replace("ADA", make_template([4.0]))
    assert names(gallery) == ["ADA"]


def test_a_person_with_a_damaged_key_is_forgotten_by_the_name_that_is_shown(gallery):
    gallery.add("Ada", make_template())
    execute(gallery, "UPDATE people SET key = 'aDb'")
    with pytest.raises(GalleryError, match="'aDb'"):
        gallery.people()
    gallery.forget("aDb")
    assert gallery.people() == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"count": 0},
        {"vector_sum": template_to_record(make_template([1.0]))["vector_sum"]},
        {"vector_sum": template_to_record(make_template([1.0, float("nan"), 1.0]))["vector_sum"]},
        {"photo_key": ""},
        {"mean_similarity": 2},
    ],
)
def test_a_wrong_template_is_refused_even_under_a_correct_checksum(gallery, changes):
    gallery.add("Ada", make_template())
    rewrite_template(gallery, "ada")
    assert same(gallery.get("Ada").template, make_template()), "the checksum of this test is the gallery's"
    rewrite_template(gallery, "ada", **changes)
    assert slug_of(gallery.get, "Ada") == "gallery-damaged"


def test_a_template_that_is_nested_too_deeply_is_refused_like_any_other(gallery, monkeypatch):
    gallery.add("Ada", make_template())
    monkeypatch.setattr(
        json,
        "dumps",
        lambda value, dumps=json.dumps, **how: dumps(value, **how).replace("1e+99", 100_000 * "["),
    )
    rewrite_template(gallery, "ada", count=1e99)
    assert slug_of(gallery.get, "Ada") == "gallery-damaged"
    assert "'ada'" in gallery.problems()[0]


def test_a_changed_calibration_is_refused_and_can_be_replaced_or_forgotten(gallery):
    identity = make_template().identity
    gallery.save_calibration(identity, {"threshold": 0.7})
    execute(gallery, "UPDATE calibrations SET data = '{\"threshold\":0.1}'")
    assert slug_of(gallery.calibration, identity) == "gallery-damaged"
    assert "calibration" in gallery.problems()[0]
    gallery.save_calibration(identity, {"threshold": 0.7})
    assert gallery.calibration(identity) == {"threshold": 0.7}
    execute(gallery, "UPDATE calibrations SET checksum = ''")


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
