"""``compare``, ``identify`` and ``crop``: the real program on real photos."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from faceunlock.unlock import FaceUnlock


@pytest.fixture
def group(pictures, tmp_path):
    """Eileen and Grace side by side, stored lying on their side as phones do, with a secret in EXIF."""
    with Image.open(pictures / "unseen.jpg") as left, Image.open(pictures / "stranger.jpg") as right:
        both = Image.new("RGB", (left.width + right.width, max(left.height, right.height)), "grey")
        both.paste(left, (0, 0))
        both.paste(right, (left.width, 0))
    exif = Image.Exif()
    exif[0x0112] = 8  # turn it clockwise by 270 degrees to see it upright
    exif[0x010E] = "secret"
    path = tmp_path / "in" / "group.jpg"
    path.parent.mkdir()
    both.transpose(Image.Transpose.ROTATE_270).save(path, quality=95, exif=exif)
    return path, both.size


def test_a_picture_in_memory_has_the_similarity_of_its_file(prepared, pictures, tmp_path):
    for name in ("original", "darker"):
        with Image.open(pictures / "photos" / f"{name}.jpg") as photo:
            photo.save(tmp_path / f"{name}.png")
    one, other = tmp_path / "original.png", tmp_path / "darker.png"
    with FaceUnlock(prepared.home, model="dlib", keep_faces=True) as unlock:
        of_files = unlock.compare(one, other)
        with Image.open(one) as first, Image.open(other) as second:
            of_images = unlock.compare(first, second)
            of_arrays = unlock.compare(np.asarray(first), np.asarray(second))
    answers = [answer.others[0] for answer in (of_files, of_images, of_arrays)]
    assert answers[0].match and len({(one.similarity, one.quality) for one in answers}) == 1
    assert of_files.faces == of_images.faces == of_arrays.faces
    with Image.open(io.BytesIO(of_arrays.faces[0])) as face:
        assert face.format == "JPEG" and max(face.size) <= 80 and not face.getexif()


def test_two_photos(prepared, pictures, tmp_path):
    photos, picture = pictures / "photos", tmp_path / "pair.png"
    same = prepared(
        "--model", "dlib", "compare", photos / "original.jpg", photos / "darker.jpg", "-o", picture
    )
    assert same.code == 0 and same.stdout.startswith("yes  the same person  0.9")
    with Image.open(picture) as drawn:
        left, right = (np.asarray(drawn)[32:432, x : x + 400].astype(float) for x in (32, 456))
    assert left.std() > 20 and left.mean() > 1.3 * right.mean(), "the second photo is the darker one"
    other = prepared(
        "--model", "dlib", "compare", photos / "original.jpg", pictures / "stranger.jpg", "--json"
    )
    assert other.code == 1 and other.data["match"] is False
    assert other.data["threshold_status"] == "shipped" and other.data["fmr"]["trials"] == 29_640_749
    nobody = prepared(
        "--model", "dlib", "compare", photos / "original.jpg", pictures / "flower.jpg", "--json"
    )
    assert nobody.code == 2 and nobody.error["code"] == "no-face"


def test_a_folder(prepared, pictures):
    result = prepared("--model", "dlib", "compare", pictures / "unseen.jpg", pictures / "few", "--json")
    assert result.code == 0 and result.data["matches"] == 3
    similarity = [other["similarity"] for other in result.data["others"]]
    assert similarity == sorted(similarity, reverse=True)


def test_who_is_on_a_photo(enrolled, group, pictures, tmp_path):
    photo, size = group
    result = enrolled("identify", photo.parent, pictures / "flower.jpg", "-o", tmp_path / "out", "--json")
    assert result.code == 0 and result.data["names"] == ["Eileen"]
    faces, nothing = (entry["faces"] for entry in result.data["photos"])
    assert [face["name"] for face in faces] == ["Eileen", None] and nothing == []
    assert faces[0]["box"][0] < size[0] / 2 < faces[1]["box"][0]
    with Image.open(tmp_path / "out" / "group.jpg") as copy:
        assert copy.size == size and copy.format == "JPEG" and not copy.getexif()
        yellow = (np.abs(np.asarray(copy).astype(int) - (255, 194, 10)) < 12).all(axis=2)
    assert yellow.sum() > 500 and b"secret" not in (tmp_path / "out" / "group.jpg").read_bytes()
    assert np.argwhere(yellow)[:, 1].mean() < size[0] / 2


def test_nobody_is_on_a_photo(enrolled, pictures):
    result = enrolled("identify", pictures / "stranger.jpg", pictures / "flower.jpg")
    assert result.code == 1 and result.stdout.startswith(
        "no   nobody  0 of 1 face in 2 photos (needs 0.950)\n"
    )


def test_faces_as_the_network_sees_them(prepared, pictures, tmp_path):
    out = tmp_path / "faces"
    result = prepared("--model", "dlib", "crop", pictures, "-o", out, "--json")
    assert result.code == 0 and result.data["people"] == 3
    assert [photo["reason"] for photo in result.data["left_out"]] == ["no-face"]
    for crop in result.data["crops"]:
        with Image.open(crop["file"]) as face:
            assert face.size == (150, 150)
    with Image.open(out / "contact-sheet.png") as sheet:
        assert sheet.width == 1070
    again = prepared("--model", "dlib", "crop", pictures, "-o", out)
    assert again.code == 2 and "[file-exists]" in again.stderr


def test_group_photos_of_the_collection(enrolled, collection):
    groups = collection / "groups"
    result = enrolled("identify", groups / "multiface.jpg", groups / "dogs.jpg", "--json")
    assert result.code == 1 and result.data["names"] == []
    friends, dogs = (photo["faces"] for photo in result.data["photos"])
    assert len(friends) == 6 and dogs == []


def test_how_fast_it_is(prepared, hopper_path, pictures):
    words = ("--model", "dlib", "bench", hopper_path, pictures / "flower.jpg", "--runs", "2")
    result = prepared(*words)
    assert result.code == 0 and "flower.jpg: no-face: " in result.stderr
    table = [line.split("\t") for line in result.stdout.splitlines() if "\t" in line]
    assert table[0] == ["part", "median ms", "fastest ms", "photos per second"] and len(table) == 10
    assert all(float(median) >= float(fastest) > 0 for _, median, fastest, _ in table[1:])
    assert "\nmodel    dlib, weights " in result.stdout and "1 photo of 0.31 megapixels" in result.stdout
    data = prepared(*words, "--json").data
    assert data["photos"] == 1 and data["one"]["runtime"] == "onnx" and data["machine"]["cores"] >= 1
    taken = {part["part"]: part["median_ms"] for part in data["parts"]}
    assert taken["whole"] > taken["detect"] > 0 and taken["whole"] > taken["embed"] > 0
    # Nobody is enrolled, and still nothing but the networks is kept.
    assert [path.name for path in prepared.home.iterdir()] == ["cache"]
    nobody = prepared("--model", "dlib", "bench", pictures / "flower.jpg", "--json")
    assert nobody.code == 2 and nobody.error["code"] == "no-face"
