"""What the pages' own scripts ask for: a photo to try, a closer look, a folder, a glance of the camera."""

from __future__ import annotations

import base64
import json
import os
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
    assert found["faults"] == [[], []]
    poor = answer(shared("POST", "/try", [("photo", png(paint(1, 9, side=30, brightness=0.15)))]))
    assert poor["faults"] == [["face-too-small", "too-dark"]]
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
        found = answer(shared("POST", "/why", [("photo", photo), ("place", place(face, 240, 160))]))
        assert found["answer"] is who and "Ada" in found["words"]
        assert picture(found["face"]).size == (3, 3)
        assert found["measures"] and found["compared"] and found["advice"]
        # The very face that was named, so the same similarity.
        assert found["compared"][0] == ["Ada", f"{face['similarity']:.3f}"]
        assert "Open the folder of Ada's photos" in found["beside"]["words"]


def place(face, width, height):
    left, top, wide, high = face["box"]
    return f"{(left + wide / 2) / width},{(top + high / 2) / height}"


@pytest.mark.parametrize("where", ["", "1", "a,b", "0.5,0.5,0.5", "1.1,0", "nan,0", "-0.1,0", "1e9,0"])
def test_a_place_that_is_none_is_refused(shared, where):
    reply = shared("POST", "/why", [("photo", png(paint(1, 9))), ("place", where)])
    assert reply.status == 400 and reply.slug == "usage"


def test_the_closest_enrolled_photo_stands_beside_the_face(served, tmp_path):
    probe = png(paint(1, 9), "probe.png")
    face = answer(served("POST", "/try", [("photo", probe)]))["data"]["photos"][0]["faces"][0]
    asked = [("photo", probe), ("place", place(face, 140, 160))]
    save(tmp_path / "others" / "two.png", paint(2, 9))
    answer(served("POST", "/folder", [("path", str(tmp_path / "others"))]))
    none = answer(served("POST", "/why", asked))["beside"]
    assert "face" not in none and "1 photo" in none["words"]
    for _ in range(2):  # a folder that is opened twice counts once
        opened = answer(served("POST", "/folder", [("path", str(tmp_path / "ada"))]))
    found = answer(served("POST", "/why", asked))["beside"]
    assert picture(found["face"]).size == (3, 3) and "closest of the 5 enrolled" in found["words"]
    # An enrolled photo is not its own closest.
    here = f"/folder/{opened['folder']}/0"
    found = answer(served("POST", f"{here}/why", [("place", asked[1][1])]))["beside"]
    assert "closest of the 4 enrolled" in found["words"] and opened["photos"][0] not in found["words"]
    # What was changed since is no enrolled photo any more.
    for number in range(5):
        save(tmp_path / "ada" / f"{number}.png", paint(1, 40 + number))
    answer(served("POST", "/folder", [("path", str(tmp_path / "ada"))]))
    assert "face" not in answer(served("POST", "/why", asked))["beside"]


def test_a_folder_is_clicked_through_by_number(shared, tmp_path):
    save(tmp_path / "photos" / "<b>b" / "two.png", paint(2, 9))
    save(tmp_path / "photos" / "one.png", paint(1, 9))
    (tmp_path / "photos" / "notes.txt").write_text("no photo")
    opened = answer(shared("POST", "/folder", [("path", str(tmp_path / "photos"))]))
    assert opened["photos"] == ["one.png"] and opened["folders"] == ["..", "<b>b"] and opened["more"] == 0
    inner = answer(shared("POST", f"/folder/{opened['folder']}/into/1"))
    assert inner["photos"] == ["two.png"] and inner["path"] == str(tmp_path / "photos" / "<b>b")
    outer = answer(shared("POST", f"/folder/{inner['folder']}/into/0"))
    assert outer["path"] == opened["path"] and outer["above"]
    assert shared("POST", f"/folder/{opened['folder']}/into/2").status == 422
    number = opened["photos"].index("one.png")
    here = f"/folder/{opened['folder']}/{number}"
    thumbnail = shared("GET", here)
    assert thumbnail.headers["content-type"] == "image/jpeg"
    assert max(Image.open(BytesIO(thumbnail.body)).size) <= 160
    found = answer(shared("POST", here))
    assert found["data"]["names"] == ["Ada"] and found["data"]["photos"][0]["photo"] == "one.png"
    where = place(found["data"]["photos"][0]["faces"][0], 140, 160)
    assert answer(shared("POST", f"{here}/why", [("place", where)]))["answer"] is True


def test_the_whole_disk_is_opened_at_once_and_a_level_at_a_time(shared, monkeypatch):
    def refuse(*args, **options):
        raise AssertionError("a folder was walked")

    monkeypatch.setattr("os.walk", refuse)
    monkeypatch.setattr("faceunlock.photos.folders._walk", refuse)
    opened = answer(shared("POST", "/folder", [("path", "/")]))
    assert not opened["above"] and "etc" in opened["folders"] and ".." not in opened["folders"]


def test_folders_without_end_and_names_of_any_bytes_are_opened(shared, tmp_path):
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "itself.png").symlink_to(tmp_path / "itself.png")
    (tmp_path / "nowhere.png").symlink_to(tmp_path / "none")
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / os.fsdecode(b"caf\xe9")).mkdir()
    save(tmp_path / os.fsdecode(b"caf\xe9") / "one.png", paint(1, 9))
    opened = answer(shared("POST", "/folder", [("path", str(tmp_path))]))
    assert opened["folders"] == ["..", os.fsdecode(b"caf\xe9"), "loop"] and opened["photos"] == []
    inner = answer(shared("POST", f"/folder/{opened['folder']}/into/1"))
    assert inner["photos"] == ["one.png"]
    assert answer(shared("POST", f"/folder/{inner['folder']}/0"))["data"]["names"] == ["Ada"]
    again = answer(shared("POST", f"/folder/{opened['folder']}/into/2"))
    assert again["folders"] == opened["folders"]


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
    "path",
    [
        "",
        " ",
        "photos",
        "../..",
        "/dev/null",
        "/no/such/folder",
        "/etc/passwd",
        "file://x/y",
        "/a\0b",
        "~nosuchuser/x",
        "/" + "x" * 300,
    ],
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
