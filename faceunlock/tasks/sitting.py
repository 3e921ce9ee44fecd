"""A sitting: somebody before a camera is led through it, and good frames are taken to enroll them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from faceunlock.liveness.guidance import PATIENCE, Coach, Guidance, Seen
from faceunlock.photos.camera import light
from faceunlock.photos.capture import several_good
from faceunlock.photos.face import measure_quality
from faceunlock.photos.measures import Limits
from faceunlock.tasks.workspace import examiner

if TYPE_CHECKING:
    from faceunlock.photos.camera import Frame
    from faceunlock.photos.face import RGBImage
    from faceunlock.photos.photo import PhotoFile
    from faceunlock.pipeline.acquisition import Acquisition
    from faceunlock.pipeline.detection import Detector
    from faceunlock.pipeline.enrolment import Gates
    from faceunlock.settings import Settings

Frames = Callable[[float], Iterable["Frame"]]
"""Gives the frames of a camera for so many seconds."""


def longest(settings: Settings, *, live: bool = True) -> float:
    """Return for how many seconds a sitting may last: people need time for each pose, films do not."""
    return settings.camera_seconds + (settings.camera_photos * PATIENCE if live else 0.0)


def sit(
    frames: Frames,
    acquisition: Acquisition,
    gates: Gates,
    settings: Settings,
    guide: Callable[[Guidance], None] | None,
    *,
    live: bool,
    mirrored: bool | None,
) -> Iterator[PhotoFile]:
    """Yield different photos of good faces, at most as many as the setting ``camera_photos``.

    Parameters
    ----------
    frames : callable
    acquisition : Acquisition
    gates : Gates
        What each photo must meet.
    settings : Settings
    guide : callable or None
        Gets words for the person.
    live : bool
        Whether somebody hears them: a film is asked for no poses.
    mirrored : bool or None
        Whether the camera shows a mirror image; None if that is not known.

    Raises
    ------
    CameraError
        As `faceunlock.photos.camera.Camera.frames`.
    PhotoError
        As `faceunlock.photos.capture.several_good`.
    """
    good = examiner(acquisition, gates, settings.max_pixels)
    count = settings.camera_photos
    if guide is None:
        yield from several_good(frames(settings.camera_seconds), good, count)
        return
    coach = Coach(limits_of(settings, gates), count, guide, poses=live, mirrored=mirrored)
    wanted = _wanted(frames(longest(settings, live=live)), acquisition.detector, coach)
    for photo in several_good(wanted, good, count):
        coach.took()
        yield photo


def _wanted(frames: Iterable[Frame], detector: Detector, coach: Coach) -> Iterator[Frame]:
    """Yield the frames that a coach wants."""
    return (frame for frame in frames if coach.wants(seen_in(frame.image, detector, frame.seconds)))


def limits_of(settings: Settings, gates: Gates) -> Limits:
    """Return what a face in a picture needs to be learned from."""
    return Limits(settings.min_face_pixels, gates.min_sharpness, gates.min_brightness)


def seen_in(image: RGBImage, detector: Detector, seconds: float = 0.0) -> Seen:
    """Return what one picture shows.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
    detector : Detector
    seconds : float
        When it was taken.
    """
    faces = detector.detect(image)
    quality = measure_quality(image, faces[0]) if faces else None
    return Seen(seconds, image.shape, light(image), faces, quality)
