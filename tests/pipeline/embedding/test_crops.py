import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.transform import SimilarityTransform
from skimage.transform import warp as reference_warp

from faceunlock.errors import PhotoError
from faceunlock.pipeline.embedding.crops import similarity, warp
from faceunlock.pipeline.models.architecture import DLIB_TARGET as TARGET

IDENTITY = np.array([[1.0, 0, 0], [0, 1.0, 0]])


@given(st.integers(0, 2**32 - 1), st.floats(1.0, 1000.0))
def test_similarity_agrees_with_skimage(seed, scale):
    rng = np.random.default_rng(seed)
    source = rng.normal(size=(5, 2)) * scale
    target = source @ np.array([[0.6, 0.8], [-0.8, 0.6]]) + rng.normal(size=(5, 2)) * scale / 10
    expected = SimilarityTransform.from_estimate(source, target).params[:2]
    np.testing.assert_allclose(similarity(source, target), expected, atol=1e-8 * scale)


@given(st.floats(-np.pi, np.pi), st.floats(0.1, 10), st.tuples(st.floats(-500, 500), st.floats(-500, 500)))
def test_similarity_recovers_a_similarity(angle, scale, shift):
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = np.array(TARGET) @ turn.T + shift
    np.testing.assert_allclose(similarity(TARGET, moved), np.c_[turn, shift], atol=1e-6)


def test_similarity_never_mirrors():
    mirrored = np.array(TARGET) * (-1, 1)
    assert np.linalg.det(similarity(mirrored, TARGET)[:, :2]) > 0


@pytest.mark.parametrize(
    "points", [[(3.0, 4.0)] * 5, [(np.nan, 1.0), (2.0, 3.0)], [(np.inf, 1.0), (2.0, 3.0)]]
)
def test_landmarks_without_extent_are_no_face(points):
    with pytest.raises(PhotoError) as caught:
        similarity(points, TARGET[: len(points)])
    assert caught.value.slug == "no-face"


def test_the_identity_copies(astronaut):
    np.testing.assert_array_equal(warp(astronaut, IDENTITY, 512), astronaut)


def test_landmarks_arrive_where_they_should():
    photo = np.zeros((300, 400, 3), dtype=np.uint8)
    source = [(150, 100), (190, 110), (165, 130), (140, 150), (180, 160)]
    for x, y in source:
        photo[y, x] = 255
    matrix = similarity(source, TARGET)
    crop = warp(photo, matrix, 150).astype(float)[..., 0]
    rows, columns = np.mgrid[:150, :150]
    for point in source:
        x, y = matrix @ (*point, 1)
        near = crop * (np.hypot(columns - x, rows - y) < 4)
        centre = (near * columns).sum() / near.sum(), (near * rows).sum() / near.sum()
        np.testing.assert_allclose(centre, (x, y), atol=0.15)


@pytest.mark.parametrize("scale", [0.55, 1.0, 1.7])
def test_agrees_with_skimage(astronaut, scale):
    matrix = np.array([[scale * 0.96, -scale * 0.28, -40.3], [scale * 0.28, scale * 0.96, -60.7]])
    inverse = np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))
    expected = reference_warp(astronaut / 255, inverse, output_shape=(150, 150), order=1) * 255
    # Pillow cuts fractions off, hence one level; a shift by half a pixel would differ by far more.
    assert np.abs(warp(astronaut, matrix, 150) - expected).max() < 1.01


@pytest.mark.parametrize("factor", [2, 3, 7])
def test_a_large_face_is_averaged_not_sampled(factor):
    small = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    large = small.repeat(factor, axis=0).repeat(factor, axis=1)
    matrix = np.array(
        [[1 / factor, 0, (1 - factor) / 2 / factor], [0, 1 / factor, (1 - factor) / 2 / factor]]
    )
    assert np.abs(warp(large, matrix, 40).astype(int) - small).max() <= 1
    stripes = np.zeros((400, 400, 3), dtype=np.uint8)
    stripes[:, ::2] = 255
    crop = warp(stripes, np.array([[0.25, 0, 0], [0, 0.25, 0]]), 100)
    assert np.abs(crop[2:-2, 2:-2].astype(int) - 127).max() <= 1


def test_black_beyond_the_photo():
    white = np.full((100, 100, 3), 255, dtype=np.uint8)
    crop = warp(white, np.array([[1.0, 0, 20], [0, 1.0, 0]]), 150)
    assert crop[:100, 20:120].min() == 255
    assert crop[:, :19].max() == crop[:, 121:].max() == crop[101:].max() == 0


@pytest.mark.parametrize("shift", [-1e9, -500.0, 500.0, 1e300])
def test_a_face_far_outside_is_black(shift):
    white = np.full((100, 100, 3), 255, dtype=np.uint8)
    assert not warp(white, np.array([[1.0, 0, shift], [0, 1.0, 0]]), 150).any()
