"""Means over areas: to the bit those of plain arithmetic, in photos of every size."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faceunlock.pipeline.detection.integral import CACHED, IntegralImage


def by_hand(photo, area, size):
    """Mean of every bin, as adaptive average pooling divides an area."""
    left, top, right, bottom = area
    part = photo[top:bottom, left:right].astype(np.int64)
    (height, width), (rows, columns) = part.shape[:2], size
    means = np.empty((3, rows, columns), dtype=np.float32)
    for y in range(rows):
        for x in range(columns):
            pixels = part[
                y * height // rows : -(-(y + 1) * height // rows),
                x * width // columns : -(-(x + 1) * width // columns),
            ]
            means[:, y, x] = pixels.sum(axis=(0, 1)) / (pixels.shape[0] * pixels.shape[1])
    return means


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 90), st.integers(1, 90), st.sampled_from([12, 13, 24, 48]))
def test_means_are_those_of_plain_arithmetic(seed, height, width, side):
    rng = np.random.default_rng(seed)
    photo = rng.choice(np.array([0, 1, 254, 255], dtype=np.uint8), (height, width, 3))
    start = rng.integers(0, [width, height], (3, 2))
    areas = np.hstack([start, rng.integers(start + 1, [width + 1, height + 1])])
    means = IntegralImage(photo).means(areas, (side, side + 1))
    assert means.dtype == np.float32
    for area, mean in zip(areas, means, strict=True):
        np.testing.assert_array_equal(mean, by_hand(photo, area, (side, side + 1)))


@pytest.mark.parametrize("shape", [(1050, 1050), (1080, 1920)])
def test_a_white_photo_stays_white_where_sums_are_largest(shape):
    photo = np.full((*shape, 3), 255, dtype=np.uint8)
    photo[..., 1] = 0
    means = IntegralImage(photo).means(np.array([[0, 0, shape[1], shape[0]]]), (12, 12))
    assert np.all(means[0, 0] == 255) and np.all(means[0, 1] == 0) and np.all(means[0, 2] == 255)


def test_more_areas_than_are_computed_together():
    photo = np.random.default_rng(0).integers(0, 256, (60, 50, 3), dtype=np.uint8)
    count = 2 * CACHED // 24**2 + 3
    areas = np.tile([[3, 5, 40, 44]], (count, 1))
    means = IntegralImage(photo).means(areas, (24, 24))
    assert len(means) == count
    np.testing.assert_array_equal(means, np.broadcast_to(by_hand(photo, areas[0], (24, 24)), means.shape))


def test_no_area_has_no_mean():
    photo = np.zeros((20, 20, 3), dtype=np.uint8)
    assert IntegralImage(photo).means(np.zeros((0, 4), dtype=np.int64), (24, 24)).shape == (0, 3, 24, 24)
