"""Boxes and labels: on the photo, clear of other faces, legible at any resolution."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ImageColor

from faceunlock.reports.annotation import NAMED, UNKNOWN, Mark, _place, _text_size, annotate, overlap

SIDES = st.integers(1, 600)
PLACES = st.floats(-300, 900)
FACES = st.tuples(PLACES, PLACES, SIDES, SIDES).map(lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3]))


@given(
    st.tuples(SIDES, SIDES),
    st.lists(st.tuples(PLACES, PLACES, SIDES, SIDES), max_size=3),
    st.text(max_size=70),
)
@settings(max_examples=40, deadline=None)
def test_anything_can_be_drawn(size, faces, text):
    image = np.full((size[1], size[0], 3), 77, dtype=np.uint8)
    line = "".join(char for char in text if char.isprintable())
    marks = [Mark(box, line, named=number == 0) for number, box in enumerate(faces)]
    picture = annotate(image, marks)
    assert picture.size == size and picture.mode == "RGB"
    assert (image == 77).all(), "the photo itself stays as it is"


@given(
    st.tuples(st.floats(0, 400), st.floats(0, 400), st.floats(10, 100), st.floats(10, 100)),
    st.tuples(st.integers(10, 300), st.integers(5, 40)),
)
def test_a_label_lies_on_the_photo(face, label):
    box = (face[0], face[1], face[0] + face[2], face[1] + face[3])
    left, top, right, bottom = _place(box, label, (500, 500), [], [])
    assert 0 <= left < right < 500 and 0 <= top < bottom < 500


def test_a_label_keeps_clear_of_other_faces_and_labels():
    # The place above is another face, the one below another label.
    box = (200.0, 200.0, 260.0, 260.0)
    face, label = (190.0, 120.0, 330.0, 199.0), (180.0, 261.0, 330.0, 290.0)
    place = _place(box, (100, 20), (600, 600), [face], [label])
    assert overlap(place, face) == overlap(place, label) == 0 == overlap(place, box)


@pytest.mark.parametrize("scale", [1, 4, 10])
def test_letters_grow_with_the_photo_but_never_beyond_reading(scale):
    face = (10.0 * scale, 10.0 * scale, 110.0 * scale, 110.0 * scale)
    size = _text_size((400 * scale, 300 * scale), [face])
    assert size >= 11 and size == pytest.approx(max(11, 350 * scale / 44), abs=1)
    crowd = [(0.0, 0.0, 20.0 * scale, 20.0 * scale)] * 30
    assert 11 <= _text_size((400 * scale, 300 * scale), crowd) <= max(11, 5 * scale)


def test_names_and_strangers_differ_in_colour():
    image = np.zeros((300, 400, 3), dtype=np.uint8)
    marks = [Mark((50, 100, 110, 180), "Ada 0.990", True), Mark((250, 100, 310, 180), "unknown", False)]
    picture = annotate(image, marks)
    left, right = np.asarray(picture)[:, :200], np.asarray(picture)[:, 200:]
    for half, colour, other in ((left, NAMED, UNKNOWN), (right, UNKNOWN, NAMED)):
        assert (half == ImageColor.getrgb(colour)).all(axis=2).sum() > 300
        assert not (half == ImageColor.getrgb(other)).all(axis=2).any()
