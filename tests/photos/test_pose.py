"""How a face stands in its photo, from its landmarks and its box."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceunlock.photos.face import Face, measure_quality
from faceunlock.photos.pose import EYES_AND_MOUTH, NOSE, nose_offset, outside, yaw
from tests.support.made_heads import HEAD, View, project

sides = st.floats(-500, 500)
sizes = st.floats(1, 400)


@given(st.floats(-45, 45))
def test_a_head_is_turned_by_the_angle_it_is_turned_by(angle):
    points = project(HEAD, View(yaw=math.radians(angle)))
    found = yaw([tuple(map(float, point)) for point in points])
    assert found == pytest.approx(angle, abs=6)


def test_landmarks_that_no_face_has_are_no_turn():
    assert yaw(()) is None and yaw([(float(i), float(i)) for i in range(5)]) is None
    left, right, *mouth = EYES_AND_MOUTH
    frontal = [left, right, (NOSE, 71.7), *mouth]
    assert yaw(frontal) == pytest.approx(0, abs=0.1) and nose_offset(frontal[:4]) is None
    assert yaw([right, left, (NOSE, 71.7), *mouth]) is None


@given(sides, sides, sizes, sizes, st.integers(1, 300), st.integers(1, 300))
def test_what_is_outside_and_what_is_inside_are_the_whole_box(left, top, across, down, width, height):
    box = (left, top, left + across, top + down)
    share = outside(box, (height, width, 3))
    assert 0.0 <= share <= 1.0
    inside = max(0.0, min(box[2], width) - max(left, 0)) * max(0.0, min(box[3], height) - max(top, 0))
    assert share == pytest.approx(1 - inside / ((box[2] - box[0]) * (box[3] - box[1])), abs=1e-5)


def test_quality_has_both():
    left, right, *mouth = EYES_AND_MOUTH
    face = Face((-20.0, 0.0, 80.0, 100.0), (left, right, (NOSE + 20, 71.7), *mouth), 0.99)
    quality = measure_quality(np.zeros((112, 112, 3), np.uint8), face)
    assert quality.cut_off == pytest.approx(0.2) and quality.turn == pytest.approx(48.6, abs=1)
    beyond = measure_quality(np.zeros((50, 50, 3), np.uint8), Face((60, 60, 90, 90), (), 0.9))
    assert beyond.cut_off == 1.0 and beyond.turn is None
