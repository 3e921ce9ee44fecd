"""Time and memory of single commands as a gallery grows: 10 to 100,000 people, sealed and not.

Run: nice -n 10 python benchmarks/scale.py [--before TREE] [--sizes 10,1000,10000,100000] [--runs 7]

The templates are made up: unit vectors around those of real faces, as far from each other as photos of one
person are, summed over five photos. Nobody's photo is needed. Each run is a new process, and the runs of all
galleries alternate, so that a busy moment of the machine meets all of them. The seconds are the medians of
what a command takes more than the same command in the same round with ten people: by the clock, which says
little on a busy machine, and in time of the processor, which hardly depends on what else runs there. How long
SQLite alone needs to read everybody, how long until Python has the rows, and how long until all are proven
and in one array, is measured in one process for each gallery.

With ``--before``, a tree of an earlier version (``git worktree add`` or ``git archive``) is measured, too. It
writes its own galleries, and those sizes are left out that it would need minutes for.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from common import HERE, collection, save

TREE = HERE.parent
SMALLEST = 10
PHOTOS = 5
SPREAD = 0.35
"""Radians between a made-up face and the real one it is made from, and between photo and face."""

WRITING = """
import os, sys
from pathlib import Path
import numpy as np
from faceunlock.gallery.gallery import Gallery
from faceunlock.matching.people import Person
from faceunlock.matching.templates import ModelIdentity, Template

home, vectors, place = Path(sys.argv[1]), np.load(sys.argv[2]), sys.argv[7]
identity = ModelIdentity(*sys.argv[3:6], int(sys.argv[6]))
gallery = Gallery(home, keys=home / "keys")
if place != "none":
    gallery.protect(place)
STEP = 5000
for start in range(0, len(vectors), STEP):
    with gallery.transaction():
        for number in range(start, min(start + STEP, len(vectors))):
            day, second = divmod(number, 86400)
            moment = f"2025-01-{day % 28 + 1:02}T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}Z"
            marks = frozenset(os.urandom(32).hex() for _ in range(5))
            total = vectors[number].astype(np.float64)
            template = Template(identity, total, 5, 0.93, 0.9, os.urandom(32), marks)
            person = Person(f"Person {number:06}", template, moment, moment)
            try:
                from faceunlock.gallery.entries import write_person
            except ImportError:
                from faceunlock.gallery.seal import document
                from faceunlock.matching.people import name_key, person_to_record
                record = person_to_record(person)
                with gallery._guard.changing() as change:
                    content = document(record["template"])
                    change.write("people", (name_key(person.name), person.name, moment, moment, content))
            else:
                with gallery._guard.changing() as change:
                    write_person(change, person.name.lower(), person)
"""
"""Writes a gallery through its store, without looking for second names: that is another question."""

LAUNCHING = """
import json, os, sys, time
command = json.loads(sys.argv[1])
nowhere = os.open(os.devnull, os.O_RDWR)
to = [(os.POSIX_SPAWN_DUP2, nowhere, stream) for stream in (0, 1, 2)]
started = time.perf_counter()
_, status, usage = os.wait4(os.posix_spawn(command[0], command, os.environ, file_actions=to), 0)
took, used = time.perf_counter() - started, usage.ru_utime + usage.ru_stime
print(json.dumps([took, used, usage.ru_maxrss, os.waitstatus_to_exitcode(status)]))
"""
"""Starts a command from a small process: Linux counts the memory of the one that starts it, too."""

READING = """
import contextlib, json, sqlite3, sys, time
from pathlib import Path
from faceunlock.gallery.gallery import Gallery

home = Path(sys.argv[1])

def pages():
    connection.execute("SELECT sum(length(CAST(template AS BLOB))), count(updated) FROM people").fetchall()

def rows():
    cursor = connection.execute("SELECT * FROM people")
    while cursor.fetchmany(1000):
        pass

def crowd():
    with Gallery(home, keys=home / "keys") as gallery:
        gallery.crowd()

def seconds(work):
    began = time.process_time()
    work()
    return time.process_time() - began

with contextlib.closing(sqlite3.connect(home / "gallery.db")) as connection:
    print(json.dumps({work.__name__: min(seconds(work) for _ in range(5)) for work in (pages, rows, crowd)}))
"""
"""Times what one process does again and again: SQLite alone, SQLite with Python's rows, and all that `verify`
does with the rows. The least time of the processor in five runs each."""

COMMANDS = ("verify", "verify-as", "people", "people-json", "enroll")
KINDS = {"plain": "none", "sealed": "file"}
SLOW = 1000
"""The largest gallery of which the commands of an earlier version are measured as often as ours, not once."""


def real_vectors(photos: int) -> tuple[np.ndarray, Any]:
    """Return unit embeddings of the faces of different people, and the identity of the model."""
    from common import embed_photos

    from faceunlock.pipeline.embedding import load_embedder
    from faceunlock.pipeline.runtime import choose_engine
    from faceunlock.settings import load_settings, locate

    folders = sorted(path for path in (collection() / "lfw").iterdir() if path.is_dir())
    found = embed_photos([min(folder.iterdir()) for folder in folders[:photos]], "scale", "compact")
    cache = locate().cache
    engine = choose_engine("auto", cache, runtime=load_settings(locate().config).runtime, photos=1)
    return found.embeddings[found.acquired], load_embedder("compact", cache=cache, engine=engine).identity


def turned(vectors: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return unit vectors at the angle `SPREAD` from these, each in a random direction."""
    aside = random.normal(size=vectors.shape)
    aside -= np.sum(aside * vectors, axis=-1, keepdims=True) * vectors
    aside /= np.linalg.norm(aside, axis=-1, keepdims=True)
    return np.cos(SPREAD) * vectors + np.sin(SPREAD) * aside


def made_up(real: np.ndarray, people: int) -> np.ndarray:
    """Return a sum of unit vectors for each of many made-up people, shape (people, dimension)."""
    random = np.random.default_rng(20)
    sums = np.empty((people, real.shape[1]), dtype=np.float32)
    for start in range(0, people, 5000):
        faces = turned(real[random.integers(len(real), size=min(5000, people - start))], random)
        sums[start : start + len(faces)] = sum(turned(faces, random) for _ in range(PHOTOS))
    return sums


def once(tree: Path, home: Path, arguments: list[str]) -> tuple[dict[str, float], int]:
    """Return what one command takes in a new process, and its exit code.

    That is seconds by the clock, seconds of processor time, and MiB of memory at most.
    """
    (home / "attempts.db").unlink(missing_ok=True)  # a stranger's photo would soon be locked out
    command = [sys.executable, "-m", "faceunlock", "--home", str(home), *arguments]
    done = subprocess.run(
        [sys.executable, "-S", "-E", "-c", LAUNCHING, json.dumps(command)],
        cwd=home,
        env=os.environ | {"PYTHONPATH": str(tree)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    seconds, used, kibibytes, code = json.loads(done.stdout)
    return {"seconds": seconds, "processor": used, "mebibytes": kibibytes / 1024}, code


def arguments(command: str, photos: Path, number: int) -> list[str]:
    """Return the words of a command; a new name for each enrolment."""
    photo = str(photos / "0.jpg")
    return {
        "verify": ["verify", photo],
        "verify-as": ["verify", photo, "--as", "Person 000003"],
        "people": ["people"],
        "people-json": ["people", "--json"],
        "enroll": ["enroll", f"New {number}", str(photos), "--even-so"],
    }[command]


def measure(trees: dict[str, Path], sizes: list[int], runs: int, vectors: np.ndarray, identity: Any) -> Any:
    """Return what each case takes, and how much more than with ten people; see `summary`."""
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        photos = root / "photos"
        photos.mkdir()
        source = next(
            path for path in sorted((collection() / "phone10" / "enroll").iterdir()) if path.is_dir()
        )
        for number, path in enumerate(sorted(source.iterdir())[:3]):
            shutil.copy(path, photos / f"{number}.jpg")
        homes: dict[tuple[str, str, int], Path] = {}
        for tree, path in trees.items():
            for kind, place in KINDS.items():
                for size in sizes:
                    if tree == "before" and size > 10_000:
                        continue
                    home = homes[tree, kind, size] = root / f"{tree}-{kind}-{size}"
                    home.mkdir(mode=0o700)
                    np.save(root / "some.npy", vectors[:size])
                    named = [identity.model, identity.weights_sha256, identity.preprocessing]
                    subprocess.run(
                        [sys.executable, "-c", WRITING, str(home), str(root / "some.npy"), *named,
                         str(identity.dimension), place],
                        env=os.environ | {"PYTHONPATH": str(path)}, cwd=root, check=True,
                    )  # fmt: skip
                    print(f"written: {home.name}", file=sys.stderr, flush=True)
        reading = {
            (kind, size): json.loads(
                subprocess.run(
                    [sys.executable, "-c", READING, str(home)],
                    env=os.environ | {"PYTHONPATH": str(TREE)}, cwd=root, stdout=subprocess.PIPE, check=True,
                ).stdout
            )
            for (tree, kind, size), home in homes.items()
            if tree == "after"
        }  # fmt: skip
        sizes_of = {case: (home / "gallery.db").stat().st_size for case, home in homes.items()}
        taken: dict[tuple[str, str, int, str], list[dict[str, float]]] = {}
        for number in range(runs + 1):
            for (tree, kind, size), home in homes.items():
                if tree == "before" and size > SLOW and number != 1:
                    continue
                for command in COMMANDS:
                    took, code = once(trees[tree], home, arguments(command, photos, number))
                    if code == 2:
                        sys.exit(f"{tree} {kind} {size}: {command} could not")
                    if number:  # the first round makes files that are kept
                        taken.setdefault((tree, kind, size, command), []).append(took)
            print(f"round {number} of {runs}", file=sys.stderr, flush=True)
    result: dict[str, Any] = {}
    for (tree, kind, size, command), measured in taken.items():
        row = result.setdefault(tree, {}).setdefault(kind, {}).setdefault(str(size), {})
        row["file_bytes"] = sizes_of[tree, kind, size]
        if tree == "after":
            row["reading"] = {what: round(took, 4) for what, took in reading[kind, size].items()}
        row[command] = summary(measured, taken[tree, kind, SMALLEST, command])
    return result


def summary(measured: list[dict[str, float]], least: list[dict[str, float]]) -> dict[str, float]:
    """Return the median of each quantity, and the median of how much more it is than with ten people."""
    found = {}
    for what in ("seconds", "processor", "mebibytes"):
        more = [one[what] - other[what] for one, other in zip(measured, least, strict=False)]
        found[what] = round(statistics.median(one[what] for one in measured), 3)
        found[f"{what}_more"] = round(statistics.median(more), 3)
    return found


def main() -> None:
    """Write galleries of made-up people, run commands on them, and write the result file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--before", type=Path)
    parser.add_argument("--sizes", default="10,1000,10000,100000")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--real", type=int, default=300)
    options = parser.parse_args()
    sizes = sorted({SMALLEST, *map(int, options.sizes.split(","))})
    real, identity = real_vectors(options.real)
    trees = {"after": TREE} | ({"before": options.before.resolve()} if options.before else {})
    measured = measure(trees, sizes, options.runs, made_up(real, max(sizes)), identity)
    about = {
        "model": identity.model,
        "dimension": identity.dimension,
        "template_bytes": 4 * identity.dimension,
        "real_faces": len(real),
        "spread_radians": SPREAD,
        "runs": options.runs,
    }
    print(json.dumps(measured, indent=1))
    save("scale", about | measured)


if __name__ == "__main__":
    main()
