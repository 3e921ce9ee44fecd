"""Following one face from frame to frame."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceunlock.liveness.following import LEAST_RATE, Following, same_place
from faceunlock.photos.face import Face


def square(x: float, side: float = 100.0) -> Face:
    return Face((x, 0.0, x + side, side), (), 0.999)


@given(st.floats(-1, 1), st.floats(0.4, 2.5))
def test_the_same_place_is_half_a_face_and_half_a_size(shift: float, scale: float) -> None:
    after = square(shift * 100 + 50 - 50 * scale, 100 * scale)
    after = replace(after, box=(after.box[0], 50 - 50 * scale, after.box[2], 50 + 50 * scale))
    if abs(abs(shift) - 0.5) > 0.02 and abs(scale - 1.5) > 0.02 and abs(scale - 1 / 1.5) > 0.02:
        assert same_place(square(0), after) == (abs(shift) < 0.5 and 1 / 1.5 < scale < 1.5)


def test_nothing_is_where_a_face_without_size_was() -> None:
    assert not same_place(square(0, 0.0), square(0))


def test_a_moving_face_is_followed_and_small_ones_do_not_matter() -> None:
    following = Following()
    for number in range(20):
        found = following.see(number / 10, [square(40.0 * number), square(900, 60)])
        assert found.face == square(40.0 * number)
        assert found.broken is None
    assert following.rate == pytest.approx(10)
    assert following.see(2.0, [square(900, 60)]).broken is None


@pytest.mark.parametrize(
    ("seconds", "faces", "why", "then"),
    [
        (0.1, [square(60)], "face-jumped", square(60)),
        (0.1, [square(0, 160)], "face-jumped", square(0, 160)),
        (0.1, [square(10), square(300, 80)], "several-faces", None),
        (0.6, [square(10)], "frames-stopped", square(10)),
    ],
)
def test_what_ends_it(seconds: float, faces: list[Face], why: str, then: Face | None) -> None:
    following = Following()
    following.see(0, [square(0)])
    found = following.see(seconds, faces)
    assert (found.broken, found.face) == (why, then)


def test_a_short_gap_is_bridged_and_half_a_second_is_not() -> None:
    following = Following()
    following.see(0.0, [square(0)])
    assert following.see(0.2, []).face is None
    assert following.see(0.4, [square(10)]).broken is None
    assert following.see(0.6, []).broken is None
    assert following.see(0.8, []).broken is None
    assert following.see(0.95, []).broken == "face-lost"
    assert following.see(1.1, []).broken is None


def test_two_faces_of_similar_size_begin_nothing() -> None:
    following = Following()
    assert following.see(0.0, [square(0), square(300)]).broken == "several-faces"
    assert following.see(0.1, [square(0)]).face == square(0)


def test_a_pause_of_the_program_is_not_one_of_the_camera() -> None:
    following = Following()
    following.see(0.0, [square(0)])
    following.pause()
    assert following.see(3.1, [square(10)]).broken is None
    assert following.rate is None
    following.pause()
    assert following.see(9.0, [square(300)]).broken == "face-jumped", "the place still counts"


def test_six_frames_a_second_are_not_fewer_than_six() -> None:
    following = Following()
    for number in range(200):
        following.see(number / 6, [square(0)])
        assert following.rate is None or following.rate >= LEAST_RATE
