from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from faceunlock.errors import PhotoError
from faceunlock.photos.face import DOMINANCE, Face, choose_subject, measure_quality

SHAPE = (300, 400, 3)
ASTRONAUT_FACE = Face((165.0, 55.0, 285.0, 215.0), (), 1.0)
HOPPER_FACE = Face((185.0, 85.0, 325.0, 265.0), (), 1.0)


def square(left, top, side):
    return Face((left, top, left + side, top + side), (), 0.9)


faces = st.lists(
    st.builds(square, st.floats(-50, 400), st.floats(-50, 300), st.floats(1, 200)), min_size=1, max_size=6
)


def test_measures_of_a_face():
    face = Face((10.0, 20.0, 40.0, 60.0), (), 0.9)
    assert (face.size, face.area, face.centre) == (30.0, 1200.0, (25.0, 40.0))


def test_a_box_turned_inside_out_has_no_area():
    assert Face((40.0, 20.0, 10.0, 60.0), (), 0.9).area == 0.0


@pytest.mark.parametrize("rule", ["dominant", "largest", "central"])
def test_a_photo_without_a_face_has_no_subject(rule):
    with pytest.raises(PhotoError) as caught:
        choose_subject([], SHAPE, rule)
    assert caught.value.slug == "no-face"


@pytest.mark.parametrize("rule", ["dominant", "largest", "central"])
def test_a_single_face_is_the_subject(rule):
    face = square(300, 10, 20)
    assert choose_subject([face], SHAPE, rule) is face


@given(faces, st.floats(0, 1), st.floats(0, 1))
def test_of_a_place_the_nearest_face_is_chosen(many, x, y):
    chosen = choose_subject(many, SHAPE, (x, y))
    distances = [np.hypot(face.centre[0] - x * 400, face.centre[1] - y * 300) for face in many]
    assert many.index(chosen) == int(np.argmin(distances))
    assert choose_subject(many, SHAPE, (0.5, 0.5)) is choose_subject(many, SHAPE, "central")


@given(faces)
def test_the_largest_face_is_chosen_if_it_dominates(many):
    by_area = sorted((face.area for face in many), reverse=True)
    assert choose_subject(many, SHAPE, "largest").area == by_area[0]
    if len(many) == 1 or by_area[0] >= DOMINANCE * by_area[1]:
        assert choose_subject(many, SHAPE).area == by_area[0]
    else:
        with pytest.raises(PhotoError) as caught:
            choose_subject(many, SHAPE)
        assert caught.value.slug == "several-faces"
        assert caught.value.message.startswith(f"{len(many)} faces")


@given(faces)
def test_the_central_face_is_nearest_to_the_middle(many):
    def distance(face):
        return np.hypot(face.centre[0] - 200, face.centre[1] - 150)

    assert distance(choose_subject(many, SHAPE, "central")) == min(map(distance, many))


@given(faces, st.randoms())
def test_the_order_of_the_faces_does_not_matter(many, random):
    assume(len({face.area for face in many}) == len(many))
    shuffled = random.sample(many, len(many))
    assert choose_subject(shuffled, SHAPE, "largest") is choose_subject(many, SHAPE, "largest")


@pytest.fixture(params=["astronaut", "hopper"])
def portrait(request):
    face = ASTRONAUT_FACE if request.param == "astronaut" else HOPPER_FACE
    return request.getfixturevalue(request.param), face


def test_blur_lowers_sharpness(portrait):
    image, face = portrait
    photo = Image.fromarray(image)
    measured = [
        measure_quality(np.asarray(photo.filter(ImageFilter.GaussianBlur(radius))), face).sharpness
        for radius in (0, 0.5, 1, 2, 4, 8)
    ]
    assert all(sharper > softer for sharper, softer in pairwise(measured))
    assert measured[0] > 4 * measured[-1]


@pytest.mark.parametrize("factor", [0.3, 0.5, 0.8])
def test_light_changes_brightness_and_not_sharpness(portrait, factor):
    image, face = portrait
    full, dim = measure_quality(image, face), measure_quality((image * factor).astype(np.uint8), face)
    assert dim.brightness == pytest.approx(factor * full.brightness, abs=2)
    assert dim.sharpness == pytest.approx(full.sharpness, rel=0.1)


@pytest.mark.parametrize("factor", [2, 3])
def test_a_larger_photo_of_the_same_is_not_sharper(portrait, factor):
    image, face = portrait
    larger = Image.fromarray(image).resize((image.shape[1] * factor, image.shape[0] * factor))
    left, top, right, bottom = (factor * side for side in face.box)
    measured = measure_quality(np.asarray(larger), Face((left, top, right, bottom), (), 1.0))
    assert measured.size == factor * face.size
    assert measured.sharpness == pytest.approx(measure_quality(image, face).sharpness, rel=0.25)


def test_only_the_part_inside_the_photo_is_measured():
    image = np.full((60, 60, 3), 200, dtype=np.uint8)
    image[:20, :20] = 50
    assert measure_quality(image, Face((-100.0, -100.0, 19.5, 19.5), (), 1.0)).brightness == 50


@pytest.mark.parametrize("box", [(70.0, 0.0, 90.0, 20.0), (-30.0, 0.0, -10.0, 20.0), (5.0, 80.0, 9.0, 90.0)])
def test_a_face_outside_the_photo_is_neither_sharp_nor_bright(box):
    quality = measure_quality(np.full((60, 60, 3), 200, dtype=np.uint8), Face(box, (), 1.0))
    assert (quality.sharpness, quality.brightness) == (0.0, 0.0)


def test_a_plain_surface_is_not_sharp():
    quality = measure_quality(np.full((60, 60, 3), 90, dtype=np.uint8), square(10, 10, 30))
    assert (quality.sharpness, quality.brightness) == (0.0, 90.0)


@given(st.integers(0, 2**32 - 1), st.floats(-80, 80), st.floats(-80, 80), st.floats(0.5, 150))
def test_every_face_of_every_photo_has_a_quality(seed, left, top, side):
    image = np.random.default_rng(seed).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    quality = measure_quality(image, square(left, top, side))
    assert quality.sharpness >= 0 and 0 <= quality.brightness <= 255
