"""A gallery whose file is too large to be looked at page by page whenever it is opened."""

from __future__ import annotations

import contextlib
import random
import sqlite3

import pytest
from support.made_templates import make_template

from faceunlock.errors import GalleryError
from faceunlock.files import database
from faceunlock.gallery.file import GalleryFile
from faceunlock.gallery.gallery import Gallery
from faceunlock.matching.records import template_to_record

PEOPLE = 40


@pytest.fixture(autouse=True)
def every_file_is_large(monkeypatch):
    monkeypatch.setattr(database, "SMALL", 0)


@pytest.fixture(params=[None, "file"])
def place(request):
    return request.param


@pytest.fixture
def gallery(tmp_path, place):
    with Gallery(tmp_path / "data", keys=tmp_path / "keys", busy_timeout=0.2) as gallery:
        if place is not None:
            gallery.protect(place)
        with gallery.transaction():
            for number in range(PEOPLE):
                gallery.add(f"Person {number}", make_template([1.0 + number] * 60, count=number + 1))
        gallery.save_calibration(make_template().identity, {"threshold": 0.5})
        yield gallery


def everything(gallery):
    """All that a gallery says, and what it says of each person asked for by name."""
    by_name = [gallery.get(f"person {number}") for number in range(PEOPLE)]
    people = [(one.name, template_to_record(one.template)) for one in (*gallery.people(), *by_name)]
    return (
        people,
        sorted(gallery.crowd().names()),
        gallery.calibrations(),
        gallery.calibration(make_template().identity),
    )


def looked_at(monkeypatch):
    """The pages that are looked at from now on."""
    seen = []
    look = GalleryFile._check_pages_of
    monkeypatch.setattr(
        GalleryFile,
        "_check_pages_of",
        lambda self, connection, what: (seen.append(what), look(self, connection, what))[1],
    )
    return seen


def test_reading_looks_at_small_tables_only_and_writing_at_every_page_once(gallery, monkeypatch):
    gallery.close()
    seen = looked_at(monkeypatch)
    gallery.get("Person 7"), gallery.people(), gallery.crowd(), gallery.calibrations()
    assert seen == ["calibrations", "earlier", "seal", "strangers"]
    gallery.forget("Person 7"), gallery.forget("Person 8")
    assert seen[4:] == [1]


def test_flipped_bytes_are_refused_or_change_nothing(tmp_path, gallery, place):
    truth = everything(gallery)
    gallery.close()
    content = gallery.path.read_bytes()
    chance = random.Random(11)
    refused = 0
    for position in [*range(0, 100, 3), *chance.sample(range(100, len(content)), 120)]:
        changed = bytearray(content)
        changed[position] ^= 1 << chance.randrange(8)
        gallery.path.write_bytes(changed)
        try:
            assert everything(gallery) == truth, position
        except GalleryError as error:
            assert error.slug in {
                "gallery-damaged", "gallery-newer", "gallery-unwritable", "gallery-tampered", "key-missing"
            }, position  # fmt: skip
            refused += 1
        gallery.close()
    assert refused > 30


@pytest.mark.parametrize("place", [None], indirect=True)
@pytest.mark.parametrize("index", ["sqlite_autoindex_people_1", "people_alike"])
def test_an_index_that_knows_fewer_people_is_noticed(gallery, index):
    """Deleted from the table behind the back of its index, as damage may do."""
    gallery.close()
    with contextlib.closing(sqlite3.connect(gallery.path)) as connection, connection:
        (root,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (index,)).fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    content = bytearray(gallery.path.read_bytes())
    start = (root - 1) * size
    # An empty leaf.
    content[start : start + size] = b"\x0a" + bytes(4) + size.to_bytes(2, "big") + bytes(size - 7)
    gallery.path.write_bytes(content)
    by_name = [lambda: gallery.get("Person 3"), lambda: gallery.forget("Person 3")]
    for query in (gallery.people, gallery.crowd, *(by_name if "auto" in index else [])):
        with pytest.raises(GalleryError) as caught:
            query()
        assert caught.value.slug == "gallery-damaged"
    assert gallery.problems()


def test_who_is_asked_for_costs_one_row_and_one_part_of_the_list(gallery, monkeypatch, place):
    gallery.close()
    queries = []
    query = GalleryFile.query
    monkeypatch.setattr(
        GalleryFile, "query", lambda self, *values: (queries.append(query(self, *values)), queries[-1])[1]
    )
    gallery.get("Person 7")
    rows = [row for rows in queries for row in rows]
    assert len(rows) < 12, "whatever the number of people"
