import importlib.util

import numpy as np
import pytest
from PIL import Image
from support.fakes import read_photo

from faceunlock.errors import PhotoError
from faceunlock.photos.photo import find_photos
from faceunlock.tasks import demo as demonstration
from faceunlock.tasks.demo import VARIATIONS, make_pictures


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    make_pictures(folder)
    return folder


def test_all_pictures_can_be_read(pictures):
    listing = find_photos([pictures / "photos"])
    assert len(listing.photos) == len(VARIATIONS) + 1 and listing.skipped == 0
    for path in (*listing.photos, *(pictures / f"{name}.jpg" for name in ("unseen", "stranger", "flower"))):
        assert read_photo(path).image.std() > 10


def test_no_two_pictures_are_the_same_file(pictures):
    digests = [read_photo(path).digest for path in find_photos([pictures]).photos]
    assert len(set(digests)) == len(digests) == len(VARIATIONS) + 4


def test_the_original_is_the_portrait(pictures, astronaut):
    difference = read_photo(pictures / "photos" / "original.jpg").image.astype(float) - astronaut
    assert np.abs(difference).mean() < 4


def test_darker_is_darker_and_brighter_brighter(pictures):
    light = {
        name: np.asarray(Image.open(pictures / "photos" / f"{name}.jpg").convert("L")).mean()
        for name in ("darker", "original", "brighter")
    }
    assert light["darker"] < 0.7 * light["original"] < light["original"] < light["brighter"]


def test_a_package_without_its_picture_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(demonstration, "PERSON", ("skimage", "data/nobody.png"))
    with pytest.raises(PhotoError, match="the package skimage does not contain data/nobody") as caught:
        make_pictures(tmp_path)
    assert caught.value.slug == "photo-not-found"


def test_a_package_that_is_not_there_is_named(tmp_path, monkeypatch):
    assert importlib.util.find_spec("no_such_package") is None
    monkeypatch.setattr(demonstration, "NO_FACE", ("no_such_package", "flower.jpg"))
    with pytest.raises(PhotoError, match="the package no_such_package does not contain"):
        make_pictures(tmp_path)
