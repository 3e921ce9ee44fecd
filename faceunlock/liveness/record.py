"""The measurement of the checks on a gallery's machine, kept in a private file beside the gallery."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_type_hints

from faceunlock.errors import GalleryError
from faceunlock.files.private import (
    atomic_write,
    check_private_directory,
    check_private_file,
    ensure_private_directory,
)
from faceunlock.files.reading import SMALL, parse_json, read_file
from faceunlock.liveness import MEASUREMENT
from faceunlock.liveness.measuring import CheckRates, MeasuredCheck, PadMeasurement
from faceunlock.matching.rate import Rate

SCHEMA = 1


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


def load(directory: Path) -> PadMeasurement | None:
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
        if data.pop("schema") != SCHEMA:
            raise ValueError("it has a different version")
        return from_dict(data)
    except OSError as error:
        raise GalleryError("gallery-unwritable", f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise GalleryError(
            "gallery-damaged",
            f"{path} is not a valid measurement of the checks: {error}",
            hint="Measure again: faceunlock pad-test --live FOLDER --attack FOLDER",
        ) from error


def to_dict(measurement: PadMeasurement) -> dict[str, Any]:
    """Return a measurement as plain JSON values."""
    plain = asdict(measurement)
    plain["checks"] = [
        {"check": one.check, "version": one.version, "threshold": one.threshold, **_rates(one.rates)}
        for one in measurement.checks
    ]
    plain["together"] = None if measurement.together is None else _rates(measurement.together)
    return plain


def from_dict(data: Mapping[str, Any]) -> PadMeasurement:
    """Return the measurement that `to_dict` wrote.

    Raises
    ------
    ValueError, TypeError, KeyError, AttributeError
        If the data is anything else.
    """
    checks = tuple(
        MeasuredCheck(one["check"], one["version"], _finite(one["threshold"]), _read_rates(one))
        for one in data["checks"]
    )
    together = None if data["together"] is None else _read_rates(data["together"])
    measurement = PadMeasurement(**{**data, "checks": checks, "together": together})
    if to_dict(measurement) != dict(data):
        raise ValueError("unexpected entries")
    _refuse_other_types(measurement)
    return measurement


def _refuse_other_types(measurement: PadMeasurement) -> None:
    for one in (measurement, *measurement.checks):
        for name, kind in get_type_hints(type(one)).items():
            if kind in (str, int, float) and type(getattr(one, name)) is not kind:
                raise ValueError(f"{name} is not of type {kind.__name__}")


def _rates(rates: CheckRates) -> dict[str, Any]:
    return {
        "bpcer": rates.bpcer.to_dict(),
        "apcer": {species: rate.to_dict() for species, rate in rates.apcer.items()},
    }


def _read_rates(data: Mapping[str, Any]) -> CheckRates:
    apcer = {str(species): Rate.from_dict(rate) for species, rate in data["apcer"].items()}
    return CheckRates(Rate.from_dict(data["bpcer"]), apcer)


def _finite(value: object) -> float:
    if not isinstance(value, float) or not math.isfinite(value):
        raise ValueError(f"not a threshold: {value!r}")
    return value
