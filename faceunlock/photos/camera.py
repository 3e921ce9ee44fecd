"""Cameras: a device or a video file becomes a stream of upright RGB frames, and is always released.

OpenCV does the reading; it comes with the extra ``camera`` and is imported only when a camera is opened.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import numpy as np

from faceunlock.errors import CameraError
from faceunlock.photos.face import RGBImage
from faceunlock.photos.in_memory import as_file
from faceunlock.photos.photo import DEFAULT_MAX_PIXELS, PHOTO_SUFFIXES, PhotoFile

VIDEO_SUFFIXES = frozenset({".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpg", ".ogv", ".webm"})
"""Suffixes, in lower case, by which a video is recognised in a folder."""

BLACK_LEVEL = 16
"""Luma that is still black: the black level of video, ITU-R BT.601."""

DARK_LEVEL = 30
"""Median luma below which a picture without a face is too dark: the default of ``min_brightness``."""

FALLBACK_RATE = 30.0
"""Frames per second of a video file that does not give its rate."""

Light = Literal["black", "dark", "lit"]


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture of a camera.

    Attributes
    ----------
    camera : str
        Name of the camera in messages.
    seconds : float
        When it was taken, counted from the start of reading; in a video file, the time in the video.
    image : ndarray of uint8, shape (height, width, 3)
        sRGB, 0 to 255.
    """

    camera: str
    seconds: float
    image: RGBImage = field(repr=False)

    def photo(self, max_pixels: int = DEFAULT_MAX_PIXELS) -> PhotoFile:
        """Return the frame as an ordinary photo; nothing is written to the disk.

        Examples
        --------
        >>> frame = Frame("camera 0", 0.5, np.zeros((2, 3, 3), np.uint8))
        >>> frame.photo().name, frame.photo().view().image.shape
        ('camera 0 at 0.50 s', (2, 3, 3))
        """
        return PhotoFile(f"{self.camera} at {self.seconds:.2f} s", as_file(self.image), max_pixels)


def light(image: RGBImage) -> Light:
    """Return whether a picture is black (lens covered, no signal), dark (too little light) or lit.

    Black: at least 99.5 % of the pixels are at most `BLACK_LEVEL` in every channel, so that sensor noise and
    a few defective pixels do not count. Dark: more than half of them are below `DARK_LEVEL`.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)

    Examples
    --------
    >>> [light(np.full((8, 8, 3), level, np.uint8)) for level in (3, 20, 90)]
    ['black', 'dark', 'lit']
    """
    brightest = image[::2, ::2].max(axis=2) if min(image.shape[:2]) > 1 else image.max(axis=2)
    if np.count_nonzero(brightest > BLACK_LEVEL) <= 0.005 * brightest.size:
        return "black"
    return "dark" if np.count_nonzero(brightest < DARK_LEVEL) > 0.5 * brightest.size else "lit"


class Camera:
    """An open camera: a context manager that yields frames.

    Parameters
    ----------
    capture : cv2.VideoCapture
        An open capture, which this object releases.
    name : str
        Name of the camera in messages.
    live : bool
        Whether it is a device; a video file has its own time and an end.
    source : object
        What the capture reads; OpenCV 5.0 crashes if nobody else has it when the capture is released.
    """

    def __init__(self, capture: Any, name: str, *, live: bool, source: object = None) -> None:
        self._capture, self.name, self.live, self._source = capture, name, live, source

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release the device."""
        self._capture.release()

    def frames(self, seconds: float) -> Iterator[Frame]:
        """Yield frames for this many seconds, or until a video file ends.

        Raises
        ------
        CameraError
            ``camera-busy`` if the device gives no picture at all, ``camera-failed`` if it stops giving
            them, ``unreadable-video`` if a file has none.
        """
        cv2 = opencv()
        rate = 0.0 if self.live else float(self._capture.get(cv2.CAP_PROP_FPS))
        rate = rate if 0 < rate < 1000 else FALLBACK_RATE
        start = time.monotonic()
        index = 0
        while True:
            try:
                there, pixels = self._capture.read()
            except cv2.error:
                there, pixels = False, np.empty(0, np.uint8)
            now = time.monotonic() - start if self.live else index / rate
            if not there:
                self._check_end(index, now)
                return
            if now > seconds:
                return
            image = cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB if pixels.ndim == 2 else cv2.COLOR_BGR2RGB)
            yield Frame(self.name, now, np.ascontiguousarray(image, dtype=np.uint8))
            index += 1

    def _check_end(self, frames: int, now: float) -> None:
        if not self.live:
            if not frames:
                raise CameraError("unreadable-video", f"{self.name} has no picture that can be read")
        elif not frames:
            raise CameraError("camera-busy", f"{self.name} gives no picture")
        else:
            raise CameraError("camera-failed", f"{self.name} stopped after {now:.1f} s")


def open_camera(device: str, *, films: bool = True) -> Camera:
    """Return an open camera.

    Parameters
    ----------
    device : str
        A number ("0" is the first camera), a device file (/dev/video0) or a video file.
    films : bool
        Whether a video file may take the place of a camera.

    Raises
    ------
    CameraError
        ``camera-support-missing`` without OpenCV; ``no-camera``, ``camera-denied`` or ``camera-busy`` for a
        device; ``unreadable-video`` for a file, ``no-camera`` if no film is allowed; ``usage`` for a photo.
    """
    number = _number(device)
    path = require_camera(device, films=films)
    cv2 = opencv()
    if path is None:
        return _opened(cv2.VideoCapture(number), f"camera {number}")
    if number is not None or stat.S_ISCHR(path.stat().st_mode):
        name = device if number is None else f"camera {number}"
        return _opened(cv2.VideoCapture(str(path), cv2.CAP_V4L2), name)
    # Nothing in an absolute path can be mistaken for a URL or a pattern of file names.
    return _played(cv2.VideoCapture(str(path.absolute()), cv2.CAP_FFMPEG), device)


def open_film(device: str, *, films: bool = True) -> Callable[[], Camera]:
    """Open a video file, and return what makes a camera of it; not a byte is read before that.

    Parameters and errors are as for `open_camera`, ``camera-support-missing`` also with an OpenCV that reads
    only files it opens itself, older than 4.11.
    """
    path = require_camera(device, films=films)
    cv2 = opencv()
    if path is None or not hasattr(cv2, "IStreamReader"):
        raise CameraError("camera-support-missing", f"{device}: a film needs OpenCV 4.11 or later here")
    try:
        file = path.open("rb")
    except OSError as error:
        raise CameraError("unreadable-video", f"{device}: {error.strerror}") from error
    return lambda: _played(cv2.VideoCapture(file, cv2.CAP_FFMPEG, []), device, file)


def require_camera(device: str, *, films: bool = True) -> Path | None:
    """Refuse what is no camera or cannot be used now; loads nothing, and reads no picture.

    Parameters
    ----------
    device, films
        As for `open_camera`, which also raises.

    Returns
    -------
    Path or None
        The device file or the video file; None where cameras have numbers only.
    """
    number = _number(device)
    if number is not None:
        if sys.platform != "linux":
            return None
        return _require_device(Path(f"/dev/video{number}"), f"camera {number}")
    path = Path(device)
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CameraError("no-camera", f"{device}: {reason}", hint=_present()) from error
    if stat.S_ISCHR(mode):
        return _require_device(path, device)
    if not films:
        raise CameraError("no-camera", f"{device} is a file, not a camera, and shows the same face each time")
    if not stat.S_ISREG(mode):
        raise CameraError("no-camera", f"{device} is neither a device nor a video file", hint=_present())
    if path.suffix.lower() in PHOTO_SUFFIXES:
        raise CameraError(
            "usage", f"{device} is a photo, not a camera", hint="Omit --camera to verify a photo."
        )
    return path


def seems_there(device: str) -> bool:
    """Return whether a camera can be expected: the device or film exists, and OpenCV is installed.

    Nothing is opened, and OpenCV is not imported.

    Parameters
    ----------
    device : str
        As for `open_camera`.
    """
    from importlib.util import find_spec

    if find_spec("cv2") is None:
        return False
    number = _number(device)
    if number is not None and sys.platform != "linux":
        return True
    return os.path.exists(device if number is None else f"/dev/video{number}")  # noqa: PTH110 - no error


def _number(device: str) -> int | None:
    return int(device) if re.fullmatch("[0-9]{1,3}", device) else None


def _require_device(path: Path, name: str) -> Path:
    try:
        # OpenCV does not say why it cannot open a device; the system does.
        descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        try:
            if not stat.S_ISCHR(os.fstat(descriptor).st_mode):
                raise CameraError("no-camera", f"{name} ({path}) is not a device", hint=_present())
        finally:
            os.close(descriptor)
    except OSError as error:
        slug = {errno.EACCES: "camera-denied", errno.EPERM: "camera-denied", errno.EBUSY: "camera-busy"}
        chosen = slug.get(error.errno or 0, "no-camera")
        hint = _present() if chosen == "no-camera" else None
        raise CameraError(chosen, f"{name} ({path}): {error.strerror}", hint=hint) from error
    return path


def _opened(capture: Any, name: str) -> Camera:
    if not capture.isOpened():
        capture.release()
        raise CameraError("no-camera", f"{name} is not a camera that can be opened", hint=_present())
    return Camera(capture, name, live=True)


def _played(capture: Any, name: str, source: object = None) -> Camera:
    if not capture.isOpened():
        capture.release()
        raise CameraError("unreadable-video", f"{name} is not a video that can be read")
    return Camera(capture, name, live=False, source=source)


def _present() -> str:
    devices = sorted(str(path) for path in Path("/dev").glob("video*"))
    if devices:
        return f"Available: {', '.join(devices)}. One camera often has several devices; try each."
    return "Connect a camera, or name a video file: faceunlock verify --camera clip.mp4"


def opencv() -> Any:
    """Return OpenCV, imported now; raise ``camera-support-missing`` if that fails."""
    # Otherwise it writes to stderr by itself, and a playlist could make it fetch from the network.
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = "protocol_whitelist;file"
    try:
        import cv2
    except ImportError as error:
        raise CameraError("camera-support-missing", f"OpenCV cannot be imported: {error}") from error
    return cv2
