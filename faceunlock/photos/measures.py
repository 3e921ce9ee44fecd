"""What is measured of a face beside the limits of a good photo, and what to do about each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from faceunlock.photos.face import Quality
from faceunlock.photos.pose import MOST_CUT_OFF, MOST_TURN
from faceunlock.photos.shade import LEAST_EYE_LIGHT

Fault = Literal["face-too-small", "face-cut-off", "face-turned", "eyes-shaded", "too-dark", "too-blurred"]
"""The slug of what is wrong with a face."""


AT_LEAST: frozenset[Fault] = frozenset({"face-too-small", "eyes-shaded", "too-dark", "too-blurred"})
"""Faults of a measure below its limit; the others are above it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a face in a good photo meets, as the settings have it.

    Attributes
    ----------
    min_size : float
        Lowest `Quality.size`, in pixels.
    min_sharpness : float
        Lowest `Quality.sharpness`, in percent.
    min_brightness : float
        Lowest `Quality.brightness`, 0 to 255.
    """

    min_size: float
    min_sharpness: float
    min_brightness: float


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure of a face.

    Attributes
    ----------
    fault : str
        The slug that it stands for if it is beyond its limit.
    name : str
        What is measured.
    value : float or None
        None if it cannot be told.
    limit : float
    unit : str
    good : bool
        Whether it is within its limit, or cannot be told.
    """

    fault: Fault
    name: str
    value: float | None
    limit: float
    unit: str
    good: bool


def measures(quality: Quality, limits: Limits) -> tuple[Measure, ...]:
    """Return every measure of a face beside its limit, the most serious fault first.

    Examples
    --------
    >>> found = measures(Quality(80, 9.0, 12.0, turn=-41.0), Limits(40, 2.5, 20))
    >>> [one.fault for one in found if not one.good]
    ['face-turned', 'too-dark']
    """
    turn = None if quality.turn is None else abs(quality.turn)
    size, sharp, light = limits.min_size, limits.min_sharpness, limits.min_brightness
    cut = 100 * quality.cut_off
    eyes = None if quality.eye_light is None else 100 * quality.eye_light
    shaded = quality.eye_light is not None and quality.eye_light < LEAST_EYE_LIGHT
    return (
        Measure("face-too-small", "size of the face", quality.size, size, "pixels", quality.size >= size),
        Measure(
            "face-cut-off", "outside the photo", cut, 100 * MOST_CUT_OFF, "%", quality.cut_off <= MOST_CUT_OFF
        ),
        Measure(
            "face-turned", "turned to the side", turn, MOST_TURN, "degrees", turn is None or turn <= MOST_TURN
        ),
        Measure("eyes-shaded", "eyes against cheeks", eyes, 100 * LEAST_EYE_LIGHT, "%", not shaded),
        Measure("too-dark", "brightness", quality.brightness, light, "of 255", quality.brightness >= light),
        Measure("too-blurred", "sharpness", quality.sharpness, sharp, "%", quality.sharpness >= sharp),
    )
