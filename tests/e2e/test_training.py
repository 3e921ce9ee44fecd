"""``train`` as a process: on a disk that is full, and killed."""

from __future__ import annotations

import shlex
import shutil
import signal
import subprocess
import time

import numpy as np
import pytest
from PIL import Image

FAST = ("--loss", "triplet", "--faces", "as-is", "--size", "32", "--widths", "8,16", "--blocks", "1,1")
FAST = (*FAST, "--batch", "8", "--epochs", "3", "--precision", "float32")


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """Nine people whose pictures are noise."""
    folder = tmp_path_factory.mktemp("noise")
    for person in range(9):
        (folder / f"p{person}").mkdir()
        for photo in range(3):
            pixels = np.random.default_rng((person, photo)).integers(0, 255, (40, 40, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"p{person}" / f"{photo}.png")
    return folder


def test_a_full_disk(faceunlock, people, tmp_path):
    # Nothing larger than 16 kB can be written: the picture of the augmentations does not fit.
    words = faceunlock.command("train", people, "-o", tmp_path / "m", *FAST)
    command = shlex.join(map(str, words))
    done = subprocess.run(
        ["bash", "-c", f"ulimit -f 16; exec {command}"],
        capture_output=True,
        text=True,
        env=faceunlock.environment(),
        check=False,
    )
    assert done.returncode == 2 and "[file-unwritable]" in done.stderr and "Traceback" not in done.stderr
    assert not done.stdout and not (tmp_path / "m").exists()


def start(program, people, model, *words):
    """Train in the background; there are too many epochs for any of the kills to come too late."""
    command = program.command(
        "train", people, "-o", model, *FAST, "--epochs", "60", "--patience", "0", *words
    )
    return subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=program.environment({"OMP_NUM_THREADS": "1"}),
    )


def checkpoint(model):
    """The checkpoint's file: every one is written as a new one. None before the first."""
    try:
        status = (model / "checkpoint.pt").stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_mtime_ns


def killed(program, people, model, *words):
    """Kill a training after its next checkpoint; return whether it was at work."""
    before = checkpoint(model)
    process = start(program, people, model, *words)
    deadline = time.monotonic() + 300
    while process.poll() is None and checkpoint(model) in (None, before):
        assert time.monotonic() < deadline, "no checkpoint was ever written"
        time.sleep(0.01)
    process.kill()
    said = process.communicate()[1].decode()
    assert process.returncode in (0, -signal.SIGKILL), said
    return process.returncode == -signal.SIGKILL and not (model / "model.json").exists()


def killed_three_times(program, people, model):
    return all(killed(program, people, model, *words) for words in ((), ("--resume",), ("--resume",)))


def test_killed_three_times_and_continued_it_ends_with_the_same_weights(faceunlock, people, tmp_path):
    # One name for both: it is part of the model's id.
    whole, model = tmp_path / "whole" / "model", tmp_path / "killed" / "model"
    undisturbed = start(faceunlock, people, whole)
    assert undisturbed.communicate()[1] and undisturbed.returncode == 0
    for _ in range(5):
        if killed_three_times(faceunlock, people, model):
            break
        shutil.rmtree(model)  # one of the kills came after the end, and proves nothing
    else:
        pytest.fail("the trainings were over before they could be killed")
    assert (model / "checkpoint.pt").exists() and not (model / "weights.safetensors").exists()
    last = start(faceunlock, people, model, "--resume")
    said = last.communicate()[1].decode()
    assert last.returncode == 0 and "resuming in epoch " in said
    assert int(said.split("resuming in epoch ")[1].split()[0]) > 3, "each kill came after another checkpoint"
    assert (model / "weights.safetensors").read_bytes() == (whole / "weights.safetensors").read_bytes()
    assert (model / "model.json").exists() and not (model / "checkpoint.pt").exists()
