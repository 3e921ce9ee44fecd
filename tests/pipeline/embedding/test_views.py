from __future__ import annotations

import numpy as np
import pytest

from faceunlock.pipeline.embedding.crops import views
from faceunlock.pipeline.models.architecture import DlibArchitecture, ResidualArchitecture


def faces() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (2, 3, 32, 32), dtype=np.uint8)


def test_a_crop_is_looked_at_as_it_is_unless_more_is_said():
    (only,) = views(faces(), ResidualArchitecture(32))
    assert np.array_equal(only, faces())


@pytest.mark.parametrize(
    "architecture", [ResidualArchitecture(32, mirror=True), DlibArchitecture(32, mirror=True)]
)
def test_the_mirror_image_comes_second(architecture):
    first, second = views(faces(), architecture)
    assert np.array_equal(first, faces())
    assert np.array_equal(second, faces()[..., ::-1])


def test_shifted_crops_lie_in_every_direction_and_repeat_their_edge():
    crops = faces()
    moved = list(views(crops, ResidualArchitecture(32, shift=2)))
    assert len(moved) == 9
    for view in moved:
        assert view.shape == crops.shape
        assert view.dtype == crops.dtype
        assert view.flags.c_contiguous
    assert np.array_equal(moved[4], crops)
    assert np.array_equal(moved[0][..., 2:, 2:], crops[..., :-2, :-2])  # down and to the right
    assert np.array_equal(moved[0][..., 0, 2:], crops[..., 0, :-2])
    assert np.array_equal(moved[1][..., 2:, :], crops[..., :-2, :])
    assert np.array_equal(moved[5][..., :-2], crops[..., 2:])
    assert np.array_equal(moved[8][..., :-2, :-2], crops[..., 2:, 2:])
    assert np.array_equal(moved[8][..., -1, :-2], crops[..., -1, 2:])


def test_with_both_every_shifted_crop_is_mirrored():
    seen = list(views(faces(), ResidualArchitecture(32, mirror=True, shift=2)))
    assert len(seen) == 18
    for plain, mirrored in zip(seen[::2], seen[1::2], strict=True):
        assert np.array_equal(plain[..., ::-1], mirrored)
