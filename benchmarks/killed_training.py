"""Kill trainings three times and continue them: are the weights those of an undisturbed training?

    python benchmarks/killed_training.py ../shared/train112/pins [--rounds 2] [--losses triplet softmax ...]

Every run is the real program. It is killed with SIGKILL three times: once at a random moment of an epoch,
once while a checkpoint is being written (its temporary file exists), and once at any moment after the start.
Then it continues with ``--resume``. If a kill comes too late, all three are repeated on a new training, so
every training that is compared has survived three kills. Checkpoints are written every twentieth of a second
instead of every minute, so most of them lie in the middle of an epoch. The file of the weights must be the
same byte for byte, and so must the id of the model and the loss of every epoch.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import math
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common import save

PEOPLE, PHOTOS, EPOCHS, BATCH = 12, 8, 8, 8
LOSSES = ("triplet", "softmax", "distill", "contrastive", "arcface")
KINDS = ("within an epoch", "while a checkpoint is written", "anywhere")
SECONDS = 0.05
PROGRAM = (
    "from faceunlock.training import loop; from faceunlock.__main__ import main;"
    f"loop.CHECKPOINT_SECONDS = {SECONDS}; main()"
)


def main() -> None:
    """Train once undisturbed for each loss, then in rounds with three kills, and write the result file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="one sub-folder of aligned crops per person")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--losses", nargs="+", choices=LOSSES, default=LOSSES)
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as directory:
        work = Path(directory)
        choose(arguments.folder, work / "people")
        for loss in arguments.losses:
            found[loss] = examine(work, loss, arguments.rounds, rng)
            print(loss, json.dumps(found[loss]), flush=True)
            save("killed-training", summary(found))  # after each loss, since all of them take a while


def summary(found: dict[str, Any]) -> dict[str, Any]:
    """Return the content of the result file."""
    return {
        "photos": PEOPLE * PHOTOS,
        "people": PEOPLE,
        "epochs": EPOCHS,
        "kills": sum(sum(one["kills"].values()) for one in found.values()),
        "trainings_killed_three_times": sum(one["rounds"] for one in found.values()),
        "with_other_weights": sum(one["rounds"] - one["same_weights"] for one in found.values()),
        "losses": found,
    }


def choose(folder: Path, people: Path) -> None:
    """Link the first photos of the first people into `people`."""
    for person in sorted(path for path in folder.iterdir() if path.is_dir())[:PEOPLE]:
        (people / person.name).mkdir(parents=True)
        for photo in sorted(person.iterdir())[:PHOTOS]:
            (people / person.name / photo.name).symlink_to(photo.resolve())


def examine(work: Path, loss: str, rounds: int, rng: random.Random) -> dict[str, Any]:
    """Train undisturbed, then killed three times in each round, and compare."""
    # Both folders have the same name, because it is part of the model's id.
    whole, model = work / "whole" / "model", work / "killed" / "model"
    lasts = undisturbed(work, whole, loss)
    truth = fingerprint(whole)
    totals: Counter[str] = Counter()
    for _ in range(rounds):
        seen = killed_three_times(work, model, loss, rng, lasts)
        assert start(work, model, loss).wait() == 0, f"{loss}: the continued training failed"
        seen["same_weights"] = int(fingerprint(model) == truth)
        totals.update(seen)
        left = [path.name for path in model.iterdir() if path.name.startswith(".") or path.suffix == ".pt"]
        assert not left, left
        shutil.rmtree(model)
    shutil.rmtree(whole)
    return {
        "rounds": rounds,
        "same_weights": totals["same_weights"],
        "kills": {kind: totals[kind] for kind in KINDS},
        "began_again": totals["began_again"],
        "continued_within_an_epoch": totals["continued_within_an_epoch"],
        "checkpoints_half_written": totals["checkpoints_half_written"],
        "sha256": truth["sha256"],
        "seconds_undisturbed": round(lasts.all, 1),
    }


@dataclass(frozen=True)
class Lasts:
    """Seconds that an undisturbed training takes: in all, and after its first checkpoint."""

    all: float
    steps: float


def undisturbed(work: Path, model: Path, loss: str) -> Lasts:
    """Train without a kill and return how long it takes."""
    began = time.monotonic()
    process = start(work, model, loss)
    wait(process, lambda: checkpoint_time(model) is not None)
    stepping = time.monotonic()
    assert process.wait() == 0, f"{loss}: the undisturbed training failed"
    ended = time.monotonic()
    return Lasts(ended - began, ended - stepping)


def killed_three_times(work: Path, model: Path, loss: str, rng: random.Random, lasts: Lasts) -> Counter[str]:
    """Kill one training in each way, start over if a kill comes too late, and return the counts."""
    began_again = 0
    while True:
        seen: Counter[str] = Counter(began_again=began_again)
        for kind in KINDS:
            if not killed(work, model, loss, kind, rng, lasts):
                break
            seen[kind] += 1
            seen["continued_within_an_epoch"] += within_an_epoch(model)
            seen["checkpoints_half_written"] += writing(model)
        else:
            return seen
        # A training that ended was killed too few times, so its earlier kills do not count, either.
        shutil.rmtree(model)
        began_again += 1


def start(work: Path, model: Path, loss: str) -> subprocess.Popen[bytes]:
    """Start the program; it starts a training or continues the one in the folder."""
    options = ["--faces", "as-is", "--epochs", EPOCHS, "--batch", BATCH, "--size", 64, "--widths", "16,32,64"]
    options += ["--blocks", "1,1,1", "--precision", "float32"]
    if loss == "distill":
        options += ["--teacher", "dlib"]
    words = ["train", work / "people", "-o", model, "--loss", loss, *options, "--resume"]
    environment = os.environ | {"FACEUNLOCK_HOME": str(work / "home"), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *map(str, words)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment,
    )


def killed(work: Path, model: Path, loss: str, kind: str, rng: random.Random, lasts: Lasts) -> bool:
    """Run, kill in the way of `kind`, and return whether the training was still unfinished."""
    before = checkpoint_time(model)
    process = start(work, model, loss)
    if kind == "anywhere":
        wait(process, lambda: False, rng.uniform(0.0, 0.8) * lasts.all)
    else:  # from the first checkpoint of this run on
        wait(process, lambda: checkpoint_time(model) != before)
        wait(process, lambda: False, rng.uniform(0.0, 0.25) * lasts.steps)
        if kind == KINDS[1]:
            wait(process, lambda: writing(model), pause=0.0)
    process.send_signal(signal.SIGKILL)
    return process.wait() == -signal.SIGKILL and not (model / "model.json").exists()


def wait(
    process: subprocess.Popen[bytes],
    until: Callable[[], bool],
    seconds: float = math.inf,
    pause: float = 0.001,
) -> None:
    """Wait until `until` is true, the time is over, or the process ends."""
    moment = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < moment and not until():
        time.sleep(pause)


def checkpoint_time(model: Path) -> int | None:
    """Return the time of the checkpoint, in nanoseconds, or None without one."""
    try:
        return (model / "checkpoint.pt").stat().st_mtime_ns
    except FileNotFoundError:
        return None


def writing(model: Path) -> bool:
    """Return whether a file is being written into the folder, or was when the process was killed."""
    return model.is_dir() and any(entry.name.startswith(".faceunlock-") for entry in os.scandir(model))


def within_an_epoch(model: Path) -> bool:
    """Return whether the checkpoint was taken in the middle of an epoch."""
    import torch

    try:
        data = (model / "checkpoint.pt").read_bytes()
    except FileNotFoundError:  # killed before the first one
        return False
    content = torch.load(io.BytesIO(data[32:]), weights_only=True)
    return bool(json.loads(content["progress"])["step"])


def fingerprint(model: Path) -> dict[str, Any]:
    """Return what must be the same: checksum of the weights, id, and the loss of every epoch."""
    card = json.loads((model / "card.json").read_text())
    return {
        "sha256": hashlib.sha256((model / "weights.safetensors").read_bytes()).hexdigest(),
        "id": card["model"]["id"],
        "losses": [record["loss"] for record in card["history"]],
    }


if __name__ == "__main__":
    main()
