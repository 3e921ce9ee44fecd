"""From frames to photos, with painted faces."""

import numpy as np
import pytest
from support.fakes import GREY, paint, slug_of

from faceunlock.errors import PhotoError
from faceunlock.photos.camera import Frame
from faceunlock.photos.capture import Look, one_good, several_good

BLACK = np.zeros((80, 80, 3), np.uint8)
DARK = np.full((80, 80, 3), 20, np.uint8)


def film(*images, apart=0.1):
    return [Frame("clip.avi", number * apart, image) for number, image in enumerate(images)]


def only_painted(photo):
    """Stands for detection: a painted photo is good, everything else has no face."""
    if (photo.view().image == (1, 2, 3)).all(axis=2).sum() == 0:
        raise PhotoError("no-face", f"{photo.name}: no face was found")


def look():
    return Look(only_painted)


def test_the_first_good_frame_is_taken():
    capture = one_good(film(BLACK, GREY, paint(1, 1), paint(1, 2)), look())
    assert capture.photo.name == "clip.avi at 0.20 s"
    assert np.array_equal(capture.photo.view().image, paint(1, 1))


def test_nothing_is_read_beyond_it():
    frames = iter(film(GREY, paint(1, 1), paint(1, 2)))
    one_good(frames, look())
    assert len(list(frames)) == 1


@pytest.mark.parametrize(
    "images, slug",
    [
        ([BLACK] * 3, "camera-black"),
        ([DARK] * 3, "camera-dark"),
        ([GREY] * 3, "no-face"),
        ([BLACK, GREY, GREY, DARK], "no-face"),
        ([], "no-face"),
    ],
)
def test_the_most_frequent_reason_is_the_error(images, slug):
    assert slug_of(one_good, film(*images), look(), kind=PhotoError) == slug


def test_the_error_says_how_much_was_looked_at():
    with pytest.raises(PhotoError) as caught:
        one_good(film(GREY, GREY, GREY), look())
    assert caught.value.message == ("clip.avi: no good face in 3 frames of 0.2 s, mostly: no face was found")


def test_a_dark_frame_with_a_face_is_good_if_the_face_is():
    image = paint(1, 1)
    image[(image == 128).all(axis=2)] = 10
    assert one_good(film(image), look()).photo.name == "clip.avi at 0.00 s"


def test_frames_to_enroll_are_apart_and_differ():
    moving = [np.roll(paint(1, n), 3 * n, axis=1) for n in range(30)]
    taken = list(several_good(film(*moving), look(), 4))
    assert [photo.name[-6:] for photo in taken] == ["0.00 s", "0.40 s", "0.80 s", "1.20 s"]
    assert len({photo.digest for photo in taken}) == 4


def test_a_picture_that_does_not_move_is_taken_once():
    assert len(list(several_good(film(*[paint(1, 1)] * 50), look(), 4))) == 1


def test_without_one_good_frame_the_reason_is_told():
    assert slug_of(lambda: list(several_good(film(BLACK, BLACK), look(), 4))) == "camera-black"
