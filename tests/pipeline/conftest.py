"""Public-domain portraits, read from the packages that carry them."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from faceunlock.photos.face import Face


def _portrait(package, file):
    return np.asarray(Image.open(Path(find_spec(package).origin).parent / file).convert("RGB"))


@pytest.fixture(scope="session")
def astronaut():
    return _portrait("skimage", "data/astronaut.png")


@pytest.fixture(scope="session")
def grace_hopper():
    return _portrait("matplotlib", "mpl-data/sample_data/grace_hopper.jpg")


@pytest.fixture(scope="session")
def astronaut_face():
    """Box and landmarks as MTCNN finds them, rounded; fixed, so that nothing here depends on a detector."""
    landmarks = ((205.0, 101.7), (246.8, 103.7), (224.7, 129.0), (201.7, 139.2), (245.3, 141.9))
    return Face((181.05, 62.16, 267.75, 172.05), landmarks, 1.0)
