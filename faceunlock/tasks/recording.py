"""Record the turns of a person or of an attack, for `pad-test`; nothing is verified and nothing sent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING

from faceunlock.errors import CameraError, ReportError
from faceunlock.tasks.workspace import PhotoPath, Workspace, as_path, open_camera

if TYPE_CHECKING:
    from faceunlock.liveness.asking import Word
    from faceunlock.liveness.recording import Kind, Recording


def record(
    workspace: Workspace, device: str | None = None, *, tell: Callable[[Word], None] = lambda _: None
) -> Recording:
    """Ask for three turns, and return the frames; no network looks at them, and none is written.

    Parameters
    ----------
    workspace : Workspace
        Its settings name the camera.
    device : str, optional
        A number, a device file or a video file; the setting ``camera`` when omitted.
    tell : callable
        Says each word as soon as it is due.

    Raises
    ------
    CameraError
        The camera cannot be used.
    """
    from faceunlock.liveness.recording import FRAME_SECONDS, Recording, due, encoded, script

    settings = workspace.settings
    turns, cues = script(SystemRandom())
    frames: list[bytes] = []
    said, seconds = 0, 0.0
    device = settings.camera if device is None else device
    with open_camera(workspace, device) as camera:
        for frame in camera.frames(cues[-1].seconds):
            for cue in due(cues, said, frame.seconds):
                tell(cue.word)
                said += 1
            if not frames or frame.seconds - seconds >= FRAME_SECONDS - 1e-6:
                frames.append(encoded(frame.image))
                seconds = frame.seconds
    if not frames:
        raise CameraError("camera-busy", f"{device} gives no picture")
    for cue in cues[said:]:
        if cue is cues[-1]:
            tell(cue.word)
    return Recording(tuple(frames), seconds, turns)


def keep_recording(
    recording: Recording, folder: PhotoPath, kind: Kind, name: str, *, shows: str = "somebody"
) -> Path:
    """Write the frames of a recording where `pad-test` finds them, and return their folder.

    Parameters
    ----------
    recording : Recording
        As `record` returns it.
    folder : path
        Folder of all recordings; made if it is missing, with mode 0700.
    kind : {"live", "attack"}
        Whether a person or an attack was before the camera.
    name : str
        The person; of an attack, the species.
    shows : str
        The person that an attack shows.

    Raises
    ------
    CalibrationError
        ``bad-folder`` for a name that is no plain folder name.
    ReportError
        ``file-unwritable``.
    """
    from faceunlock.files.private import atomic_write, make_private_directories
    from faceunlock.liveness.recording import place

    target = place(as_path(folder), kind, name, shows)
    try:
        make_private_directories(target)
        for number, content in enumerate(recording.frames):
            atomic_write(target / f"{number:04}.png", content, overwrite=False)
    except OSError as error:
        raise ReportError(
            "file-unwritable", f"{target} cannot be written: {error.strerror or error}"
        ) from error
    return target
