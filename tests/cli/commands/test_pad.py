"""``pad-test`` with painted photos."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from support import made_presentations
from support.clips import write_clip
from support.fakes import paint, save
from support.made_presentations import AHEAD

pytestmark = pytest.mark.usefixtures("heads_that_turn")


@pytest.fixture
def folders(tmp_path):
    live, attack = made_presentations.folders(tmp_path)
    return "--live", live, "--attack", attack


def test_the_report_names_every_rate_and_what_it_says_nothing_about(faceunlock, folders):
    code, out, err = faceunlock("pad-test", *folders)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].startswith("live 4 (0 more without a usable face), attacks 4")
    rates = [line for line in lines if line.startswith(("  BPCER", "  APCER", "  passed"))]
    assert len(rates) == 6 and all("95 % interval" in line and "people" in line for line in rates)
    assert any("APCER  print, by person: 0 (0 of 3, 3 people" in line for line in rates)
    assert any("APCER  film, by clip: 100 % (1 of 1, 1 person;" in line for line in rates)
    assert any(line.startswith("texture  not measured") and "pull minifasnet" in line for line in lines)
    assert "A film of a turning head passes" in lines[-1]
    assert "in use by verify --camera --require-live: turn" in lines[-2]
    status = faceunlock("status")[1]
    assert "liveness    with --require-live: turns of the head, without MiniFASNet" in status
    assert "measured here" in status


def test_the_json_document(faceunlock, folders, tmp_path):
    data = faceunlock.data("pad-test", *folders, "--dry-run", "--pictures", tmp_path / "drawn")
    assert "The measurement is not saved." in faceunlock("pad-test", *folders, "--dry-run")[1]
    assert data["saved"] is False and not (tmp_path / "home" / "pad.json").exists()
    (turn,) = data["stages"]
    assert turn["stage"] == "turn" and turn["used"] and turn["stops"] == []
    assert turn["apcer"]["print"]["by_clip"]["trials"] == 3
    assert data["spreads"]["E2"]["print"]["highest"] < 0.15
    assert [path.rpartition("/")[2] for path in data["pictures"]] == ["E1.png", "E2.png"]


def test_pictures_never_come_among_the_photos(faceunlock, folders, tmp_path):
    live = Path(folders[1])
    (tmp_path / "link").symlink_to(live)
    before = sorted(live.rglob("*"))
    for place in (live, live / "drawn", tmp_path / "link"):
        code, out, err = faceunlock("pad-test", *folders, "--pictures", place, "--overwrite")
        assert (code, out) == (2, "") and "[file-unwritable]" in err and "outside --live" in err
    assert sorted(live.rglob("*")) == before


def test_photos_without_minifasnet_measure_nothing_and_nothing_is_said_to_work(faceunlock, tmp_path):
    for number in range(3):
        save(tmp_path / "live" / f"{number}.png", paint(number, AHEAD))
        save(tmp_path / "attack" / "print" / f"{number}.png", paint(number, AHEAD))
    code, out, err = faceunlock("pad-test", "--live", tmp_path / "live", "--attack", tmp_path / "attack")
    assert (code, err) == (0, "") and "APCER" not in out
    assert "verify --camera --require-live uses no stage that was measured here" in out


def test_the_same_folder_is_refused(faceunlock, folders):
    code, out, err = faceunlock("pad-test", "--live", folders[3], "--attack", folders[3])
    assert (code, out) == (2, "") and "[bad-folder]" in err


@pytest.mark.parametrize("words", [(), ("--live", "x"), ("--attack", "x")])
def test_both_folders_are_needed(faceunlock, words):
    code, out, err = faceunlock("pad-test", *words)
    assert (code, out) == (2, "") and "[usage]" in err


def test_a_damaged_record_is_named_by_status(faceunlock, folders, tmp_path):
    faceunlock("pad-test", *folders)
    (tmp_path / "home" / "pad.json").write_text("{}")
    problems = faceunlock.data("status")["problems"]
    assert any("pad.json" in problem and "pad-test" in problem for problem in problems)
    assert json.loads(faceunlock("status", "--json")[1])["data"]["liveness"] is None


@pytest.fixture
def film(tmp_path):
    frames = (np.full((48, 64, 3), number, np.uint8) for number in range(100))
    return write_clip(tmp_path / "camera.avi", frames, rate=5.0)


def test_a_recording_that_nobody_can_be_asked_about_could_not_be_done(
    faceunlock, film, tmp_path, monkeypatch
):
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    words = ("pad-test", "record", "live", "Ada", "-o", tmp_path / "own", "--camera", film)
    code, out, err = faceunlock(*words)
    assert (code, out) == (2, "") and "nobody answered [aborted]" in err and "--yes" in err
    assert not list(tmp_path.rglob("own/**/*.png"))


@pytest.mark.parametrize("answer, kept", [("y\n", True), ("n\n", False)])
def test_a_recording_is_kept_only_after_a_yes(faceunlock, film, tmp_path, monkeypatch, answer, kept):
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    words = ("pad-test", "record", "attack", "print", "--shows", "Ada", "-o", tmp_path / "own")
    code, out, err = faceunlock(*words, "--camera", film)
    assert code == 0 and "Turn your head to your" in err and "labelled attack print? [y/N]" in err
    frames = list((tmp_path / "own").rglob("*.png"))
    assert len(frames) == (83 if kept else 0) and (out.startswith("Kept 83 frames in ") or not kept)
    assert kept or out == "Nothing was kept.\n"


def test_a_recording_without_questions(faceunlock, film, tmp_path):
    data = faceunlock.data(
        "pad-test", "record", "live", "Ada", "-y", "-o", tmp_path / "own", "--camera", film
    )
    assert data["folder"] == str(tmp_path / "own" / "live" / "Ada" / "turn-1")
    assert data["frames"] == 83 and len(data["turns"]) == 3


def test_a_bad_name_opens_no_camera(faceunlock, tmp_path):
    code, out, err = faceunlock("pad-test", "record", "live", "a/b", "-o", tmp_path, "--camera", "977")
    assert (code, out) == (2, "") and "[bad-folder]" in err
