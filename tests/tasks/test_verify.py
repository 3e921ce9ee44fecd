from dataclasses import replace

import pytest
from support.fakes import (
    GREY,
    GUESS,
    IDENTITY,
    FakeDetector,
    FakeEmbedder,
    embedding,
    paint,
    save,
    slug_of,
    stream,
)

from faceunlock.errors import (
    GalleryError,
    PhotoError,
    SettingsError,
)
from faceunlock.matching.similarity import decide


def test_yes_and_no(unlock, ada, tmp_path):
    unlock.enroll("Ada", ada)
    yes = unlock.verify(save(tmp_path / "yes.png", paint(1, 30)), "ada")
    no = unlock.verify(str(save(tmp_path / "no.png", paint(9))), "ada")
    assert yes.decision.match and not no.decision.match
    assert yes.decision.name == no.decision.name == "Ada"
    centroid = unlock.person("Ada").template.centroid
    assert yes.decision == decide(embedding(1, 30), {"Ada": centroid}, GUESS)
    assert (yes.point.candidates, yes.point.supported, yes.calibration.status) == (1, False, "not-calibrated")
    assert yes.quality.size == 60 and yes.not_compared == ()


def test_a_photo_may_come_from_a_stream(unlock, ada):
    unlock.enroll("Ada", ada)
    assert unlock.verify(stream(paint(1, 30)), "Ada").decision.match


def test_without_a_name_the_best_of_all_answers(unlock, ada, bob, tmp_path):
    unlock.enroll("Ada", ada)
    unlock.enroll("Bob", bob)
    answer = unlock.verify(save(tmp_path / "bob.png", paint(2, 30)))
    assert (answer.decision.name, answer.decision.match, answer.decision.candidates) == ("Bob", True, 2)
    claimed = unlock.verify(tmp_path / "bob.png", "Ada")
    assert (claimed.decision.name, claimed.decision.match, claimed.decision.candidates) == ("Ada", False, 1)


@pytest.mark.parametrize(("threshold", "match"), [(-1.0, True), (0.0, True), (0.5, True), (1.0, False)])
def test_a_threshold_of_the_callers_own(unlock, ada, tmp_path, threshold, match):
    unlock.enroll("Ada", ada)
    answer = unlock.verify(save(tmp_path / "a.png", paint(1, 30)), threshold=threshold)
    assert (answer.decision.match, answer.decision.threshold, answer.point) == (match, threshold, None)


@pytest.mark.parametrize("threshold", [float("nan"), float("inf"), 1.01, -1.01])
def test_a_threshold_that_is_none_is_refused(unlock, ada, threshold):
    unlock.enroll("Ada", ada)
    verify = unlock.verify
    assert slug_of(verify, ada / "0.png", threshold=threshold, kind=SettingsError) == "usage"


def test_nobody_is_enrolled(unlock, home, ada):
    assert slug_of(unlock.verify, ada / "0.png", kind=GalleryError) == "nobody-enrolled"
    assert slug_of(unlock.verify, ada / "0.png", "Ada", kind=GalleryError) == "not-enrolled"
    assert not home.exists()


def test_somebody_else_is_enrolled(unlock, ada):
    unlock.enroll("Ada", ada)
    with pytest.raises(GalleryError, match="Adam") as caught:
        unlock.verify(ada / "0.png", "Adam")
    assert caught.value.slug == "not-enrolled" and "Ada" in caught.value.hint


@pytest.mark.parametrize(
    ("image", "slug"),
    [(GREY, "no-face"), (paint(1, faces=2), "several-faces"), (paint(1, side=39), "face-too-small")],
)
def test_what_cannot_be_decided_names_the_photo(unlock, ada, tmp_path, image, slug):
    unlock.enroll("Ada", ada)
    path = save(tmp_path / "photo.png", image)
    with pytest.raises(PhotoError) as caught:
        unlock.verify(path, "Ada")
    assert caught.value.slug == slug and caught.value.message.startswith(f"{path}: ")


def test_the_largest_of_several_faces_may_be_chosen(unlock, ada, tmp_path):
    unlock.enroll("Ada", ada)
    path = save(tmp_path / "photo.png", paint(1, 30, faces=2, second_side=50))
    assert unlock.verify(path, "Ada", faces="largest").decision.match


def test_a_probe_need_not_be_good_enough_to_learn_from(unlock, ada, tmp_path):
    unlock.enroll("Ada", ada)
    answer = unlock.verify(save(tmp_path / "dim.png", paint(1, 30, brightness=0.15)), "Ada")
    assert answer.decision.match and answer.quality.brightness < unlock.settings.min_brightness


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": "casia-webface"}, "the model dlib"),
        ({"weights_sha256": "e" * 64}, "different weights of dlib"),
        ({"preprocessing": "fake-2"}, "different weights of dlib"),
    ],
)
@pytest.mark.parametrize("name", ["Ada", None])
def test_a_template_made_by_something_else_is_not_compared(open_home, ada, change, words, name):
    open_home().enroll("Ada", ada)
    detector = FakeDetector()
    other = open_home(detector=detector, embedder=FakeEmbedder(replace(IDENTITY, **change)))
    with pytest.raises(GalleryError, match=words) as caught:
        other.verify(ada / "0.png", name)
    assert caught.value.slug == "model-mismatch"
    assert "--replace" in caught.value.hint and "'Ada'" in caught.value.hint
    assert slug_of(other.enroll, "Ada", ada, add=True, kind=GalleryError) == "model-mismatch"
    assert detector.calls == 0
    assert other.enroll("Ada", ada, replace=True).saved
    assert other.verify(ada / "0.png", name).decision.match


def test_people_of_another_model_are_left_out_and_named(open_home, ada, bob):
    open_home().enroll("Ada", ada)
    other = open_home(embedder=FakeEmbedder(replace(IDENTITY, weights_sha256="e" * 64)))
    other.enroll("Bob", bob)
    answer = other.verify(bob / "0.png")
    assert (answer.decision.name, answer.decision.candidates, answer.not_compared) == ("Bob", 1, ("Ada",))
