"""Enroll a folder of people on Ray, with kills, and compare with the plain way: the same bits, and how long.

Run: python benchmarks/ray_each.py [--photos 300] [--runs 3] [--model compact]

The photos are the first five of the first LFW people who have five. Plain and `--ray local` take turns,
each in a home of its own with prepared networks, and so do both with the photos of one person, which shows
what a start costs. Then a cluster of two nodes on this machine does the same folder: one worker is killed
when some photos are done, a little later the command itself is; the same command again finishes. All
galleries must have the same people: names, sums, counts and similarities, bit for bit. Keys and hashes
under them are random.
"""

from __future__ import annotations

import argparse
import math
import os
import secrets
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from common import collection, save

from faceunlock.gallery.gallery import Gallery
from faceunlock.gallery.journal import FILE_NAME, Journal
from faceunlock.photos.photo import find_photos

EACH = 5
NODES = 2
MACHINES = (2, 4, 8)


def main() -> None:
    """Measure, compare, kill, compare, and write the result file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=300)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--model", default="compact")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fu-ray-") as directory:
        top = Path(directory)
        people, one = top / "people", top / "one"
        copy_people(people, arguments.photos // EACH)
        first = min(people.iterdir())
        shutil.copytree(first, one / first.name)
        first_home = top / "prepared"
        seconds(first_home, arguments.model, one)
        taken: dict[str, list[float]] = {"plain": [], "ray": [], "plain_one": [], "ray_one": []}
        expected: list[Any] = []
        for run in range(arguments.runs):
            for name, folder, ray in (
                ("plain", people, None),
                ("ray", people, "local"),
                ("plain_one", one, None),
                ("ray_one", one, "local"),
            ):
                home = fresh(top / f"{name}{run}", first_home)
                taken[name].append(seconds(home, arguments.model, folder, ray))
                print(f"{name}: {taken[name][-1]:.1f} s", flush=True)
                if folder is people:
                    expected = expected or content(home)
                    assert content(home) == expected, "another gallery"
        killed = cluster_run(fresh(top / "killed", first_home), arguments.model, people, top / "r")
        assert content(top / "killed") == expected, "another gallery after the kills"
    medians = {name: round(statistics.median(values), 2) for name, values in taken.items()}
    photos = arguments.photos // EACH * EACH
    start = statistics.median(np.subtract(taken["ray_one"], taken["plain_one"]).tolist())
    each = statistics.median(np.subtract(taken["plain"], taken["plain_one"]).tolist()) / (photos - EACH)
    save("ray-each", {
        "model": arguments.model,
        "photos": photos,
        "people": len(expected),
        "runs": arguments.runs,
        "same_gallery": True,
        "compared": "names, model, sum of embeddings, count, mean and lowest similarity, number of hashes",
        "seconds": medians,
        "seconds_all": {name: [round(value, 2) for value in values] for name, values in taken.items()},
        "ratio": round(medians["ray"] / medians["plain"], 2),
        "start": round(start, 2),
        "seconds_each_photo": round(each, 4),
        "load_average": round(os.getloadavg()[2], 1),
        "pays_from": {str(n): pays_from(start, each, n) for n in MACHINES},
        "killed": killed,
    })  # fmt: skip


def pays_from(start: float, each: float, machines: int) -> int:
    """Return from how many photos on so many machines like this one Ray is faster.

    The work on a photo is the same in both ways; so many machines do so many photos at once.
    """
    return math.ceil(start / (each * (1 - 1 / machines)))


def copy_people(people: Path, count: int) -> None:
    """Copy the first photos of the first people who have enough; the copy is deleted at the end."""
    found = 0
    for folder in sorted((collection() / "lfw").iterdir()):
        photos = find_photos([folder]).photos
        if len(photos) >= EACH and found < count:
            found += 1
            (people / folder.name).mkdir(parents=True)
            for photo in photos[:EACH]:
                shutil.copy(photo, people / folder.name)
    if found < count:
        sys.exit(f"LFW has only {found} people with {EACH} photos here.")


def fresh(home: Path, prepared: Path) -> Path:
    """Return a home with nothing but prepared networks."""
    home.mkdir(mode=0o700)
    shutil.copytree(prepared / "cache", home / "cache")
    return home


def command(home: Path, model: str, folder: Path, ray: str | None) -> list[str]:
    """Return the command line of an enrolment."""
    words = [sys.executable, "-m", "faceunlock", "--home", str(home), "--model", model, "--quiet"]
    return [*words, "enroll", "--each", str(folder), *(() if ray is None else ("--ray", ray))]


def seconds(home: Path, model: str, folder: Path, ray: str | None = None) -> float:
    """Run an enrolment to its end, and return how long it took."""
    started = time.monotonic()
    # Who is refused is refused in every way; the galleries are compared.
    subprocess.run(command(home, model, folder, ray), stdout=subprocess.DEVNULL, check=False)
    return time.monotonic() - started


def content(home: Path) -> list[Any]:
    """Return everything of a gallery that is not random."""
    with Gallery(home) as gallery:
        return [
            (
                person.name,
                person.template.identity,
                np.asarray(person.template.vector_sum, dtype=np.float32).tobytes(),
                person.template.count,
                person.template.mean_similarity,
                person.template.lowest_similarity,
                len(person.template.photo_hashes),
            )
            for person in gallery.people()
        ]


def cluster_run(home: Path, model: str, folder: Path, temporary: Path) -> dict[str, Any]:
    """Enroll on two nodes; kill a worker, then the command; run it again to its end."""
    os.environ.update(RAY_TMPDIR=str(temporary), RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=secrets.token_hex(32))
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        for _ in range(NODES - 1):
            cluster.add_node(num_cpus=1)
        words = command(home, model, folder, cluster.address)
        driver = subprocess.Popen(words, stdout=subprocess.DEVNULL)
        journal = home / FILE_NAME
        wait_for(lambda: journal.exists() and journal.stat().st_size > 0)
        os.kill(workers()[0], signal.SIGKILL)
        at_kill = journal.stat().st_size
        wait_for(lambda: journal.stat().st_size > 2 * at_kill)
        driver.kill()
        driver.wait()
        with Journal(home, None) as seen:
            before = len(seen)
        started = time.monotonic()
        subprocess.run(words, stdout=subprocess.DEVNULL, check=False)
        return {
            "nodes": NODES,
            "workers_killed": 1,
            "commands_killed": 1,
            "photos_seen_before_second_run": before,
            "second_run_seconds": round(time.monotonic() - started, 2),
            "journal_left": journal.exists(),
        }
    finally:
        cluster.shutdown()


def workers() -> list[int]:
    """Return the processes of Ray that look at photos."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            name = (entry / "cmdline").read_bytes() if entry.name.isdecimal() else b""
        except OSError:
            continue
        if name.startswith(b"ray::") and b"Map" in name:
            found.append(int(entry.name))
    return found


def wait_for(true: Any) -> None:
    """Wait until something is true, at most two minutes."""
    until = time.monotonic() + 120
    while not true():
        if time.monotonic() > until:
            sys.exit("waited in vain")
        time.sleep(0.05)


if __name__ == "__main__":
    main()
