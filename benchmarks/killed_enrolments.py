"""Kill enrolments at random moments, and run eight at once: is the gallery still complete and correct?

Run: python benchmarks/killed_enrolments.py [--kills 200] [--seed 0]

Every run is the real program, killed with SIGKILL at a random moment of the time that an undisturbed run
takes. Half of the kills fall into the last tenth of the run, where the gallery is written. Afterwards the
gallery must open. People reported as enrolled must be there. A person whose enrolment was killed must be
completely there or completely absent.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from common import save

from faceunlock import FaceUnlock
from faceunlock.tasks.demo import make_pictures

WORKERS = 2
AT_ONCE = 8


def main() -> None:
    """Kill, check, run eight at once, check, and write the result file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory) / "home"
        make_pictures(Path(directory))
        photos = Path(directory) / "photos"
        usual = [undisturbed(photos, home, f"first{i}") for i in range(3)]
        duration = statistics.median(usual)
        moments = [
            duration * (rng.uniform(0, 1.05) if i % 2 else rng.uniform(0.9, 1.05))
            for i in range(arguments.kills)
        ]
        with ThreadPoolExecutor(WORKERS) as pool:
            reported = list(
                pool.map(lambda i: killed(photos, home, f"person{i}", moments[i]), range(arguments.kills))
            )
        there = check(home)
        promised = {f"first{i}" for i in range(3)} | {f"person{i}" for i, done in enumerate(reported) if done}
        leftovers_before = sorted(path.name for path in home.iterdir() if path.is_file())
        with ThreadPoolExecutor(AT_ONCE) as pool:
            codes = list(pool.map(lambda i: finished(photos, home, f"together{i}"), range(AT_ONCE)))
        after = check(home)
        leftovers = sorted(path.name for path in home.iterdir() if path.is_file())
    result = {
        "kills": arguments.kills,
        "seconds_of_an_undisturbed_run": round(duration, 2),
        "reported_enrolled": len(promised) - 3,
        "killed_before_the_report": arguments.kills - (len(promised) - 3),
        "there_after_the_kills": len(there) - 3,
        "reported_but_missing": sorted(promised - there),
        "written_though_not_reported": len(there - promised),
        "files_after_the_kills": leftovers_before,
        "at_once": AT_ONCE,
        "at_once_exit_codes": codes,
        "at_once_missing": sorted({f"together{i}" for i in range(AT_ONCE)} - after),
        "lost_meanwhile": sorted(there - after),
        "files_at_the_end": leftovers,
    }
    print(json.dumps(result, indent=1))
    save("killed-enrolments", result)


def start(photos: Path, home: Path, name: str) -> subprocess.Popen:
    """Start the real program."""
    # Everybody has the same photos, which is refused without --even-so.
    words = ["enroll", name, str(photos), "--even-so", "--home", str(home)]
    command = [sys.executable, "-m", "faceunlock", *words]
    return subprocess.Popen(
        [*command, "--model", "dlib", "--json"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )


def undisturbed(photos: Path, home: Path, name: str) -> float:
    """Return the seconds that a whole run takes while another one is running."""
    started = time.monotonic()
    processes = [start(photos, home, name), start(photos, home.parent / "other", name)]
    outcomes = [process.wait() for process in processes]
    assert outcomes[0] == 0, outcomes
    return time.monotonic() - started


def killed(photos: Path, home: Path, name: str, moment: float) -> bool:
    """Run, kill after `moment` seconds, and return whether success had been reported by then."""
    process = start(photos, home, name)
    try:
        output, _ = process.communicate(timeout=moment)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        output, _ = process.communicate()
    return '"ok": true' in output


def finished(photos: Path, home: Path, name: str) -> int:
    """Run to the end and return the exit code."""
    process = start(photos, home, name)
    process.communicate()
    return process.returncode


def check(home: Path) -> set[str]:
    """Open the gallery, read every template, and return the names of the people."""
    with FaceUnlock(home, model="dlib") as unlock:
        people = unlock.people()
        assert not unlock.status().problems, unlock.status().problems
    assert all(person.template.count >= 3 for person in people)
    return {person.name for person in people}


if __name__ == "__main__":
    main()
