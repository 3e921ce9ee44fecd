"""Frames are recorded from a camera, and written only when somebody says so."""

import numpy as np
import pytest
from PIL import Image
from support.clips import write_clip
from support.fakes import slug_of

from faceunlock.errors import CameraError, ReportError
from faceunlock.liveness.asking import Word


@pytest.fixture
def film(tmp_path):
    """Eighteen seconds at 20 frames a second, brighter and brighter."""
    frames = (np.full((48, 64, 3), number // 2, np.uint8) for number in range(360))
    return write_clip(tmp_path / "camera.avi", frames, rate=20.0)


def test_turns_are_asked_for_and_frames_are_in_memory_only(unlock, film, tmp_path, home):
    before = sorted(tmp_path.rglob("*"))
    words = []
    recording = unlock.record(str(film), tell=words.append)
    assert words[0] is Word.LOOK and words[-1] is Word.DONE and words.count(Word.BACK) == 3
    assert [word.value for word in words if word in (Word.LEFT, Word.RIGHT)] == list(recording.turns)
    assert len(recording.frames) == 166 and recording.seconds == pytest.approx(16.5)
    assert sorted(tmp_path.rglob("*")) == before and not home.exists()


def test_what_is_kept_is_private_numbered_and_in_order(unlock, film, tmp_path):
    recording = unlock.record(str(film))
    kept = unlock.keep_recording(recording, tmp_path / "own", "attack", "print", shows="Ada")
    assert kept == tmp_path / "own" / "attack" / "print" / "Ada" / "turn-1"
    files = sorted(kept.iterdir())
    assert [file.name for file in files[:2]] == ["0000.png", "0001.png"] and len(files) == 166
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert kept.stat().st_mode & 0o777 == 0o700
    levels = [int(np.asarray(Image.open(file)).mean()) for file in files[::20]]
    assert levels == sorted(levels) and levels[0] < levels[-1]
    again = unlock.keep_recording(recording, tmp_path / "own", "attack", "print", shows="Ada")
    assert again.name == "turn-2"


def test_a_folder_that_cannot_be_made(unlock, film, tmp_path):
    (tmp_path / "own").write_text("a file")
    recording = unlock.record(str(film))
    call = unlock.keep_recording
    assert slug_of(call, recording, tmp_path / "own", "live", "Ada", kind=ReportError) == "file-unwritable"


def test_no_camera(unlock):
    assert slug_of(unlock.record, "977", kind=CameraError) == "no-camera"
