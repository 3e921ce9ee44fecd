"""What a map holds: all faces of few photos, apart, with lines to their points; and every name."""

import numpy as np
import pytest
from support.made_photos import made

from faceunlock.reports.embedding_map import EVERY_FACE, NAME, draw_map
from faceunlock.reports.figures import DARK, LIGHT
from faceunlock.reports.heatmap import FACE
from faceunlock.studies.projection import Projection, project


def drawn(samples, scheme=LIGHT):
    return draw_map(scheme, samples, project(samples.embeddings)).axes[0]


def faces(axes):
    return [image.get_extent() for image in axes.images if image.get_gid() == FACE]


def apart(boxes):
    return all(
        one[1] <= other[0] or other[1] <= one[0] or one[3] <= other[2] or other[3] <= one[2]
        for number, one in enumerate(boxes)
        for other in boxes[:number]
    )


@pytest.mark.parametrize("counts", [[3, 3, 2], [14, 13, 13], [EVERY_FACE], [1] * 16])
@pytest.mark.parametrize("noise", [0.05, 1.5])
def test_up_to_forty_photos_every_face_is_drawn_and_none_hides_another(counts, noise):
    axes = drawn(made(counts, noise=noise))
    boxes = faces(axes)
    assert len(boxes) == sum(counts) and apart(boxes)
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    assert all(left <= a < b <= right and bottom <= c < d <= top for a, b, c, d in boxes)


def test_a_line_leads_from_a_face_that_moved_to_its_point():
    samples = made([4])
    same = Projection("pca", np.zeros((4, 2)), (1.0, 0.0))
    axes = draw_map(LIGHT, samples, same).axes[0]
    ends = [line.get_xydata()[-1] for line in axes.lines if len(line.get_xydata()) == 2]
    assert len(ends) >= 2 * 2 and np.allclose(ends, ends[0])  # each line is drawn on a wider, pale one
    assert apart(faces(axes))


@pytest.mark.parametrize("scheme", [LIGHT, DARK])
@pytest.mark.parametrize("faces_shown", [True, False])
def test_every_name_is_beside_its_cluster(scheme, faces_shown):
    samples = made([6, 5, 4], noise=0.2, faces=faces_shown)
    axes = drawn(samples, scheme)
    names = {text.get_text(): np.array(text.get_position()) for text in axes.texts if text.get_gid() == NAME}
    assert set(names) == {"A", "B", "C"} and axes.get_legend() is None
    points = np.concatenate([cloud.get_offsets() for cloud in axes.collections])
    owners = np.repeat(list("ABC"), [6, 5, 4])
    for name, place in names.items():
        middles = {other: points[owners == other].mean(axis=0) for other in "ABC"}
        assert min(middles, key=lambda other: np.hypot(*(middles[other] - place))) == name


def test_more_photos_show_faces_where_there_is_room():
    axes = drawn(made([30, 30], noise=0.3))
    assert 0 < len(faces(axes)) < 60 and apart(faces(axes))
