"""Nothing is written outside ``--home``, and nothing is sent, by us or by a package that we use."""

from __future__ import annotations

import os
import re
import shutil
import subprocess

import pytest
from support.made_faces import make_people

VARIABLES = ("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME")
THEIR_OWN = (
    "MPLCONFIGDIR",
    "TORCHINDUCTOR_CACHE_DIR",
    "TRITON_CACHE_DIR",
    "NUMBA_CACHE_DIR",
    "CUDA_CACHE_PATH",
)


@pytest.fixture
def elsewhere(tmp_path):
    """Empty folders in the place of all the user's own, and a function that lists what is in them."""
    places = {name: tmp_path / "elsewhere" / name for name in VARIABLES}
    for place in places.values():
        place.mkdir(parents=True)

    def written():
        return [path for place in places.values() for path in place.rglob("*")]

    return {name: str(place) for name, place in places.items()}, written


@pytest.fixture
def alone(monkeypatch):
    """An environment in which nobody has said where packages should write."""
    for name in (*THEIR_OWN, "ORT_DISABLE_TELEMETRY"):
        monkeypatch.delenv(name, raising=False)


def test_commands_write_nothing_outside_their_home(faceunlock, pictures, elsewhere, alone, tmp_path):
    """From an empty cache on: networks are prepared, figures drawn, the gallery sealed and exported."""
    environment, written = elsewhere
    environment |= {"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring", "ORT_DISABLE_TELEMETRY": "0"}
    people = tmp_path / "people"
    for name in ("one", "two"):
        shutil.copytree(pictures / "few", people / name)
    commands = [
        ("--model", "compact", "enroll", "Eileen", pictures / "few"),
        ("verify", pictures / "unseen.jpg"),
        ("protect", "on"),
        ("models", "prepare"),
        ("verify", pictures / "unseen.jpg", "--as", "Eileen"),
        ("models", "verify", "compact"),
        ("status",),
        ("report", people, "-o", tmp_path / "page.html"),
        ("crop", people, "-o", tmp_path / "faces"),
        ("export", tmp_path / "moved"),
    ]
    for words in commands:
        result = faceunlock(*words, env={**environment, "FACEUNLOCK_PASSPHRASE": "correct horse"})
        assert result.code in (0, 1), result
        assert written() == [], words
    for place in (faceunlock.home, faceunlock.home / "cache", faceunlock.home / "cache" / "matplotlib"):
        assert place.stat().st_mode & 0o777 == 0o700


def test_figures_of_a_home_that_is_new_open_it_to_nobody(faceunlock, pictures, elsewhere, alone, tmp_path):
    """With PyTorch nothing is kept of networks, so matplotlib is the first to write."""
    environment, written = elsewhere
    shutil.copytree(pictures / "few", tmp_path / "people" / "one")
    shutil.copytree(pictures / "few", tmp_path / "people" / "two")
    words = ("--model", "compact", "report", tmp_path / "people", "-o", tmp_path / "page.html")
    result = faceunlock(*words, env={**environment, "FACEUNLOCK_RUNTIME": "torch"})
    assert result.code == 0, result
    assert written() == []
    assert faceunlock.home.stat().st_mode & 0o777 == 0o700


def test_a_training_writes_nothing_outside_its_folder(faceunlock, elsewhere, alone, tmp_path):
    environment, written = elsewhere
    make_people(tmp_path / "people", 5, 3)
    words = (
        "train",
        tmp_path / "people",
        "-o",
        tmp_path / "m",
        "--loss",
        "softmax",
        "--faces",
        "as-is",
        "--epochs",
        "1",
    )
    small = ("--size", "32", "--widths", "4,8", "--blocks", "1,1", "--dimension", "8")
    result = faceunlock(*words, *small, env=environment)
    assert result.code == 0, result
    assert written() == []
    assert not faceunlock.home.exists() or faceunlock.home.stat().st_mode & 0o777 == 0o700


def traced(program, folder, *words, env):
    """Run the program and return the lines of strace about the network, of every thread and child."""
    log = folder / "trace"
    strace = ["strace", "-f", "-qq", "-e", "trace=network", "-o", str(log)]
    done = subprocess.run(
        [*strace, *map(os.fspath, program.command(*words))],
        capture_output=True,
        env=program.environment(env),
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    return log.read_text(errors="replace").splitlines()


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
def test_native_code_opens_no_socket_to_the_network(prepared, pictures, elsewhere, alone, tmp_path):
    """Python's own view of sockets does not show those of libraries."""
    environment, _ = elsewhere
    probe = subprocess.run(["strace", "-qq", "true"], capture_output=True, check=False)
    if probe.returncode != 0:
        pytest.skip("strace may not trace here")
    for words in (
        ("--model", "dlib", "enroll", "Eileen", pictures / "few"),
        ("verify", pictures / "unseen.jpg"),
        ("bench", pictures / "unseen.jpg", "--runs", "3"),
    ):
        lines = traced(prepared, tmp_path, *words, env=environment)
        assert [line for line in lines if re.search(r"AF_(INET|NETLINK|PACKET)", line)] == [], words
