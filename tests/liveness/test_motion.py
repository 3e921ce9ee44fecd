"""A head that moves by itself, and a picture that moves as a whole."""

import math

import numpy as np
import pytest
from PIL import Image

from faceunlock.liveness.motion import parallax
from faceunlock.photos.face import Face

FACE = Face((170, 70, 275, 205), (), 0.99)


def moving_head(image):
    """The face is shifted within a picture that stays."""
    clip = []
    for number in range(16):
        frame = image.copy()
        area = (slice(60, 220), slice(160, 290))
        frame[area] = np.roll(image, round(5 * np.sin(number / 3)), axis=1)[area]
        clip.append(frame)
    return clip


def moving_picture(image):
    """All of it moves and turns in space, as a print does in somebody's hand."""
    clip = []
    for number in range(16):
        sway, tilt = 8 * np.sin(number / 3), 1e-4 * np.sin(number / 4)
        plane = (1, 0.01 * tilt, sway, 0, 1, sway / 2, tilt, tilt / 2)
        picture = Image.fromarray(image).transform(
            (512, 512), Image.Transform.PERSPECTIVE, plane, Image.Resampling.BICUBIC
        )
        clip.append(np.asarray(picture))
    return clip


def test_a_head_scores_higher_than_a_picture_of_it(astronaut):
    head, picture = parallax(moving_head(astronaut), FACE), parallax(moving_picture(astronaut), FACE)
    assert head > 2.0 and picture < 0.5


def test_what_does_not_move_looks_like_a_picture(astronaut):
    assert parallax([astronaut] * 16, FACE) < 0.01


def test_half_the_size_gives_about_the_same_score(astronaut):
    clip = moving_head(astronaut)
    half = [np.asarray(Image.fromarray(frame).resize((256, 256), Image.Resampling.BOX)) for frame in clip]
    assert parallax(half, FACE.scaled(0.5)) == pytest.approx(parallax(clip, FACE), rel=0.5)


@pytest.mark.parametrize("clip", [[], [np.zeros((80, 80, 3), np.uint8)] * 3])
def test_a_short_clip_cannot_be_judged(clip):
    assert math.isnan(parallax(clip, FACE))


def test_without_texture_it_cannot_be_judged(astronaut):
    blank = np.full_like(astronaut, 128)
    assert math.isnan(parallax([blank] * 16, FACE))
    wall = [np.where(frame == frame, 128, 0).astype(np.uint8) for frame in moving_head(astronaut)]
    for frame, shown in zip(wall, moving_head(astronaut), strict=True):
        frame[70:205, 170:275] = shown[70:205, 170:275]
    assert math.isnan(parallax(wall, FACE))
