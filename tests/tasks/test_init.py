"""The first enrolment keeps back a photo that can be verified."""

import numpy as np
import pytest
from support.fakes import GREY, embedding, paint, save, save_person, slug_of

from faceunlock.photos.photo import load_photo


def test_one_photo_is_kept_back_and_is_no_part_of_the_template(unlock, ada):
    first = unlock.init("Ada", ada)
    assert first.held_back == ada / "4.png" and len(first.outcome.enrolment.used) == 4
    template = unlock.person("Ada").template
    assert template.count == 4
    assert np.allclose(template.vector_sum, sum(embedding(1, number).astype(float) for number in range(4)))
    assert unlock.verify(first.held_back, "Ada").decision.match


def test_what_is_kept_back_is_a_photo_that_would_have_been_used(unlock, ada):
    save(ada / "7.png", GREY)
    save(ada / "8.png", paint(9))
    save(ada / "9.png", paint(1, 9, blurred=True))
    first = unlock.init("Ada", ada)
    assert first.held_back == ada / "4.png"
    assert len(first.outcome.enrolment.left_out) == 3 and first.outcome.looked_at == 8


def test_nothing_is_kept_back_where_every_photo_is_needed(unlock, tmp_path):
    save_person(tmp_path / "few", 1, 3)
    first = unlock.init("Ada", tmp_path / "few")
    assert first.held_back is None and unlock.person("Ada").template.count == 3


def test_photos_of_a_camera_are_all_used(unlock, ada):
    photos = [load_photo(path, name=f"camera 0 at {number} s") for number, path in enumerate(ada.iterdir())]
    first = unlock.init("Ada", photos, hold_back=False)
    assert first.held_back is None and unlock.person("Ada").template.count == 5


def test_photos_that_are_read_already_can_be_kept_back_too(unlock, ada):
    photos = [load_photo(path) for path in sorted(ada.iterdir())]
    assert unlock.init("Ada", photos).held_back is photos[-1]


def test_a_refusal_stores_nothing_and_a_name_is_replaced_only_if_asked(unlock, home, ada, bob):
    assert slug_of(unlock.init, "Ada", [ada, bob]) == "several-people" and not home.exists()
    unlock.init("Ada", ada)
    assert slug_of(unlock.init, "ada", bob) == "already-enrolled"
    assert unlock.init("ada", bob, replace=True).outcome.saved
    assert unlock.verify(bob / "0.png").decision.match


@pytest.mark.parametrize("name", ["", "../ada"])
def test_a_bad_name_is_refused_before_any_photo_is_read(unlock, ada, name):
    assert slug_of(unlock.init, name, ada) == "bad-name"
