"""The measurement of the stages on a gallery's machine, kept in a private file beside the gallery."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

from faceunlock.errors import GalleryError
from faceunlock.files.private import (
    atomic_write,
    check_private_directory,
    check_private_file,
    ensure_private_directory,
)
from faceunlock.files.reading import SMALL, parse_json, read_file
from faceunlock.liveness import MEASUREMENT
from faceunlock.matching.rate import Rate

if TYPE_CHECKING:
    # Late, because `status` looks for a record, and there is none on most machines.
    from faceunlock.liveness.measuring import PadMeasurement, StageRates

SCHEMA = 2

OBSOLETE = 1
"""The version of records of checks that are gone: moire, highlights, sharpness and parallax."""


@dataclass(frozen=True, slots=True)
class ObsoleteMeasurement:
    """A record of checks that no longer exist.

    Attributes
    ----------
    created : str
        Time of the measurement, ISO 8601 in UTC.
    checks : tuple of str
        Names of the checks.
    """

    created: str
    checks: tuple[str, ...]


def save(directory: Path, measurement: PadMeasurement) -> None:
    """Save a measurement, replacing any earlier one.

    Raises
    ------
    GalleryError
        ``gallery-unwritable`` or ``insecure-permissions``.
    """
    ensure_private_directory(directory)
    content = json.dumps({"schema": SCHEMA, **to_dict(measurement)}, indent=1, allow_nan=False)
    try:
        atomic_write(directory / MEASUREMENT, content.encode("ascii"))
    except OSError as error:
        raise GalleryError("gallery-unwritable", f"{directory / MEASUREMENT}: {error.strerror}") from error


def load(directory: Path) -> PadMeasurement | ObsoleteMeasurement | None:
    """Return the saved measurement, or None if there is none.

    Raises
    ------
    GalleryError
        ``insecure-permissions`` if other users could have changed it; ``gallery-unwritable`` if it cannot be
        read; ``gallery-damaged`` if the file is not a measurement.
    """
    path = directory / MEASUREMENT
    if not check_private_directory(directory) or not check_private_file(path):
        return None
    try:
        data = parse_json(read_file(path, SMALL))
        schema = data.pop("schema")
        if schema == OBSOLETE:
            return _obsolete(data)
        if schema != SCHEMA:
            raise ValueError("it has a different version")
        return from_dict(data)
    except OSError as error:
        raise GalleryError("gallery-unwritable", f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise GalleryError(
            "gallery-damaged",
            f"{path} is not a valid measurement of the liveness stages: {error}",
            hint="Measure again: faceunlock pad-test --live FOLDER --attack FOLDER",
        ) from error


def _obsolete(data: Mapping[str, Any]) -> ObsoleteMeasurement:
    created, checks = data["created"], tuple(one["check"] for one in data["checks"])
    if not all(isinstance(word, str) for word in (created, *checks)):
        raise TypeError("unexpected entries")
    return ObsoleteMeasurement(created, checks)


def to_dict(measurement: PadMeasurement) -> dict[str, Any]:
    """Return a measurement as plain JSON values."""
    plain = asdict(measurement)
    plain["stages"] = [
        {
            "stage": one.stage,
            "threshold": one.threshold,
            "bpcer": one.bpcer.to_dict(),
            "apcer": {
                species: {
                    "by_clip": found.by_clip.to_dict(),
                    "by_person": found.by_person.to_dict(),
                    "no_answer": found.no_answer,
                }
                for species, found in one.apcer.items()
            },
            "unasked": None if one.unasked is None else one.unasked.to_dict(),
        }
        for one in measurement.stages
    ]
    return plain


def from_dict(data: Mapping[str, Any]) -> PadMeasurement:
    """Return the measurement that `to_dict` wrote.

    Raises
    ------
    ValueError, TypeError, KeyError, AttributeError
        If the data is anything else.
    """
    from faceunlock.liveness.measuring import PadMeasurement, Spread

    spreads = {
        str(score): {str(kind): Spread(**one) for kind, one in kinds.items()}
        for score, kinds in data["spreads"].items()
    }
    stages = tuple(_read_stage(one) for one in data["stages"])
    measurement = PadMeasurement(**{**data, "stages": stages, "spreads": spreads})
    if to_dict(measurement) != dict(data):
        raise ValueError("unexpected entries")
    _refuse_other_types(measurement)
    return measurement


def _read_stage(data: Mapping[str, Any]) -> StageRates:
    from faceunlock.liveness.measuring import SpeciesRates, StageRates

    apcer = {
        str(species): SpeciesRates(
            Rate.from_dict(one["by_clip"]), Rate.from_dict(one["by_person"]), one["no_answer"]
        )
        for species, one in data["apcer"].items()
    }
    unasked = None if data["unasked"] is None else Rate.from_dict(data["unasked"])
    threshold = data["threshold"]
    if threshold is not None and (type(threshold) is not float or not math.isfinite(threshold)):
        raise ValueError(f"not a threshold: {threshold!r}")
    return StageRates(data["stage"], threshold, Rate.from_dict(data["bpcer"]), apcer, unasked)


def _refuse_other_types(measurement: PadMeasurement) -> None:
    parts = [measurement, *measurement.stages]
    parts += [found for one in measurement.stages for found in one.apcer.values()]
    parts += [one for kinds in measurement.spreads.values() for one in kinds.values()]
    for one in parts:
        for name, kind in get_type_hints(type(one)).items():
            if kind in (str, int, float) and type(getattr(one, name)) is not kind:
                raise ValueError(f"{name} is not of type {kind.__name__}")
