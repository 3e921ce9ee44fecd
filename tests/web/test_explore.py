"""A folder of people as the page draws it."""

from __future__ import annotations

import base64
import json
from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from support.fakes import GREY, FakeEmbedder, embedding, save, save_person

from faceunlock.matching.similarity import similarities
from faceunlock.reports.selection import HEATMAP_PHOTOS


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("people")
    for number, name in enumerate(("Ada", "<b>Bob"), start=1):
        save_person(folder / name, number, 3)
    save(folder / "Ada" / "empty.png", GREY)
    return folder


def test_every_photo_is_compared_with_every_photo(shared, folder):
    reply = shared("POST", "/explore", [("path", str(folder))])
    found = json.loads(reply.body)
    assert reply.status == 200 and found["all"] == 6
    people = [photo["person"] for photo in found["photos"]]
    assert people == sorted(people) and set(people) == {"Ada", "<b>Bob"}
    number = {"Ada": 1, "<b>Bob": 2}
    vectors = np.stack(
        [
            embedding(number[one["person"]], int(one["name"].rpartition("/")[2][0]), FakeEmbedder().noise)
            for one in found["photos"]
        ]
    )
    np.testing.assert_allclose(found["similarity"], similarities(vectors, vectors), atol=1e-4)
    assert {photo["name"] for photo in found["photos"]} >= {"Ada/0.png", "<b>Bob/2.png"}
    assert len(found["points"]) == 6 and len(found["share"]) == 2
    assert found["left_out"] == [{"photo": "Ada/empty.png", "reason": "no-face"}]
    face = found["photos"][0]["face"].removeprefix("data:image/jpeg;base64,")
    assert Image.open(BytesIO(base64.b64decode(face))).format == "JPEG"


def test_two_photos_have_no_map(shared, tmp_path):
    save_person(tmp_path / "Ada", 1, 2)
    found = json.loads(shared("POST", "/explore", [("path", str(tmp_path))]).body)
    assert found["points"] == [] and len(found["similarity"]) == 2


def test_a_large_folder_is_shown_in_part(shared, tmp_path):
    for number in range(3):
        save_person(tmp_path / f"P{number}", number, 60)
    found = json.loads(shared("POST", "/explore", [("path", str(tmp_path))]).body)
    assert found["all"] == 180 and len(found["photos"]) == len(found["points"]) == HEATMAP_PHOTOS


@pytest.mark.parametrize(
    "path", ["", "relative", "/no/such/folder", "/dev/null", "~nosuchuser/x", "/" + "x" * 300, "/a\0b"]
)
def test_what_is_no_folder_of_people_is_refused(shared, path):
    reply = shared("POST", "/explore", [("path", path)])
    assert reply.status == 422 and reply.document["error"]["hint"]


def test_a_whole_disk_is_not_walked(shared, tmp_path, monkeypatch):
    reply = shared("POST", "/explore", [("path", "/")])
    assert reply.slug == "bad-folder" and "report '/' -o" in reply.document["error"]["hint"]
    monkeypatch.setattr("faceunlock.web.folders.MOST_COMPARED", 5)
    save_person(tmp_path / "Ada", 1, 3)
    save_person(tmp_path / "Bob", 2, 2)
    (tmp_path / "Bob" / "loop").symlink_to(tmp_path)
    assert shared("POST", "/explore", [("path", str(tmp_path))]).status == 200
    save_person(tmp_path / "Cyd", 3, 1)
    assert shared("POST", "/explore", [("path", str(tmp_path))]).slug == "bad-folder"


def test_photos_without_people_are_refused(shared, tmp_path):
    save_person(tmp_path, 1, 2)
    assert shared("POST", "/explore", [("path", str(tmp_path))]).slug == "bad-folder"
