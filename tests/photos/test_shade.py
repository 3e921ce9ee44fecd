"""Whether the eyes of a face lie in shade."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from faceunlock.photos.face import Face, measure_quality
from faceunlock.photos.shade import LEAST_EYE_LIGHT, eye_light

POINTS = [(35.0, 38.0), (65.0, 38.0), (50.0, 55.0), (38.0, 75.0), (62.0, 75.0)]
lights = st.integers(1, 255)


def face(eyes, cheeks):
    luma = np.full((100, 100), float(cheeks))
    luma[:48] = eyes
    return luma


@given(lights, lights)
def test_it_is_the_light_of_the_eyes_beside_that_of_the_cheeks(eyes, cheeks):
    assert eye_light(face(eyes, cheeks), POINTS) == pytest.approx(eyes / cheeks, abs=1e-4)


@given(st.floats(0.05, 1.0), st.integers(0, 2**31))
def test_a_darker_picture_changes_nothing(share, seed):
    luma = np.random.default_rng(seed).uniform(40, 255, (100, 100))
    assert eye_light(luma * share, POINTS) == pytest.approx(eye_light(luma, POINTS), abs=2e-4)


@pytest.mark.parametrize(
    "points",
    [
        (),
        POINTS[:4],
        [(-1.0, 38.0), *POINTS[1:]],
        [*POINTS[:4], (float("nan"), 75.0)],
        [*POINTS[:4], (62, 500)],
    ],
)
def test_what_cannot_be_told_is_none(points):
    assert eye_light(face(100, 100), points) is None


def test_black_cheeks_tell_nothing_and_black_eyes_are_the_darkest():
    assert eye_light(face(100, 0), POINTS) is None and eye_light(face(0, 100), POINTS) == 0


@pytest.mark.parametrize("size", [60, 400])
def test_quality_has_it_whatever_the_size_of_the_face(size):
    def quality(eyes):
        picture = Image.fromarray(face(eyes, 120).astype(np.uint8)).convert("RGB").resize((size, size))
        scaled = tuple((x * size / 100, y * size / 100) for x, y in POINTS)
        return measure_quality(np.asarray(picture), Face((0, 0, size, size), scaled, 0.99))

    dark, light = quality(24).eye_light, quality(96).eye_light
    assert dark == pytest.approx(0.2, abs=0.02) and light == pytest.approx(0.8, abs=0.02)
    assert dark < LEAST_EYE_LIGHT < light
