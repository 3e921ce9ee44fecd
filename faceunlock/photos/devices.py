"""The cameras of this machine, as the kernel describes them: Video4Linux. No picture is taken.

Names and numbers come from sysfs. Formats come from the driver, which answers without starting the camera:
``VIDIOC_QUERYCAP`` and ``VIDIOC_ENUM_FMT`` of the kernel's Video4Linux API. Who holds a camera comes from the
open files of all processes that may be looked at.
"""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

QUERY_CAPABILITIES = 0x80685600
ENUMERATE_FORMATS = 0xC0405602
ENUMERATE_SIZES = 0xC02C564A
_CAPTURES = 0x1
_DEVICE_CAPABILITIES = 0x80000000
_MOST = 64
"""Formats, and sizes of one, that are asked for; a driver that goes on has a fault."""

Control = Callable[[int, int, bytearray], object]
"""Asks a driver, as `fcntl.ioctl` does: descriptor, request, and a buffer that it changes."""


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that has a camera open.

    Attributes
    ----------
    process : int
    name : str
    """

    process: int
    name: str


@dataclass(frozen=True, slots=True)
class CameraDevice:
    """One device file of a camera.

    Attributes
    ----------
    path : Path
        Such as ``/dev/video0``.
    stable : Path or None
        A link to it that keeps its name when numbers change, such as after a suspend.
    name : str
        What the camera calls itself.
    virtual : bool
        Whether its pictures come from a program.
    mode : str
        Owner, group and permission bits, such as ``root:video 0660``.
    usable : bool
        Whether this user may use it.
    captures : bool or None
        Whether it gives pictures: a camera often has a second device for data only. None if it cannot be
        asked.
    formats : tuple of str or None
        Formats with their largest size, such as ``MJPG 1920x1080``; None if it cannot be asked.
    holders : tuple of Holder
        Processes that have it open, as far as this user may see them.
    """

    path: Path
    stable: Path | None
    name: str
    virtual: bool
    mode: str
    usable: bool
    captures: bool | None
    formats: tuple[str, ...] | None
    holders: tuple[Holder, ...]


@dataclass(frozen=True, slots=True)
class Places:
    """Where the kernel describes cameras; tests use files behind the same interface.

    Attributes
    ----------
    classes, devices, processes : Path
    control : callable
    """

    classes: Path = Path("/sys/class/video4linux")
    devices: Path = Path("/dev")
    processes: Path = Path("/proc")
    control: Control = fcntl.ioctl


def camera_devices(places: Places | None = None) -> tuple[CameraDevice, ...]:
    """Return all devices of cameras, by number.

    Examples
    --------
    >>> camera_devices(Places(Path("/nonexistent")))
    ()
    """
    places = places or Places()
    try:
        names = [entry.name for entry in places.classes.iterdir() if entry.name.startswith("video")]
    except OSError:
        return ()
    names.sort(key=lambda name: (len(name), name))
    holders = _holders(places, {places.devices / name for name in names})
    stable = {link.resolve(): link for link in sorted((places.devices / "v4l" / "by-id").glob("*"))}
    return tuple(_device(places, name, holders, stable) for name in names)


def _device(
    places: Places, name: str, holders: dict[Path, list[Holder]], stable: dict[Path, Path]
) -> CameraDevice:
    path, entry = places.devices / name, places.classes / name
    title = name
    with suppress(OSError):
        title = (entry / "name").read_text(encoding="utf-8", errors="replace").strip() or name
    captures, formats = _ask(places.control, path)
    return CameraDevice(
        path=path,
        stable=stable.get(path.resolve()),
        name=title,
        virtual="/devices/virtual/" in str(entry.resolve()),
        mode=_mode(path),
        usable=os.access(path, os.R_OK | os.W_OK),
        captures=captures,
        formats=formats,
        holders=tuple(holders.get(path, ())),
    )


def _mode(path: Path) -> str:
    import grp
    import pwd

    try:
        info = path.stat()
    except OSError as error:
        return error.strerror or "not there"
    owner, group = str(info.st_uid), str(info.st_gid)
    with suppress(KeyError):
        owner = pwd.getpwuid(info.st_uid).pw_name
    with suppress(KeyError):
        group = grp.getgrgid(info.st_gid).gr_name
    return f"{owner}:{group} {info.st_mode & 0o7777:04o}"


def _ask(control: Control, path: Path) -> tuple[bool | None, tuple[str, ...] | None]:
    """Return whether a device gives pictures, and its formats; both None if it cannot be asked."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except OSError:
        return None, None
    try:
        answer = bytearray(104)
        control(descriptor, QUERY_CAPABILITIES, answer)
        whole, own = struct.unpack_from("=II", answer, 84)
        captures = bool((own if whole & _DEVICE_CAPABILITIES else whole) & _CAPTURES)
        return captures, tuple(_formats(control, descriptor)) if captures else ()
    except OSError:
        return None, None
    finally:
        os.close(descriptor)


def _formats(control: Control, descriptor: int) -> Iterator[str]:
    for index in range(_MOST):
        answer = bytearray(64)
        struct.pack_into("=II", answer, 0, index, _CAPTURES)
        try:
            control(descriptor, ENUMERATE_FORMATS, answer)
        except OSError:  # no more
            return
        code = answer[44:48]
        letters = code.decode("ascii", errors="replace").strip("\0 ")
        size = _largest(control, descriptor, bytes(code))
        yield f"{letters} {size[0]}x{size[1]}" if size else letters


def _largest(control: Control, descriptor: int, code: bytes) -> tuple[int, int] | None:
    """Return the width and height of a format's largest picture."""
    found: list[tuple[int, int]] = []
    for index in range(_MOST):
        answer = bytearray(44)
        struct.pack_into("=I4s", answer, 0, index, code)
        try:
            control(descriptor, ENUMERATE_SIZES, answer)
        except OSError:
            break
        kind, *numbers = struct.unpack_from("=I6I", answer, 8)
        if kind != 1:  # steps from a smallest to a largest size
            return numbers[1], numbers[4]
        found.append((numbers[0], numbers[1]))
    return max(found, key=lambda size: size[0] * size[1]) if found else None


def _holders(places: Places, paths: set[Path]) -> dict[Path, list[Holder]]:
    """Return the processes that have one of some files open, as far as they may be looked at."""
    found: dict[Path, list[Holder]] = {}
    wanted = {str(path): path for path in paths}
    for process in places.processes.glob("[0-9]*") if paths else ():
        with suppress(OSError):  # it has ended, or belongs to somebody else
            opened = {str(link.readlink()) for link in (process / "fd").iterdir()}
            for target in sorted(opened & wanted.keys()):
                name = (process / "comm").read_text(encoding="utf-8", errors="replace").strip()
                found.setdefault(wanted[target], []).append(Holder(int(process.name), name))
    return found
