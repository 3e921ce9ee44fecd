"""The text and JSON of ``pad-test``, and the note of ``verify --require-live``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from faceunlock.cli.answers.parts import left_out
from faceunlock.files.text import printable
from faceunlock.matching.wording import probability, rate

if TYPE_CHECKING:
    from faceunlock.liveness.gate import PassedCheck
    from faceunlock.liveness.measuring import CheckRates
    from faceunlock.liveness.presentations import PadReport
    from faceunlock.matching.rate import Rate

WARNING = "Nothing is promised: this covers only attacks like those measured, and a good print may pass."


def report(result: PadReport) -> str:
    """Return the measurements, one per line."""
    from faceunlock.liveness.checks import CHECKS
    from faceunlock.liveness.measuring import MAX_APCER

    found = result.measurement
    lines = [
        f"live {found.live:,} ({found.no_response_live:,} more without a usable face), "
        f"attacks {found.attacks:,} ({found.no_response_attacks:,} more without one)",
        f"thresholds for a BPCER of {probability(found.target_bpcer)} shared by the checks, chosen on half "
        "of the live people; rates measured on the others",
    ]
    for one in found.checks:
        use = "used" if one.useful else "not used: stops too little"
        lines.append(f"{one.check}  ({CHECKS[one.check].meaning}), score at least {one.threshold:.4g}, {use}")
        lines += _rates(one.rates)
    if found.together is None:
        lines.append(
            "together  no check is used: for no species is the upper bound of an APCER at most "
            f"{probability(MAX_APCER)}"
        )
    else:
        lines.append("together  all checks in use")
        lines += _rates(found.together)
    lines.append("saved: verify --require-live now uses this" if result.saved else "nothing saved")
    return "\n".join([*lines, WARNING])


def _rates(rates: CheckRates) -> list[str]:
    return [
        f"  BPCER  {_rate(rates.bpcer)}",
        *(f"  APCER  {printable(species)}: {_rate(measured)}" for species, measured in rates.apcer.items()),
    ]


def _rate(measured: Rate) -> str:
    return rate(measured).replace("comparisons", "presentations")


def document(result: PadReport) -> dict[str, Any]:
    """Return the data of ``pad-test``."""
    from faceunlock.liveness.record import to_dict

    data = to_dict(result.measurement)
    for plain, one in zip(data["checks"], result.measurement.checks, strict=True):
        plain |= {"used": one.useful}
    return data | {"saved": result.saved, "left_out": [left_out(photo) for photo in result.left_out]}


def passed(checks: Sequence[PassedCheck]) -> str:
    """Return the note that names the checks passed."""
    names = ", ".join(check.check for check in checks)
    return f"Checks passed: {names}. {WARNING}"
