"""The three levels of security: what each allows a stranger, and what was measured for it, in plain words.

A level is a false match rate. The threshold that keeps it differs from model to model and is measured; see
`faceunlock.pipeline.models.shipped`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from faceunlock.settings import Security

if TYPE_CHECKING:
    from faceunlock.matching.calibration import Calibration
    from faceunlock.matching.rate import Rate

LEVELS: tuple[Security, ...] = get_args(Security)
"""From the level that asks least of a photo to the one that asks most."""

TARGETS: dict[Security, float] = {"relaxed": 1e-4, "normal": 1e-5, "strict": 1e-6}
"""The false match rate of each level, for one photo compared with one person."""


def level_of(calibration: Calibration) -> Security | None:
    """Return the level that a shipped threshold was measured for; None for any other threshold."""
    if calibration.status != "shipped" or calibration.fmr is None:
        return None
    return next((level for level in LEVELS if TARGETS[level] == calibration.target_fmr), None)


def chances(calibration: Calibration) -> str | None:
    """Return what a threshold means for strangers and for its owner, in plain words; None if not measured.

    Examples
    --------
    >>> from faceunlock.pipeline.models.shipped import shipped_calibration
    >>> print(chances(shipped_calibration("vggface2")))
    None
    """
    fmr, fnmr = calibration.fmr, calibration.fnmr
    if calibration.status == "not-calibrated" or fmr is None or not fmr.trials:
        return None
    said = f"{_strangers(fmr)} gets in"
    if fnmr is None or not fnmr.trials:
        return said
    photos = "press photos over years" if calibration.status == "shipped" else "these photos"
    return f"{said}; you are refused {_refusals(fnmr)} on {photos}"


def _strangers(fmr: Rate) -> str:
    bound = f"with 95 % confidence at most 1 in {_whole(1 / fmr.upper)}" if fmr.upper else "no bound"
    if not fmr.errors:
        return f"none of {fmr.trials:,} strangers ({bound})"
    return f"about 1 stranger in {_whole(fmr.trials / fmr.errors)} ({bound})"


def _refusals(fnmr: Rate) -> str:
    if not fnmr.errors:
        return f"in none of {fnmr.trials:,} tries"
    if fnmr.value > 0.1:
        return f"about {100 * fnmr.value:.0f} times in 100"
    return f"about 1 time in {_whole(fnmr.trials / fnmr.errors)}"


def _whole(number: float) -> str:
    """Return a number with two significant digits.

    Examples
    --------
    >>> _whole(107748.5), _whole(69.6), _whole(12.2)
    ('110,000', '70', '12')
    """
    return f"{round(float(f'{number:.2g}')):,}"
