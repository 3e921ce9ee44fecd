"""The text and JSON of ``pad-test`` and ``pad-test record``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from faceunlock.cli.answers.parts import left_out
from faceunlock.files.text import printable
from faceunlock.matching.wording import counted, rate

if TYPE_CHECKING:
    from faceunlock.liveness.measuring import StageRates
    from faceunlock.liveness.presentations import PadReport
    from faceunlock.liveness.recording import Recording
    from faceunlock.matching.rate import Rate

WARNING = (
    "These figures hold for attacks like those measured, and for no other kind. A film of a turning head "
    "passes the turns."
)

MEANINGS = {
    "turn": "E2, the turn to the lesser side, at least {threshold:g} eye distances",
    "texture": "MiniFASNet's mean score, at least {threshold:g}; it may refuse and admits nobody",
    "together": "clips that pass every stage above",
}


def report(result: PadReport) -> str:
    """Return the measurements, one per line."""
    found = result.measurement
    lines = [
        f"live {found.live:,} ({found.no_response_live:,} more without a usable face), "
        f"attacks {found.attacks:,} ({found.no_response_attacks:,} more without one)"
    ]
    for one in found.stages:
        meaning = MEANINGS[one.stage].format(threshold=one.threshold or 0.0)
        lines.append(f"{one.stage}  ({meaning})")
        lines += _rates(one)
    if not any(one.stage == "texture" for one in found.stages):
        lines.append(
            "texture  not measured: MiniFASNet is not here; to get it: faceunlock models pull minifasnet"
        )
    for score, kinds in found.spreads.items():
        lines.append(f"{score}  lowest, 5 %, median, 95 %, highest")
        lines += [
            f"  {printable(kind)} ({one.count:,}): {one.lowest:.3f}, {one.low:.3f}, {one.middle:.3f}, "
            f"{one.high:.3f}, {one.highest:.3f}"
            for kind, one in kinds.items()
        ]
    lines += [f"picture  {printable(picture)}" for picture in result.pictures]
    lines.append(
        "The measurement is saved; to see when it was made: faceunlock status"
        if result.saved
        else "The measurement is not saved."
    )
    lines.append(_in_use(result))
    return "\n".join([*lines, WARNING])


def _in_use(result: PadReport) -> str:
    """Return which of the measured stages decide, and never that something works if nothing does."""
    if not result.used:
        return "verify --camera --require-live uses no stage that was measured here"
    named = " and ".join(result.used)
    return f"measured here and in use by verify --camera --require-live: {named}"


def _rates(one: StageRates) -> Iterator[str]:
    yield f"  BPCER  {_rate(one.bpcer)}"
    if one.unasked is not None and one.unasked.trials:
        yield f"  passed without being asked to turn  {_rate(one.unasked)}"
    for species, found in one.apcer.items():
        name = printable(species)
        yield f"  APCER  {name}, by clip: {_rate(found.by_clip)}"
        yield f"  APCER  {name}, by person: {_rate(found.by_person)}"
        if found.no_answer:
            yield f"  no score  {name}: {found.no_answer:,}, not counted in any rate"
    stopped = ", ".join(map(printable, one.stops))
    yield f"  stops  {stopped or 'nothing that this can show'}"


def _rate(measured: Rate) -> str:
    return rate(measured).replace("comparisons", "presentations")


def document(result: PadReport) -> dict[str, Any]:
    """Return the data of ``pad-test``."""
    from faceunlock.liveness.record import to_dict

    data = to_dict(result.measurement)
    for plain, one in zip(data["stages"], result.measurement.stages, strict=True):
        plain |= {"stops": list(one.stops), "used": one.stage in result.used}
    return data | {
        "saved": result.saved,
        "pictures": [str(picture) for picture in result.pictures],
        "left_out": [left_out(photo) for photo in result.left_out],
    }


def question(recording: Recording, kind: str, name: str) -> str:
    """Return the question whether a recording is kept."""
    frames = counted(len(recording.frames), "frame")
    return f"Keep {frames} of {recording.seconds:.1f} s, labelled {kind} {name}?"


def recorded(recording: Recording, kept: Path | None) -> str:
    """Return the answer to ``pad-test record``."""
    if kept is None:
        return "Nothing was kept."
    return f"Kept {counted(len(recording.frames), 'frame')} in {printable(kept)}"


def recorded_document(recording: Recording, kept: Path | None) -> dict[str, Any]:
    """Return the data of ``pad-test record``."""
    return {
        "folder": None if kept is None else str(kept),
        "frames": len(recording.frames),
        "seconds": recording.seconds,
        "turns": list(recording.turns),
    }
