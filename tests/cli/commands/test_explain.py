"""``faceunlock explain`` with painted photos."""

import json
import stat

import pytest
from support.fakes import GREY, paint, save, save_person, snapshot


@pytest.fixture
def enrolled(faceunlock, ada):
    assert faceunlock("enroll", "Ada", ada)[0] == 0
    return faceunlock


def test_a_yes_and_a_no_are_explained_and_nothing_is_counted(enrolled, tmp_path):
    before = snapshot(tmp_path / "home")
    code, out, _ = enrolled("explain", save(tmp_path / "yes.png", paint(1, 30)))
    lines = out.splitlines()
    assert code == 0 and lines[0].startswith("yes  Ada  0.9") and lines[-1] == "The photo is good."
    assert "size of the face\t60 pixels\tat least 40 pixels\tgood" in lines
    assert "turned to the side\tcannot tell\tat most 40 degrees\tgood" in lines
    no = save(tmp_path / "no.png", paint(7, brightness=0.1))
    code, out, _ = enrolled("explain", no, "--as", "ada")
    lines = out.splitlines()
    assert code == 0 and lines[0].startswith("no   not Ada  ")
    assert lines[-1] == "The face is dark; more light may help."
    code, out, _ = enrolled("explain", save(tmp_path / "good.png", paint(7)))
    assert out.splitlines()[0].startswith("no   closest Ada  ")
    assert "Either it is not Ada, or Ada looks different now" in out
    assert snapshot(tmp_path / "home") == before


def test_what_verify_refuses_is_explained(enrolled, tmp_path):
    both = save(tmp_path / "both.png", paint(1, 30, faces=2))
    code, out, _ = enrolled("explain", both)
    assert code == 0 and out.startswith("could not  several faces")
    data = enrolled.data("explain", save(tmp_path / "small.png", paint(1, 30, side=12)))
    assert data["faults"][0] == "face-too-small" and data["match"] is True
    code, out, err = enrolled("explain", save(tmp_path / "grey.png", GREY))
    assert (code, out) == (2, "") and "[no-face]" in err
    assert "[not-enrolled]" in enrolled("explain", both, "--as", "Zoe")[2]


def test_without_anybody_enrolled_the_photo_is_measured(faceunlock, tmp_path):
    code, out, err = faceunlock("explain", save(tmp_path / "a.png", paint(1)))
    assert code == 0 and out.startswith("could not  nobody is enrolled") and "compared with" not in out
    assert "strangers pull lfw" in err


def test_the_score_is_that_of_verify_and_identify(enrolled, tmp_path):
    photo = save(tmp_path / "yes.png", paint(1, 30))
    explained = enrolled.data("explain", photo)
    verified = enrolled.data("verify", photo)
    (face,) = enrolled.data("identify", photo)["photos"][0]["faces"]
    (look,) = explained["looks"]
    assert look["similarity"] == verified["similarity"] == pytest.approx(face["similarity"], abs=1e-12)
    assert explained["threshold"] == verified["threshold"]


def test_looks_the_next_person_and_the_nearest_stranger(enrolled, tmp_path):
    save_person(tmp_path / "bob", 2, 4)
    enrolled("enroll", "Bob", tmp_path / "bob")
    save_person(tmp_path / "masked", 9, 4)
    enrolled("enroll", "Ada", tmp_path / "masked", "--look", "mask", "--accept", "--yes")
    for number in range(3):
        save_person(tmp_path / "strangers" / f"S{number}", 300 + number, 1)
    enrolled("strangers", "add", tmp_path / "strangers")
    photo = save(tmp_path / "yes.png", paint(9, 30))
    data = enrolled.data("explain", photo)
    assert [look["look"] for look in data["looks"]] == ["mask", None]
    assert data["next"]["name"] == "Bob" and data["nearest_stranger"]["strangers"] == 3
    _, out, _ = enrolled("explain", photo)
    assert "\nAda (mask)\t0.9" in out and "\nnext enrolled: Bob\t" in out
    assert "\nnearest of 3 strangers: S" in out


def test_a_near_miss_is_told_like_that_of_verify(enrolled, tmp_path, monkeypatch):
    from dataclasses import replace

    from faceunlock.pipeline.models.shipped import shipped_calibration

    monkeypatch.setattr(
        "faceunlock.pipeline.models.shipped.shipped_calibration",
        lambda model, security="normal": replace(shipped_calibration(model, security), threshold=0.995),
    )
    photo = save(tmp_path / "near.png", paint(1, 30))
    code, out, err = enrolled("explain", photo)
    assert code == 0 and "A near miss" in out and f" enroll Ada {photo} --add --accept" in err
    assert (
        enrolled.data("explain", photo)["near_miss"] is enrolled.data("explain", photo)["near_miss"] is True
    )


def test_the_page_shows_the_face_and_loads_nothing(enrolled, tmp_path):
    photo, page = save(tmp_path / "<b>.png", paint(1, 30)), tmp_path / "why.html"
    assert enrolled.data("explain", photo, "-o", page)["page"] == str(page)
    text = page.read_text()
    assert stat.S_IMODE(page.stat().st_mode) == 0o600 and 'src="data:image/png;base64,' in text
    assert "<b>" not in text and "&lt;b&gt;.png" in text and "http" not in text.replace("http-equiv", "")
    assert "Yes:" in text and "nearest of" not in text and "There is no bank of strangers" in text
    code, out, err = enrolled("explain", photo, "-o", page)
    assert (code, out) == (2, "") and "[file-exists]" in err
    assert enrolled("explain", photo, "-o", page, "--overwrite")[0] == 0
    assert json.loads(enrolled("explain", photo, "--overwrite", "--json")[1])["error"]["code"] == "usage"
    assert enrolled("explain", photo, "-o", photo, "--overwrite")[0] == 2, "the photo stays"
