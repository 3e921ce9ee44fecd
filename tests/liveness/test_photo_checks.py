"""Checks of one photo: each cue lowers its own score."""

import math

import numpy as np
import pytest
from PIL import Image, ImageFilter

from faceunlock.liveness.photo_checks import highlights, moire, sharpness
from faceunlock.photos.face import Face

FACE = Face((170, 70, 275, 205), (), 0.99)
"""Of the astronaut."""


def resized(image, side):
    return np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC))


@pytest.fixture(scope="module")
def screened(astronaut):
    """The portrait on a screen of red, green and blue stripes, seen by a camera that is held askew."""
    grid = resized(astronaut, 1536).astype(float)
    for channel in range(3):
        stripes = np.full(1536, 0.5)
        stripes[channel::3] = 1.6
        grid[:, :, channel] *= stripes
    grid[::3] *= 0.6
    picture = Image.fromarray(np.clip(grid, 0, 255).astype(np.uint8))
    picture = picture.rotate(3, resample=Image.Resampling.BICUBIC)
    return np.asarray(picture.resize((700, 700), Image.Resampling.BILINEAR))


def test_a_pixel_grid_shows(astronaut, screened):
    plain = resized(astronaut, 700)
    face = FACE.scaled(700 / 512)
    assert moire(screened, face) < moire(plain, face) - 1.0


def test_noise_and_jpeg_blocks_are_no_grid(astronaut, tmp_path):
    noisy = np.random.default_rng(0).normal(128, 20, (256, 256, 3)).clip(0, 255).astype(np.uint8)
    assert moire(noisy, Face((0, 0, 255, 255), (), 1)) > -1.0
    Image.fromarray(astronaut).save(tmp_path / "small.jpg", quality=30)
    blocks = np.asarray(Image.open(tmp_path / "small.jpg"))
    assert moire(blocks, FACE) > moire(astronaut, FACE) - 0.6


@pytest.mark.parametrize("frequency", [(0.2, 0.0), (0.17, 0.23), (0.0, 0.3)])
def test_the_peak_grows_with_the_contrast_of_a_wave(astronaut, frequency):
    rows, columns = np.mgrid[:512, :512]
    wave = np.sin(2 * np.pi * (frequency[0] * rows + frequency[1] * columns))[:, :, None]
    found = [
        moire(np.clip(astronaut + contrast * wave, 0, 255).astype(np.uint8), FACE) for contrast in (0, 8, 24)
    ]
    assert found[0] > found[1] > found[2]


def test_bright_colourless_spots_show_and_coloured_ones_do_not(astronaut):
    spot, coloured = astronaut.copy(), astronaut.copy()
    spot[90:130, 190:250] = 255
    coloured[90:130, 190:250] = (255, 60, 60)
    assert highlights(spot, FACE) < highlights(astronaut, FACE) - 0.05
    assert highlights(coloured, FACE) > highlights(spot, FACE)


def test_the_exposure_alone_changes_no_highlights():
    image = np.random.default_rng(1).integers(20, 120, (200, 200, 3)).astype(np.uint8)
    face = Face((0, 0, 199, 199), (), 1)
    assert highlights(image, face) == pytest.approx(highlights(image * 2, face), abs=0.01)


def test_each_blur_lowers_sharpness(astronaut):
    blurred = [
        np.asarray(Image.fromarray(astronaut).filter(ImageFilter.GaussianBlur(radius)))
        for radius in (0.01, 1.5, 3, 6)
    ]
    found = [sharpness(image, FACE) for image in blurred]
    assert found == sorted(found, reverse=True) and 0 <= found[-1] < found[0] - 0.2 <= 1


def test_what_cannot_be_made_is_not_a_number(astronaut):
    outside = Face((600, 600, 700, 700), (), 0.9)
    assert all(math.isnan(check(astronaut, outside)) for check in (moire, highlights, sharpness))
    assert math.isnan(moire(astronaut, Face((10, 10, 60, 60), (), 0.9)))  # smaller than a window


@pytest.mark.parametrize("check", [moire, highlights, sharpness])
def test_a_flat_face_gives_a_number(check):
    assert np.isfinite(check(np.full((200, 200, 3), 90, np.uint8), Face((20, 20, 180, 180), (), 1)))
