"""``protect``: the real program on a sealed gallery."""

from __future__ import annotations

import os
import random
import shutil
import signal
import stat
import subprocess
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]


@pytest.fixture
def desktop(tmp_path):
    """The environment of a desktop session with a keyring."""
    return {
        "PYTHONPATH": os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")]),
        "PYTHON_KEYRING_BACKEND": "support.fake_keyring.FakeKeyring",
        "FAKE_KEYRING": str(tmp_path / "keyring.json"),
    }


@pytest.fixture
def no_desktop():
    """The environment of a machine without a keyring."""
    return {"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}


def test_a_sealed_gallery_answers_like_an_open_one(enrolled, pictures, no_desktop, tmp_path):
    words = ("verify", pictures / "unseen.jpg", "--json")
    before = enrolled(*words)
    on = enrolled("protect", "on", env=no_desktop)
    assert on.code == 0 and on.stdout.startswith("Sealed, key in ") and "models prepare" in on.stderr
    again = enrolled("protect", "on", "--json", env=no_desktop)
    assert again.code == 0 and again.data["changed"] is False and again.data["key"] == "file"
    (key,) = (enrolled.home / "keys").iterdir()
    assert stat.S_IMODE(key.stat().st_mode) == 0o600 and str(key) == again.data["key_file"]
    after = enrolled(*words)
    assert (after.code, after.data) == (before.code, before.data) == (0, before.data)
    stranger = enrolled("verify", pictures / "stranger.jpg")
    assert stranger.code == 1

    secret = {"FACEUNLOCK_PASSPHRASE": "correct horse"}
    assert enrolled("export", tmp_path / "moved", env=secret).code == 0
    assert enrolled("people", "rename", "Eileen", "Collins").code == 0
    imported = enrolled("import", tmp_path / "moved", "--even-so", "--json", env=secret)
    assert imported.data["added"] == ["Eileen"]
    added = enrolled("enroll", "Eileen", "more", "--add", "--even-so", "--json", cwd=pictures)
    assert added.code == 0 and added.data["template_photos"] == 4
    status = enrolled("status")
    assert "\nprotection  sealed, key in " in status.stdout and status.stdout.endswith("problems    none\n")
    assert enrolled("protect", "rotate").code == 0
    assert enrolled("people", "--json").data["people"][0]["name"] == "Collins"
    assert enrolled("protect", "off").stdout == "The gallery is no longer sealed.\n"
    assert list((enrolled.home / "keys").iterdir()) == []
    assert enrolled("verify", pictures / "unseen.jpg").code == 0


def test_where_there_is_a_keyring_the_key_is_in_it(enrolled, desktop, no_desktop):
    assert enrolled("protect", "on", "--key", "keyring", "--json", env=desktop).data["key"] == "keyring"
    assert "key in the desktop keyring" in enrolled("protect", env=no_desktop).stdout, (
        "says so without asking it"
    )
    assert enrolled("people", env=desktop).code == 0
    elsewhere = enrolled("people", "--json", env=no_desktop)
    assert elsewhere.code == 2 and elsewhere.error["code"] == "keyring-unavailable"
    assert elsewhere.error["retryable"]
    moved = enrolled("protect", "rotate", "--key", "file", "--json", env=desktop)
    assert moved.data["key"] == "file"
    assert enrolled("people", env=no_desktop).code == 0


def test_no_keyring_where_one_is_wanted(faceunlock, no_desktop):
    result = faceunlock("protect", "on", "--key", "keyring", "--json", env=no_desktop)
    assert result.code == 2 and result.error["code"] == "keyring-unavailable"
    assert "--key file" in result.error["hint"]
    assert faceunlock("protect", "--json").data["sealed"] is False
    wrong = faceunlock("protect", "on", "--key", "pocket", "--json")
    assert wrong.code == 2 and wrong.error["code"] == "usage"


def test_a_gallery_put_back_from_before_is_refused(enrolled, pictures, desktop, tmp_path):
    enrolled("protect", "on", "--key", "keyring", env=desktop)
    shutil.copy(enrolled.home / "gallery.db", tmp_path / "older")
    assert enrolled("people", "rename", "Eileen", "Collins", env=desktop).code == 0
    shutil.copy(tmp_path / "older", enrolled.home / "gallery.db")
    result = enrolled("verify", pictures / "unseen.jpg", "--json", env=desktop)
    assert result.code == 2 and result.error["code"] == "gallery-tampered"
    assert "older copy" in result.error["message"]
    status = enrolled("status", env=desktop)
    assert status.code == 0 and "older copy" in status.stdout
    assert enrolled("people", "forget", "Eileen", "--yes", env=desktop).code == 2


def test_a_lost_key_leaves_a_new_start(enrolled, pictures, no_desktop):
    enrolled("protect", "on", env=no_desktop)
    shutil.rmtree(enrolled.home / "keys")
    lost = enrolled("verify", pictures / "unseen.jpg", "--json")
    assert lost.code == 2 and lost.error["code"] == "key-missing"
    gone = enrolled("people", "forget", "--all", "--yes")
    assert gone.code == 0 and gone.stdout == "Forgotten: 1 person.\n" and "protect on" in gone.stderr
    assert enrolled("status").stdout.endswith("problems    none\n")


def test_killed_rotations_lose_nobody(enrolled, desktop):
    """A small run of ``benchmarks/killed_protect.py``."""
    enrolled("protect", "on", "--key", "keyring", env=desktop)
    before = enrolled("people", "--json", env=desktop).data
    chance = random.Random(3)
    for _ in range(8):
        process = subprocess.Popen(
            enrolled.command("protect", "rotate"),
            env=enrolled.environment(desktop),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            process.wait(chance.uniform(0.1, 0.7))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
        assert enrolled("people", "--json", env=desktop).data == before
    assert enrolled("protect", "rotate", env=desktop).code == 0
    assert len(list((enrolled.home / "keys").iterdir())) == 1
