import hashlib

import numpy as np
import pytest
from support.fakes import FakeDetector, FakeEmbedder, paint, save, save_person
from support.made_templates import make_template

from faceunlock.errors import CalibrationError, PhotoError
from faceunlock.matching.templates import photo_hash
from faceunlock.pipeline.acquisition import Acquisition
from faceunlock.studies.collection import collect, labelled_photos, own_photos_of, strangers_of


def untracked(items, total, label):
    return items


class Collector:
    """Collects as a calibration does: a content counts once in all of its folders."""

    def __init__(self, templates=(), rule="dominant", track=untracked):
        self.templates, self.rule, self.track = templates, rule, track
        self.seen = set()

    def people(self, folder):
        return self.collect(folder, *own_photos_of(folder))

    def strangers(self, folder, known):
        return self.collect(folder, *strangers_of(folder, known))

    def collect(self, folder, photos, skipped):
        return collect(
            photos,
            Acquisition(FakeDetector(), FakeEmbedder()),
            self.rule,
            templates=self.templates,
            seen=self.seen,
            skipped=skipped,
            track=self.track,
            label=folder.name,
        )


collector = Collector


def template_of(*paths):
    key = b"k" * 32
    hashes = {photo_hash(key, hashlib.sha256(path.read_bytes()).digest()) for path in paths}
    return make_template(photo_key=key, photo_hashes=frozenset(hashes))


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "people"
    save_person(folder / "Ada", 1, 3)
    save_person(folder / "Bob", 2, 2)
    return folder


def test_each_sample_has_its_person(folder):
    found = collector().people(folder)
    assert found.person == ("Ada", "Ada", "Ada", "Bob", "Bob")
    assert list(found.photo) == [
        str(folder / name) for name in ("Ada/0.png", "Ada/1.png", "Ada/2.png", "Bob/0.png", "Bob/1.png")
    ]
    assert (found.photos, found.duplicates, found.own_photos, found.skipped) == (5, 0, 0, 0)
    assert found.everybody == {"Ada", "Bob"}


def test_photos_that_give_no_sample_keep_their_person(folder):
    save(folder / "Bob" / "0.png", np.full((80, 80, 3), 128, np.uint8))
    (folder / "Cyd").mkdir()
    (folder / "Cyd" / "broken.jpg").write_bytes(b"no photo")
    found = collector().people(folder)
    assert found.person == ("Ada", "Ada", "Ada", "Bob")
    assert [failure.reason for failure in found.failures] == ["no-face", "unreadable-photo"]
    assert found.failed_person == ("Bob", "Cyd")
    assert found.everybody == {"Ada", "Bob", "Cyd"} and found.photos == 6


def test_the_same_content_counts_once_and_its_first_place_wins(folder):
    (folder / "Bob" / "copy.png").write_bytes((folder / "Ada" / "0.png").read_bytes())
    found = collector().people(folder)
    assert (found.duplicates, found.photos, len(found)) == (1, 6, 5)
    assert found.person.count("Ada") == 3


def test_photos_that_built_a_template_are_dropped(folder):
    template = template_of(folder / "Ada" / "0.png", folder / "Ada" / "2.png")
    found = collector([make_template(), template]).people(folder)
    assert (found.own_photos, found.duplicates) == (2, 0)
    assert found.photo[0] == str(folder / "Ada" / "1.png")


def test_files_that_belong_to_nobody_are_counted(folder):
    save(folder / "loose.png", paint(3))
    (folder / "Ada" / "notes.txt").write_text("no photo")
    (folder / "readme.md").write_text("no photo")
    found = collector().people(folder)
    assert (found.skipped, found.photos) == (3, 5)


def test_progress_is_told_of_every_photo(folder):
    told = []

    def track(items, total, label):
        told.append((total, label))
        return items

    collector(track=track).people(folder)
    assert told == [(5, "people")]


def test_the_rule_is_used(folder):
    save(folder / "Ada" / "0.png", paint(1, faces=2))
    assert len(collector().people(folder).failures) == 1
    assert len(collector(rule="largest").people(folder).failures) == 0


@pytest.mark.parametrize("people", [0, 1])
def test_fewer_than_two_people_are_no_test_folder(tmp_path, people):
    for person in range(people):
        save_person(tmp_path / str(person), person, 2)
    save(tmp_path / "loose.png", paint(3))
    (tmp_path / "empty").mkdir()
    with pytest.raises(CalibrationError, match="of one person" if people else "has no photos") as caught:
        labelled_photos(tmp_path)
    assert caught.value.slug == "bad-folder" and str(tmp_path) in caught.value.message


def test_two_spellings_of_a_name_are_one_person(tmp_path):
    save_person(tmp_path / "Ada", 1, 2)
    save_person(tmp_path / "ADA", 1, 2, first=5)
    with pytest.raises(CalibrationError, match="of one person"):
        labelled_photos(tmp_path)


@pytest.mark.parametrize("method", [lambda c, p: c.people(p), lambda c, p: c.strangers(p, ())])
def test_a_folder_that_is_not_there_is_named(tmp_path, method):
    with pytest.raises(PhotoError, match="nowhere") as caught:
        method(collector(), tmp_path / "nowhere")
    assert caught.value.slug == "photo-not-found"


def test_strangers_are_one_person_per_folder_and_per_loose_photo(tmp_path):
    save_person(tmp_path / "Eve", 5, 2)
    save(tmp_path / "a.png", paint(6))
    save(tmp_path / "b.png", paint(7))
    found = collector().strangers(tmp_path, ())
    assert len(found) == 4 and len(found.everybody) == 3
    assert len(set(found.person[:2])) == 1


def test_strangers_never_share_a_name_with_anybody(tmp_path):
    save_person(tmp_path / "0", 5, 2)
    save(tmp_path / "a.png", paint(6))
    found = collector().strangers(tmp_path, ())
    assert len(found.everybody) == 2
    assert "0" not in found.everybody


def test_a_known_person_is_no_stranger(tmp_path):
    save_person(tmp_path / "ADA", 1, 2)
    save_person(tmp_path / "Eve", 5, 3)
    found = collector().strangers(tmp_path, ["Ada"])
    assert (found.photos, found.skipped, len(found.everybody)) == (3, 2, 1)


def test_a_strangers_photo_that_came_before_is_a_duplicate(folder, tmp_path):
    strangers = tmp_path / "strangers"
    strangers.mkdir()
    (strangers / "copy.png").write_bytes((folder / "Ada" / "0.png").read_bytes())
    both = collector()
    both.people(folder)
    found = both.strangers(strangers, ["Ada", "Bob"])
    assert (found.photos, found.duplicates, found.photo) == (1, 1, ())


def test_no_strangers_are_no_error(tmp_path):
    found = collector().strangers(tmp_path, ())
    assert (found.photos, found.photo, found.everybody) == (0, (), frozenset())
