"""``--security`` and the setting, with painted photos and the shipped thresholds of `dlib`."""

import pytest
from support.fakes import paint, save, save_person

from faceunlock.agent.client import understand
from faceunlock.matching.security import LEVELS
from faceunlock.pipeline.models.shipped import shipped_calibration


@pytest.fixture
def ada(faceunlock, tmp_path):
    save_person(tmp_path / "ada", 1, 4)
    faceunlock("enroll", "Ada", tmp_path / "ada")
    return save(tmp_path / "probe.png", paint(1, 9))


@pytest.mark.parametrize("level", LEVELS)
def test_a_level_has_the_threshold_that_was_measured_for_it(faceunlock, ada, home_config, level):
    expected = shipped_calibration("dlib", level)
    data = faceunlock.data("verify", ada, "--security", level)
    assert (data["security"], data["threshold"]) == (level, expected.threshold)
    assert (data["target_fmr"], data["fmr"]) == (expected.target_fmr, expected.fmr.to_dict())
    assert data["threshold_status"] == "shipped"
    home_config(f'security = "{level}"')
    assert faceunlock.data("verify", ada)["threshold"] == expected.threshold
    assert faceunlock.data("identify", ada)["threshold"] == expected.threshold
    assert faceunlock.data("status")["model"]["threshold"]["security"] == level
    code, out, _ = faceunlock("status")
    assert code == 0 and f"\nsecurity    {level}: about 1 stranger in " in out
    _, _, err = faceunlock("verify", ada, "--verbose")
    assert f"{level}: for one look, about 1 stranger in " in err


def test_without_a_choice_verify_is_normal_and_identify_relaxed(faceunlock, ada):
    assert faceunlock.data("verify", ada)["security"] == "normal"
    assert faceunlock.data("identify", ada)["security"] == "relaxed"
    assert faceunlock.data("verify", ada, "--threshold", "0.5")["security"] is None


def test_a_calibration_of_the_gallery_and_a_threshold_win(faceunlock, ada, tmp_path):
    folder = tmp_path / "test"
    save_person(folder / "Ada", 1, 4, first=40)
    for person in range(20, 45):
        save_person(folder / str(person), person, 1)
    code, _, err = faceunlock("calibrate", folder, "--target-fmr", "0.2", "--allow-lower")
    assert code == 0, err
    own = faceunlock.data("verify", ada)["threshold"]
    code, out, err = faceunlock("verify", ada, "--security", "strict")
    assert code == 0 and f"(needs {own:.3f})" in out
    assert "--security changes nothing: this gallery has a threshold of its own" in err
    code, out, err = faceunlock("verify", ada, "--security", "strict", "--threshold", "0.5")
    assert (code, out) == (2, "") and "cannot be combined [usage]" in err


def test_attempts_count_at_every_level(faceunlock, ada, tmp_path):
    stranger = save(tmp_path / "stranger.png", paint(2))
    for level in (*LEVELS, "relaxed", "normal"):
        assert faceunlock("verify", stranger, "--as", "Ada", "--security", level)[0] == 1
    code, _, err = faceunlock("verify", ada, "--as", "Ada", "--security", "relaxed")
    assert code == 2 and "[locked-out]" in err


def test_a_level_that_was_not_measured_names_calibrate(faceunlock, ada, home_config, monkeypatch):
    unmeasured = shipped_calibration("vggface2")
    monkeypatch.setattr(
        "faceunlock.pipeline.models.shipped.shipped_calibration", lambda model, security="normal": unmeasured
    )
    assert "not calibrated" in faceunlock("verify", ada)[2]
    assert faceunlock("verify", ada, "--quiet")[2] == ""
    for command in ("verify", "identify"):
        code, out, err = faceunlock(command, ada, "--security", "normal")
        assert (code, out) == (2, "") and "[not-measured]" in err and " calibrate FOLDER" in err
    home_config('security = "strict"')
    assert "[not-measured]" in faceunlock("verify", ada)[2]
    assert faceunlock("verify", ada, "--threshold", "0.5")[0] == 0


def test_the_resident_process_is_asked_only_for_levels_that_there_are():
    assert understand(["verify", "a.jpg", "--security", "strict"]) == {
        "photo": "a.jpg",
        "--security": "strict",
    }
    assert understand(["verify", "a.jpg", "--security=lax"]) is None


def test_people_who_look_alike_are_told_of(faceunlock, ada, tmp_path):
    save_person(tmp_path / "twin", 1, 4, first=60)
    assert "likeness" not in faceunlock("status")[1]
    assert faceunlock("enroll", "Twin", tmp_path / "twin", "--even-so")[0] == 0
    _, out, _ = faceunlock("status")
    assert (
        "\nlikeness    2 of 2 comparisons of people here with each other are as alike as at most 1 in " in out
    )
    likeness = faceunlock.data("status")["likeness"]
    assert likeness["unexpected"] and likeness["alike"] == 2 and set(likeness["closest"]) == {"Ada", "Twin"}
    said = "The false match rate does not hold among them"
    assert said in faceunlock("verify", ada, "--verbose")[2] and said not in faceunlock("verify", ada)[2]


def test_a_report_tells_when_the_people_on_it_are_more_alike(faceunlock, tmp_path):
    for name, person in (("Ada", 1), ("Twin", 1), ("Bob", 2), ("Cyd", 3)):
        save_person(tmp_path / "people" / name, person, 4, first=person * 10 + (name == "Twin") * 30)
    faceunlock("enroll", "Eve", save_person(tmp_path / "eve", 8, 3)[0].parent)
    code, out, err = faceunlock("report", tmp_path / "people", "-o", tmp_path / "page.html", "--no-faces")
    assert code == 0, err
    assert "These people are more alike than the strangers behind the threshold" in out
    assert "more alike than the strangers" in (tmp_path / "page.html").read_text(encoding="utf-8")
    data = faceunlock.data(
        "report", tmp_path / "people", "-o", tmp_path / "page.html", "--no-faces", "--overwrite"
    )
    assert data["photo_against_centroid"]["more_alike"] is True
    (tmp_path / "people" / "Twin").rename(tmp_path / "gone")
    data = faceunlock.data(
        "report", tmp_path / "people", "-o", tmp_path / "page.html", "--no-faces", "--overwrite"
    )
    assert data["photo_against_centroid"]["more_alike"] is False


@pytest.fixture
def home_config(tmp_path):
    """Write the config file of the gallery."""

    def write(text):
        (tmp_path / "home" / "config.toml").write_text(f"{text}\n")

    return write
