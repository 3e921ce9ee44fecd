"""The real program with a video file for a camera."""

import numpy as np
import pytest
from support.clips import panned, write_clip


@pytest.fixture(scope="session")
def clips(tmp_path_factory, astronaut, hopper):
    folder = tmp_path_factory.mktemp("clips")
    black, dark = np.zeros((360, 360, 3), np.uint8), np.full((360, 360, 3), 20, np.uint8)
    portrait = panned(astronaut, 360, 360, 36, step=4)
    write_clip(folder / "eileen.avi", [black] * 3 + portrait)
    write_clip(folder / "still.avi", [astronaut[:360, 40:400]] * 56)
    write_clip(folder / "grace.avi", panned(hopper, 400, 500, 6, step=4))
    write_clip(folder / "black.avi", [black] * 5)
    write_clip(folder / "dark.avi", [dark] * 5)
    return folder


def test_a_stranger_and_the_person(enrolled, clips):
    yes = enrolled("verify", "--camera", clips / "eileen.avi", "--as", "Eileen", "--json")
    assert yes.code == 0 and yes.data["match"] and yes.stderr == ""
    no = enrolled("verify", "--as", "Eileen", "--camera", clips / "grace.avi")
    assert no.code == 1 and no.stdout.startswith("no   not Eileen  ")


def test_the_default_camera_is_a_setting(enrolled, clips):
    done = enrolled("verify", "--camera", env={"FACEUNLOCK_CAMERA": str(clips / "eileen.avi")})
    assert done.code == 0
    refused = enrolled(
        "verify", "--camera", "--json",
        env={"FACEUNLOCK_CAMERA": str(clips / "eileen.avi"), "FACEUNLOCK_CAMERA_FILMS": "never"},
    )  # fmt: skip
    assert refused.code == 2 and refused.error["code"] == "no-camera", "as for a login"
    missing = enrolled("verify", "--camera", "977", "--json")
    assert missing.code == 2 and missing.error["code"] == "no-camera"


@pytest.mark.parametrize("name", ["black", "dark"])
def test_black_and_dark(enrolled, clips, name):
    done = enrolled("verify", "--camera", clips / f"{name}.avi", "--json")
    assert done.code == 2 and done.error["code"] == f"camera-{name}" and done.error["retryable"]


def test_enrolling_with_a_camera(prepared, clips, pictures):
    done = prepared("--model", "dlib", "enroll", "Eileen", "--camera", clips / "eileen.avi", "--json")
    assert done.code == 0 and len(done.data["used"]) == 8, done
    assert all(" at " in photo for photo in done.data["used"])
    assert "turn your head" in done.stderr
    assert prepared("verify", pictures / "unseen.jpg").code == 0
    assert prepared("verify", pictures / "stranger.jpg").code == 1
    assert not [path for path in prepared.home.rglob("*") if path.suffix in {".jpg", ".png", ".ppm", ".avi"}]
    again = prepared("enroll", "eileen", "--camera", clips / "eileen.avi")
    assert again.code == 2 and "[already-enrolled]" in again.stderr


def test_a_set_up_before_a_camera_ends_with_an_answer(prepared, clips):
    done = prepared("init", "Eileen", "--camera", clips / "eileen.avi", "--yes", "--model", "compact")
    assert done.code == 0, done
    assert done.stdout.startswith("Eileen is enrolled: 8 of 8 photos used.") and "\nyes" in done.stdout
    assert "look at the camera once more" in done.stderr
    dark = prepared("init", "Eve", "--camera", clips / "dark.avi", "--yes", "--model", "compact")
    assert dark.code == 2 and "1 of 8: too dark, turn on a light.\n" in dark.stderr
    assert "[camera-dark]" in dark.stderr and len(prepared("people", "--json").data["people"]) == 1


def test_a_name_that_is_not_enrolled_opens_no_camera(enrolled):
    done = enrolled("verify", "--camera", "977", "--as", "Nobody", "--json")
    assert done.code == 2 and done.error["code"] == "not-enrolled"


@pytest.mark.parametrize(
    "words, sentence",
    [
        (("verify",), "Missing argument 'PHOTOS' (or --camera instead)"),
        (("enroll", "Ada"), "Missing argument 'PHOTOS' (or --camera instead)"),
        (("enroll", "Ada", "--camera", "0", "1"), "--camera takes one camera"),
    ],
)
def test_usage(faceunlock, words, sentence):
    done = faceunlock(*words)
    assert done.code == 2 and sentence in done.stderr and "[usage]" in done.stderr


def test_a_photo_is_no_camera(enrolled, pictures):
    done = enrolled("verify", "--camera", pictures / "unseen.jpg")
    assert done.code == 2 and "is a photo, not a camera" in done.stderr


def test_a_photo_cannot_turn_and_a_film_does_not_listen(enrolled, clips, pictures):
    photo = enrolled("verify", "--require-live", pictures / "unseen.jpg", "--json")
    assert photo.code == 2 and photo.error["code"] == "no-living-person"
    assert "--camera --require-live" in photo.error["hint"]
    film = enrolled("verify", "--require-live", "--quiet", "--camera", clips / "still.avi", "--as", "Eileen")
    assert film.code == 2 and film.stdout == ""
    said = film.stderr.splitlines()
    assert said[0] == "Look straight at the camera."
    assert said[1] in ("Turn your head to your left.", "Turn your head to your right.")
    assert "[turn-too-slow]" in film.stderr or "[frames-stopped]" in film.stderr
    several = enrolled("verify", "--require-live", "--camera", "977", "--faces", "largest")
    assert several.code == 2 and "[usage]" in several.stderr
    assert enrolled("log", "--json").data["entries"][-1]["outcome"] in ("turn-too-slow", "frames-stopped")
