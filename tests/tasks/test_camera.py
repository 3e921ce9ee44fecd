"""Trying a camera, choosing one, and noticing that it is gone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.fakes import FakeDetector, paint, slug_of

from faceunlock.errors import SettingsError
from faceunlock.photos.camera import Camera
from faceunlock.photos.devices import CameraDevice
from faceunlock.settings import load_settings
from faceunlock.tasks import camera as module
from faceunlock.tasks.camera import missing_camera


class Film:
    """Pictures in the place of OpenCV's, 10 a second."""

    def __init__(self, *pictures):
        self.pictures, self.released = list(pictures), False

    def get(self, _):
        return 10.0

    def read(self):
        return (True, self.pictures.pop(0)[:, :, ::-1]) if self.pictures else (False, None)

    def release(self):
        self.released = True


@pytest.fixture
def trial(unlock, monkeypatch):
    """Try a camera that gives these pictures."""
    monkeypatch.setattr(unlock.choice.loader, "detector", FakeDetector)

    def look(*pictures, rate=10.0):
        film = Film(*pictures)
        film.get = lambda _: rate
        monkeypatch.setattr(module, "open_camera", lambda *_: Camera(film, "film", live=False))
        found = unlock.try_camera("film")
        assert film.released
        return found, found.problems(sharpness=0.1, brightness=1.0)

    return look


def test_a_good_camera(trial):
    found, problems = trial(*(paint(1, number) for number in range(20)))
    assert (found.frames, found.black, found.frozen, found.searched) == (20, 0, 0, found.faces)
    assert found.rate == pytest.approx(10.0) and found.size == paint(1).shape[1::-1] and found.seconds == 1.9
    assert problems == () and found.quality.size > 0


@pytest.mark.parametrize(
    ("pictures", "rate", "words"),
    [
        ([np.zeros((50, 60, 3), np.uint8)] * 9, 10.0, "black"),
        ([paint(1)] * 9, 10.0, "does not change"),
        ([paint(1, number) for number in range(9)], 5.0, "5.0 frames a second"),
        ([np.full((50, 60, 3), 100 + number, np.uint8) for number in range(9)], 10.0, "no face"),
    ],
)
def test_what_keeps_a_camera_from_recognising_anybody(trial, pictures, rate, words):
    found, (problem,) = trial(*pictures, rate=rate)
    assert words in problem and found.frames == 9


def test_a_face_that_is_dark_or_blurred_is_said(trial):
    found, _ = trial(*(paint(1, number) for number in range(9)))
    assert "too dark" in found.problems(sharpness=0.0, brightness=256.0)[0]
    assert "blurred" in found.problems(sharpness=1000.0, brightness=0.0)[0]


def device(path, stable=None):
    return CameraDevice(Path(path), stable, "Webcam", False, "root:video 0660", True, True, (), ())


@pytest.mark.parametrize("before", [None, "", 'min_photos = 4\ncamera = "3"  # old\n# camera = "9"\n'])
def test_a_choice_is_one_line_of_the_config_file(unlock, monkeypatch, before):
    config = unlock.locations.config
    if before is not None:
        config.parent.mkdir(exist_ok=True, mode=0o700)
        config.write_text(before)
        config.chmod(0o600)
    link = Path("/dev/v4l/by-id/usb-Webcam-index0")
    monkeypatch.setattr(
        "faceunlock.photos.devices.camera_devices", lambda: (device("/dev/null", link), device("/dev/zero"))
    )
    assert unlock.choose_camera("/dev/null") == str(link)
    assert load_settings(config, {}).camera == str(link)
    assert unlock.choose_camera("/dev/zero") == "/dev/zero"
    assert load_settings(config, {}).camera == "/dev/zero"
    kept = [line for line in config.read_text().splitlines() if not line.startswith("camera")]
    assert kept == [line for line in (before or "").splitlines() if not line.startswith("camera")]
    assert config.stat().st_mode & 0o777 == 0o600


def test_what_is_no_camera_is_not_chosen(unlock, tmp_path):
    (tmp_path / "film.avi").write_bytes(b"RIFF")
    for name in ("/dev/video98", "/dev/null", str(tmp_path / "film.avi")):
        assert slug_of(unlock.choose_camera, name) == "no-camera"
    assert not unlock.locations.config.exists()


def test_a_config_file_that_is_not_understood_stays_as_it_is(unlock, monkeypatch):
    config = unlock.locations.config
    config.parent.mkdir(exist_ok=True, mode=0o700)
    config.write_text("camera = ")
    monkeypatch.setattr("faceunlock.photos.devices.camera_devices", lambda: (device("/dev/null"),))
    with pytest.raises(SettingsError):
        unlock.choose_camera("/dev/null")
    assert config.read_text() == "camera = "


@pytest.mark.parametrize(
    ("setting", "there", "gone"),
    [
        ("0", (), False),
        ("77", (), True),
        ("77", ("/dev/video2",), True),
        ("/dev/video78", (), True),
        ("/dev/null", (), False),
        ("0", ("/dev/video2",), not Path("/dev/video0").exists()),
    ],
)
def test_a_camera_that_is_gone_is_named_with_what_is_there(setting, there, gone):
    said = missing_camera(setting, lambda: tuple(map(device, there)))
    assert (said is not None) == gone
    assert said is None or all(word in said for word in (setting, "faceunlock camera choose", *there))
