"""What a heatmap holds: every value, a face for every row and column, and the threshold on its scale."""

import numpy as np
import pytest
from support.made_photos import made

from faceunlock.matching.similarity import similarities
from faceunlock.reports.figures import DARK, LIGHT
from faceunlock.reports.heatmap import FACE, FACED, VALUE, VALUED, draw_heatmap
from faceunlock.reports.selection import choose_photos

THRESHOLD = 0.6


def drawn(counts, scheme=LIGHT, **options):
    samples = made(counts, **options)
    chosen = choose_photos(samples.person_index)
    return samples, chosen, draw_heatmap(scheme, samples, chosen, THRESHOLD)


def texts(drawing, gid):
    return [text for axes in drawing.axes for text in axes.texts if text.get_gid() == gid]


def faces(drawing):
    return [image for axes in drawing.axes for image in axes.images if image.get_gid() == FACE]


def test_eight_photos_of_three_people_have_every_value_and_face():
    samples, chosen, drawing = drawn([3, 3, 2])
    values = texts(drawing, VALUE)
    assert len(values) == 8 * 7 and len(faces(drawing)) == 2 * 8
    table = similarities(samples.embeddings[chosen], samples.embeddings[chosen])
    for text in values:
        column, row = map(int, text.get_position())
        assert row != column and text.get_text() == f"{table[row, column]:.3f}"
        assert (text.get_fontweight() == "bold") == (table[row, column] >= THRESHOLD)


@pytest.mark.parametrize("scheme", [LIGHT, DARK])
@pytest.mark.parametrize("counts", [[VALUED], [8, 8], [1] * 30, [20] * 3])
def test_values_up_to_fifteen_photos_and_faces_up_to_sixty(counts, scheme):
    photos = sum(counts)
    _, _, drawing = drawn(counts, scheme, dimension=32)
    chosen = min(photos, 20) if len(counts) > 20 else photos  # at most twenty people are drawn
    assert len(texts(drawing, VALUE)) == (chosen * (chosen - 1) if chosen <= VALUED else 0)
    assert chosen <= FACED and len(faces(drawing)) == 2 * chosen


def test_each_face_is_level_with_its_row_and_inside_the_drawing():
    _, chosen, drawing = drawn([20] * 3, dimension=32)
    width, height = drawing.get_size_inches()
    axes = drawing.axes[0].get_position()
    cell = axes.height * height / len(chosen)
    boxes = [image.get_extent() for image in faces(drawing)]
    left = sorted((top + bottom) / 2 for x0, x1, bottom, top in boxes if x1 <= axes.x0 * width)
    rows = [(1 - axes.y1) * height + (row + 0.5) * cell for row in range(len(chosen))]
    assert np.allclose(left, rows)
    assert all(0 <= x0 < x1 <= width and 0 <= top < bottom <= height for x0, x1, bottom, top in boxes)


def test_more_photos_have_as_many_faces_as_fit():
    _, chosen, drawing = drawn([40, 40])
    assert 2 <= len(faces(drawing)) < 2 * len(chosen) and not texts(drawing, VALUE)


def test_the_threshold_is_on_the_scale_where_the_colours_change():
    _, _, drawing = drawn([3, 3])
    words = [text.get_text() for axes in drawing.axes for text in axes.texts]
    assert "threshold 0.6000" in words and "match" in words and "no match" in words
    image = drawing.axes[0].images[0]
    below, above = image.to_rgba(np.array([THRESHOLD - 1e-6, THRESHOLD + 1e-6]))[:, :3]
    assert np.abs(below - above).max() > 0.15


def test_the_ends_of_the_scale_stay_inside_the_picture():
    _, _, drawing = drawn([3, 3])
    scale = next(
        axes for axes in drawing.axes if "threshold 0.6000" in [text.get_text() for text in axes.texts]
    )
    left, *_, right = scale.get_xticklabels()
    assert (left.get_horizontalalignment(), right.get_horizontalalignment()) == ("left", "right")


def test_without_faces_there_are_none():
    _, _, drawing = drawn([3, 3], faces=False)
    assert not faces(drawing) and len(texts(drawing, VALUE)) == 30
