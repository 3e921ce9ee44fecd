"""Cameras: list them, try one, and choose the one that `--camera` means."""

from __future__ import annotations

import re
import stat
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from faceunlock.errors import CameraError, PhotoError, SettingsError
from faceunlock.files.private import atomic_write, ensure_private_directory
from faceunlock.settings import SETTINGS
from faceunlock.tasks.workspace import Workspace, device_file, open_camera

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from faceunlock.photos.camera import Frame
    from faceunlock.photos.devices import CameraDevice
    from faceunlock.photos.face import Quality

TRIAL_SECONDS = 3.0
"""How long `try_camera` watches."""

SEARCHED = 8
"""Frames, spread over the trial, in which a face is looked for once the camera is let go."""

SLOW = 6.0
"""Frames per second below which no turn of the head can be followed; see docs/limitations.md."""

_KEY = re.compile(r"^[ \t]*camera[ \t]*=.*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class CameraTrial:
    """What a camera gave in a few seconds.

    Attributes
    ----------
    camera : str
        Its name, as it was asked for.
    size : tuple of int
        Width and height of a frame, in pixels.
    frames : int
    seconds : float
        From the first frame to the last.
    brightness : float
        Median over the frames of their median luma, 0 to 255.
    black : int
        Frames that are black.
    frozen : int
        Frames that are, bit for bit, the one before; a sensor's noise makes that impossible.
    searched : int
        Frames in which a face was looked for.
    faces : int
        Frames of those in which one was found.
    quality : Quality or None
        That of the best of these faces; None without a face.
    """

    camera: str
    size: tuple[int, int]
    frames: int
    seconds: float
    brightness: float
    black: int
    frozen: int
    searched: int
    faces: int
    quality: Quality | None

    @property
    def rate(self) -> float:
        """Frames per second."""
        return (self.frames - 1) / self.seconds if self.seconds > 0 else 0.0

    def problems(self, *, sharpness: float, brightness: float) -> tuple[str, ...]:
        """Return one sentence for each thing that would keep the camera from recognising anybody.

        Parameters
        ----------
        sharpness, brightness : float
            The lowest that an enrolment accepts.
        """
        found = []
        if self.black > self.frames / 2:
            return ("the picture is black: open the shutter, or take the cover off",)
        if self.frozen > self.frames / 2:
            found.append(
                "the picture does not change: unplug the camera, or restart the program that feeds it"
            )
        if self.rate < SLOW:
            found.append(f"it gives {self.rate:.1f} frames a second; turns of the head need {SLOW:.0f}")
        if self.quality is None:
            found.append("no face was found: look at it, with light on your face")
        elif self.quality.brightness < brightness:
            found.append("the face is too dark: turn on a light")
        elif self.quality.sharpness < sharpness:
            found.append("the face is blurred: clean the lens, and keep still")
        return tuple(found)


def cameras() -> tuple[CameraDevice, ...]:
    """Return the cameras of this machine, where Video4Linux is; see `faceunlock.photos.devices`."""
    if sys.platform != "linux":
        return ()
    from faceunlock.photos.devices import camera_devices

    return camera_devices()


def try_camera(workspace: Workspace, device: str | None = None) -> CameraTrial:
    """Watch a camera for `TRIAL_SECONDS`, and look for a face; nothing is kept.

    Parameters
    ----------
    workspace : Workspace
        Its detector looks for faces.
    device : str, optional
        A number, a device file or a video file; the setting ``camera`` when omitted.

    Raises
    ------
    CameraError
        The camera cannot be used.
    """
    import numpy as np

    from faceunlock.photos.camera import light

    device = workspace.settings.camera if device is None else device
    kept: list[Frame] = []
    levels: list[float] = []
    frames = black = frozen = 0
    first = last = due = 0.0
    before: NDArray[np.uint8] | None = None
    with open_camera(workspace, device) as camera:
        for frame in camera.frames(TRIAL_SECONDS):
            first = frame.seconds if not frames else first
            last = frame.seconds
            frames += 1
            black += light(frame.image) == "black"
            frozen += before is not None and np.array_equal(before, frame.image)
            before = frame.image
            levels.append(_luma(frame.image))
            if frame.seconds >= due:
                kept.append(frame)
                due = frame.seconds + TRIAL_SECONDS / SEARCHED
    if before is None:
        raise CameraError("camera-busy", f"{device} gives no picture")
    found = _qualities(workspace, kept[-SEARCHED:])
    return CameraTrial(
        camera=device,
        size=(before.shape[1], before.shape[0]),
        frames=frames,
        seconds=last - first,
        brightness=float(np.sort(levels)[len(levels) // 2]),
        black=black,
        frozen=frozen,
        searched=min(len(kept), SEARCHED),
        faces=len(found),
        quality=max(found, key=lambda one: one.sharpness, default=None),
    )


def _luma(image: NDArray[np.uint8]) -> float:
    """Return the median luma of every eighth pixel of a frame, by the weights of ITU-R BT.601."""
    import numpy as np

    small = image[::8, ::8].astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    return float(np.sort(small.ravel())[small.size // 2])


def _qualities(workspace: Workspace, frames: list[Frame]) -> list[Quality]:
    """Return the quality of the subject of each frame that has one."""
    from faceunlock.photos.face import choose_subject, measure_quality

    detector = workspace.choice.loader.detector()
    found = []
    for frame in frames:
        try:
            face = choose_subject(detector.detect(frame.image), frame.image.shape, "largest")
        except PhotoError:
            continue
        found.append(measure_quality(frame.image, face))
    return found


def choose_camera(workspace: Workspace, device: str) -> str:
    """Make a camera the one that ``--camera`` means, in the config file, and return what was written there.

    A link that keeps its name is written where there is one: numbers change with each start.

    Raises
    ------
    CameraError
        ``no-camera`` or as `faceunlock.photos.camera.require_camera`.
    SettingsError
        ``bad-setting``, ``insecure-permissions``; ``file-unwritable``.
    """
    from faceunlock.photos.camera import require_camera

    path = require_camera(device, films=False)
    links = {one.path: one.stable for one in cameras()}
    if path is not None and sys.platform == "linux" and path.resolve() not in links:
        raise CameraError("no-camera", f"{device} is a device, but not a camera")
    stable = None if path is None else links.get(path.resolve())
    chosen = str(stable or (device if path is None else path.absolute()))
    _write(workspace.locations.config, chosen)
    return chosen


def _write(config: Path, camera: str) -> None:
    """Replace or add the line ``camera = ...``; all other lines stay as they are."""
    from faceunlock.settings import load_settings

    load_settings(config, {})  # refuses a file that is not ours to change, or that is not understood
    try:
        text = config.read_text(encoding="utf-8") if config.exists() else ""
        literal = camera.replace("\\", "\\\\").replace('"', '\\"')
        line = f'camera = "{literal}"'
        kept = _KEY.sub(lambda _: line, text, count=1) if _KEY.search(text) else f"{line}\n{text}"
        ensure_private_directory(config.parent)
        mode = stat.S_IMODE(config.stat().st_mode) if config.exists() else 0o600
        atomic_write(config, kept.encode(), mode=mode)
    except OSError as error:
        raise SettingsError("file-unwritable", f"{config}: {error.strerror}") from error


def missing_camera(camera: str, present: Callable[[], tuple[CameraDevice, ...]] = cameras) -> str | None:
    """Return what is wrong if the camera of the settings is gone, such as after a suspend, or None.

    A machine without any camera has not lost one, unless the setting names it.

    Parameters
    ----------
    camera : str
        The setting.
    present : callable
        Returns what is there; asked only if the camera is not, because it opens every device.
    """
    if Path(device_file(camera)).exists():
        return None
    devices = present()
    if not devices and camera == SETTINGS["camera"].default:
        return None
    there = ", ".join(str(device.path) for device in devices) or "none"
    return (
        f"the camera {camera} is not there (present: {there}); after a suspend it may have another number; "
        "run: faceunlock camera choose"
    )
