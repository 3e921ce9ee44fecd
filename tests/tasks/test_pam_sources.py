import os
import struct
from pathlib import Path

import pytest

from faceunlock.tasks import pam_sources
from faceunlock.tasks.pam_sources import camera_problems, program_problems

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files of others")
NULL = Path("/dev/null")


@pytest.fixture
def film(tmp_path):
    (tmp_path / "film").write_bytes(b"RIFF")
    return tmp_path / "film"


def test_a_film_is_no_camera_wherever_it_lies(film, tmp_path):
    shared = Path("/dev/shm")
    link = tmp_path / "video0"
    link.symlink_to(film)
    places = [film, link, tmp_path]
    if os.access(shared, os.W_OK):
        places.append(shared / f"faceunlock-test-{os.getpid()}")
        places[-1].write_bytes(b"RIFF")
    try:
        for place in places:
            assert any("not a camera" in problem for problem in camera_problems(str(place))), place
    finally:
        for place in places[3:]:
            place.unlink()


def test_what_is_not_there_is_no_camera():
    for name in ("999", "/dev/nothing", "nothing"):
        assert any("not a camera" in problem for problem in camera_problems(name))


@as_root
def test_a_link_to_a_camera_is_judged_too(tmp_path):
    link = tmp_path / "camera"
    link.symlink_to(NULL)
    assert list(camera_problems(str(NULL))) == [] == list(camera_problems(str(link)))
    os.chown(link, 65534, 65534, follow_symlinks=False)
    assert any("uid 65534" in problem for problem in camera_problems(str(link)))


def test_a_camera_whose_pictures_come_from_a_program(tmp_path, monkeypatch):
    monkeypatch.setattr(pam_sources, "DEVICE_NUMBERS", tmp_path)
    number = NULL.stat().st_rdev
    for kind, virtual in (("pci0000:00/usb1", False), ("virtual", True)):
        device = tmp_path / "devices" / kind / "video4linux" / "video0"
        device.mkdir(parents=True)
        entry = tmp_path / f"{os.major(number)}:{os.minor(number)}"
        entry.unlink(missing_ok=True)
        entry.symlink_to(device)
        assert any("virtual camera" in problem for problem in camera_problems(str(NULL))) == virtual


@as_root
@pytest.mark.parametrize("part", ["", "capture"])
def test_somebody_whom_an_access_control_list_lets_write_takes_the_photo(tmp_path, part):
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "capture").write_text("#!/bin/sh\n")
    assert list(program_problems(folder / "capture")) == []
    entries = ((1, 7, -1), (2, 7, 1000), (4, 5, -1), (16, 7, -1), (32, 5, -1))
    packed = (struct.pack("<HHI", tag, allowed, who & 0xFFFFFFFF) for tag, allowed, who in entries)
    try:
        os.setxattr(folder / part, "system.posix_acl_access", struct.pack("<I", 2) + b"".join(packed))
    except OSError as error:
        pytest.skip(f"no access control lists here: {error}")
    (problem,) = program_problems(folder / "capture")
    assert "uid 1000" in problem and str(folder / part) in problem


@as_root
def test_the_interpreter_of_a_script_takes_the_photo(tmp_path):
    (tmp_path / "inner").write_text("#!/bin/sh\n")
    (tmp_path / "outer").write_text(f"#! {tmp_path / 'inner'} -x\n")
    assert list(program_problems(tmp_path / "outer")) == []
    os.chown(tmp_path / "inner", 65534, 0)
    (problem,) = program_problems(tmp_path / "outer")
    assert "inner belongs" in problem
    (tmp_path / "loop").write_text(f"#!{tmp_path / 'loop'}\n")
    assert list(program_problems(tmp_path / "loop")) == []
