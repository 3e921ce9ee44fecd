"""The text and JSON document of ``faceunlock status``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from faceunlock.cli.answers import strangers
from faceunlock.cli.answers.models import model_document
from faceunlock.cli.answers.parts import Document
from faceunlock.files.text import local_time, printable
from faceunlock.matching.security import chances, level_of
from faceunlock.matching.wording import likeness_warning, rate, searched, threshold_origin
from faceunlock.settings import LOCAL

if TYPE_CHECKING:
    from faceunlock.matching.calibration import Calibration
    from faceunlock.tasks.liveness import Stages
    from faceunlock.tasks.status import Status

MOST_NAMES = 20
"""People whom the terminal names; `people` lists everybody, and the document has all."""


def text(state: Status) -> str:
    """Return locations, settings and problems, one per line, problems last."""
    from faceunlock.cli.answers import protect
    from faceunlock.pipeline.models.registry import EMBEDDED_DEFAULT, RECOMMENDED

    settings = state.settings
    device = settings.device + (
        " (an NVIDIA driver is present)" if state.gpu else " (no NVIDIA driver found)"
    )
    config = printable(state.locations.config) + (
        "" if state.locations.config.exists() else " (no file, defaults apply)"
    )
    elsewhere = state.settings.gallery != LOCAL
    lines = [
        *([f"gallery     {printable(state.gallery)}"] if elsewhere else []),
        f"data        {printable(state.locations.data)}",
        f"cache       {printable(state.locations.cache)}",
        f"config      {config}",
        f"device      {device}",
    ]
    if state.model is None and state.people:
        lines.append("model       auto: cannot tell which one, see the problems")
    elif state.model is None:
        lines.append(
            f"model       auto: {RECOMMENDED} if it is here or can be fetched, otherwise {EMBEDDED_DEFAULT}"
        )
    else:
        calibration = state.model.calibration
        lines.append(f"model       {state.model.model} ({state.model.weights.status})")
        lines += _threshold_lines(state, calibration)
        if state.likeness is not None and state.likeness.unexpected:
            lines.append(f"likeness    {likeness_warning(state.likeness)}")
    lines.append(f"people      {len(state.people)}" + _names(state.people))
    lines.append(f"strangers   {strangers.summary(state.strangers)}")
    if state.liveness is not None:
        lines.append(f"liveness    {_liveness(state.liveness)}")
    if state.protection is not None:
        lines.append(f"protection  {protect.sentence(state.protection)}")
    if state.problems:
        lines.append("problems")
        lines += [f"  {printable(problem)}" for problem in state.problems]
    else:
        lines.append("problems    none")
    return "\n".join(lines)


def _liveness(stages: Stages) -> str:
    """Return which stages ``verify --camera --require-live`` has."""
    measured = "" if stages.measured is None else f"; measured here {local_time(stages.measured)}"
    return f"with --require-live: turns of the head, {TEXTURE[stages.texture]}{measured}"


TEXTURE = {
    "on": "and MiniFASNet may refuse",
    "off": "without MiniFASNet (texture = off)",
    "absent": "without MiniFASNet, whose weights are missing; to get them: faceunlock models pull minifasnet",
    "corrupt": "and nobody passes, because the weights of MiniFASNet are damaged",
}
"""What is said of MiniFASNet."""


def _threshold_lines(state: Status, calibration: Calibration | None) -> list[str]:
    """Return what the threshold is, what it means, and what it is when everybody is searched."""
    if calibration is None:
        return ["threshold   unknown, see the problems"]
    lines = [f"threshold   {calibration.threshold:.4f}, {threshold_origin(calibration)}"]
    if state.templates > 1:
        point = calibration.threshold_for(state.templates)
        lines.append(
            f"            {point.threshold:.4f} when {searched(state.templates, len(state.people))} are "
            "searched" + ("" if point.supported else " (too many for the data)")
        )
    level, meaning = level_of(calibration), chances(calibration)
    if level is not None and meaning is not None:
        lines.append(f"security    {level}: {meaning}")
    if calibration.fnmr is not None:
        lines.append(f"FNMR there  {rate(calibration.fnmr)}")
    return lines


def document(state: Status) -> Document:
    """Return the data of ``status``."""
    from faceunlock.cli.answers import protect

    return {
        "gallery": state.gallery,
        "data": str(state.locations.data),
        "cache": str(state.locations.cache),
        "config": str(state.locations.config),
        "device": state.settings.device,
        "gpu": state.gpu,
        "model": None if state.model is None else model_document(state.model),
        "people": list(state.people),
        "strangers": [strangers.bank_document(bank) for bank in state.strangers],
        "templates": state.templates,
        "likeness": None
        if state.likeness is None
        else asdict(state.likeness) | {"unexpected": state.likeness.unexpected},
        "liveness": None if state.liveness is None else asdict(state.liveness),
        "protection": None if state.protection is None else protect.document(state.protection),
        "settings": asdict(state.settings),
        "problems": list(state.problems),
    }


def _names(people: Sequence[str]) -> str:
    if not people:
        return ""
    more = len(people) - MOST_NAMES
    return f": {', '.join(people[:MOST_NAMES])}" + (f", and {more:,} more" if more > 0 else "")
