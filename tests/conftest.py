"""Shared fixtures: public-domain portraits that come inside packages, the local photo collection."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

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


@pytest.fixture(scope="session")
def collection() -> Path:
    """The local photo collection, which is not part of the project."""
    folder = Path(os.environ.get("FACEUNLOCK_TEST_PHOTOS", PROJECT.parent / "shared" / "photos"))
    if not folder.is_dir():
        pytest.skip("needs the local photo collection (FACEUNLOCK_TEST_PHOTOS)")
    return folder
