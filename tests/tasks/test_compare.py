"""Photos beside photos: similarity, distance, verdict; one photo or a folder."""

import numpy as np
import pytest
from support.fakes import GREY, embedding, paint, save, save_person, slug_of, stream

from faceunlock.errors import PhotoError
from faceunlock.matching.similarity import similarities
from faceunlock.pipeline.samples import NoneUsableError
from faceunlock.tasks.compare import distance


def test_the_distance_is_that_of_the_unit_vectors():
    one, other = embedding(1, 0).astype(float), embedding(2, 0).astype(float)
    similarity = similarities(one[None], other[None])[0, 0]
    assert distance(similarity) == pytest.approx(np.linalg.norm(one - other), abs=1e-6)


def test_two_photos_of_a_person_match_and_of_two_do_not(unlock, tmp_path):
    first, second = save_person(tmp_path / "ada", 1, 2)
    stranger = save(tmp_path / "bob.png", paint(2))
    same = unlock.compare(first, second)
    (other,) = same.others
    assert same.matches == 1 and other.match and not same.is_folder and not same.identical
    assert other.similarity == pytest.approx(float(embedding(1, 0) @ embedding(1, 1)), abs=1e-6)
    assert other.distance == pytest.approx(np.sqrt(2 - 2 * other.similarity))
    assert len(same.crops) == 2 and not np.array_equal(*same.crops)
    different = unlock.compare(stream(paint(1)), stranger)
    assert different.matches == 0 and different.photo == "standard input" and not different.undecided


def test_the_threshold_is_the_one_for_pairs_unless_told_otherwise(unlock, tmp_path, monkeypatch):
    from faceunlock.pipeline.models.shipped import shipped_pair_calibration

    first, second = save_person(tmp_path / "ada", 1, 2)
    answer = unlock.compare(first, second)
    assert answer.threshold == shipped_pair_calibration("dlib").threshold
    assert answer.point.candidates == 1
    mine = unlock.compare(first, second, threshold=0.999)
    assert (mine.threshold, mine.point, mine.false_match_bound, mine.matches) == (0.999, None, None, 0)
    assert slug_of(unlock.compare, first, second, threshold=1.5) == "usage"


def test_a_folder_is_sorted_and_the_photo_itself_says_nothing(unlock, tmp_path):
    photos = save_person(tmp_path / "all" / "ada", 1, 3)
    save(tmp_path / "all" / "bob.png", paint(2))
    save(tmp_path / "all" / "grey.png", GREY)
    (tmp_path / "all" / "notes.txt").write_text("no photo")
    answer = unlock.compare(photos[0], tmp_path / "all")
    similarity = [other.similarity for other in answer.others]
    assert answer.is_folder and similarity == sorted(similarity, reverse=True)
    assert answer.matches == 2 and [other.match for other in answer.others] == [True, True, False]
    reasons = {photo.photo: photo.reason for photo in answer.left_out}
    assert reasons == {str(tmp_path / "all" / "grey.png"): "no-face"}  # the photo itself is not compared
    assert answer.skipped == 1 and not answer.undecided
    assert answer.false_match_bound == pytest.approx(3 * 1e-5)
    # The second crop is that of the best.
    best = unlock.compare(photos[0], answer.others[0].photo)
    assert np.array_equal(answer.crops[1], best.crops[1])


def test_without_a_match_a_photo_left_out_leaves_the_answer_open(unlock, tmp_path):
    probe = save(tmp_path / "ada.png", paint(1))
    save(tmp_path / "others" / "bob.png", paint(2))
    assert not unlock.compare(probe, tmp_path / "others").undecided
    save(tmp_path / "others" / "grey.png", GREY)
    assert unlock.compare(probe, tmp_path / "others").undecided


def test_what_cannot_be_compared_is_an_error(unlock, tmp_path):
    probe, grey = save(tmp_path / "ada.png", paint(1)), save(tmp_path / "grey" / "a.png", GREY)
    assert slug_of(unlock.compare, probe, grey) == "no-face"
    assert slug_of(unlock.compare, grey, probe) == "no-face"
    assert slug_of(unlock.compare, tmp_path / "gone.png", probe) == "photo-not-found"
    assert slug_of(unlock.compare, probe, tmp_path / "gone") == "photo-not-found"
    (tmp_path / "empty").mkdir()
    assert slug_of(unlock.compare, probe, tmp_path / "empty") == "photo-not-found"
    with pytest.raises(NoneUsableError) as caught:
        unlock.compare(probe, tmp_path / "grey")
    assert isinstance(caught.value, PhotoError) and caught.value.slug == "no-face"
    assert [photo.photo for photo in caught.value.left_out] == [str(grey)]


def test_identical_files_are_called_that(unlock, tmp_path):
    probe = save(tmp_path / "ada.png", paint(1))
    copy = save(tmp_path / "copy.png", paint(1))
    answer = unlock.compare(probe, copy)
    assert answer.identical and answer.others[0].similarity == pytest.approx(1.0)


def test_a_model_without_measured_pairs_claims_nothing(open_home, tmp_path):
    from support.fakes import IDENTITY, FakeEmbedder

    from faceunlock.matching.templates import ModelIdentity

    other = ModelIdentity("vggface2", IDENTITY.weights_sha256, "fake-1", IDENTITY.dimension)
    unlock = open_home(embedder=FakeEmbedder(other))
    first, second = save_person(tmp_path / "ada", 1, 2)
    answer = unlock.compare(first, second)
    assert answer.calibration.status == "not-calibrated"
    assert answer.point.fmr is None and answer.false_match_bound is None
