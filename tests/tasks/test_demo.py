import importlib.util

import numpy as np
import pytest
from PIL import Image
from support.fakes import read_photo, slug_of

from faceunlock.errors import PhotoError, ReportError
from faceunlock.photos.photo import find_photos
from faceunlock.tasks import demo as demonstration
from faceunlock.tasks.demo import VARIATIONS, leave_pictures, make_pictures


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


def test_pictures_are_left_in_a_new_or_an_empty_folder_only(tmp_path, monkeypatch):
    monkeypatch.setattr(demonstration, "make_pictures", lambda folder: (folder / "unseen.jpg").touch())
    leave_pictures(tmp_path / "new" / "folder")
    assert (tmp_path / "new" / "folder" / "unseen.jpg").exists()
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
    (tmp_path / "empty").mkdir()
    leave_pictures(tmp_path / "empty")
    assert slug_of(leave_pictures, tmp_path / "empty", kind=ReportError) == "file-exists"
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "me.jpg").touch()
    assert slug_of(leave_pictures, tmp_path / "mine") == "file-exists"
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["me.jpg"]
    assert slug_of(leave_pictures, tmp_path / "mine" / "me.jpg") == "file-unwritable"


def test_a_disk_that_is_full_is_said(tmp_path, monkeypatch):
    def full(folder):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(demonstration, "make_pictures", full)
    with pytest.raises(ReportError, match="No space left") as caught:
        leave_pictures(tmp_path / "new")
    assert caught.value.slug == "file-unwritable"
