"""The real program with a video file for a camera."""

import numpy as np
import pytest
from PIL import Image
from support.clips import panned, write_clip


@pytest.fixture(scope="session")
def clips(tmp_path_factory, astronaut, hopper):
    folder = tmp_path_factory.mktemp("clips")
    black, dark = np.zeros((360, 360, 3), np.uint8), np.full((360, 360, 3), 20, np.uint8)
    portrait = panned(astronaut, 360, 360, 36, step=4)
    write_clip(folder / "eileen.avi", [black] * 3 + portrait)
    write_clip(folder / "grace.avi", panned(hopper, 400, 500, 6, step=4))
    write_clip(folder / "black.avi", [black] * 5)
    write_clip(folder / "dark.avi", [dark] * 5)
    return folder


def test_a_stranger_and_the_person(enrolled, clips):
    yes = enrolled("verify", "--camera", clips / "eileen.avi", "--as", "Eileen", "--json")
    assert yes.code == 0 and yes.data["match"] and yes.stderr == ""
    no = enrolled("verify", "--as", "Eileen", "--camera", clips / "grace.avi")
    assert no.code == 1 and no.stdout.startswith("no: Eileen, ")


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


def test_a_name_that_is_not_enrolled_opens_no_camera(enrolled):
    done = enrolled("verify", "--camera", "977", "--as", "Nobody", "--json")
    assert done.code == 2 and done.error["code"] == "not-enrolled"


@pytest.mark.parametrize(
    "words, sentence",
    [
        (("verify",), "Missing argument 'PHOTO' (or --camera instead)"),
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


def test_liveness_is_refused_until_it_was_measured(enrolled, clips, pictures):
    for words in ((pictures / "unseen.jpg",), ("--camera", clips / "eileen.avi"), ("--camera", "977")):
        done = enrolled("verify", "--require-live", *words, "--json")
        assert done.code == 2 and done.error["code"] == "pad-not-measured"
        assert "pad-test" in done.error["hint"]


@pytest.fixture(scope="session")
def presentations(tmp_path_factory, astronaut):
    """Heads that move within a picture, and pictures that move as a whole; all begin alike."""
    folder = tmp_path_factory.mktemp("presentations")

    def head(number, width):
        frame = astronaut.copy()
        area = (slice(60, 220), slice(160, 290))
        frame[area] = np.roll(astronaut, round(width * np.sin(number / 3)), axis=1)[area]
        return frame

    def picture(number, width):
        plane = (1, 0, width * np.sin(number / 3), 0, 1, width * np.sin(number / 4))
        moved = Image.fromarray(astronaut).transform(
            (512, 512), Image.Transform.AFFINE, plane, Image.Resampling.BICUBIC
        )
        return np.asarray(moved)

    for kind, render, widths in (("live", head, range(4, 8)), ("attack/print", picture, range(4, 11))):
        (folder / kind).mkdir(parents=True)
        for width in widths:
            name = f"{kind[0]}{width}.avi"
            write_clip(folder / kind / name, [render(number, width) for number in range(21)])
    return folder


def test_moving_heads_and_moving_pictures(enrolled, presentations):
    measured = enrolled(
        "pad-test", "--live", presentations / "live", "--attack", presentations / "attack", "--json"
    )
    assert measured.code == 0 and measured.data["left_out"] == [], measured
    parallax = next(check for check in measured.data["checks"] if check["check"] == "parallax")
    assert parallax["used"] and parallax["apcer"]["print"]["trials"] == 7
    words = ("verify", "--as", "Eileen", "--require-live", "--camera")
    live = enrolled(*words, presentations / "live" / "l7.avi", "--json")
    assert live.code == 0 and "parallax" in [check["check"] for check in live.data["liveness"]]
    assert "Nothing is promised" in live.stderr
    attack = enrolled(*words, presentations / "attack" / "print" / "a9.avi", "--json")
    assert attack.code == 2 and attack.error["code"] == "not-live"
    assert (
        enrolled("verify", "--as", "Eileen", "--camera", presentations / "attack" / "print" / "a9.avi").code
        == 0
    )
