"""Boxes: suppression against torchvision, regression and squares by hand."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchvision.ops import box_iou, nms

from faceunlock.pipeline.detection.boxes import overlap_with, regress, squared, suppress


@given(st.integers(0, 2**32 - 1), st.integers(0, 60), st.sampled_from([0.3, 0.5, 0.7]))
def test_suppression_is_that_of_torchvision(seed, count, limit):
    rng = np.random.default_rng(seed)
    corners = rng.uniform(0, 80, (count, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(5, 60, (count, 2))], axis=1).astype(np.float32)
    scores = rng.permutation(np.linspace(0.1, 1, count)).astype(np.float32)
    expected = nms(torch.from_numpy(boxes), torch.from_numpy(scores), limit).tolist()
    assert suppress(boxes, scores, limit).tolist() == expected


def test_overlap_with_the_smaller_drops_a_box_inside_another():
    boxes = np.array([[0, 0, 100, 100], [10, 10, 40, 40]], dtype=np.float32)
    scores = np.array([0.9, 0.8], dtype=np.float32)
    assert suppress(boxes, scores, 0.7).tolist() == [0, 1]
    assert suppress(boxes, scores, 0.7, "smaller").tolist() == [0]


def test_regression_moves_sides_in_units_of_the_box():
    boxes = np.array([[10, 20, 29, 59]], dtype=np.float32)
    offsets = np.array([[0.1, 0.0, -0.1, 0.5]], dtype=np.float32)
    np.testing.assert_allclose(regress(boxes, offsets), [[12, 20, 27, 79]], rtol=1e-6)


def test_a_square_keeps_the_middle_and_the_longer_side():
    np.testing.assert_allclose(squared(np.array([[0, 0, 10, 30]], dtype=np.float32)), [[-10, 0, 20, 30]])


@given(st.integers(0, 2**32 - 1), st.integers(0, 20))
def test_overlap_is_that_of_torchvision(seed, count):
    rng = np.random.default_rng(seed)
    corners = rng.uniform(-20, 40, (count + 1, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(5, 60, (count + 1, 2))], axis=1).astype(np.float32)
    expected = box_iou(*torch.from_numpy(boxes).split([1, count]))[0].numpy()
    np.testing.assert_allclose(overlap_with(boxes[0], boxes[1:]), expected, atol=1e-6)
