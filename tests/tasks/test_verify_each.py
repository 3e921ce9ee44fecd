"""Several photos: an attempt each, told as they are decided."""

import pytest
from support.fakes import GREY, paint, save, save_person, slug_of


@pytest.fixture
def photos(unlock, ada, tmp_path):
    unlock.enroll("Ada", ada)
    return [
        save(tmp_path / "mix" / f"{n}.png", image) for n, image in enumerate((paint(1, 30), paint(7), GREY))
    ]


def test_each_is_told_at_once_and_decided_as_alone(unlock, photos):
    told = []
    found = unlock.verify_each(photos, "Ada", tell=told.append)
    assert tuple(told) == found.answers and [one.photo for one in told] == photos
    assert [one.match for one in told] == [True, False, None]
    assert (found.matches, found.photos, found.match) == (1, 3, None)
    assert told[2].error is not None and told[2].error.slug == "no-face"
    assert told[0].verification.decision == unlock.verify(photos[0], "Ada").decision
    assert unlock.verify_each(photos[:1]).match is True and unlock.verify_each(photos[:2]).match is False
    assert len(unlock.attempts_log()) == 3 + 1 + 1 + 2


def test_a_lockout_is_the_last_answer(unlock, photos, tmp_path):
    save_person(tmp_path / "strangers", 7, 9)
    found = unlock.verify_each(tmp_path / "strangers")
    assert len(found.answers) == 6 and found.photos == 9 and found.match is None
    assert found.answers[-1].error is not None and found.answers[-1].error.slug == "locked-out"


def test_what_counts_for_no_photo_is_an_error(unlock, photos, tmp_path):
    (tmp_path / "empty").mkdir()
    assert slug_of(unlock.verify_each, tmp_path / "empty") == "photo-not-found"
    assert slug_of(unlock.verify_each, tmp_path / "missing") == "photo-not-found"
    assert slug_of(unlock.verify_each, photos, "Zoe") == "not-enrolled"
    assert slug_of(unlock.verify_each, photos, threshold=2.0) == "usage"
    before = len(unlock.attempts_log())
    assert not unlock.verify_each(photos[:1], count=False).answers[0].verification.counted
    assert len(unlock.attempts_log()) == before
