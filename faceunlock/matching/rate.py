"""The type of an error rate, which cannot be shown without its evidence.

`faceunlock.matching.error_rates` measures rates. Storing and showing them needs only this module, not NumPy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import nan
from typing import Any, Literal, get_args

Method = Literal["clopper-pearson", "bootstrap-people", "clopper-pearson-people"]


@dataclass(frozen=True, slots=True)
class Rate:
    """An error rate that cannot be shown without its evidence.

    Attributes
    ----------
    errors, trials : int
        Number of comparisons (or photos) that went wrong, and of all.
    people : int
        Distinct people behind the trials.
    lower, upper : float
        The interval, in [0, 1]; `lower` is 0 if `one_sided`.
    confidence : float
        Confidence of the interval, in (0, 1).
    method : {"clopper-pearson", "bootstrap-people", "clopper-pearson-people"}
        Where `upper` comes from.
    one_sided : bool
        Whether only `upper` is claimed.

    Raises
    ------
    ValueError
        If an attribute has the wrong type, is out of range or contradicts another.

    Examples
    --------
    >>> Rate(1, 4, 4, 0.0, 0.75, 0.95, "clopper-pearson", True).value
    0.25
    """

    errors: int
    trials: int
    people: int
    lower: float
    upper: float
    confidence: float
    method: Method
    one_sided: bool

    def __post_init__(self) -> None:
        counts = (self.errors, self.trials, self.people)
        if not all(isinstance(count, int) and not isinstance(count, bool) for count in counts):
            raise ValueError("the counts of a rate must be whole numbers")
        if not (0 <= self.errors <= self.trials and self.people >= 0):
            raise ValueError(f"{self.errors} errors in {self.trials} trials of {self.people} people")
        if not 0.0 <= self.lower <= self.upper <= 1.0:
            raise ValueError(f"invalid interval of a rate: {self.lower} to {self.upper}")
        if not 0.0 < self.confidence < 1.0:
            raise ValueError(f"the confidence of a rate must be between 0 and 1, not {self.confidence}")
        if self.method not in get_args(Method) or not isinstance(self.one_sided, bool):
            raise ValueError(f"unknown kind of interval: {self.method}, one-sided {self.one_sided}")

    @property
    def value(self) -> float:
        """The observed rate, in [0, 1]; NaN without trials."""
        return self.errors / self.trials if self.trials else nan

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes and ``value`` (None without trials) as plain JSON values."""
        return {"value": self.value if self.trials else None, **asdict(self)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Rate:
        """Return the rate that `to_dict` wrote.

        Raises
        ------
        ValueError
            If an entry is missing, unexpected, of the wrong type, out of range or inconsistent.
        """
        try:
            rate = cls(**{name: data[name] for name in cls.__slots__})
            if rate.to_dict() != dict(data):
                raise ValueError("the entries are not exactly those of a rate")
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a rate: {error}") from error
        return rate
