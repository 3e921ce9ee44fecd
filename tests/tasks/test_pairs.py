"""Random pairs of a folder: which are drawn, and what is said of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fakes import GREY, paint, save, save_person, slug_of

from faceunlock.pipeline.samples import NoneUsableError
from faceunlock.tasks.compare import distance
from faceunlock.tasks.pairs import draw_pairs


@pytest.fixture
def folder(tmp_path):
    for number, name in enumerate(("Ada", "Bob", "Cyd"), start=1):
        save_person(tmp_path / "people" / name, number, 4)
    return tmp_path / "people"


def test_pairs_of_one_person_and_of_two_take_turns(unlock, folder):
    outcome = unlock.compare_pairs(folder, 10)
    assert [pair.same_person for pair in outcome.pairs] == [True, False] * 5
    assert len({frozenset(pair.photos) for pair in outcome.pairs}) == 10
    for pair in outcome.pairs:
        assert pair.people == tuple(photo.split("/")[-2] for photo in pair.photos)
        assert pair.distance == distance(pair.similarity)
        assert pair.match == (pair.similarity >= outcome.threshold) and pair.right
        assert [len(crop) for crop in pair.crops] == [3, 3]
    again = unlock.compare_pairs(folder, 10)
    assert [pair.photos for pair in again.pairs] == [pair.photos for pair in outcome.pairs]
    other = unlock.compare_pairs(folder, 10, seed=1)
    assert [pair.photos for pair in other.pairs] != [pair.photos for pair in outcome.pairs]


def test_a_wrong_folder_shows_up_as_a_wrong_decision(unlock, folder):
    save(folder / "Ada" / "0.png", paint(2, 9))
    outcome = unlock.compare_pairs(folder, 100, threshold=0.6)
    wrong = [pair for pair in outcome.pairs if pair.right is False]
    assert wrong and all(any(photo.endswith("Ada/0.png") for photo in pair.photos) for pair in wrong)


def test_photos_that_cannot_be_used_are_replaced_and_named(unlock, folder):
    for name in ("Ada", "Bob", "Cyd"):
        save(folder / name / "grey.png", GREY)
    outcome = unlock.compare_pairs(folder, 20)
    assert len(outcome.pairs) == 20 and {photo.reason for photo in outcome.left_out} == {"no-face"}
    assert not any("grey" in photo for pair in outcome.pairs for photo in pair.photos)


def test_a_small_folder_has_fewer_pairs_and_copies_are_none(unlock, tmp_path):
    save_person(tmp_path / "few" / "Ada", 1, 2)
    save(tmp_path / "few" / "Ada" / "copy.png", paint(1, 0))
    outcome = unlock.compare_pairs(tmp_path / "few", 10)
    assert len(outcome.pairs) == 2


def test_without_folders_nothing_is_known_about_who_it_is(unlock, tmp_path):
    save_person(tmp_path / "loose", 1, 3)
    outcome = unlock.compare_pairs(tmp_path / "loose", 3)
    assert len(outcome.pairs) == 3
    assert {(pair.people, pair.same_person, pair.right) for pair in outcome.pairs} == {
        ((None, None), None, None)
    }


def test_what_cannot_be_compared(unlock, folder, tmp_path):
    assert slug_of(unlock.compare_pairs, folder, 0) == "usage"
    assert slug_of(unlock.compare_pairs, folder, 101) == "usage"
    assert slug_of(unlock.compare_pairs, folder, 2, threshold=3.0) == "usage"
    assert slug_of(unlock.compare_pairs, tmp_path / "missing", 2) == "photo-not-found"
    save(tmp_path / "one" / "a.png", paint(1))
    assert slug_of(unlock.compare_pairs, tmp_path / "one", 2) == "photo-not-found"
    save(tmp_path / "one" / "b.png", paint(1))
    assert slug_of(unlock.compare_pairs, tmp_path / "one", 2) == "photo-not-found"
    save(tmp_path / "grey" / "a.png", GREY)
    save(tmp_path / "grey" / "b.png", np.rot90(GREY.copy())[:70])
    with pytest.raises(NoneUsableError):
        unlock.compare_pairs(tmp_path / "grey", 2)


@given(st.lists(st.sampled_from("abcd"), min_size=2, max_size=9), st.integers(0, 5))
def test_all_pairs_are_drawn_once(people, seed):
    count = len(people)
    drawn = list(draw_pairs(people, seed))
    assert sorted(drawn) == [(i, j) for i in range(count) for j in range(i + 1, count)]
