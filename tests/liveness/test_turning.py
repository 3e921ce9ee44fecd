"""The statistic of a turning head: planes keep it, heads change it with the tangent of the angle."""

from __future__ import annotations

from math import radians, tan

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from faceunlock.liveness.turning import (
    CONFIDENCE,
    TURNED,
    excursions,
    middle,
    offset_of,
    smooth,
)
from faceunlock.photos.face import Face
from faceunlock.photos.pose import EYE_DISTANCE, EYES_AND_MOUTH, NOSE, TANGENT, nose_offset
from tests.support.made_heads import HEAD, PICTURE, View, face, project

small = st.floats(-0.4, 0.4)


def offset(points: np.ndarray) -> float:
    found = nose_offset([(float(x), float(y)) for x, y in points])
    assert found is not None
    return found


def test_it_is_the_formula_of_the_measurement() -> None:
    points = project(HEAD, View(yaw=0.3, pitch=0.2))
    corners = np.column_stack([points[[0, 1, 3, 4]], np.ones(4)])
    mapping = np.linalg.pinv(corners) @ np.array(EYES_AND_MOUTH)
    expected = ((np.append(points[2], 1.0) @ mapping)[0] - NOSE) / EYE_DISTANCE
    assert offset(points) == pytest.approx(expected, abs=1e-9)


@given(st.tuples(small, small, small, small), st.floats(0.05, 40), st.floats(-5000, 5000), small)
def test_no_affinity_moves_the_nose(
    parts: tuple[float, float, float, float], scale: float, shift: float, aside: float
) -> None:
    points = np.array([*EYES_AND_MOUTH[:2], (NOSE + aside * EYE_DISTANCE, 71.7), *EYES_AND_MOUTH[2:]])
    affinity = (np.eye(2) + np.array(parts).reshape(2, 2)) * scale
    assume(np.linalg.det(affinity) > 0.2 * scale**2)
    assert offset(points @ affinity + (shift, -shift)) == pytest.approx(offset(points), abs=1e-6)


@settings(deadline=None, max_examples=50)
@given(st.floats(-60, 60), st.floats(-60, 60), st.floats(-180, 180), st.floats(7, 40))
def test_a_flat_picture_hardly_moves_the_nose_however_it_is_held(
    yaw: float, pitch: float, roll: float, distance: float
) -> None:
    view = View(radians(yaw), radians(pitch), radians(roll), distance=distance)
    # The perspective of a near plane moves it a little; a head moves it to .25 at 27 degrees.
    assert abs(offset(project(PICTURE, view))) < 0.15
    both = [offset(project(PICTURE, View(radians(sign * yaw), distance=distance))) for sign in (1, -1)]
    assert max(abs(one) for one in both) < 0.15


@given(st.floats(-45, 45), small, st.floats(-0.3, 0.3))
def test_a_head_follows_the_tangent_of_its_angle(yaw: float, roll: float, pitch: float) -> None:
    view = View(radians(yaw), pitch, roll, distance=1e6)
    assert offset(project(HEAD, view)) == pytest.approx(TANGENT * tan(radians(yaw)), abs=0.01)


@pytest.mark.parametrize("side", [1, -1])
def test_the_sign_is_the_side_of_the_picture(side: int) -> None:
    assert offset(project(HEAD, View(side * radians(32)))) * side > TURNED


def test_a_shape_that_no_face_has_is_not_counted() -> None:
    points = [(float(x), float(y)) for x, y in project(HEAD, View())]
    mirrored = [points[1], points[0], points[2], points[4], points[3]]
    assert nose_offset(points) is not None
    assert nose_offset(mirrored) is None
    assert nose_offset([points[0]] * 5) is None
    assert nose_offset([(float("nan"), 0.0), *points[1:]]) is None


def test_a_face_that_is_not_certain_is_not_counted() -> None:
    seen = face(HEAD, View())
    assert offset_of(seen) is not None
    assert offset_of(Face(seen.box, seen.landmarks, CONFIDENCE - 0.001)) is None


def test_excursions_are_seen_from_the_faces_own_middle_and_forget_one_bad_frame() -> None:
    offsets = [0.05, 0.05, None, 0.05, 0.9, 0.05, 0.35, 0.36, 0.35, 0.05, 0.05, -0.1, -0.11, -0.1]
    found = excursions(offsets)
    assert found is not None
    assert found.middle == 0.05
    assert found.right == pytest.approx(0.3)
    assert found.left == pytest.approx(0.15)
    assert found.one_side == found.right
    assert found.both_sides == found.left


def test_without_a_frontal_frame_or_with_two_frames_there_is_no_answer() -> None:
    assert excursions([0.3, 0.4, 0.3, 0.2]) is None
    assert excursions([0.0, None, 0.0]) is None
    assert excursions([]) is None
    assert middle([]) is None
    assert smooth([1.0, 2.0]) == []


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**32 - 1))
def test_noise_of_a_twentieth_makes_no_turning_head_of_a_moved_print(seed: int) -> None:
    rng = np.random.default_rng(seed)
    angles = np.radians(40 * np.sin(np.linspace(0, 12, 120)))
    seen = [face(PICTURE, View(float(angle)), 0.05, rng) for angle in angles]
    found = excursions([offset_of(one) for one in seen])
    assert found is None or found.both_sides < TURNED
