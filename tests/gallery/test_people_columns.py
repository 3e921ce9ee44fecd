"""Rows that are read column by column are those that are read one by one, or they are refused."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.made_templates import make_template

from faceunlock.errors import GalleryError
from faceunlock.files import database
from faceunlock.gallery import entries, people_columns
from faceunlock.gallery.cipher import Cipher, SealRecord, Secret
from faceunlock.gallery.file import PEOPLE
from faceunlock.gallery.gallery import Gallery
from faceunlock.gallery.seal import Plain, Sealed
from faceunlock.matching.templates import ModelIdentity

COUNT = 12
OTHER_MODEL = ModelIdentity("vggface2", "cd" * 32, "mtcnn-160", 3)


@pytest.fixture(params=[None, "file"])
def gallery(tmp_path, request, monkeypatch):
    """Twelve people in batches of five: one of another model, two with looks."""
    monkeypatch.setattr(database, "BATCH", 5)
    with Gallery(tmp_path / "data", keys=tmp_path / "keys", busy_timeout=0.2) as gallery:
        if request.param is not None:
            gallery.protect(request.param)
        with gallery.transaction():
            for number in range(COUNT):
                changes = {"identity": OTHER_MODEL} if number == 7 else {}
                gallery.add(f"P{number}", make_template([1.0, number, 2.0], count=number + 1, **changes))
            for name in ("P2", "P9"):
                look = make_template([2.0, 1.0, 1.0], count=3)
                gallery.change(name, lambda person, look=look: person.with_look("hat", look))
        yield gallery


def execute(gallery, statement):
    """Change the file behind the gallery's back."""
    gallery.close()
    with closing(sqlite3.connect(gallery.path)) as connection, connection:
        connection.execute(statement)


def refused(read) -> GalleryError:
    with pytest.raises(GalleryError) as caught:
        read()
    return caught.value


def test_what_is_listed_is_what_is_stored(gallery):
    people = gallery.people()
    assert gallery.summaries() == tuple(person.summary for person in people)
    one = gallery.summaries()[4]  # sorted as the people are: P0, P1, P10, P11, P2
    assert (one.name, one.photos, one.identity) == ("P2", 3, make_template().identity)
    assert [(look.name, look.photos) for look in one.looks] == [("hat", 3)]


def test_listing_makes_no_person_and_looks_at_no_vector(gallery, monkeypatch):
    expected = gallery.summaries()
    monkeypatch.setattr(entries, "unpack", lambda *_: pytest.fail("a vector was unpacked"))
    gallery.close()
    assert gallery.summaries() == expected and len(expected) == COUNT


ONE = "WHERE key = 'p3'"
OTHER = (
    "FROM (SELECT * FROM people) AS other "
    "WHERE people.key IN ('p3', 'p4') AND other.key IN ('p3', 'p4') AND other.key <> people.key"
)
"""Two people, each with the other's row beside."""


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        (f"template = substr(template, 1, length(template) - 4) {ONE}", 1),
        (f"template = CAST(template || x'00' AS BLOB) {ONE}", 1),
        (f"template = zeroblob(length(template)) {ONE}", 1),
        (f"template = x'' {ONE}", 1),
        (f"checksum = zeroblob(32) {ONE}", 1),
        (f"name = 'P4' {ONE}", 1),
        (f"name = CAST(name AS BLOB) {ONE}", 1),
        (f"name = name || char(0) {ONE}", 1),
        (f"alike = 'p4' {ONE}", 1),
        (f"created = '2020-01-31T09:30:00Z' {ONE}", 1),
        (f"updated = substr(updated, 1, 19) {ONE}", 1),
        (f"name = other.name {OTHER}", 2),
        (f"template = other.template {OTHER}", 2),
        (f"template = other.template, checksum = other.checksum {OTHER}", 2),
    ],
)
def test_a_row_that_is_not_as_it_was_written_is_refused_by_its_name(gallery, change, wrong):
    assert len(gallery.summaries()) == COUNT
    execute(gallery, f"UPDATE people SET {change}")
    slug = "gallery-tampered" if gallery.protection().sealed else "gallery-damaged"
    for read in (gallery.summaries, gallery.crowd, gallery.people):
        error = refused(read)
        assert error.slug == slug and ("'p3'" in error.message or "'p4'" in error.message)
    assert len(gallery.crowd(intact=True)) == COUNT - wrong
    assert gallery.get("P5").name == "P5"


def test_a_row_that_is_gone_is_missed_only_under_seal(gallery):
    execute(gallery, f"DELETE FROM people {ONE}")
    if gallery.protection().sealed:
        assert {refused(read).slug for read in (gallery.summaries, gallery.crowd)} == {"gallery-tampered"}
    else:
        assert len(gallery.summaries()) == len(gallery.crowd()) == COUNT - 1


@pytest.mark.parametrize("gallery", [None], indirect=True)
def test_numbers_that_no_template_has_are_refused_under_a_right_checksum(gallery):
    """As a program that knows the format, but not its rules, might write them."""
    plain = Plain()
    with closing(sqlite3.connect(gallery.path)) as connection, connection:
        row = connection.execute(f"SELECT * FROM people {ONE}").fetchone()
        *texts, packed, _ = row
        start = 4 + int.from_bytes(packed[:4], "little")
    for at, wrong in ((start, b"\xff" * 8), (start + 8, b"\xff" * 8), (start + 16, bytes(4))):
        changed = packed[:at] + wrong + packed[at + len(wrong) :]
        gallery.close()
        with closing(sqlite3.connect(gallery.path)) as connection, connection:
            stored = plain.write(PEOPLE, (*texts, changed))
            connection.execute("INSERT OR REPLACE INTO people VALUES (?, ?, ?, ?, ?, ?, ?)", stored)
        assert "'p3'" in refused(gallery.summaries).message and "'p3'" in refused(gallery.crowd).message


def sealed() -> Sealed:
    key, name = bytes(range(32)), "00000000000000c1"
    return Sealed(SealRecord(name, "file", 4, {}), Cipher(key, name), Secret(key, None))


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=5)
CELL = st.one_of(TEXT, st.binary(max_size=5), st.sampled_from([None, 5, "a\0", "\ud800"]))


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(TEXT, TEXT, st.binary(max_size=8)), min_size=1, max_size=5, unique_by=lambda row: row[0]
    ),
    st.booleans(),
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3), CELL), max_size=2),
)
def test_columns_are_refused_where_a_row_is(values, is_sealed, damage):
    """Whatever is in the cells: columns hold what the rows do, and one wrong row refuses them all."""
    seal = sealed() if is_sealed else Plain()
    rows = [list(seal.write(PEOPLE, row)) for row in values]
    for row, column, cell in damage:
        rows[row % len(rows)][column] = cell
    try:
        expected = [*zip(*(seal.read(PEOPLE, row) for row in rows), strict=True)]
    except (ValueError, TypeError):
        with pytest.raises((ValueError, TypeError)):
            seal.columns(PEOPLE, rows)
    else:
        assert [tuple(column) for column in seal.columns(PEOPLE, rows)] == expected


def test_batches_are_refused_before_anybody_of_them_is_listed():
    """What is yielded was proven, and nothing is yielded of a batch with a wrong row."""
    plain = Plain()
    row = plain.write(PEOPLE, ("ada", "ada", "Ada", "2025-01-31T09:30:00Z", "2025-01-31T09:30:00Z", b"no"))
    with pytest.raises(ValueError, match="short"):
        people_columns.summaries_of([[row]], plain)
    assert people_columns.summaries_of([], plain) == []
