"""Weights in eight bits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from faceunlock.pipeline.weights.storage import FEWEST, pack, unpack

numbers = st.floats(-1e4, 1e4, width=32)
matrices = arrays(np.float32, st.tuples(st.integers(1, 5), st.integers(1, 9), st.just(8)), elements=numbers)


@given(matrices)
def test_no_weight_moves_by_more_than_half_a_step_of_its_row(matrix):
    packed = pack({"w": matrix, "b": matrix[:, 0, 0]}, "int8")
    back = unpack(packed)
    assert set(back) == {"w", "b"} and back["w"].dtype == np.float32 and back["w"].shape == matrix.shape
    assert np.array_equal(back["b"], matrix[:, 0, 0])
    step = np.abs(matrix).max(axis=(1, 2), keepdims=True) / 127
    assert np.all(np.abs(back["w"] - matrix) <= 0.5001 * step + 1e-37)
    small = matrix.size < FEWEST
    assert packed["w"].dtype == (np.float32 if small else np.int8)
    assert ("w.scale" in packed) != small


@given(matrices)
def test_float32_is_kept_as_it_is(matrix):
    packed = pack({"w": matrix}, "float32")
    assert list(packed) == ["w"] and np.array_equal(unpack(packed)["w"], matrix)


@pytest.mark.parametrize(
    "packed",
    [
        {"w": np.zeros((2, 64), np.int8)},
        {"w": np.zeros((2, 64), np.int8), "w.scale": np.zeros(3, np.float32)},
        {"w": np.zeros((2, 64), np.float16)},
    ],
)
def test_what_pack_never_wrote(packed):
    with pytest.raises(ValueError, match="not known"):
        unpack(packed)
