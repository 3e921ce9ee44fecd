"""Photos of the owner that are a near miss: taken in when asked, and only so far."""

import numpy as np
import pytest
from support.fakes import IDENTITY, FakeDetector, FakeEmbedder, embedding, paint, save, save_person, slug_of

from faceunlock.errors import EnrolmentError
from faceunlock.unlock import FaceUnlock

NEAR, FAR = 100, 200
"""Variations from which on a photo of a person is a near miss, and is too far away."""


class Drifting(FakeEmbedder):
    """Later photos of a person are less like the first ones."""

    def embed(self, crops: np.ndarray) -> np.ndarray:
        marks = crops[:, 0, 1].tolist()
        return np.stack([embedding(high * 256 + low, at, _noise(at)) for high, low, at in marks])


def _noise(variation):
    return 0.2 if variation < NEAR else 0.285 if variation < FAR else 0.31


@pytest.fixture
def unlock(home, ada):
    with FaceUnlock(home, detector=FakeDetector(), embedder=Drifting()) as opened:
        opened.enroll("Ada", ada)
        yield opened


@pytest.fixture
def near(tmp_path):
    return save(tmp_path / "near.png", paint(1, NEAR))


def test_the_photos_are_what_they_are_meant_to_be(unlock, near, tmp_path):
    verified = unlock.verify(near, "Ada")
    assert not verified.decision.match and verified.near_miss
    far = unlock.verify(save(tmp_path / "far.png", paint(1, FAR)), "Ada")
    assert not far.decision.match and not far.near_miss


def test_a_near_miss_is_taken_in_when_its_owner_says_so(unlock, near):
    asked = []
    outcome = unlock.enroll("ada", near, add=True, accept=lambda found: not asked.append(found))
    assert outcome.accepted == outcome.enrolment.used == (str(near),)
    (found,) = asked
    assert found.photos == (str(near),) and not found.enough
    assert unlock.choice.pair_calibration(IDENTITY).threshold <= found.similarity < found.threshold
    assert unlock.person("Ada").template.count == 6


@pytest.mark.parametrize("accept", [None, lambda _: False])
def test_otherwise_it_stays_out(unlock, near, accept):
    with pytest.raises(EnrolmentError) as caught:
        unlock.enroll("Ada", near, add=True, accept=accept)
    assert [photo.reason for photo in caught.value.left_out] == ["unlike-the-others"]
    assert unlock.person("Ada").template.count == 5


def test_what_is_too_far_away_is_never_asked_about(unlock, near, tmp_path):
    far = save(tmp_path / "far.png", paint(1, FAR))
    stranger = save(tmp_path / "stranger.png", paint(7, 1))
    for photo in (far, stranger):
        assert slug_of(unlock.enroll, "Ada", photo, add=True, accept=pytest.fail) == "too-few-photos"
    asked = []
    outcome = unlock.enroll("Ada", [near, far], add=True, accept=lambda found: not asked.append(found.photos))
    assert asked == [(str(near),)] and outcome.enrolment.used == (str(near),)
    assert [photo.photo for photo in outcome.enrolment.left_out] == [str(far)]


def test_nobody_is_asked_about_photos_that_match(unlock, tmp_path):
    more = save_person(tmp_path / "more", 1, 2, first=30)
    assert unlock.enroll("Ada", more, add=True, accept=pytest.fail).accepted == ()


def test_a_dry_run_asks_and_saves_nothing(unlock, near):
    outcome = unlock.enroll("Ada", near, add=True, accept=lambda _: True, dry_run=True)
    assert outcome.accepted == (str(near),) and not outcome.saved
    assert unlock.person("Ada").template.count == 5
