"""How long is the first command on a new machine, beside the second?

Run: python benchmarks/first_run.py [--rounds 9]

`enroll` of six photos, as a process of its own, from the shell to its end. First with an empty cache, so that
every network is written, optimised, checked and kept; then with that cache in another home, so that only the
networks are there. Beside the time on the clock, that of all cores together, which other work on the machine
hardly changes. Both in turn, in each round, for the models that need no download; the portrait is NASA's
of Eileen Collins (public domain), from scikit-image.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from common import save

from faceunlock.tasks.demo import make_pictures

MODELS = ("compact", "dlib")


def enroll(home: Path, model: str, photos: Path) -> tuple[float, float]:
    """Return the seconds that an enrolment takes in a new process, and those of all cores together."""
    words = ["--home", home, "--model", model, "enroll", "Eileen", photos]
    began, worked = time.perf_counter(), work_of_children()
    subprocess.run([sys.executable, "-m", "faceunlock", *words], check=True, capture_output=True)
    return time.perf_counter() - began, work_of_children() - worked


def work_of_children() -> float:
    """Return the seconds that cores worked for processes started here; other processes do not change them."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure(model: str, photos: Path, folder: Path, rounds: int) -> dict:
    """Return medians and extremes of the first and of the second run of a model."""
    runs: dict[str, list[tuple[float, float]]] = {"first": [], "second": []}
    for number in range(rounds):
        first, second = folder / f"{model}-{number}-first", folder / f"{model}-{number}-second"
        runs["first"].append(enroll(first, model, photos))
        second.mkdir(mode=0o700)
        shutil.copytree(first / "cache", second / "cache")
        runs["second"].append(enroll(second, model, photos))
    row = {}
    for place, kind in enumerate(("seconds", "core_seconds")):
        values = {name: [run[place] for run in measured] for name, measured in runs.items()}
        slower = [first - second for first, second in zip(*values.values(), strict=True)]
        row |= {f"{name}_{kind}": spread(measured) for name, measured in values.items()}
        row[f"slower_by_{kind}"] = spread(slower)
    return row


def spread(values: list[float]) -> dict[str, float]:
    """Return the median, and both ends."""
    return {"median": statistics.median(values), "least": min(values), "most": max(values)}


def main() -> None:
    """Measure, print, and write the result file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    rows = {}
    with TemporaryDirectory() as folder:
        make_pictures(Path(folder))
        for model in MODELS:
            rows[model] = measure(model, Path(folder) / "photos", Path(folder), rounds)
            figures = ", ".join(f"{name} {row['median']:.2f}" for name, row in rows[model].items())
            print(f"{model}: {figures}")
    save("first-run", {"rounds": rounds, "rows": rows})


if __name__ == "__main__":
    main()
