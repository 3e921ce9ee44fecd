"""The calibration of a model: its threshold, and the evidence kept with it.

`faceunlock.matching.thresholds` finds a threshold. This module holds what a gallery stores and what ships
with the program, and derives the threshold for a search among several people.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from itertools import pairwise
from math import inf, nextafter
from typing import TYPE_CHECKING, Any, Literal, get_args

from faceunlock.matching.rate import Rate

if TYPE_CHECKING:
    from faceunlock.matching.templates import ModelIdentity

Status = Literal["shipped", "calibrated", "not-calibrated"]

_RATES = ("failures_to_acquire", "fmr", "fnmr", "own_fmr", "strangers_fmr")


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """The threshold for one search among several people.

    Attributes
    ----------
    threshold : float
        Lowest similarity at which the best candidate is a match.
    candidates : int
        How many people the probe is compared with.
    supported : bool
        Whether the data behind the calibration support this threshold.
    fmr : float or None
        Highest chance per search that a stranger matches anyone; None if nothing is claimed.
    """

    threshold: float
    candidates: int
    supported: bool
    fmr: float | None


@dataclass(frozen=True, slots=True)
class Calibration:
    """A model's threshold and where it comes from, as the gallery stores it and the program ships it.

    Attributes
    ----------
    model, weights_sha256, preprocessing : str
        What made the embeddings. The threshold means nothing for any other embeddings.
    threshold : float
        Lowest similarity that is a match, in [-1, 1].
    target_fmr : float or None
        The FMR that the threshold was chosen for, in (0, 1).
    status : {"shipped", "calibrated", "not-calibrated"}
        Whether it came with the program, was measured here, or is a guess.
    data : str
        A description of the data, in words.
    created : str
        Date or time in ISO 8601.
    people, photos : int
        How many there are in the data.
    failures_to_acquire, fmr, fnmr, own_fmr, strangers_fmr : Rate or None
        The measured rates, at `threshold`.
    eer : float or None
        Equal error rate, in [0, 1].
    tail : tuple of float
        The largest impostor scores, descending. All but the last are at or above the threshold that was
        measured; see `threshold_for`.
    seed, split : int or None
        Seed of the measurement; photos per centroid.

    Raises
    ------
    ValueError
        If an attribute has the wrong type, is out of range or contradicts another.
    """

    model: str
    weights_sha256: str
    preprocessing: str
    threshold: float
    target_fmr: float | None
    status: Status
    data: str
    created: str
    people: int = 0
    photos: int = 0
    failures_to_acquire: Rate | None = None
    fmr: Rate | None = None
    fnmr: Rate | None = None
    own_fmr: Rate | None = None
    strangers_fmr: Rate | None = None
    eer: float | None = None
    tail: tuple[float, ...] = field(default=(), repr=False)
    seed: int | None = None
    split: int | None = None

    def __post_init__(self) -> None:
        texts = (self.model, self.preprocessing, self.data, self.weights_sha256, self.created)
        _require(all(isinstance(text, str) for text in texts), "a text field is not a text")
        counts = (self.people, self.photos, self.seed or 0, self.split or 1)
        _require(all(type(count) is int for count in counts), "a count is not a whole number")
        numbers = (self.threshold, self.target_fmr or 0.0, self.eer or 0.0, *self.tail)
        _require(all(type(number) in (int, float) for number in numbers), "a numeric field is not a number")
        _require(
            bool(re.fullmatch("[0-9a-f]{64}", self.weights_sha256)),
            "the checksum of the weights is not 64 hexadecimal digits",
        )
        _require(-1.0 <= self.threshold <= 1.0, "the threshold is not between -1 and 1")
        _require(
            self.target_fmr is None or 0.0 < self.target_fmr < 1.0, "the target FMR is not between 0 and 1"
        )
        _require(self.status in get_args(Status), "the status is unknown")
        _require(
            self.people >= 0 and self.photos >= 0 and (self.split is None or self.split >= 1),
            "a count is too small",
        )
        _require(self.eer is None or 0.0 <= self.eer <= 1.0, "the EER is not between 0 and 1")
        datetime.fromisoformat(self.created)
        descending = (1.0, *self.tail, -1.0)
        _require(
            all(a >= b for a, b in pairwise(descending)), "the impostor tail does not descend within [-1, 1]"
        )
        _require(
            not self.tail or self.tail[-1] < self.threshold,
            "the impostor tail does not end below the threshold",
        )
        if self.status != "not-calibrated":
            _require(self.target_fmr is not None, "the target FMR is missing")
        if self.status == "calibrated":
            bounded = (
                self.fmr is not None and self.target_fmr is not None and self.fmr.upper <= self.target_fmr
            )
            _require(bounded, "the bound of the FMR is missing or above the target")

    def threshold_for(self, candidates: int) -> OperatingPoint:
        """Return the threshold that keeps the target FMR when a probe is compared with several people.

        The chance that a stranger matches any of n people is at most n times the FMR (union bound), so each
        comparison gets target / n. If k impostor comparisons are at or above the threshold, floor(k / n) of
        them may stay there. The data support that if at least one stays, or if the bound of the FMR is at
        most target / n anyway. Otherwise the threshold is just above the largest impostor score seen.

        Raises
        ------
        ValueError
            If `candidates` is below 1.

        Examples
        --------
        >>> calibration = Calibration(
        ...     "dlib", 64 * "0", "v1", 0.5, 0.01, "shipped", "an example", "2025-01-31",
        ...     tail=(0.9, 0.8, 0.7, 0.6, 0.4))
        >>> calibration.threshold_for(1), calibration.threshold_for(4).threshold
        (OperatingPoint(threshold=0.5, candidates=1, supported=True, fmr=0.01), 0.8000000000000002)
        """
        if candidates < 1:
            raise ValueError(f"a search needs at least one person to compare with, not {candidates}")
        if self.status == "not-calibrated" or self.target_fmr is None:
            return OperatingPoint(self.threshold, candidates, supported=False, fmr=None)
        if candidates == 1:
            return OperatingPoint(self.threshold, 1, supported=True, fmr=self.target_fmr)
        if not self.tail:
            return OperatingPoint(self.threshold, candidates, supported=False, fmr=None)
        staying = (len(self.tail) - 1) // candidates
        bounded = self.fmr is not None and self.fmr.upper <= self.target_fmr / candidates
        supported = staying >= 1 or bounded
        threshold = max(self.threshold, nextafter(self.tail[staying], inf))
        return OperatingPoint(threshold, candidates, supported, self.target_fmr if supported else None)

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes as plain JSON values, under their own names."""
        values = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        plain = {
            name: value.to_dict() if isinstance(value, Rate) else value for name, value in values.items()
        }
        return {**plain, "tail": list(self.tail)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Calibration:
        """Return the calibration that `to_dict` wrote.

        Raises
        ------
        ValueError
            If an entry is missing, unexpected, of the wrong type, out of range or inconsistent.
        """
        try:
            values = {entry.name: data[entry.name] for entry in fields(cls)}
            for name in _RATES:
                values[name] = None if values[name] is None else Rate.from_dict(values[name])
            calibration = cls(**{**values, "tail": tuple(values["tail"])})
            _require(
                calibration.to_dict() == dict(data), "the entries are not exactly those of a calibration"
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a calibration: {error}") from error
        return calibration


def calibration_of(identity: ModelIdentity, data: Mapping[str, Any]) -> Calibration:
    """Return the calibration that `Calibration.to_dict` wrote for this model.

    Raises
    ------
    ValueError
        As `Calibration.from_dict`; also if it belongs to another model.
    """
    calibration = Calibration.from_dict(data)
    made_by = (calibration.model, calibration.weights_sha256, calibration.preprocessing)
    _require(
        made_by == (identity.model, identity.weights_sha256, identity.preprocessing),
        "it belongs to another model",
    )
    return calibration


def _require(condition: bool, what: str) -> None:
    if not condition:
        raise ValueError(f"invalid calibration: {what}")
