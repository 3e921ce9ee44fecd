"""A folder of people: each becomes a person of the name of the sub-folder, or nothing."""

import os
from pathlib import Path

import pytest
from support.fakes import FakeDetector, FakeEmbedder, paint, save, save_person, slug_of

from faceunlock.errors import EnrolmentError, ModelError


@pytest.fixture
def people(tmp_path):
    for person, name in enumerate(("Ada", "Bob", "Cyd"), start=1):
        save_person(tmp_path / "people" / name, person, 4)
    return tmp_path / "people"


def errors(outcome):
    return {person.name: person.error and person.error.slug for person in outcome.people}


def test_everyone_of_a_folder_is_enrolled(unlock, people):
    told = []
    outcome = unlock.enroll_each(people, tell=told.append)
    assert outcome.complete and outcome.loose == () and told == list(outcome.people)
    assert [person.name for person in unlock.people()] == ["Ada", "Bob", "Cyd"]
    assert [person.outcome.enrolment.template.count for person in told] == [4, 4, 4]


def test_who_is_refused_leaves_nothing_and_keeps_nobody_else_out(unlock, people):
    save_person(people / "Few", 9, 2)
    save_person(people / "Mixed", 5, 4)
    for number in range(4):
        save(people / "Mixed" / f"other{number}.png", paint(6, number))
    save_person(people / "Nested" / "deep", 7, 4)
    save_person(people / "Twin", 1, 4, first=10)
    (people / "Void").mkdir()
    save(people / "loose.png", paint(8))
    outcome = unlock.enroll_each(people)
    assert errors(outcome) == {
        "Ada": None, "Bob": None, "Cyd": None, "Few": "too-few-photos", "Mixed": "several-people",
        "Nested": "sub-folders", "Twin": "second-name", "Void": "too-few-photos",
    }  # fmt: skip
    assert not outcome.complete and [path.name for path in outcome.loose] == ["loose.png"]
    assert [person.name for person in unlock.people()] == ["Ada", "Bob", "Cyd"]


def states(outcome):
    return {person.name: person.state for person in outcome.people}


def test_a_second_run_does_only_what_is_missing(open_home, people):
    open_home().enroll("bob", people / "Bob")
    detector = FakeDetector()
    outcome = open_home(detector=detector).enroll_each(people)
    assert states(outcome) == {"Ada": "enrolled", "Bob": "already-enrolled", "Cyd": "enrolled"}
    assert outcome.complete and outcome.count("enrolled") == 2 and detector.calls == 8
    again = open_home(detector=detector).enroll_each(people)
    assert set(states(again).values()) == {"already-enrolled"} and detector.calls == 8


def test_who_was_stored_before_a_stop_stays_and_is_not_done_again(unlock, people):
    def stop(person):
        if person.name == "Bob":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        unlock.enroll_each(people, tell=stop)
    assert [person.name for person in unlock.people()] == ["Ada", "Bob"]
    assert states(unlock.enroll_each(people))["Cyd"] == "enrolled" and len(unlock.people()) == 3


def test_the_options_hold_for_everyone(unlock, people):
    assert unlock.enroll_each(people, dry_run=True).complete and unlock.people() == ()
    unlock.enroll_each(people)
    assert unlock.enroll_each(people, replace=True).count("enrolled") == 3
    assert slug_of(unlock.enroll_each, people, add=True, replace=True) == "usage"


def test_adding_gives_everybody_the_new_photos_and_enrolls_the_others(unlock, people):
    unlock.enroll_each(people)
    save_person(people / "Ada", 1, 2, first=10)
    for photo in (people / "Bob").iterdir():
        photo.unlink()
    save_person(people / "Bob", 9, 4)
    save_person(people / "Dan", 4, 4)
    save(people / "Cyd" / "other.png", paint(9))
    added = unlock.enroll_each(people, add=True)
    assert states(added) == {"Ada": "enrolled", "Bob": "refused", "Cyd": "nothing-new", "Dan": "enrolled"}
    assert [photo.reason for photo in added.people[2].left_out] == ["unlike-the-others"]
    assert [unlock.person(name).template.count for name in ("Ada", "Bob", "Cyd", "Dan")] == [6, 4, 4, 4]


def test_the_photos_of_all_people_are_one_stream_with_one_progress(open_home, people):
    embedder = FakeEmbedder()
    seen = []

    def track(items, total, label):
        yield from items
        seen.append((total, label))

    assert open_home(embedder=embedder).enroll_each(people, track=track).complete
    assert seen == [(12, "photos")], "it is told that it came to its end"
    assert embedder.batches == [12], "one batch, though no person fills one"


def test_two_folders_of_one_name_are_not_two_enrolments(unlock, people):
    save_person(people / "ADA", 1, 4, first=10)
    outcome = unlock.enroll_each(people, replace=True)
    assert sorted(filter(None, errors(outcome).values())) == ["already-enrolled"]
    assert len(unlock.people()) == 3


def test_a_folder_without_sub_folders_is_refused(unlock, home, ada):
    with pytest.raises(EnrolmentError) as caught:
        unlock.enroll_each(ada)
    assert caught.value.slug == "bad-folder" and "enroll NAME FOLDER" in caught.value.hint
    assert slug_of(unlock.enroll_each, ada / "0.png") == "photo-not-found" and not home.exists()


def test_a_model_that_cannot_be_used_is_said_once(open_home, people):
    class Broken(FakeEmbedder):
        def embed(self, crops):
            raise ModelError("device-unavailable")

    detector = FakeDetector()
    told = []
    each = open_home(detector=detector, embedder=Broken()).enroll_each
    assert slug_of(each, people, tell=told.append) == "device-unavailable" and told == []


@pytest.mark.parametrize("name", [b"caf\xe9", b"Bo\x1bb"])
def test_a_folder_whose_name_is_no_text_is_refused_for_that(unlock, people, name):
    folder = Path(os.fsdecode(os.fsencode(people) + b"/" + name))
    save_person(folder, 8, 4)
    (refusal,) = (person.error for person in unlock.enroll_each(people).people if person.error)
    assert refusal.slug == "bad-name" and "unprintable" in refusal.message
