"""``train`` as a process, on a disk that is full."""

from __future__ import annotations

import shlex
import subprocess

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
