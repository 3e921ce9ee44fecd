"""The first command on a new machine: its networks are prepared at once, and without PyTorch."""

from __future__ import annotations

import subprocess
import sys

import pytest

WITHOUT = """
import runpy, sys
for name in ("torch", "torchvision", "onnxscript"):  # facenet_pytorch imports the first
    sys.modules[name] = None
sys.argv = ["faceunlock", *sys.argv[1:]]
runpy.run_module("faceunlock", run_name="__main__")
"""


def run_without_pytorch(program, *words):
    command = [sys.executable, "-c", WITHOUT, *map(str, words)]
    return subprocess.run(
        command, env=program.environment(), capture_output=True, text=True, check=False, timeout=120
    )


@pytest.mark.parametrize("model", ["compact", "dlib"])
def test_the_first_commands_need_no_pytorch(faceunlock, pictures, model):
    first = run_without_pytorch(faceunlock, "--model", model, "enroll", "Eileen", pictures / "photos")
    assert first.returncode == 0 and first.stdout.startswith("Eileen enrolled"), first.stderr
    assert "Preparing" not in first.stderr and "PyTorch" not in first.stderr
    kept = {path.stem for path in (faceunlock.home / "cache" / "converted").glob("*.json")}
    assert kept == {"mtcnn-proposal", "mtcnn-refinement", "mtcnn-output", model}
    checked = run_without_pytorch(faceunlock, "models", "verify", model)
    assert checked.returncode == 0 and "prepared networks good" in checked.stdout, checked.stderr
    for path in (faceunlock.home / "cache" / "converted").iterdir():
        path.unlink()
    again = run_without_pytorch(faceunlock, "--model", model, "verify", pictures / "unseen.jpg")
    assert again.returncode == 0 and again.stdout.startswith("yes  Eileen"), again.stderr
