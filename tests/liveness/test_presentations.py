"""Folders of presentations."""

import os

import pytest
from support.clips import write_clip
from support.fakes import GREY, paint, save, slug_of

from faceunlock.errors import CalibrationError, PhotoError
from faceunlock.liveness.presentations import find_sources


@pytest.fixture
def folders(tmp_path):
    for name in ("ada/1.png", "ada/2.png", "bob.png", ".hidden/3.png", "notes.txt"):
        (tmp_path / "live" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "live" / name).touch()
    for name in ("print/ada/1.png", "print/bob.jpg", "phone/cyd/deep/4.mp4"):
        (tmp_path / "attack" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "attack" / name).touch()
    return tmp_path / "live", tmp_path / "attack"


def test_who_and_what_follows_from_the_folders(folders):
    found = {(one.path.name, one.person, one.species) for one in find_sources(*folders)}
    assert found == {
        ("1.png", "ada", None),
        ("2.png", "ada", None),
        ("bob.png", "bob", None),
        ("1.png", "ada", "print"),
        ("bob.jpg", "bob", "print"),
        ("4.mp4", "cyd", "phone"),
    }


def test_an_attack_without_a_species(folders):
    (folders[1] / "loose.png").touch()
    assert slug_of(find_sources, *folders, kind=CalibrationError) == "bad-folder"


def test_empty_and_missing_folders(folders, tmp_path):
    (tmp_path / "empty").mkdir()
    assert slug_of(find_sources, tmp_path / "empty", folders[1]) == "bad-folder"
    assert slug_of(find_sources, folders[0], tmp_path / "empty") == "bad-folder"
    assert slug_of(find_sources, folders[0], tmp_path / "nowhere", kind=PhotoError) == "photo-not-found"
    os.mkfifo(tmp_path / "pipe")
    assert slug_of(find_sources, folders[0], tmp_path / "pipe", kind=PhotoError) == "photo-not-found"
    assert slug_of(find_sources, folders[0] / "bob.png", folders[1]) == "photo-not-found"


def test_videos_bring_a_clip_and_what_has_no_face_is_left_out(unlock, tmp_path):
    for number in range(4):
        save(tmp_path / "live" / f"{number}.png", paint(number, side=80))
    save(tmp_path / "attack" / "print" / "a" / "1.png", paint(9, side=80))
    save(tmp_path / "attack" / "print" / "a" / "2.png", GREY)
    write_clip(tmp_path / "live" / "film.avi", [GREY] * 5)
    (tmp_path / "attack" / "print" / "broken.mp4").write_bytes(b"no video")
    report = unlock.measure_pad(tmp_path / "live", tmp_path / "attack")
    measurement = report.measurement
    assert (measurement.live, measurement.no_response_live) == (4, 1)
    assert (measurement.attacks, measurement.no_response_attacks) == (1, 2)
    assert {one.reason for one in report.left_out} == {"no-face", "unreadable-video"}
