"""Which cameras show a mirror image: learnt with one turn, kept in a private file, or set."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from support.fakes import slug_of
from support.made_heads import HEAD, HeadDetector, Obedient, View, paint_heads

from faceunlock.liveness import CAMERAS
from faceunlock.photos.camera import Frame
from faceunlock.tasks.mirrors import first_turn, is_known, is_mirrored, learn


def frames(head: Obedient, count: int = 30) -> list[Frame]:
    head.hear("left", 0.4)
    return [Frame("0", n / 10, paint_heads([(1, head.face(n / 10))])) for n in range(count)]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("mirrored", [True, False])
def test_one_turn_to_the_left_tells(seed, mirrored):
    head = Obedient(HEAD, seed, mirrored=mirrored, view=View(centre=(200.0, 150.0), eyes=22.0))
    assert first_turn(frames(head), HeadDetector()) is mirrored


def test_without_a_turn_or_a_face_nothing_is_learnt():
    still = Obedient(HEAD, 1, angle=10, view=View(centre=(200.0, 150.0), eyes=22.0))
    assert first_turn(frames(still), HeadDetector()) is None
    assert first_turn([Frame("0", 0.0, np.zeros((50, 50, 3), np.uint8))], HeadDetector()) is None
    assert first_turn([], HeadDetector()) is None


def test_it_is_kept_for_each_camera(unlock, home):
    assert not is_mirrored(unlock, "0") and not is_known(unlock, "0")
    learn(unlock, "0", True)
    learn(unlock, "/dev/video2", False)
    assert is_mirrored(unlock, "0") and is_mirrored(unlock, "/dev/video0")
    assert is_known(unlock, "2") and not is_mirrored(unlock, "2")
    assert (home / CAMERAS).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(("setting", "mirrored"), [("yes", True), ("no", False)])
def test_a_setting_wins(unlock, setting, mirrored):
    learn(unlock, "0", not mirrored)
    unlock.settings = replace(unlock.settings, camera_mirrored=setting)
    assert is_mirrored(unlock, "0") is mirrored and is_known(unlock, "7")


@pytest.mark.parametrize("content", [b"[]", b"{", b'{"0": 1}', json.dumps({"0": "yes"}).encode(), b"\xff"])
def test_a_damaged_file_is_refused(unlock, home, content):
    learn(unlock, "0", True)
    (home / CAMERAS).write_bytes(content)
    assert slug_of(is_mirrored, unlock, "0") == "gallery-damaged"


def test_what_others_could_change_is_refused(unlock, home):
    learn(unlock, "0", True)
    (home / CAMERAS).chmod(0o666)
    assert slug_of(is_mirrored, unlock, "0") == "insecure-permissions"
