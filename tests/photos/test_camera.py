"""Cameras: what is opened, what is refused, and that it is let go."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support.clips import panned, write_clip
from support.fakes import slug_of

from faceunlock.errors import CameraError
from faceunlock.photos import camera as module
from faceunlock.photos.camera import Camera, Frame, light, open_camera


class FakeCapture:
    """What OpenCV gives for a device: some frames, then nothing."""

    def __init__(self, frames, opened=True):
        self.frames, self.opened, self.released = list(frames), opened, 0

    def isOpened(self):
        return self.opened

    def get(self, _property):
        return 0.0

    def read(self):
        return (True, self.frames.pop(0)) if self.frames else (False, None)

    def release(self):
        self.released += 1


GREY = np.full((24, 32, 3), 128, np.uint8)


def test_a_video_file_is_a_camera(tmp_path, astronaut):
    clip = write_clip(tmp_path / "clip.avi", panned(astronaut, 320, 240, 7), rate=10)
    with open_camera(str(clip)) as camera:
        frames = list(camera.frames(60))
    assert not camera.live and len(frames) == 7
    assert [round(frame.seconds, 3) for frame in frames] == [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    difference = np.abs(frames[3].image.astype(int) - astronaut[:240, 12:332])
    assert frames[3].image.dtype == np.uint8 and difference.mean() < 4  # right side up, red is red


def test_a_film_is_refused_where_only_a_camera_will_do(tmp_path, monkeypatch):
    film = tmp_path / "film.avi"
    film.write_bytes(b"RIFF")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(film)
    monkeypatch.setattr(module, "opencv", lambda: pytest.fail("nothing is opened"))
    for name in ("film.avi", "link", "pipe", "."):
        assert slug_of(open_camera, str(tmp_path / name), films=False, kind=CameraError) == "no-camera"


def test_a_file_in_the_place_of_a_device_is_refused_once_it_is_open(tmp_path, monkeypatch):
    film = tmp_path / "video0"
    film.write_bytes(b"RIFF")
    monkeypatch.setattr(module, "opencv", lambda: pytest.fail("nothing is opened"))
    assert slug_of(module._require_device, film, "camera 0", kind=CameraError) == "no-camera"


def test_a_film_has_its_own_time(tmp_path, astronaut):
    clip = write_clip(tmp_path / "clip.avi", panned(astronaut, 320, 240, 20), rate=10)
    with open_camera(str(clip)) as camera:
        assert len(list(camera.frames(1.0))) == 11


def test_a_frame_becomes_a_photo_without_loss(astronaut):
    frame = Frame("camera 0", 1.25, astronaut)
    photo = frame.photo()
    assert photo.name == "camera 0 at 1.25 s" and np.array_equal(photo.view().image, astronaut)


@pytest.mark.parametrize("level, expected", [(0, "black"), (12, "black"), (22, "dark"), (60, "lit")])
def test_black_and_dark_are_told_apart_through_noise(level, expected):
    noise = np.random.default_rng(0).normal(level, 1.5, (120, 160, 3))
    image = np.clip(noise, 0, 255).astype(np.uint8)
    image[5, 5:9] = 255  # defective pixels
    assert light(image) == expected


def test_a_small_light_in_a_dark_room_is_dark_and_not_black():
    image = np.full((120, 160, 3), 5, np.uint8)
    image[40:60, 40:60] = 200
    assert light(image) == "dark"


@pytest.mark.parametrize(
    "device, slug",
    [
        ("/nowhere/clip.avi", "no-camera"),
        ("/dev/video977", "no-camera"),
        ("977", "no-camera"),
        ("/dev/null", "no-camera"),
        ("/", "no-camera"),
        ("http://127.0.0.1:9/clip.mp4", "no-camera"),
        ("a\0b", "no-camera"),
    ],
)
def test_what_is_no_camera(device, slug):
    assert slug_of(open_camera, device, kind=CameraError) == slug


def test_files_that_are_no_videos(tmp_path, astronaut_path):
    text = tmp_path / "text.mp4"
    text.write_text("not a video")
    assert slug_of(open_camera, str(text)) == "unreadable-video"
    (tmp_path / "empty.avi").touch()
    assert slug_of(open_camera, str(tmp_path / "empty.avi")) == "unreadable-video"
    assert slug_of(open_camera, str(astronaut_path)) == "usage"


@pytest.mark.parametrize(
    "number, slug",
    [
        (errno.EACCES, "camera-denied"),
        (errno.EPERM, "camera-denied"),
        (errno.EBUSY, "camera-busy"),
        (errno.ENODEV, "no-camera"),
    ],
)
def test_why_a_device_cannot_be_opened(monkeypatch, number, slug):
    def refuse(path, flags):
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(module.os, "open", refuse)
    assert slug_of(open_camera, "/dev/null") == slug


def test_without_opencv_the_hint_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(CameraError) as caught:
        open_camera(__file__)
    assert caught.value.slug == "camera-support-missing" and ".[camera]" in caught.value.hint


def test_a_device_that_gives_nothing_and_one_that_stops():
    silent = FakeCapture([])
    with pytest.raises(CameraError) as caught, Camera(silent, "camera 0", live=True) as camera:
        list(camera.frames(5))
    assert caught.value.slug == "camera-busy" and silent.released == 1
    unplugged = FakeCapture([GREY, GREY])
    with pytest.raises(CameraError) as caught, Camera(unplugged, "camera 0", live=True) as camera:
        list(camera.frames(5))
    assert caught.value.slug == "camera-failed" and unplugged.released == 1


def test_the_device_is_let_go_whatever_happens():
    interrupted = FakeCapture([GREY] * 3)
    with pytest.raises(KeyboardInterrupt), Camera(interrupted, "camera 0", live=True) as camera:
        for _ in camera.frames(5):
            raise KeyboardInterrupt
    assert interrupted.released == 1


def test_a_device_stops_when_the_time_is_over(monkeypatch):
    times = iter(range(100))
    monkeypatch.setattr(module.time, "monotonic", lambda: next(times))
    with Camera(FakeCapture([GREY] * 50), "camera 0", live=True) as camera:
        assert [frame.seconds for frame in camera.frames(4)] == [1, 2, 3, 4]


def test_a_grey_camera_gives_colour_frames():
    with Camera(FakeCapture([GREY[:, :, 0]]), "clip", live=False) as camera:
        assert next(camera.frames(1)).image.shape == (24, 32, 3)


def test_importing_it_does_not_import_opencv():
    code = "import sys, faceunlock.photos.camera, faceunlock.photos.capture; print('cv2' in sys.modules)"
    root = str(Path(module.__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": root}
    )
    assert done.stdout == "False\n"


def test_a_camera_can_be_expected_only_if_it_is_there_and_can_be_read(tmp_path, monkeypatch):
    from faceunlock.photos.camera import seems_there

    film = tmp_path / "film.avi"
    film.touch()
    assert seems_there(str(film)) and not seems_there(str(tmp_path / "other.avi")) and not seems_there("977")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert not seems_there(str(film)), "without OpenCV nothing can be read"
