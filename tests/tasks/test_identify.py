"""Each person to at most one face: the assignment, and photos with painted faces."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from support.fakes import GREY, IDENTITY, FakeEmbedder, paint, save, save_person, slug_of

from faceunlock.matching.similarity import assign
from faceunlock.matching.templates import ModelIdentity
from faceunlock.pipeline.samples import NoneUsableError

SCORES = arrays(
    np.float64,
    st.tuples(st.integers(0, 4), st.integers(1, 3)),
    elements=st.floats(-1, 1).map(lambda x: round(x, 3)),
)


def gain(scores, given_to, threshold):
    return sum(scores[pair] - threshold + 1e-9 for pair in pairs(given_to))


def pairs(given_to):
    return [(face, person) for face, person in enumerate(given_to) if person is not None]


@settings(deadline=None)
@given(SCORES, st.floats(-1, 1).map(lambda x: round(x, 2)))
def test_nobody_is_given_twice_nothing_is_below_and_nothing_is_better(scores, threshold):
    given_to = assign(scores, threshold)
    people = [person for person in given_to if person is not None]
    assert len(given_to) == len(scores) and len(set(people)) == len(people)
    assert all(scores[pair] >= threshold for pair in pairs(given_to))
    choices = [
        [None, *(person for person in range(scores.shape[1]) if row[person] >= threshold)] for row in scores
    ]
    allowed = (
        option
        for option in product(*choices)
        if len(set(named := [person for person in option if person is not None])) == len(named)
    )
    best = max(gain(scores, option, threshold) for option in allowed)
    assert gain(scores, given_to, threshold) == pytest.approx(best, abs=1e-12)


def test_what_is_exactly_at_the_threshold_counts():
    assert assign([[0.5]], 0.5) == (0,)
    assert assign([[np.nextafter(0.5, 0)]], 0.5) == (None,)


def test_a_clear_match_is_not_given_up_for_two_doubtful_ones():
    assert assign([[0.99, 0.965], [0.962, 0.5]], 0.96) == (0, None)


@pytest.fixture
def known(unlock, ada, bob):
    """Ada is person 1, Bob person 2."""
    unlock.enroll("Ada", ada)
    unlock.enroll("Bob", bob)
    return unlock


def names(found):
    return [[face.name for face in photo.faces] for photo in found.photos]


def test_everybody_on_a_photo_is_named(known, tmp_path):
    both = save(tmp_path / "both.png", paint(1, 30, faces=2))
    half = save(tmp_path / "half.png", paint(2, 31, faces=2))
    empty = save(tmp_path / "grey.png", GREY)
    found = known.identify([both, half, empty])
    assert names(found) == [["Ada", "Bob"], ["Bob", None], []]
    assert found.names == ("Ada", "Bob") and found.people == 2 and found.compared == 4
    stranger = found.photos[1].faces[1]
    assert stranger.closest in {"Ada", "Bob"} and stranger.similarity < found.threshold
    assert [face.face.box[0] for face in found.photos[0].faces] == [20.0, 120.0]


def test_a_person_is_on_a_photo_only_once(known, tmp_path):
    one = paint(1, 33)
    twice = save(tmp_path / "twice.png", np.concatenate([one, paint(1, 34)], axis=1))
    (photo,) = known.identify(twice).photos
    named = [face for face in photo.faces if face.name is not None]
    assert len(photo.faces) == 2 and [face.name for face in named] == ["Ada"]
    other = next(face for face in photo.faces if face.name is None)
    assert other.closest == "Ada" and other.similarity <= named[0].similarity


def test_a_face_that_is_too_small_is_found_but_not_compared(known, tmp_path):
    photo = save(tmp_path / "far.png", paint(1, 35, faces=2, second_side=20))
    (answer,) = known.identify(photo).photos
    near, far = answer.faces
    assert near.name == "Ada"
    assert (far.name, far.closest, far.similarity, far.reason) == (None, None, None, "face-too-small")


def test_the_threshold_is_that_for_as_many_people_as_are_enrolled(known, tmp_path):
    photo = save(tmp_path / "a.png", paint(1, 36))
    found = known.identify(photo)
    assert found.point == found.calibration.threshold_for(2) and found.threshold == found.point.threshold
    mine = known.identify(photo, threshold=1.0)
    assert mine.point is None and mine.threshold == 1.0 and mine.names == ()
    assert mine.false_name_bound is None
    assert slug_of(known.identify, photo, threshold=2) == "usage"


def test_a_bad_photo_does_not_stop_the_others(known, tmp_path):
    save_person(tmp_path / "in" / "deep", 1, 2, first=40)
    (tmp_path / "in" / "broken.jpg").write_bytes(b"no photo")
    (tmp_path / "in" / "notes.txt").write_text("no photo")
    found = known.identify(tmp_path / "in")
    assert names(found) == [["Ada"], ["Ada"]] and found.skipped == 1
    assert [photo.reason for photo in found.left_out] == ["unreadable-photo"]
    with pytest.raises(NoneUsableError):
        known.identify(tmp_path / "in" / "broken.jpg")


def test_what_there_is_nobody_or_nothing_to_compare_with(unlock, known, open_home, tmp_path):
    photo = save(tmp_path / "a.png", paint(1))
    (tmp_path / "empty").mkdir()
    assert slug_of(known.identify, tmp_path / "empty") == "photo-not-found"
    other = ModelIdentity("vggface2", IDENTITY.weights_sha256, "fake-1", IDENTITY.dimension)
    assert slug_of(open_home(embedder=FakeEmbedder(other)).identify, photo) == "model-mismatch"
    known.forget_all()
    assert slug_of(known.identify, photo) == "nobody-enrolled"


def test_copies_lie_as_their_photos_do(known, tmp_path):
    source = tmp_path / "in"
    save_person(source / "deep", 1, 1, first=50)
    save(source / "same.png", paint(2, 50))
    Image.fromarray(paint(3)).save(source / "same.gif")
    out = tmp_path / "out" / "annotated"
    found = known.identify(source, destination=out)
    copies = set(out.rglob("*.*"))
    written = sorted(str(path.relative_to(out)) for path in copies)
    assert written == ["deep/50.png", "same-2.png", "same.png"]
    assert {photo.annotated for photo in found.photos} == copies
    for photo in found.photos:
        with Image.open(photo.annotated) as copy, Image.open(photo.photo) as original:
            assert copy.size == original.size
    # A second run does not take the copies for photos, and overwrites nothing unasked.
    assert slug_of(known.identify, source, destination=out) == "file-exists"
    again = known.identify([source, tmp_path], destination=out, overwrite=True)
    assert not any("annotated" in photo.photo for photo in again.photos)


def test_copies_stay_in_their_folder_whatever_leads_to_the_photos(known, tmp_path, monkeypatch):
    here = tmp_path / "here"
    save_person(here, 1, 1, first=60)
    above = save(tmp_path / "above.png", paint(2, 60))
    save_person(tmp_path / "beside", 2, 1, first=61)
    monkeypatch.chdir(here)
    found = known.identify([".", "../above.png", "../beside"], destination="out")
    assert sorted(path.name for path in (here / "out").iterdir()) == [
        "60.png",
        "61.png",
        "above.png",
    ]
    assert len(found.photos) == 3 and above.exists()


def test_a_photo_is_never_overwritten_by_its_copy(known, tmp_path):
    photo = save(tmp_path / "a.png", paint(1))
    before = photo.read_bytes()
    assert slug_of(known.identify, photo, destination=tmp_path, overwrite=True) == "file-exists"
    save(tmp_path / "b" / "a.png", paint(2))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.png").hardlink_to(photo)
    assert slug_of(known.identify, photo, destination=tmp_path / "out") == "file-exists"
    assert photo.read_bytes() == before
