"""A threshold as a slider: what it would do to comparisons, and saving one by the rules of ``calibrate``."""

from __future__ import annotations

from math import floor
from typing import TYPE_CHECKING, Any

from starlette.routing import BaseRoute

from faceunlock.errors import CalibrationError, SettingsError, WebError
from faceunlock.files.text import quoted
from faceunlock.matching.wording import rate
from faceunlock.studies.calibration_report import CalibrationReport, Pair, report_for
from faceunlock.studies.effects import Effects
from faceunlock.tasks.calibrate import compared
from faceunlock.unlock import FaceUnlock
from faceunlock.web.api import Desk, beside
from faceunlock.web.folders import Kept, check_size, folder_of, is_folder
from faceunlock.web.uploads import Field

if TYPE_CHECKING:
    from starlette.requests import Request

    from faceunlock.matching.rate import Rate
    from faceunlock.pipeline.samples import Track

KEPT = 2
"""Sets of comparisons that stay in memory."""

FEW = 0.01
"""Rates from here on are said in percent."""

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
        track = desk.worker.progress.track
        return await desk.ask(request, lambda unlock: _start(unlock, opened, given.get("source"), track))

    async def moved(request: Request) -> dict[str, Any]:
        threshold = _similarity((await desk.form(request, _THRESHOLD))["threshold"])
        effects = _found(opened, request)
        return await desk.ask(request, lambda _: effect(effects, threshold))

    async def judged(request: Request) -> dict[str, Any]:
        effects = _found(opened, request)
        target = _valid((await desk.form(request, _TARGET))["target"])
        return await desk.ask(request, lambda _: judgement(_report(effects, target)))

    async def saved(request: Request) -> dict[str, Any]:
        if desk.read_only:
            raise WebError("read-only")
        effects = _found(opened, request)
        given = await desk.form(request, _THRESHOLD, _LOWER)
        threshold, lower = _similarity(given["threshold"]), given.get("allow_lower", False)

        def save(unlock: FaceUnlock) -> dict[str, Any]:
            saved = unlock.save_calibration(keeping(effects, threshold), allow_lower=lower)
            return {"threshold": saved.threshold, "target": saved.target_fmr}

        return await desk.ask(request, save)

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


def _start(unlock: FaceUnlock, opened: Opened, source: str | None, track: Track) -> dict[str, Any]:
    path = folder_of(source) if source and source.strip() else None
    folder = path if path is not None and is_folder(path) else None
    if folder is not None:
        instead = f"Make a file of scores and open that: faceunlock calibrate {quoted(str(folder))}"
        check_size(folder, f"{instead} --save-scores scores.npz")
    comparisons = compared(unlock, path, track)
    effects = Effects(comparisons)
    curves = effects.curves()
    now = unlock.choice.calibration(comparisons.identity, unlock.settings.level("normal"))
    return {
        "name": opened.keep(effects),
        "data": comparisons.data,
        "root": "" if folder is None else str(folder),
        "model": comparisons.identity.model,
        "people": comparisons.people,
        "strangers": comparisons.strangers,
        "now": now.threshold,
        "status": now.status,
        "shipped": unlock.choice.uncalibrated(comparisons.identity.model).threshold,
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
        "target": found.target,
        "keeps": kept_in_words(found.target),
    }


def kept_in_words(target: float | None) -> str:
    """Return what a threshold that keeps a target proves, for somebody who is about to save it.

    Examples
    --------
    >>> kept_in_words(0.00075)
    'It keeps a target FMR of 0.00075: at most 1 in 1,333 strangers is let in, with 95 % confidence.'
    >>> kept_in_words(0.12)
    'It keeps a target FMR of 0.12: at most 12 % of strangers are let in, with 95 % confidence.'
    """
    if target is None:
        return "It cannot be saved: as far as these comparisons tell, it might let in all strangers."
    many = target >= FEW
    share = f"{100 * target:.3g} % of strangers are" if many else f"1 in {floor(1 / target):,} strangers is"
    return f"It keeps a target FMR of {target:.2g}: at most {share} let in, with 95 % confidence."


def keeping(effects: Effects, threshold: float) -> CalibrationReport:
    """Return the report of a calibration for the target that a threshold keeps, with this threshold.

    `calibrate` would take the lowest threshold that keeps the target. This one may be higher, never lower.

    Raises
    ------
    CalibrationError
        ``insufficient-data`` if the threshold keeps no target.
    """
    target = effects.at(threshold).target
    if target is None:
        raise CalibrationError(
            "insufficient-data",
            f"threshold {threshold:.4f} cannot be saved: as far as these comparisons tell, it might let in "
            "all strangers",
            hint="Choose a higher one, or compare more people.",
        )
    return report_for(effects.comparisons, target, threshold)


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


def _similarity(threshold: float) -> float:
    if not -1.0 <= threshold <= 1.0:
        raise SettingsError("usage", "a threshold is a number from -1 to 1")
    return threshold


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
