import stat
from pathlib import Path

import numpy as np
import pytest
from support.fakes import (
    GREY,
    GUESS,
    IDENTITY,
    FakeDetector,
    embedding,
    paint,
    save,
    save_person,
    slug_of,
    snapshot,
)

from faceunlock.errors import (
    EnrolmentError,
    GalleryError,
    PhotoError,
    SettingsError,
)


def test_a_person_is_learned_from_a_folder(unlock, ada):
    outcome = unlock.enroll(" Ada ", ada)
    assert (outcome.name, outcome.looked_at, outcome.skipped, outcome.saved) == ("Ada", 5, 0, True)
    assert outcome.enrolment.left_out == () and len(outcome.enrolment.used) == 5
    stored = unlock.person("ada").template
    assert stored.count == 5 and stored.identity == IDENTITY
    assert np.array_equal(stored.vector_sum, outcome.enrolment.template.vector_sum)


def test_photos_come_as_text_path_or_list(open_home, ada, bob):
    unlock = open_home()
    assert unlock.enroll("a", str(ada)).looked_at == 5
    assert unlock.enroll("b", [bob / "0.png", str(bob / "1.png"), bob / "2.png"]).looked_at == 3
    assert unlock.enroll("c", [ada, bob / "0.png"], dry_run=True, even_so=True).looked_at == 6


def test_every_reason_for_leaving_a_photo_out_is_named(unlock, ada):
    save(ada / "none.png", GREY)
    save(ada / "crowd.png", paint(1, 20, faces=2))
    save(ada / "small.png", paint(1, 21, side=39))
    save(ada / "blurred.png", paint(1, 22, blurred=True))
    save(ada / "dark.png", paint(1, 23, brightness=0.15))
    (ada / "broken.jpg").write_bytes(b"no photo")
    (ada / "copy.png").write_bytes((ada / "0.png").read_bytes())
    save(ada / "stranger.png", paint(7))
    (ada / "notes.txt").write_text("no photo")
    outcome = unlock.enroll("Ada", ada)
    names = {left.photo.rsplit("/", 1)[1]: left.reason for left in outcome.enrolment.left_out}
    assert names == {
        "none.png": "no-face",
        "crowd.png": "several-faces",
        "small.png": "face-too-small",
        "blurred.png": "too-blurred",
        "dark.png": "too-dark",
        "broken.jpg": "unreadable-photo",
        "copy.png": "duplicate",
        "stranger.png": "unlike-the-others",
    }
    assert all(left.photo not in left.detail for left in outcome.enrolment.left_out)
    assert (outcome.looked_at, outcome.skipped) == (13, 1)
    assert outcome.enrolment.template.count == 5


@pytest.mark.parametrize(
    ("usable", "min_photos", "enough"), [(2, None, False), (3, None, True), (2, 2, True)]
)
def test_min_photos(unlock, tmp_path, usable, min_photos, enough):
    save_person(tmp_path / "few", 1, usable)
    if enough:
        assert unlock.enroll("Ada", tmp_path / "few", min_photos=min_photos).saved
    else:
        enroll = unlock.enroll
        assert slug_of(enroll, "Ada", tmp_path / "few", min_photos=min_photos) == "too-few-photos"
        assert unlock.people() == ()


def test_an_existing_name_is_refused_before_any_photo_is_read(open_home, ada, bob):
    open_home().enroll("Ada", ada)
    detector = FakeDetector()
    assert slug_of(open_home(detector=detector).enroll, "ADA", bob, kind=GalleryError) == "already-enrolled"
    assert detector.calls == 0


def test_a_bad_name_is_refused_before_any_photo_is_read(open_home, ada):
    detector = FakeDetector()
    assert slug_of(open_home(detector=detector).enroll, "../ada", ada) == "bad-name"
    assert detector.calls == 0


def test_a_folder_that_is_not_there_is_named(unlock, tmp_path):
    with pytest.raises(PhotoError, match="nowhere") as caught:
        unlock.enroll("Ada", tmp_path / "nowhere")
    assert caught.value.slug == "photo-not-found"


def test_a_dry_run_saves_nothing(unlock, home, ada):
    outcome = unlock.enroll("Ada", ada, dry_run=True)
    assert not outcome.saved and outcome.enrolment.template.count == 5
    assert not home.exists()
    unlock.enroll("Ada", ada)
    before = snapshot(home)
    save_person(ada, 1, 2, first=10)
    assert unlock.enroll("Ada", ada, add=True, dry_run=True).enrolment.template.count == 7
    assert unlock.enroll("Ada", ada, replace=True, dry_run=True).enrolment.template.count == 7
    assert snapshot(home) == before


def test_adding_keeps_sum_and_count(unlock, ada):
    first = unlock.enroll("Ada", ada).enrolment.template
    save_person(ada, 1, 2, first=10)
    outcome = unlock.enroll("ADA", ada, add=True)
    grown = unlock.person("Ada").template
    assert outcome.name == "Ada" and len(outcome.enrolment.used) == 2
    assert [left.reason for left in outcome.enrolment.left_out] == ["duplicate"] * 5
    added = sum(embedding(1, i).astype(float) for i in (10, 11))
    assert np.allclose(grown.vector_sum, first.vector_sum + added) and grown.count == 7
    assert grown.photo_hashes > first.photo_hashes


def test_adding_a_stranger_is_refused(unlock, home, ada, bob):
    unlock.enroll("Ada", ada)
    before = snapshot(home)
    with pytest.raises(EnrolmentError) as caught:
        unlock.enroll("Ada", bob, add=True)
    assert {left.reason for left in caught.value.left_out} == {"unlike-the-others"}
    assert all("the enrolled template" in left.detail for left in caught.value.left_out)
    assert snapshot(home) == before


def test_adding_to_nobody_is_refused(unlock, home, ada):
    assert slug_of(unlock.enroll, "Ada", ada, add=True, kind=GalleryError) == "not-enrolled"
    assert not home.exists()


def test_adding_and_replacing_exclude_each_other(unlock, ada):
    assert slug_of(unlock.enroll, "Ada", ada, add=True, replace=True, kind=SettingsError) == "usage"


def test_a_template_that_grew_meanwhile_keeps_both(open_home, tmp_path, ada):
    open_home().enroll("Ada", ada)
    here, there = (tmp_path / name for name in ("here", "there"))
    save_person(here, 1, 3, first=10)
    save_person(there, 1, 2, first=12)

    def meanwhile(items, total, label):
        open_home().enroll("Ada", there, add=True)
        return items

    outcome = open_home().enroll("Ada", here, add=True, track=meanwhile)
    # 10, 11 and 12 here; 12 and 13 there, so 12 is a duplicate by now.
    assert [left.reason for left in outcome.enrolment.left_out] == ["duplicate"]
    stored = open_home().person("Ada").template
    assert stored.count == outcome.enrolment.template.count == 5 + 2 + 2
    expected = sum(embedding(1, i).astype(float) for i in (*range(5), 10, 11, 12, 13))
    assert np.allclose(stored.vector_sum, expected)


def test_a_name_that_was_taken_meanwhile_is_not_overwritten(open_home, ada, bob):
    def meanwhile(items, total, label):
        open_home().enroll("Ada", bob)
        return items

    assert slug_of(open_home().enroll, "Ada", ada, track=meanwhile) == "already-enrolled"
    assert np.allclose(open_home().person("Ada").template.centroid @ embedding(2, 0), 1, atol=0.1)


def test_replacing_forgets_what_was_there(unlock, ada, bob):
    unlock.enroll("Ada", ada)
    outcome = unlock.enroll("Ada", bob, replace=True)
    stored = unlock.person("Ada").template
    assert stored.count == 5 and stored.photo_key == outcome.enrolment.template.photo_key
    assert stored.centroid @ embedding(2, 0) > 0.9 > stored.centroid @ embedding(1, 0)
    assert unlock.enroll("New", ada, replace=True).saved


@pytest.mark.parametrize("counts", [(5, 5), (6, 2), (4, 4, 4)])
def test_several_people_never_become_one(unlock, home, tmp_path, counts):
    folders = [tmp_path / str(person) for person in range(len(counts))]
    for person, count in enumerate(counts):
        save_person(folders[person], person, count)
    with pytest.raises(EnrolmentError) as caught:
        unlock.enroll("Ada", folders)
    assert caught.value.slug == "several-people" and not home.exists()
    assert [{photo.rsplit("/", 2)[1] for photo in group} for group in caught.value.groups] == [
        {str(person)} for person in range(len(counts))
    ]
    assert [len(group) for group in caught.value.groups] == list(counts)


def test_sub_folders_of_a_person_are_refused_before_any_photo_is_read(open_home, home, tmp_path):
    for person in (1, 2):
        save_person(tmp_path / "people" / str(person) / "deep", person, 3)
    detector = FakeDetector()
    with pytest.raises(EnrolmentError, match=r"people/1/deep, .*people/2/deep") as caught:
        open_home(detector=detector).enroll("Ada", tmp_path / "people")
    assert caught.value.slug == "sub-folders" and "--each" in caught.value.hint
    assert detector.calls == 0 and not home.exists()


def test_folders_that_are_named_may_lie_in_each_other(unlock, ada):
    save_person(ada / "glasses", 1, 3, first=10)
    (ada / "empty").mkdir()
    assert slug_of(unlock.enroll, "Ada", ada) == "sub-folders"
    assert unlock.enroll("Ada", [ada, ada / "glasses"]).looked_at == 8


def test_a_second_name_for_a_face_is_refused_unless_it_is_asked_for(unlock, home, ada, tmp_path):
    unlock.enroll("Ada", ada)
    save_person(tmp_path / "other", 1, 5, first=20)
    before = snapshot(home)
    for options in ({}, {"replace": True}, {"dry_run": True}):
        with pytest.raises(EnrolmentError, match="Eve matches Ada") as caught:
            unlock.enroll("Eve", tmp_path / "other", **options)
        assert caught.value.slug == "second-name"
    assert snapshot(home) == before
    (same,) = unlock.enroll("Eve", tmp_path / "other", even_so=True).same_faces
    assert (same.name, same.enrolled_as, same.threshold) == ("Eve", "Ada", GUESS) and same.similarity > 0.9
    # More photos under either name are told of again.
    save_person(tmp_path / "more", 1, 1, first=30)
    assert slug_of(unlock.enroll, "Ada", tmp_path / "more", add=True) == "second-name"
    added = unlock.enroll("Ada", tmp_path / "more", add=True, even_so=True)
    assert [same.enrolled_as for same in added.same_faces] == ["Eve"] and added.enrolment.template.count == 6


def test_a_second_name_is_looked_for_under_the_lock(open_home, ada):
    def meanwhile(items, total, label):
        open_home().enroll("Ada", ada)
        return items

    assert slug_of(open_home().enroll, "Eve", ada, track=meanwhile) == "second-name"
    assert [person.name for person in open_home().people()] == ["Ada"]


def test_a_damaged_row_of_somebody_else_does_not_keep_anyone_from_adding(unlock, ada, bob):
    unlock.enroll("Ada", ada)
    unlock.enroll("Bob", bob)
    with unlock.gallery.transaction() as connection:
        connection.execute("UPDATE people SET template = '' WHERE key = 'bob'")
    save_person(ada, 1, 2, first=10)
    assert unlock.enroll("Ada", ada, add=True).enrolment.template.count == 7


def test_a_package_that_writes_into_our_cache_first_does_not_keep_anyone_from_enrolling(unlock, home, ada):
    # What `import matplotlib` does after the gallery was opened: a variable names this folder.
    (home / "cache" / "matplotlib").mkdir(parents=True)
    home.chmod(0o755)
    assert unlock.enroll("Ada", ada).saved
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


def test_a_single_photo_of_a_third_person_belongs_to_nobody(unlock, tmp_path):
    for person, count in ((1, 5), (2, 4), (3, 1)):
        save_person(tmp_path / str(person), person, count)
    with pytest.raises(EnrolmentError) as caught:
        unlock.enroll("Ada", [tmp_path / str(person) for person in (1, 2, 3)])
    assert [{Path(photo).parent.name for photo in group} for group in caught.value.groups] == [{"1"}, {"2"}]
    (alone,) = caught.value.left_out
    assert Path(alone.photo).parent.name == "3" and alone.reason == "unlike-the-others"
