from io import BytesIO
from pathlib import Path

import pytest
from support.fakes import GUESS, slug_of

from faceunlock.errors import SettingsError
from faceunlock.tasks.workspace import as_path, as_paths, check_threshold, operating_point


@pytest.mark.parametrize("threshold", [-1.0, 0.0, 0.5, 1.0, None])
def test_a_cosine_can_be_held_against_these(threshold):
    check_threshold(threshold)


@pytest.mark.parametrize("threshold", [-1.0001, 1.0001, float("nan"), float("inf")])
def test_no_cosine_can_be_held_against_these(threshold):
    assert slug_of(check_threshold, threshold, kind=SettingsError) == "usage"


def test_paths_are_paths_and_the_rest_stays_as_it_is():
    stream = BytesIO()
    assert as_path("a.jpg") == Path("a.jpg") and as_path(stream) is stream
    assert as_paths("a.jpg") == as_paths(Path("a.jpg")) == [Path("a.jpg")]
    assert (
        as_path("file:///p/me%20%C3%A9.jpg") == as_path(Path("file:///p/me%20é.jpg")) == Path("/p/me é.jpg")
    )
    assert as_paths(["a.jpg", stream]) == [Path("a.jpg"), stream]


def test_an_address_of_another_machine_is_not_a_path_here():
    for address in ("file://otherhost/p/me.jpg", "FILE://otherhost", "file://127.1.2.3/p/me.jpg"):
        assert slug_of(as_path, address, kind=SettingsError) == "usage"
    assert as_path("file://localhost/p/me.jpg") == as_path("file:/p/me.jpg") == Path("/p/me.jpg")
    assert as_path("files/me.jpg") == Path("files/me.jpg")


def test_the_callers_own_threshold_has_no_point(unlock):
    calibration = unlock.choice.uncalibrated("dlib")
    assert operating_point(calibration, 5, 0.25) == (None, 0.25)
    point, threshold = operating_point(calibration, 1, None)
    assert point is not None and point.threshold == threshold == GUESS and point.candidates == 1
