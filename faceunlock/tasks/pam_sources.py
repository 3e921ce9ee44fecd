"""Whether the photo of a PAM line really comes from a camera, or from something that only root can change."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from faceunlock.files.trust import distrusted

DEVICE_NUMBERS = Path("/sys/dev/char")

_MOST_INTERPRETERS = 5  # Linux follows no more
_LONGEST_FIRST_LINE = 256


def camera_path(device: str) -> Path:
    """Return the file behind the name of a camera; PAM runs the program in ``/``.

    Examples
    --------
    >>> camera_path("0").as_posix(), camera_path("film.mp4").as_posix()
    ('/dev/video0', '/film.mp4')
    """
    return Path(f"/dev/video{device}") if re.fullmatch("[0-9]{1,3}", device) else Path("/", device)


def camera_problems(device: str) -> Iterator[str]:
    """Yield why a camera is not one that shows who sits at the machine.

    Only a character device can be a camera: a film shows the same face each time. The device must not be a
    virtual one either, whose pictures come from a program. The directories and links on the way must be
    root's; the device itself may be open to its group, which can take its pictures but not make them.

    Parameters
    ----------
    device : str
        As for ``--camera``: a number or a path.
    """
    path = camera_path(device)
    try:
        info = path.stat()
    except OSError as error:
        yield f"{path} is not a camera now: {error.strerror}"
        return
    if not stat.S_ISCHR(info.st_mode):
        yield f"{path} is a file, not a camera"
        return
    yield from distrusted(path)
    number = DEVICE_NUMBERS / f"{os.major(info.st_rdev)}:{os.minor(info.st_rdev)}"
    if "/devices/virtual/video4linux/" in str(number.resolve()):
        yield f"{path} is a virtual camera; the pictures come from a program"


def program_problems(program: Path) -> Iterator[str]:
    """Yield why somebody other than root could choose what a program does; a script's interpreter counts."""
    for _ in range(_MOST_INTERPRETERS):
        yield from distrusted(program)
        try:
            with program.open("rb") as stream:
                first = stream.readline(_LONGEST_FIRST_LINE)
        except OSError:
            return  # `distrusted` has said it, or the program may only be run
        words = first.removeprefix(b"#!").split()
        if not first.startswith(b"#!") or not words:
            return
        program = Path(os.fsdecode(words[0]))
