"""``faceunlock identify`` with painted photos."""

import json
from dataclasses import replace

import pytest
from support.fakes import GREY, paint, save, save_person

from faceunlock.pipeline.models.shipped import shipped_calibration


@pytest.fixture
def known(faceunlock, tmp_path):
    """Ada is person 1, Bob person 2."""
    for number, name in ((1, "Ada"), (2, "Bob")):
        save_person(tmp_path / name, number, 5)
        faceunlock("enroll", name, tmp_path / name)
    return faceunlock


def test_a_line_for_each_face_and_what_the_search_is_worth(known, tmp_path):
    both, grey = save(tmp_path / "both.png", paint(2, 30, faces=2)), save(tmp_path / "grey.png", GREY)
    code, out, err = known("identify", both, grey)
    lines = out.splitlines()
    assert (code, err) == (0, "")
    assert lines[0].startswith("yes  Bob  1 of 2 faces in 2 photos (needs 0.9") and len(lines) == 5
    assert lines[1] == "name\tsimilarity\tclosest or reason\tface\tphoto\tleft,top,width,height"
    assert lines[2].startswith("Bob\t0.9") and lines[2].endswith(f"\tBob\t1\t{both}\t20,20,60,60")
    assert lines[3].startswith("unknown\t") and f"\t2\t{both}\t" in lines[3]
    assert lines[4] == f"no face\t\t\t\t{grey}\t"
    assert known("identify", grey)[1].startswith("no   nobody  no face in 1 photo\n")
    _, _, err = known("identify", both, grey, "--verbose")
    assert "2 faces compared with 2 people at threshold 0.9" in err
    for level, target in (("relaxed", "0e-04"), ("normal", "0e-05")):  # relaxed is usual on pictures
        _, _, err = known("identify", both, "-v", *(["--security", level] if level != "relaxed" else []))
        alone, said = shipped_calibration("dlib", level).threshold, err.splitlines()[-1]
        assert f"FMR target 1.{target} for each face (at {alone:.4f}, the threshold for one person, " in said
        assert f"it would be up to 2.{target})" in said
        assert f"strangers, the chance that any of the 2 faces gets a name is at most 2.{target}" in said
        assert known.data("identify", both, "--security", level)["security"] == level
    code, _, err = known("identify", both, "--security", "strict", "--threshold", "0.5")
    assert code == 2 and "cannot be combined [usage]" in err
    _, _, err = known("identify", both, "--threshold", "0.5", "-v")
    assert err.endswith("your own threshold, nothing is known about it\n")


def test_a_name_that_verify_would_not_confirm_is_doubted(known, tmp_path, monkeypatch):
    photo = save(tmp_path / "ada.png", paint(1, 33))
    assert "Not certain" not in known("identify", photo)[2]
    _, out, err = known("identify", photo, "--threshold", "-1")
    assert "Not certain" not in err and "\tAda\t" in out
    monkeypatch.setattr(
        "faceunlock.pipeline.models.shipped.shipped_calibration",
        lambda model, security="normal": (
            shipped_calibration(model, "relaxed")
            if security == "relaxed"
            else replace(shipped_calibration(model, security), threshold=0.995)
        ),
    )
    code, out, err = known("identify", photo)
    assert code == 0 and "Not certain: Ada. At 0.9" in err and "verify needs 0.99" in err
    assert known.data("identify", photo)["sure_threshold"] >= 0.995


def test_nobody_is_one_and_a_photo_that_cannot_be_read_is_two(known, tmp_path):
    stranger = save(tmp_path / "in" / "stranger.png", paint(7))
    code, out, _ = known("identify", stranger)
    assert code == 1 and out.startswith("no   nobody  0 of 1 face in 1 photo (needs 0.9")
    (tmp_path / "in" / "broken.jpg").write_bytes(b"no photo")
    code, out, err = known("identify", tmp_path / "in", "--json")
    assert code == 2 and "broken.jpg: unreadable-photo: " in err
    assert "Nobody was identified, but 1 photo could not be read.\n" in err
    assert json.loads(out)["data"]["names"] == []
    save(tmp_path / "in" / "ada.png", paint(1, 31))
    assert known("identify", tmp_path / "in")[0] == 0
    code, out, err = known("identify", tmp_path / "in" / "broken.jpg")
    assert (code, out) == (2, "") and "[unreadable-photo]" in err


def test_copies_are_written_and_said(known, tmp_path):
    photo = save(tmp_path / "both.png", paint(1, 32, faces=2))
    data = known.data("identify", photo, "-o", tmp_path / "out")
    assert data["photos"][0]["annotated"] == str(tmp_path / "out" / "both.png")
    code, out, err = known("identify", photo, "-o", tmp_path / "out")
    assert (code, out) == (2, "") and "[file-exists]" in err and "--overwrite" in err
    code, _, err = known("identify", photo, "-o", tmp_path / "out", "--overwrite")
    assert (code, err) == (0, f"Wrote 1 photo to {tmp_path / 'out'}\n")
    assert known("identify", photo, "--overwrite")[0] == 2
