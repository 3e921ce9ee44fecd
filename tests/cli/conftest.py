"""The command line inside this process, with a detector and an embedder that need no network."""

from __future__ import annotations

import json

import pytest
from support.fakes import GREY, FakeDetector, FakeEmbedder, paint, save, save_person
from support.made_presentations import TurningDetector

from faceunlock.cli import run
from faceunlock.cli.session import Session
from faceunlock.tasks import demo as demonstration
from faceunlock.unlock import FaceUnlock


class InProcess:
    """Runs commands, and gives what they printed."""

    def __init__(self, capfd, home):
        self._capfd, self._home = capfd, str(home)

    def __call__(self, *words):
        code = run(["--home", self._home, *map(str, words)])
        captured = self._capfd.readouterr()
        return code, captured.out, captured.err

    def data(self, *words):
        code, out, err = self(*words, "--json")
        document = json.loads(out)
        assert code == 0 and document["ok"], err
        return document["data"]


@pytest.fixture
def faceunlock(monkeypatch, capfd, tmp_path):
    """Painted photos instead of people; see `fakes`."""
    for variable in ("FACEUNLOCK_HOME", "FACEUNLOCK_PASSPHRASE"):
        monkeypatch.delenv(variable, raising=False)

    def unlock(session, progress=None):
        return FaceUnlock(
            locations=session.locations,
            settings=session.settings,
            detector=FakeDetector(),
            embedder=FakeEmbedder(),
        )

    def make_pictures(directory):
        save_person(directory / "photos", 1, 5)
        save(directory / "unseen.jpg", paint(1, 9))
        save(directory / "stranger.jpg", paint(2))
        save(directory / "flower.jpg", GREY)

    monkeypatch.setattr(Session, "unlock", unlock)
    monkeypatch.setattr(demonstration, "make_pictures", make_pictures)
    return InProcess(capfd, tmp_path / "home")


@pytest.fixture
def heads_that_turn(faceunlock, monkeypatch):
    """The painted faces have landmarks, of heads or of flat pictures."""

    def unlock(session, progress=None):
        return FaceUnlock(
            locations=session.locations,
            settings=session.settings,
            detector=TurningDetector(),
            embedder=FakeEmbedder(),
        )

    monkeypatch.setattr(Session, "unlock", unlock)


@pytest.fixture
def ada(tmp_path):
    save_person(tmp_path / "ada", 1, 5)
    save(tmp_path / "ada" / "crowd.png", paint(1, 20, faces=2))
    (tmp_path / "ada" / "notes.txt").write_text("not a photo")
    return tmp_path / "ada"


@pytest.fixture
def test_folder(tmp_path):
    """Four people and 25 strangers, enough for a target of 0.2."""
    for number, name in enumerate(("Ada", "Bob", "Cyd", "Dan"), start=1):
        save_person(tmp_path / "test" / name, number, 5, first=40)
    save(tmp_path / "test" / "Dan" / "empty.png", GREY)
    for number in range(25):
        save(tmp_path / "strangers" / f"{number}.png", paint(100 + number))
    return tmp_path / "test", tmp_path / "strangers"
