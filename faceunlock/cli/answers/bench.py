"""The text of ``faceunlock bench`` (times and machine) and its JSON document."""

from __future__ import annotations

import statistics
from dataclasses import asdict
from typing import TYPE_CHECKING

from faceunlock.cli.answers.parts import Document, identity, left_out
from faceunlock.files.packages import own_version
from faceunlock.files.text import Table, printable, table
from faceunlock.matching.wording import counted

if TYPE_CHECKING:
    from faceunlock.tasks.bench import PartTime, Setup, Timing

TITLES = {
    "load": "open the networks",
    "read": "read the file",
    "decode": "decode",
    "detect": "detect",
    "align": "align",
    "embed": "embed",
    "rest": "the rest",
    "whole": "one photo, in total",
    "many": "one of many at once",
}
"""The name of each part in the table, in the table's order."""

RUNTIMES = {"onnx": "ONNX Runtime", "torch": "PyTorch"}


def text(timing: Timing) -> list[str | Table]:
    """Return the table of parts, followed by the model, photos, setup and machine they were timed with."""
    rows = [
        (
            TITLES[part.part],
            f"{1000 * part.median:.2f}",
            f"{1000 * part.fastest:.2f}",
            f"{1 / part.median:.1f}" if part.part in ("whole", "many") and part.median else "-",
        )
        for part in timing.parts
    ]
    machine = timing.machine
    return [
        table("part", "median ms", "fastest ms", "photos per second", rows=rows),
        f"model    {printable(timing.identity.model)}, weights {timing.identity.weights_sha256[:12]}",
        f"photos   {_photos(timing)}; {counted(timing.runs, 'run')} after one to warm up",
        f"one      {_setup(timing.one)}",
        f"many     {_setup(timing.many)}, {counted(timing.many_photos, 'photo')} a run",
        f"machine  {printable(machine.processor)}, {counted(machine.cores, 'core')}, {machine.system}, "
        f"Python {machine.python}, faceunlock {own_version()}",
    ]


def _photos(timing: Timing) -> str:
    sizes = sorted(timing.megapixels)
    smallest, largest = f"{sizes[0]:.2f}", f"{sizes[-1]:.2f}"
    count = counted(len(sizes), "public-domain portrait" if timing.portraits else "photo")
    span = smallest if smallest == largest else f"{smallest} to {largest}"
    left = f" ({len(timing.left_out):,} left out)" if timing.left_out else ""
    return f"{count} of {span} megapixels{left}"


def _setup(setup: Setup) -> str:
    if setup.runtime is None:
        return "networks given by the caller"
    inside = "chosen by the runtime" if setup.network_threads is None else f"{setup.network_threads:,}"
    threads = counted(setup.workers, "thread")
    return f"{RUNTIMES[setup.runtime]} on {setup.device}, {threads}, threads inside a network: {inside}"


def document(timing: Timing) -> Document:
    """Return the data of ``bench``."""
    sizes = timing.megapixels
    return {
        "parts": [_part(part) for part in timing.parts],
        "runs": timing.runs,
        "photos": len(sizes),
        "portraits": timing.portraits,
        "megapixels": {
            "smallest": min(sizes),
            "median": statistics.median(sizes),
            "largest": max(sizes),
        },
        "left_out": [left_out(photo) for photo in timing.left_out],
        "skipped": timing.skipped,
        "one": asdict(timing.one),
        "many": asdict(timing.many),
        "many_photos": timing.many_photos,
        "machine": asdict(timing.machine),
        "version": own_version(),
        "model": identity(timing.identity),
    }


def _part(part: PartTime) -> Document:
    return {
        "part": part.part,
        "median_ms": 1000 * part.median,
        "fastest_ms": 1000 * part.fastest,
        "photos_per_second": 1 / part.median if part.part in ("whole", "many") and part.median else None,
    }
