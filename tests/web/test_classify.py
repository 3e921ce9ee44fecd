"""A trained head names the faces of an uploaded photo."""

from __future__ import annotations

import json

import pytest
from support.fakes import GREY, FakeDetector, FakeEmbedder, paint, save_person
from support.served import png

from faceunlock.unlock import FaceUnlock


@pytest.fixture(scope="module")
def head(tmp_path_factory):
    folder = tmp_path_factory.mktemp("head")
    for number, name in enumerate(("Ada", "Bob", "Cyd"), start=1):
        save_person(folder / "people" / name, number, 6)
    with FaceUnlock(folder / "home", detector=FakeDetector(), embedder=FakeEmbedder()) as unlock:
        unlock.learn_classifier(folder / "people", folder / "head", strangers=0.3)
    return folder / "head"


def test_every_face_has_a_name_or_none_with_its_probability(shared, head):
    photo = png(paint(1, 20, faces=2), "group.png")
    reply = shared("POST", "/classify", [("photo", photo), ("head", str(head))])
    assert reply.status == 200, reply
    found = json.loads(reply.body)
    faces = found["data"]["photos"]
    assert [face["name"] for face in faces] == ["Ada", "Bob"]
    assert all(0 <= face["probability"] <= 1 and len(face["box"]) == 4 for face in faces)
    assert (found["width"], found["height"]) == (240, 160)
    stranger = png(paint(99, 1), "stranger.png")
    reply = shared("POST", "/classify", [("photo", stranger), ("head", str(head))])
    (face,) = json.loads(reply.body)["data"]["photos"]
    assert face["name"] is None and face["closest"] in ("Ada", "Bob", "Cyd")


@pytest.mark.parametrize(
    "path", ["relative/head", "/no/such/head", "/dev", "", "~nosuchuser/x", "/" + "x" * 300, "/a\0b"]
)
def test_what_is_no_head_is_refused(shared, path):
    reply = shared("POST", "/classify", [("photo", png(paint(1, 9))), ("head", path)])
    assert reply.status in (400, 422, 503) and reply.document["error"]["hint"]


def test_a_photo_without_a_face_says_so(shared, head):
    reply = shared("POST", "/classify", [("photo", png(GREY)), ("head", str(head))])
    assert reply.status == 422 and reply.slug == "no-face"
