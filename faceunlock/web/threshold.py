"""A threshold as a slider: what it would do to comparisons, and saving one by the rules of ``calibrate``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.routing import BaseRoute

from faceunlock.errors import SettingsError, WebError
from faceunlock.matching.wording import rate
from faceunlock.studies.calibration_report import CalibrationReport, Pair, report_for
from faceunlock.studies.effects import Effects
from faceunlock.tasks.calibrate import compared
from faceunlock.unlock import FaceUnlock
from faceunlock.web.api import Desk, beside
from faceunlock.web.folders import Kept
from faceunlock.web.uploads import Field

if TYPE_CHECKING:
    from starlette.requests import Request

    from faceunlock.matching.rate import Rate

KEPT = 2
"""Sets of comparisons that stay in memory."""

_SOURCE = Field("source", "text", "A file of scores or a folder of people; enrolled people if left out.")
_THRESHOLD = Field("threshold", "number", "A similarity.", required=True)
_TARGET = Field("target", "number", "A false match rate.", required=True)
_LOWER = Field("allow_lower", "flag", "Save a threshold below the shipped one.")


Opened = Kept[Effects]
"""The comparisons that pages look at."""


def routes(desk: Desk) -> list[BaseRoute]:
    """Return the routes that the page of the threshold asks."""
    opened = Opened(KEPT)

    async def started(request: Request) -> dict[str, Any]:
        given = await desk.form(request, _SOURCE)
        return await desk.worker.ask(lambda unlock: _start(unlock, opened, given.get("source")))

    async def moved(request: Request) -> dict[str, Any]:
        threshold = (await desk.form(request, _THRESHOLD))["threshold"]
        if not -1.0 <= threshold <= 1.0:
            raise SettingsError("usage", "a threshold is a number from -1 to 1")
        effects = _found(opened, request)
        return await desk.worker.ask(lambda _: effect(effects, threshold))

    async def judged(request: Request) -> dict[str, Any]:
        effects = _found(opened, request)
        target = _valid((await desk.form(request, _TARGET))["target"])
        return await desk.worker.ask(lambda _: judgement(_report(effects, target)))

    async def saved(request: Request) -> dict[str, Any]:
        if desk.read_only:
            raise WebError("read-only")
        effects = _found(opened, request)
        given = await desk.form(request, _TARGET, _LOWER)
        target, lower = _valid(given["target"]), given.get("allow_lower", False)

        def save(unlock: FaceUnlock) -> float:
            return unlock.save_calibration(_report(effects, target), allow_lower=lower).threshold

        return {"threshold": await desk.worker.ask(save)}

    return [
        beside(desk, "POST", "/threshold", started),
        beside(desk, "POST", "/threshold/{name}", moved),
        beside(desk, "POST", "/threshold/{name}/target", judged),
        beside(desk, "POST", "/threshold/{name}/save", saved),
    ]


def _found(opened: Opened, request: Request) -> Effects:
    """Return the comparisons that a request is about; ``usage`` if they are gone."""
    effects = opened.find(request.path_params["name"])
    if effects is None:
        raise SettingsError("usage", "These comparisons are not open any more.", hint="Open them again.")
    return effects


def _start(unlock: FaceUnlock, opened: Opened, source: str | None) -> dict[str, Any]:
    comparisons = compared(unlock, source.strip() if source and source.strip() else None)
    effects = Effects(comparisons)
    curves = effects.curves()
    now = unlock.choice.calibration(comparisons.identity, unlock.settings.level("normal"))
    return {
        "name": opened.keep(effects),
        "data": comparisons.data,
        "model": comparisons.identity.model,
        "people": comparisons.people,
        "strangers": comparisons.strangers,
        "now": now.threshold,
        "status": now.status,
        "target": unlock.settings.target_fmr,
        "edges": curves.edges.tolist(),
        "genuine": curves.genuine.tolist(),
        "impostor": curves.impostor.tolist(),
        "det": list(zip(curves.thresholds.tolist(), curves.fmr.tolist(), curves.fnmr.tolist(), strict=True)),
    }


def effect(effects: Effects, threshold: float) -> dict[str, Any]:
    """Return what a threshold does, in words and for curves."""
    found = effects.at(threshold)
    return {
        "fmr": _rate(found.fmr),
        "fnmr": _rate(found.fnmr),
        "refused": [_pair(one) for one in found.refused],
        "admitted": [_pair(one) for one in found.admitted],
    }


def judgement(report: CalibrationReport) -> dict[str, Any]:
    """Return the threshold for a target, and whether the data support it."""
    if report.supported:
        return {"supported": True, "threshold": report.choice.threshold, "message": "", "hint": ""}
    error = report.insufficient()
    return {
        "supported": False,
        "threshold": min(1.0, report.choice.threshold),
        "message": error.message,
        "hint": error.hint,
    }


def _report(effects: Effects, target: float) -> CalibrationReport:
    return report_for(effects.comparisons, target)


def _valid(target: float) -> float:
    if not 0.0 < target < 1.0:
        raise SettingsError("usage", "a target is a number between 0 and 1")
    return target


def _rate(found: Rate) -> dict[str, Any]:
    known = found.trials > 0
    return {
        "words": rate(found),
        "errors": found.errors,
        "value": found.value if known else None,
        "upper": found.upper if known else None,
    }


def _pair(one: Pair) -> dict[str, Any]:
    return {"photo": one.photo, "person": one.person, "similarity": one.similarity}
