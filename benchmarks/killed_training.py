"""Trainings killed three times and continued: are the weights those of a training that was left alone?

    python benchmarks/killed_training.py ../shared/train112/pins [--rounds 2] [--losses triplet softmax ...]

Every run is the real program, ended by SIGKILL: once at a random moment of an epoch, once while a checkpoint
is being written (its temporary file is there), once at any moment from the start on. Then it goes on
with ``--resume``. Checkpoints are written every tenth of a second instead of every minute, so that most of
them lie in the middle of an epoch. What must be the same is the file of the weights, byte for byte, with
it the id of the model, and the loss of every epoch.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from common import save

PEOPLE, PHOTOS, EPOCHS, BATCH = 12, 8, 4, 8
LOSSES = ("triplet", "softmax", "distill", "contrastive", "arcface")
KINDS = ("within an epoch", "while a checkpoint is written", "anywhere")
SECONDS = 0.1
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
            save("killed-training", summary(found))  # after each: all of them take a while


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
    """Lay out some photos of some people."""
    for person in sorted(path for path in folder.iterdir() if path.is_dir())[:PEOPLE]:
        (people / person.name).mkdir(parents=True)
        for photo in sorted(person.iterdir())[:PHOTOS]:
            (people / person.name / photo.name).symlink_to(photo.resolve())


def examine(work: Path, loss: str, rounds: int, rng: random.Random) -> dict[str, Any]:
    """Train undisturbed, then killed three times in each round, and compare."""
    # One name for all, for it is part of the model's id.
    whole, model = work / "whole" / "model", work / "killed" / "model"
    began = time.monotonic()
    assert finish(start(work, whole, loss)) == 0, f"{loss}: the undisturbed training failed"
    seconds = time.monotonic() - began
    truth = fingerprint(whole)
    kills: Counter[str] = Counter()
    resumed_within, same = 0, 0
    for _ in range(rounds):
        for kind in KINDS:
            while not killed(work, model, loss, kind, rng, seconds):
                # It had ended before: once more from the beginning, or the kill would not count.
                shutil.rmtree(model)
            kills[kind] += 1
            resumed_within += within_an_epoch(model)
        assert finish(start(work, model, loss)) == 0, f"{loss}: the continued training failed"
        same += fingerprint(model) == truth
        left = [path.name for path in model.iterdir() if path.name.startswith(".") or path.suffix == ".pt"]
        assert not left, left
        shutil.rmtree(model)
    shutil.rmtree(whole)
    return {
        "rounds": rounds,
        "same_weights": same,
        "kills": dict(kills),
        "continued_within_an_epoch": resumed_within,
        "sha256": truth["sha256"],
        "seconds_undisturbed": round(seconds, 1),
    }


def start(work: Path, model: Path, loss: str) -> subprocess.Popen[bytes]:
    """Start the program; it begins, or goes on with what is in the folder."""
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


def finish(process: subprocess.Popen[bytes]) -> int:
    """Wait for the end and return the exit code."""
    return process.wait()


def killed(work: Path, model: Path, loss: str, kind: str, rng: random.Random, seconds: float) -> bool:
    """Run, kill in the way of `kind`, and return whether it was still at work."""
    before = checkpoint_time(model)
    process = start(work, model, loss)
    if kind == "anywhere":
        moment = time.monotonic() + rng.uniform(0.0, 0.9) * seconds
        while process.poll() is None and time.monotonic() < moment:
            time.sleep(0.001)
    else:  # from the first checkpoint of this run on
        while process.poll() is None and checkpoint_time(model) == before:
            time.sleep(0.001)
        moment = time.monotonic() + rng.uniform(0.0, 1.5)
        while process.poll() is None and time.monotonic() < moment:
            time.sleep(0.001)
        while kind == KINDS[1] and process.poll() is None and not writing(model):
            pass
    process.send_signal(signal.SIGKILL)
    return process.wait() == -signal.SIGKILL and not (model / "model.json").exists()


def checkpoint_time(model: Path) -> int | None:
    """Return when the checkpoint was written, in nanoseconds; None without one."""
    try:
        return (model / "checkpoint.pt").stat().st_mtime_ns
    except FileNotFoundError:
        return None


def writing(model: Path) -> bool:
    """Whether a file is being written into the folder."""
    return any(entry.name.startswith(".faceunlock-") for entry in os.scandir(model))


def within_an_epoch(model: Path) -> bool:
    """Whether the checkpoint was taken in the middle of an epoch."""
    import torch

    try:
        data = (model / "checkpoint.pt").read_bytes()
    except FileNotFoundError:  # killed before the first one
        return False
    import io

    content = torch.load(io.BytesIO(data[32:]), weights_only=True)
    return bool(json.loads(content["progress"])["step"])


def fingerprint(model: Path) -> dict[str, Any]:
    """Return what must be the same."""
    card = json.loads((model / "card.json").read_text())
    return {
        "sha256": hashlib.sha256((model / "weights.safetensors").read_bytes()).hexdigest(),
        "id": card["model"]["id"],
        "losses": [record["loss"] for record in card["history"]],
    }


if __name__ == "__main__":
    main()
