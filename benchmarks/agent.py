"""The resident process: its speed, its stability, and what its clients get when it is killed.

Run: python benchmarks/agent.py [SECTION ...] [--runs 7] [--kills 200]

Sections (all of them if none is named; new figures replace the old in the result file):

speed
    The whole client process for ``timing/1mp.jpg``, against the same without the resident process and the
    script from the README of facenet-pytorch; one run of each in turn. Goal: the script takes 35 times as
    long.
callers
    500 calls from 8 callers at once, each call a process: median and 99th percentile. Every answer is
    compared with the one without the resident process.
memory
    5,000 calls with a small photo, one after the other: resident memory of the process after every 250.
kills
    SIGKILL at random moments, while two clients ask all the time; a new process is started each time. Every
    client must give the same answer as without a resident process, and the gallery must not change.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from common import RESULTS, collection, save
from processes import Process, side_by_side
from speed import KNOWN, MODELS, PROGRAM, STRAIGHTFORWARD, home, prepare, stored_vector, straightforward

from faceunlock import FaceUnlock
from faceunlock.agent import client, control

ANYBODY = "--threshold=-1"
GOAL = 35
CALLS, CALLERS = 500, 8
MANY, EVERY = 5000, 250


def main() -> None:
    """Measure the chosen sections, print and write the result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    sections = {"speed": speed, "callers": callers, "memory": memory, "kills": kills}
    parser.add_argument("sections", nargs="*", metavar="SECTION")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--kills", type=int, default=200)
    arguments = parser.parse_args()
    photos = collection()
    prepare_galleries(photos)
    path = RESULTS / "agent.json"
    for section in arguments.sections or sections:
        load = round(os.getloadavg()[0], 2)
        found = {"load_before": load, **sections[section](photos, arguments)}
        print(section, json.dumps(found, indent=1))
        kept = json.loads(path.read_text(encoding="utf-8"))["sections"] if path.exists() else {}
        save("agent", {"sections": {**kept, section: found}})


def prepare_galleries(photos: Path) -> None:
    """Prepare the contestants of `speed`, unless they exist."""
    if not all((home(model) / "gallery.db").exists() for model in MODELS):
        prepare(photos)
    stored_vector()


@contextlib.contextmanager
def resident(model: str) -> Any:
    """Run a resident process and give its process id; end it afterwards."""
    words = [str(PROGRAM), "--home", str(home(model)), "--model", model]
    with subprocess.Popen([*words, "agent", "run"]) as process:
        socket = home(model) / "agent.sock"
        while control.state(socket) is None:
            time.sleep(0.05)
        yield process.pid
        process.send_signal(signal.SIGTERM)


def words(model: str, photo: Path, *more: str) -> list[str]:
    """Return the arguments of a `verify` command."""
    return [
        "--quiet",
        "--home",
        str(home(model)),
        "--model",
        model,
        "verify",
        str(photo),
        "--as",
        KNOWN,
        *more,
    ]


def warmed(model: str, photo: Path) -> None:
    """Ask until the resident process answers, so that its models are loaded."""
    while client.ask(words(model, photo, ANYBODY)) is None:
        time.sleep(0.2)


def speed(photos: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure whole processes side by side."""
    photo = photos / "timing" / "1mp.jpg"
    with contextlib.ExitStack() as stack:
        contestants = []
        for model in MODELS:
            stack.enter_context(resident(model))
            warmed(model, photo)
            command = [str(PROGRAM), *words(model, photo, ANYBODY)]
            contestants.append(Process(f"faceunlock {model}, resident", command))
            # The same command line, except for an option that the resident process does not serve.
            loud = [word for word in command if word != "--quiet"]
            contestants.append(Process(f"faceunlock {model}, alone", [*loud, "--verbose"]))
        contestants.append(straightforward("verify", str(photo), str(stored_vector())))
        before = {model: control.state(home(model) / "agent.sock").answered for model in MODELS}
        measured = side_by_side(contestants, arguments.runs)
        for model in MODELS:
            answered = control.state(home(model) / "agent.sock").answered - before[model]
            assert answered == arguments.runs + 1, f"{model}: {answered} answers"
    opponent = measured[STRAIGHTFORWARD].median
    factors = {
        model: round(opponent / measured[f"faceunlock {model}, resident"].median, 1) for model in MODELS
    }
    contestant_rows = {name: one.document() for name, one in measured.items()}
    return {"contestants": contestant_rows, "goal": GOAL, "times_as_long": factors}


def callers(photos: Path, _arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure many client processes at once."""
    photo, model = photos / "timing" / "1mp.jpg", "dlib"
    with resident(model):
        warmed(model, photo)
        expected = alone(model, photo)
        seconds, wrong = [], []

        def call(_number: int) -> None:
            begun = time.perf_counter()
            answer = run(words(model, photo, ANYBODY))
            seconds.append(time.perf_counter() - begun)
            if answer != expected:
                wrong.append(answer)

        before = control.state(home(model) / "agent.sock").answered
        with ThreadPoolExecutor(CALLERS) as pool:
            list(pool.map(call, range(CALLS)))
        served = control.state(home(model) / "agent.sock").answered - before
    seconds.sort()
    return {
        "calls": CALLS,
        "callers": CALLERS,
        "p50_s": round(statistics.median(seconds), 4),
        "p99_s": round(seconds[int(0.99 * CALLS) - 1], 4),
        "answered_by_the_resident_process": served,
        "wrong": len(wrong),
    }


def memory(photos: Path, _arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure the memory over many calls, one after the other."""
    photo, model = sorted((photos / "lfw").glob("*/*.jpg"))[0], "dlib"
    with resident(model) as process:
        warmed(model, photo)
        line = words(model, photo, ANYBODY)
        expected, wrong, megabytes = client.ask(line), 0, [resident_megabytes(process)]
        for number in range(1, MANY + 1):
            wrong += client.ask(line) != expected
            if number % EVERY == 0:
                megabytes.append(resident_megabytes(process))
    return {"calls": MANY, "wrong": wrong, "every": EVERY, "megabytes": megabytes}


def resident_megabytes(process: int) -> float:
    """Return the resident memory of a process, in megabytes."""
    lines = Path(f"/proc/{process}/status").read_text(encoding="ascii", errors="replace").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1000


def kills(photos: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Kill the resident process again and again while clients ask; return what they were answered."""
    model = "casia-webface"
    rng = random.Random(0)
    photo = photos / "timing" / "1mp.jpg"
    expected = alone(model, photo)
    people = enrolled(model)
    wrong: list[Any] = []
    answers: Counter[str] = Counter()
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            answer = run(words(model, photo, ANYBODY))
            answers["right" if answer == expected else "wrong"] += 1
            if answer != expected:
                wrong.append(answer)

    socket = home(model) / "agent.sock"
    killed = served = 0
    with ThreadPoolExecutor(2) as pool:
        asking = [pool.submit(ask) for _ in range(2)]
        try:
            for _ in range(arguments.kills):
                state, _ = control.start(socket, home(model))
                time.sleep(rng.uniform(0, 1.5))
                last = control.state(socket)
                served += last.answered if last else 0
                os.kill(state.pid, signal.SIGKILL)
                killed += 1
        finally:
            over.set()
        for one in asking:
            one.result()
    with FaceUnlock(home(model), model=model) as unlock:
        problems = unlock.status().problems
    return {
        "kills": killed,
        "answers_of_clients": dict(answers),
        "answered_by_the_resident_process_at_least": served,
        "wrong": [str(answer) for answer in wrong[:5]],
        "people_before_and_after_are_the_same": people == enrolled(model),
        "problems": list(problems),
    }


def alone(model: str, photo: Path) -> tuple[int, str, str]:
    """Return exit code, output and an empty error output of the answer without a resident process."""
    code, answer, _ = run([*words(model, photo, ANYBODY)[1:], "--verbose"])
    return code, answer, ""


def run(line: list[str]) -> tuple[int, str, str]:
    """Run the program and return its exit code, output and error output."""
    done = subprocess.run([str(PROGRAM), *line], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def enrolled(model: str) -> list[Any]:
    """Return name, time of the last change and centroid of every person."""
    with FaceUnlock(home(model), model=model) as unlock:
        return [
            (person.name, person.updated, person.template.centroid.tobytes()) for person in unlock.people()
        ]


if __name__ == "__main__":
    sys.exit(main())
