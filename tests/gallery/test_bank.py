"""Banks of strangers on disk: sealed as the gallery is, whole or not there, and never an older one."""

import shutil
import sqlite3
from dataclasses import replace

import numpy as np
import pytest
from support.fakes import IDENTITY, embedding, slug_of

from faceunlock.errors import GalleryError
from faceunlock.gallery.gallery import Gallery
from faceunlock.matching.strangers import StrangerPhoto

OTHER = replace(IDENTITY, model="compact")


def photos(*people, source="lfw"):
    return [StrangerPhoto(source, f"P{person}", bytes([person]), embedding(person, 0)) for person in people]


def fill(gallery, *people, identity=IDENTITY, source="lfw"):
    return gallery.strangers.update(identity, lambda bank: bank.with_photos(photos(*people, source=source)))[
        0
    ]


@pytest.fixture
def gallery(tmp_path):
    with Gallery(tmp_path / "data", keys=tmp_path / "keys") as opened:
        yield opened


def files(gallery):
    return sorted(gallery.path.parent.glob("strangers-*"))


def people_in(gallery, identity=IDENTITY):
    bank = gallery.strangers.read(identity)
    return None if bank is None else bank.person


def test_a_gallery_without_strangers_reads_and_writes_nothing(gallery):
    assert gallery.strangers.states() == gallery.strangers.problems() == ()
    assert gallery.strangers.read(IDENTITY) is None and gallery.strangers.forget_all() == 0
    assert not gallery.path.exists()


def test_each_model_has_a_bank_of_its_own(gallery):
    fill(gallery, 1, 2)
    fill(gallery, 3, identity=OTHER)
    state = fill(gallery, 2, 4, source="work")
    assert (state.people, state.photos) == (3, 3)
    assert [(one.source, one.people) for one in state.sources] == [("lfw", 2), ("work", 1)]
    assert gallery.strangers.states()[1] == state
    bank = gallery.strangers.read(IDENTITY)
    assert bank.person == ("P1", "P2", "P4") and people_in(gallery, OTHER) == ("P3",)
    assert np.array_equal(bank.embeddings[0], embedding(1, 0))
    assert len(files(gallery)) == 2  # the file that the last change replaced is gone


def test_files_are_private_and_encrypted(gallery):
    stranger = StrangerPhoto("lfw", "someone", b"1", embedding(1, 0))
    gallery.strangers.update(IDENTITY, lambda bank: bank.with_photos([stranger]))
    (file,) = files(gallery)
    assert file.stat().st_mode & 0o777 == 0o600
    assert b"someone" not in file.read_bytes() and embedding(1, 0).tobytes() not in file.read_bytes()


@pytest.mark.parametrize("place", ["file"])
def test_protection_carries_the_banks_along(gallery, place):
    fill(gallery, 1, 2)
    for change in (lambda: gallery.protect(place), lambda: gallery.rotate(place), gallery.unprotect):
        change()
        assert people_in(gallery) == ("P1", "P2") and gallery.strangers.problems() == ()
    gallery.protect(place)
    fill(gallery, 3)
    key = gallery.strangers.states()
    with sqlite3.connect(gallery.path) as connection:
        (data,) = connection.execute("SELECT data FROM strangers").fetchone()
    assert "key" not in data and len(key) == 1


def test_a_bank_without_photos_is_no_bank(gallery):
    fill(gallery, 1)
    state, _ = gallery.strangers.update(IDENTITY, lambda bank: bank.without("lfw"))
    assert (state.photos, gallery.strangers.states(), files(gallery)) == (0, (), [])


@pytest.mark.parametrize("sealed", [False, True])
def test_a_changed_or_older_or_missing_file_does_not_open(gallery, tmp_path, sealed):
    if sealed:
        gallery.protect("file")
    fill(gallery, 1)
    (old,) = files(gallery)
    shutil.copy(old, tmp_path / "old")
    fill(gallery, 2)
    (file,) = files(gallery)
    content = file.read_bytes()
    slug = "gallery-tampered" if sealed else "gallery-damaged"
    for wrong in ((tmp_path / "old").read_bytes(), content[:-1], content[:40] + b"!" + content[41:], b""):
        file.write_bytes(wrong)
        with pytest.raises(GalleryError) as caught:
            gallery.strangers.read(IDENTITY)
        assert caught.value.slug == slug and "strangers forget --all" in caught.value.hint
        assert slug_of(fill, gallery, 3) == slug  # nothing is written over it
        assert "is not the bank that faceunlock last wrote" in gallery.strangers.problems()[0]
    file.unlink()
    assert slug_of(gallery.strangers.read, IDENTITY) == slug
    assert len(gallery.strangers.problems()) == 1
    assert people_in(gallery, OTHER) is None and gallery.people() == ()  # the rest still answers
    assert gallery.strangers.forget_all() == 2 and gallery.strangers.states() == ()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE strangers SET data = data || ' '",
        "UPDATE strangers SET checksum = ''",
        "UPDATE strangers SET identity = 'x'",
    ],
)
def test_a_changed_record_is_noticed_and_can_be_forgotten(gallery, change):
    gallery.protect("file")
    fill(gallery, 1)
    gallery.close()
    with sqlite3.connect(gallery.path) as connection:
        connection.execute(change)
    connection.close()
    assert slug_of(gallery.strangers.states) == "gallery-tampered" and gallery.strangers.problems()
    fill(gallery, 1, identity=OTHER)  # it blocks only what needs it
    gallery.strangers.forget_all()
    assert gallery.strangers.states() == () and files(gallery) == []


def test_a_killed_change_leaves_the_old_bank_and_no_other_file_for_long(gallery, monkeypatch):
    fill(gallery, 1)
    before = files(gallery)

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(type(gallery.strangers._guard), "_finish", killed)
        with pytest.raises(KeyboardInterrupt):
            fill(gallery, 2)
    assert len(files(gallery)) == 2 and people_in(gallery) == ("P1",)
    fill(gallery, 3)
    assert people_in(gallery) == ("P1", "P3")
    assert len(files(gallery)) == 1 and files(gallery) != before


def test_a_merge_that_fails_changes_nothing(gallery):
    fill(gallery, 1)
    before = files(gallery)
    with pytest.raises(ValueError):
        gallery.strangers.update(IDENTITY, lambda bank: bank.with_photos([StrangerPhoto(
            "lfw", "Bad", b"x", np.ones(3, dtype=np.float32))]))  # fmt: skip
    assert files(gallery) == before and people_in(gallery) == ("P1",)


def test_starting_again_takes_the_strangers_too(gallery, tmp_path):
    gallery.protect("file")
    fill(gallery, 1)
    gallery.close()
    for key in (tmp_path / "keys").glob("*.key"):
        key.unlink()
    with Gallery(tmp_path / "data", keys=tmp_path / "keys") as later:
        assert slug_of(later.strangers.states) == "key-missing"
        later.forget_all()
        assert later.strangers.states() == () and files(later) == []
        fill(later, 2)
        assert people_in(later) == ("P2",) and len(files(later)) == 1
