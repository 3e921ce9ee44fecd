"""Cameras as the kernel describes them: files behind its interface, or a loopback device if there is one."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

from faceunlock.photos.devices import (
    ENUMERATE_FORMATS,
    ENUMERATE_SIZES,
    QUERY_CAPABILITIES,
    Holder,
    Places,
    camera_devices,
)

FORMATS = {b"YUYV": [(640, 480), (320, 240)], b"MJPG": [(1280, 720), (1920, 1080), (640, 480)], b"GREY": []}


class Driver:
    """Answers as the driver of a camera does; structures of the kernel's videodev2.h."""

    def __init__(self, capabilities: int = 1, whole: int | None = None) -> None:
        self.capabilities, self.whole = capabilities, whole
        self.asked: list[int] = []

    def __call__(self, descriptor: int, request: int, buffer: bytearray) -> int:
        self.asked.append(request)
        if request == QUERY_CAPABILITIES:
            assert len(buffer) == 104
            buffer[16:26] = b"Webcam One"
            whole = self.capabilities | 0x80000000 if self.whole is None else self.whole
            struct.pack_into("=II", buffer, 84, whole, self.capabilities)
            return 0
        if request == ENUMERATE_FORMATS:
            assert len(buffer) == 64
            index, kind = struct.unpack_from("=II", buffer)
            assert kind == 1, "pictures, not data"
            if index >= len(FORMATS):
                raise OSError(22, "no more")
            buffer[44:48] = list(FORMATS)[index]
            return 0
        assert request == ENUMERATE_SIZES and len(buffer) == 44
        index, code = struct.unpack_from("=I4s", buffer)
        sizes = FORMATS[code]
        if index >= max(1, len(sizes)):
            raise OSError(22, "no more")
        if sizes:
            struct.pack_into("=III", buffer, 8, 1, *sizes[index])
        else:
            struct.pack_into("=I6I", buffer, 8, 3, 16, 800, 2, 16, 600, 2)
        return 0


@pytest.fixture
def machine(tmp_path):
    """A machine with a camera of two devices, and one that a program feeds."""
    for number, name, kind in ((0, "Webcam One", "pci0"), (1, "Webcam One", "pci0"), (10, "OBS", "virtual")):
        place = tmp_path / "sys" / "devices" / kind / "video4linux" / f"video{number}"
        place.mkdir(parents=True)
        (place / "name").write_text(f"{name}\n")
        (tmp_path / "class").mkdir(exist_ok=True)
        (tmp_path / "class" / f"video{number}").symlink_to(place)
        (tmp_path / "dev").mkdir(exist_ok=True)
        (tmp_path / "dev" / f"video{number}").write_bytes(b"")
        (tmp_path / "dev" / f"video{number}").chmod(0o660)
    (tmp_path / "class" / "v4l-subdev0").symlink_to(tmp_path)
    (tmp_path / "dev" / "v4l" / "by-id").mkdir(parents=True)
    (tmp_path / "dev" / "v4l" / "by-id" / "usb-Webcam-index0").symlink_to(tmp_path / "dev" / "video0")
    process = tmp_path / "proc" / "4711"
    (process / "fd").mkdir(parents=True)
    (process / "comm").write_text("cheese\n")
    (process / "fd" / "7").symlink_to(tmp_path / "dev" / "video0")
    (process / "fd" / "8").symlink_to("/dev/null")
    (tmp_path / "proc" / "4712").mkdir()
    return lambda driver: Places(tmp_path / "class", tmp_path / "dev", tmp_path / "proc", driver)


def test_what_is_said_of_a_camera(machine):
    first, second, fed = camera_devices(machine(Driver()))
    assert [one.path.name for one in (first, second, fed)] == ["video0", "video1", "video10"]
    assert (first.name, fed.name) == ("Webcam One", "OBS")
    assert first.formats == ("YUYV 640x480", "MJPG 1920x1080", "GREY 800x600")
    assert first.captures and first.usable and first.mode.endswith(" 0660")
    assert first.stable is not None and first.stable.name == "usb-Webcam-index0" and second.stable is None
    assert first.holders == (Holder(4711, "cheese"),) and second.holders == ()
    assert fed.virtual or "devices/virtual" in str(fed.path)
    assert not first.virtual


def test_a_device_for_data_only_gives_no_pictures(machine):
    assert {one.captures for one in camera_devices(machine(Driver(0x00A00000)))} == {False}
    assert camera_devices(machine(Driver(0, whole=1)))[0].captures, "an old driver says it of the whole"


def test_a_driver_that_does_not_answer(machine):
    def silent(*_: object) -> None:
        raise OSError(25, "not a video device")

    assert {(one.captures, one.formats) for one in camera_devices(machine(silent))} == {(None, None)}


def test_nothing_but_questions_is_asked(machine):
    driver = Driver()
    camera_devices(machine(driver))
    assert set(driver.asked) == {QUERY_CAPABILITIES, ENUMERATE_FORMATS, ENUMERATE_SIZES}


def test_a_device_that_vanishes_meanwhile_is_still_listed(machine, tmp_path):
    (tmp_path / "dev" / "video1").unlink()
    gone = camera_devices(machine(Driver()))[1]
    assert (gone.usable, gone.captures, gone.mode) == (False, None, "No such file or directory")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_a_real_loopback_device():
    there = [one for one in camera_devices() if one.virtual]
    if not there:
        pytest.skip("the kernel has no v4l2loopback device")
    assert all(Path(one.path).exists() and one.name for one in there)
