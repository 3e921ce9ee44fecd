"""Shared fixtures: public-domain portraits that come inside packages, the local photo collection."""

from __future__ import annotations

import os
import socket
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.fakes import GREY, GUESS, FakeDetector, FakeEmbedder, save, save_person, save_strangers

from faceunlock.matching.calibration import Calibration
from faceunlock.settings import load_settings
from faceunlock.unlock import FaceUnlock

pytest_plugins = [
    "support.resident",
    "support.postgres",
    "support.made_ray",
    *(["support.logins"] if os.name == "posix" else []),
]

PROJECT = Path(__file__).resolve().parents[1]


def package_file(package: str, file: str) -> Path:
    """Path of a file inside an installed package, without importing it."""
    spec = find_spec(package)
    assert spec is not None and spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]) / file


@pytest.fixture(scope="session")
def astronaut_path() -> Path:
    """Eileen Collins, NASA, public domain."""
    return package_file("skimage", "data/astronaut.png")


@pytest.fixture(scope="session")
def hopper_path() -> Path:
    """Grace Hopper, US Navy, public domain."""
    return package_file("matplotlib", "mpl-data/sample_data/grace_hopper.jpg")


@pytest.fixture(scope="session")
def faceless_path() -> Path:
    """A flower."""
    return package_file("sklearn", "datasets/images/flower.jpg")


@pytest.fixture(scope="session")
def astronaut(astronaut_path: Path) -> np.ndarray:
    return np.asarray(Image.open(astronaut_path).convert("RGB"))


@pytest.fixture(scope="session")
def hopper(hopper_path: Path) -> np.ndarray:
    return np.asarray(Image.open(hopper_path).convert("RGB"))


@pytest.fixture(autouse=True, scope="session")
def no_network():
    """No test asks the network for anything, nor waits for it: no name but this machine's is found."""
    real = socket.getaddrinfo

    def find(host, *args, **options):
        if host in ("127.0.0.1", "localhost", "::1", None):
            return real(host, *args, **options)
        raise socket.gaierror(socket.EAI_NONAME, f"tests do not look for {host}")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", find)
        yield


@pytest.fixture(scope="session")
def weights_folder() -> Path:
    """The local copies of published weights, which are not part of the project."""
    folder = Path(os.environ.get("FACEUNLOCK_TEST_WEIGHTS", PROJECT.parent / "shared" / "weights"))
    if not folder.is_dir():
        pytest.skip("needs local copies of published weights (FACEUNLOCK_TEST_WEIGHTS)")
    return folder


@pytest.fixture(scope="session")
def collection() -> Path:
    """The local photo collection, which is not part of the project."""
    folder = Path(os.environ.get("FACEUNLOCK_TEST_PHOTOS", PROJECT.parent / "shared" / "photos"))
    if not folder.is_dir():
        pytest.skip("needs the local photo collection (FACEUNLOCK_TEST_PHOTOS)")
    return folder


@pytest.fixture
def shipped(monkeypatch):
    """A threshold for every model that no measurement of the real ones will change."""

    def guess(model, security="normal"):
        return Calibration(model, "0" * 64, "fake-1", GUESS, None, "not-calibrated", "a guess", "2026-01-31")

    monkeypatch.setattr("faceunlock.pipeline.models.shipped.shipped_calibration", guess)


@pytest.fixture
def home(tmp_path):
    """A place for a gallery, not there yet."""
    return tmp_path / "home"


@pytest.fixture
def open_home(home, tmp_path, shipped):
    """Open the gallery, with no network unless told otherwise; closed at the end."""
    opened = []
    settings = replace(load_settings(tmp_path / "none.toml", {}), min_sharpness=20.0)

    def open_it(**options):
        options = {"settings": settings, "detector": FakeDetector(), "embedder": FakeEmbedder()} | options
        opened.append(FaceUnlock(home, **options))
        return opened[-1]

    yield open_it
    for unlock in opened:
        unlock.close()


@pytest.fixture
def unlock(open_home):
    """An empty gallery with a detector and an embedder that need no network."""
    return open_home()


@pytest.fixture
def ada(tmp_path):
    """Five photos of one person."""
    save_person(tmp_path / "ada", 1, 5)
    return tmp_path / "ada"


@pytest.fixture
def bob(tmp_path):
    """Five photos of another person."""
    save_person(tmp_path / "bob", 2, 5)
    return tmp_path / "bob"


@pytest.fixture
def stranger_folder(tmp_path):
    """Thirty strangers, a photo each; on one more photo there is nobody."""
    folder = save_strangers(tmp_path / "crowd", 30)
    save(folder / "S0" / "nobody.png", GREY)
    return folder
