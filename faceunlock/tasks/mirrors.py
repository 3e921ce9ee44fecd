"""Whether a camera shows a mirror image: set, learnt at an enrolment, or taken for no."""

from __future__ import annotations

import json
from statistics import median
from typing import TYPE_CHECKING

from faceunlock.errors import GalleryError
from faceunlock.files.private import (
    atomic_write,
    check_private_directory,
    check_private_file,
    ensure_private_directory,
)
from faceunlock.files.reading import SMALL, parse_json, read_file
from faceunlock.liveness import CAMERAS
from faceunlock.liveness.turning import FRONTAL, TURNED, offset_of
from faceunlock.tasks.workspace import device_file

if TYPE_CHECKING:
    from collections.abc import Iterable

    from faceunlock.photos.camera import Frame
    from faceunlock.pipeline.detection import Detector
    from faceunlock.tasks.workspace import Workspace

LEARNING_SECONDS = 6.0
"""How long to wait for one turn at the end of an enrolment."""


def is_mirrored(workspace: Workspace, device: str) -> bool:
    """Return whether a camera shows a mirror image: the setting, or else what was learnt of this device.

    Raises
    ------
    GalleryError
        ``insecure-permissions`` if others could have changed what was learnt; ``gallery-damaged``.
    """
    setting = workspace.settings.camera_mirrored
    return _learnt(workspace).get(device_file(device), False) if setting == "auto" else setting == "yes"


def is_known(workspace: Workspace, device: str) -> bool:
    """Return whether a setting says, or an enrolment learnt, if a camera shows a mirror image."""
    return workspace.settings.camera_mirrored != "auto" or device_file(device) in _learnt(workspace)


def learn(workspace: Workspace, device: str, mirrored: bool) -> None:
    """Remember whether a camera shows a mirror image.

    Raises
    ------
    GalleryError
        ``gallery-unwritable``, or as `is_mirrored`.
    """
    known = _learnt(workspace) | {device_file(device): mirrored}
    path = workspace.locations.data / CAMERAS
    ensure_private_directory(workspace.locations.data)
    try:
        atomic_write(path, json.dumps(known, indent=1).encode("ascii"))
    except OSError as error:
        raise GalleryError("gallery-unwritable", f"{path}: {error.strerror}") from error


def first_turn(frames: Iterable[Frame], detector: Detector) -> bool | None:
    """Return whether the first turn of a person who was asked to turn left goes to the picture's left.

    Parameters
    ----------
    frames : iterable of Frame
        Of somebody who looks ahead before turning.
    detector : Detector

    Returns
    -------
    bool or None
        Whether the picture is a mirror image; None if nobody turned far enough.
    """
    from faceunlock.pipeline.detection.following import FollowingDetector

    following, last, middle = FollowingDetector(detector), [0.0] * 3, None
    ahead: list[float] = []
    for frame in frames:
        faces = following.detect(frame.image, frame.seconds)
        offset = offset_of(faces[0]) if faces else None
        if offset is None:
            continue
        if middle is None:
            ahead = [*ahead, offset] if abs(offset) <= FRONTAL else []
            middle = median(ahead) if len(ahead) == 3 else None
            last = ahead[-3:]
            continue
        last = [*last[1:], offset]
        turned = median(last) - middle
        if abs(turned) >= TURNED:
            return turned < 0
    return None


def _learnt(workspace: Workspace) -> dict[str, bool]:
    directory = workspace.locations.data
    path = directory / CAMERAS
    if not check_private_directory(directory) or not check_private_file(path):
        return {}
    try:
        known = parse_json(read_file(path, SMALL))
        if not isinstance(known, dict) or not all(type(value) is bool for value in known.values()):
            raise ValueError("not a list of cameras")
    except OSError as error:
        raise GalleryError("gallery-unwritable", f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise GalleryError(
            "gallery-damaged",
            f"{path} is damaged: {error}",
            hint=f"Remove {path}; it says which cameras mirror.",
        ) from error
    return known
