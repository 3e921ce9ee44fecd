"""What the pages' own scripts ask for: a photo to try, a closer look, a folder, a glance of the camera."""

from __future__ import annotations

import base64
import json
from io import BytesIO

import pytest
from PIL import Image
from support.fakes import GREY, paint, save
from support.served import png

from faceunlock.cli.answers.enroll import GUIDE
from faceunlock.liveness.guidance import POSES, Word


def answer(reply):
    assert reply.status == 200, reply
    return json.loads(reply.body)


def picture(address):
    kind, _, content = address.partition(",")
    assert kind == "data:image/jpeg;base64"
    return Image.open(BytesIO(base64.b64decode(content)))


def test_a_photo_comes_back_with_its_faces_and_as_a_browser_can_show_it(shared):
    found = answer(shared("POST", "/try", [("photo", png(paint(1, 9, faces=2)))]))
    assert [face["name"] for face in found["data"]["photos"][0]["faces"]] == ["Ada", None]
    assert (found["width"], found["height"]) == picture(found["picture"]).size == (240, 160)


def test_a_photo_comes_back_upright(shared):
    photo = Image.fromarray(paint(1, 9))
    exif = photo.getexif()
    exif[0x0112] = 6  # turned by a quarter
    buffer = BytesIO()
    photo.save(buffer, "PNG", exif=exif)
    found = answer(shared("POST", "/try", [("photo", ("turned.png", buffer.getvalue()))]))
    assert (found["width"], found["height"]) == picture(found["picture"]).size == photo.size[::-1]


def test_a_large_photo_is_shown_smaller_but_measured_in_full(shared):
    wide = Image.new("RGB", (2000, 500), "grey")
    buffer = BytesIO()
    wide.save(buffer, "PNG")
    found = answer(shared("POST", "/try", [("photo", ("wide.png", buffer.getvalue()))]))
    assert (found["width"], found["height"]) == (2000, 500)
    assert picture(found["picture"]).size == (1600, 400)


def test_the_face_that_was_clicked_is_explained(shared):
    photo = png(paint(1, 9, faces=2, second_side=40))
    faces = answer(shared("POST", "/try", [("photo", photo)]))["data"]["photos"][0]["faces"]
    for face, who in zip(faces, (True, False), strict=True):
        box = ",".join(map(str, face["box"]))
        found = answer(shared("POST", "/why", [("photo", photo), ("box", box)]))
        assert found["answer"] is who and "Ada" in found["words"]
        assert picture(found["face"]).size == (3, 3)
        assert found["measures"] and found["compared"] and found["advice"]


@pytest.mark.parametrize("box", ["", "1,2,3", "a,b,c,d", "1,2,3,4,5", "9999,9999,10,10", "1e9,0,1,1"])
def test_a_box_that_is_none_is_refused(shared, box):
    reply = shared("POST", "/why", [("photo", png(paint(1, 9))), ("box", box)])
    assert reply.status == 400 and reply.slug == "usage"


def test_a_folder_is_clicked_through_by_number(shared, tmp_path):
    save(tmp_path / "photos" / "b" / "two.png", paint(2, 9))
    save(tmp_path / "photos" / "one.png", paint(1, 9))
    (tmp_path / "photos" / "notes.txt").write_text("no photo")
    opened = answer(shared("POST", "/folder", [("path", str(tmp_path / "photos"))]))
    assert sorted(opened["photos"]) == ["b/two.png", "one.png"] and opened["more"] == 0
    number = opened["photos"].index("one.png")
    here = f"/folder/{opened['folder']}/{number}"
    thumbnail = shared("GET", here)
    assert thumbnail.headers["content-type"] == "image/jpeg"
    assert max(Image.open(BytesIO(thumbnail.body)).size) <= 160
    found = answer(shared("POST", here))
    assert found["data"]["names"] == ["Ada"] and found["data"]["photos"][0]["photo"] == "one.png"
    box = ",".join(map(str, found["data"]["photos"][0]["faces"][0]["box"]))
    assert answer(shared("POST", f"{here}/why", [("box", box)]))["answer"] is True


def test_no_path_leads_out_of_a_folder(shared, tmp_path):
    save(tmp_path / "photos" / "one.png", paint(1, 9))
    save(tmp_path / "secret.png", paint(2, 9))
    folder = answer(shared("POST", "/folder", [("path", str(tmp_path / "photos"))]))["folder"]
    for number in (
        "1",
        "-1",
        "99999999999999999999",
        "../secret.png",
        "..%2Fsecret.png",
        "0/../../secret.png",
    ):
        for method in ("GET", "POST"):
            assert shared(method, f"/folder/{folder}/{number}").status in (404, 405, 422)
    assert shared("GET", "/folder/unknown/0").status == 422


@pytest.mark.parametrize(
    "path", ["", " ", "photos", "../..", "/dev/null", "/no/such/folder", "/etc/passwd", "file://x/y"]
)
def test_what_is_no_folder_with_photos_is_refused(shared, path):
    reply = shared("POST", "/folder", [("path", path)])
    assert reply.status in (400, 422) and reply.document["error"]["hint"]


def test_few_folders_stay_open(shared, tmp_path):
    save(tmp_path / "one.png", paint(1, 9))
    names = [answer(shared("POST", "/folder", [("path", str(tmp_path))]))["folder"] for _ in range(9)]
    assert shared("GET", f"/folder/{names[0]}/0").status == 422
    assert shared("GET", f"/folder/{names[-1]}/0").status == 200


def test_the_camera_is_told_what_is_wrong_and_what_to_do(shared):
    def look(image, taken="0"):
        return answer(shared("POST", "/look", [("photo", png(image)), ("taken", taken)]))

    assert look(GREY) == {"good": False, "clear": False, "say": GUIDE[Word.NOBODY]}
    assert look(paint(1, 9, faces=2))["say"] == GUIDE[Word.SEVERAL]
    assert look(GREY * 0)["say"] == GUIDE[Word.BLACK]
    smiling = str(POSES.index(Word.SMILE))
    assert look(paint(1, 9), smiling) == {"good": True, "clear": True, "say": GUIDE[Word.SMILE]}


@pytest.mark.parametrize("path", ["/", "/people"])
def test_pages_bring_nothing_that_the_policy_forbids(shared, path):
    page = shared("GET", path).body.decode()
    assert "<script>" not in page and "style=" not in page and " on" + "click" not in page
    assert "http://" not in page and "https://" not in page
