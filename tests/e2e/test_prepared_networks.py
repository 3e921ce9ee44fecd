"""The networks that answer: prepared outside of any deadline, proven under a seal, looked at by checks."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import faceunlock as package

NO_DESKTOP = {"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}
PROJECT = Path(package.__file__).resolve().parents[1]


def unprepare(program):
    shutil.rmtree(program.home / "cache" / "converted")


def plant_constant(program, network):
    """Put a network of constant answers, with checksums of its own, where a prepared one is kept."""
    script = """
import sys
from dataclasses import replace
from pathlib import Path
import numpy as np
from faceunlock.pipeline.embedding import network_source
from faceunlock.pipeline.models.registry import MODELS
from faceunlock.pipeline.runtime import conversion, golden
from faceunlock.pipeline.runtime.kept import Keeping
from faceunlock.pipeline.runtime.layers import INPUT, Layer
cache = Path(sys.argv[1])
constant = [
    Layer("GlobalAveragePool", (INPUT,), "means"),
    Layer("Flatten", ("means",), "colour"),
    Layer("Gemm", ("colour",), "answer", (np.zeros((3, 128), np.float32), np.ones(128, np.float32))),
]
golden.answer = lambda source: None
source = replace(network_source(MODELS[sys.argv[2]], cache), layers=lambda: constant)
conversion.prepare(source, cache, keeping=Keeping())
"""
    subprocess.run([sys.executable, "-c", script, str(program.home / "cache"), network], check=True)


def login(program, photo):
    """Ask as PAM does after Enter; Python's isolated mode needs the path to this program."""
    path = f"import sys; sys.path.insert(0, {str(PROJECT)!r})"
    script = f"{path}; from faceunlock.pam import main; main(sys.argv[1:])"
    words = [f"--home={program.home}", f"--photo={photo}", "--timeout=60", "--ask"]
    return subprocess.run(
        [sys.executable, "-I", "-c", script, *words],
        env={"PAM_USER": "eileen", "PAM_TYPE": "auth", "PAM_SERVICE": "swaylock"},
        input="",
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_login_never_prepares_networks_and_everything_says_so(enrolled, pictures, tmp_path):
    os.utime(pictures / "unseen.jpg")
    assert login(enrolled, pictures / "unseen.jpg").returncode == 0
    unprepare(enrolled)
    os.utime(pictures / "unseen.jpg")  # a login takes no old photo
    declined = login(enrolled, pictures / "unseen.jpg")
    assert declined.returncode == 2 and "[networks-not-prepared]" in declined.stderr
    assert " models prepare" in declined.stderr
    assert not (enrolled.home / "cache" / "converted").exists()
    (problem,) = enrolled("status", "--json").data["problems"]
    command = f"faceunlock --home {enrolled.home} models prepare"
    assert "not prepared" in problem and command in problem
    service = tmp_path / "swaylock"
    options = f"--home={enrolled.home} --photo={pictures / 'unseen.jpg'}"
    line = f"auth sufficient pam_exec.so quiet {sys.executable} -I -m faceunlock.pam {options}"
    service.write_text(f"{line}\nauth required pam_unix.so\n")
    checked = enrolled("pam", "check", "swaylock", "--file", service, "--json")
    assert checked.code == 1 and any(command in problem for problem in checked.data["problems"])
    made = enrolled("models", "prepare", "--json")
    assert made.code == 0 and made.data["models"] == [
        {"id": "dlib", "made": ["mtcnn-proposal", "mtcnn-refinement", "mtcnn-output", "dlib"]}
    ]
    assert enrolled("models", "prepare", "--json").data["models"] == [{"id": "dlib", "made": []}]
    assert enrolled("status", "--json").data["problems"] == []
    os.utime(pictures / "unseen.jpg")
    assert login(enrolled, pictures / "unseen.jpg").returncode == 0


def test_a_network_that_says_yes_to_everybody_is_found_and_under_a_seal_never_answers(enrolled, pictures):
    stranger = ("verify", pictures / "stranger.jpg", "--as", "Eileen")
    assert enrolled("models", "verify", "dlib", "--json").data["models"][0]["networks"] == "prepared"
    plant_constant(enrolled, "dlib")
    found = enrolled("models", "verify", "dlib", "--json")
    assert found.code == 2 and found.error["code"] == "conversion-failed"
    (problem,) = enrolled("status", "--json").data["problems"]
    assert "does not answer like the original" in problem and "models prepare --force" in problem

    assert enrolled("protect", "on", env=NO_DESKTOP).code == 0
    plant_constant(enrolled, "dlib")
    assert "not prepared" in enrolled("status", "--json").data["problems"][0]
    assert enrolled("models", "verify", "dlib", "--json").data["models"][0]["networks"] == "not-prepared"
    assert enrolled(*stranger).code == 1
    assert json.loads((enrolled.home / "cache/converted/dlib.json").read_text())["mac"]


def test_a_rotated_key_leaves_the_networks_prepared(enrolled, pictures):
    assert enrolled("protect", "on", env=NO_DESKTOP).code == 0
    assert enrolled("models", "prepare").code == 0
    before = (enrolled.home / "cache/converted/dlib.json").read_text()
    assert enrolled("protect", "rotate", env=NO_DESKTOP).code == 0
    assert (enrolled.home / "cache/converted/dlib.json").read_text() != before
    assert enrolled("models", "prepare", "--json").data["models"][0]["made"] == []
    assert enrolled("status", "--json").data["problems"] == []
    assert enrolled("verify", pictures / "unseen.jpg").code == 0
