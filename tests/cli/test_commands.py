"""Commands with painted photos: what is said, and on which stream."""

import json
import re
from pathlib import Path

import pytest
import typer
from support.fakes import GREY, paint, save, save_person

from faceunlock.cli.answers.enroll import RECOMMENDED_PHOTOS
from faceunlock.errors import SLUGS


def test_enrolling_names_each_photo_left_out(faceunlock, ada):
    code, out, err = faceunlock("enroll", "Ada", ada)
    assert code == 0
    assert out.startswith("Ada enrolled: used 5 of 6 photos, ") and out.endswith(
        "model dlib. 1 file is not a photo.\n"
    )
    assert err == f"{ada}/crowd.png: several-faces: 2 faces, and none is clearly the largest\n"
    code, out, err = faceunlock("enroll", "Bob", ada, "--quiet", "--dry-run", "--even-so")
    assert (code, err) == (0, "") and out.startswith("Bob would be enrolled: ")


def test_few_photos_are_enough_but_more_are_recommended(faceunlock, tmp_path):
    photos = save_person(tmp_path / "bob", 2, 3)
    _, out, _ = faceunlock("enroll", "Bob", *photos)
    assert f"{RECOMMENDED_PHOTOS} or more photos are recommended." in out
    more = save_person(tmp_path / "bob", 2, 2, first=3)
    _, out, _ = faceunlock("enroll", "Bob", *more, "--add")
    assert "used 2 of 2" in out and "The template now holds 5 photos." in out and "recommended" not in out


def test_too_few_photos_say_why_each_was_left_out(faceunlock, tmp_path):
    for number in range(3):
        save(tmp_path / "grey" / f"{number}.png", GREY + number)
    code, out, err = faceunlock("enroll", "Nobody", tmp_path / "grey")
    assert (code, out) == (2, "") and err.count(": no-face: ") == 3 and "[too-few-photos]" in err


def test_verify_answers_on_stdout_and_explains_on_stderr(faceunlock, ada, tmp_path):
    faceunlock("enroll", "Ada", ada)
    code, out, err = faceunlock("verify", save(tmp_path / "probe.png", paint(1, 9)))
    assert (code, err) == (0, "") and re.fullmatch(r"yes  Ada  0\.\d{3} \(needs 0\.\d{3}\)\n", out)
    stranger = save(tmp_path / "stranger.png", paint(2, brightness=0.15))
    code, out, err = faceunlock("verify", stranger)
    assert code == 1 and out.startswith("no   closest Ada  ") and "\x1b" not in out
    assert err.splitlines()[0] == "The face is dark; more light may help."
    assert err.splitlines()[1].endswith(f" explain {stranger}")
    assert faceunlock("verify", stranger, "--quiet") == (1, out, "")
    code, out, err = faceunlock("verify", save(tmp_path / "grey.png", GREY))
    assert (code, out) == (2, "") and "[no-face]" in err


def test_a_search_names_who_was_closest(faceunlock, ada, tmp_path):
    faceunlock("enroll", "Ada", ada)
    save_person(tmp_path / "bob", 2, 5)
    faceunlock("enroll", "Bob", tmp_path / "bob")
    code, out, _ = faceunlock("verify", save(tmp_path / "stranger.png", paint(3)))
    assert code == 1 and out.startswith(("no   closest Ada  ", "no   closest Bob  "))
    code, out, _ = faceunlock("verify", tmp_path / "bob" / "1.png", "--as", "ada")
    assert code == 1 and out.startswith("no   not Ada  ")
    _, out, _ = faceunlock("status")
    assert "people      2: Ada, Bob\n" in out and "when 2 people are searched" in out


def test_calibrating_saves_and_says_what_was_measured(faceunlock, test_folder):
    folder, strangers = test_folder
    words = ("calibrate", folder, "--impostors", strangers, "--target-fmr", "0.2", "--allow-lower")
    code, rehearsed, _ = faceunlock(*words, "--dry-run")
    assert code == 0 and rehearsed.endswith("No threshold was saved.\n")
    code, out, err = faceunlock(*words, "--verbose")
    assert code == 0 and out.endswith("Saved: dlib now uses this threshold.\n")
    assert out.splitlines()[0] == "people 4, photos 21, templates 4, strangers 25 (25 photos)"
    for line in (
        "failures to acquire",
        "comparisons",
        "threshold",
        "FMR there",
        "  strangers",
        "FNMR there",
        "EER",
    ):
        assert any(start.startswith(line) for start in out.splitlines())
    assert "empty.png: no-face: " in err
    faceunlock("enroll", "Ada", folder / "Ada")
    _, _, err = faceunlock("verify", folder / "Ada" / "40.png", "--verbose")
    assert f"calibrated on {folder}" in err


def test_what_does_not_suffice_is_measured_and_not_saved(faceunlock, test_folder):
    folder, strangers = test_folder
    code, out, err = faceunlock("calibrate", folder, "--json")
    assert code == 2 and "FMR there" in err and "Saved" not in err
    assert json.loads(out)["error"]["code"] == "insufficient-data"
    lower = faceunlock("calibrate", folder, "--impostors", strangers, "--target-fmr", "0.2")
    assert lower[0] == 2 and lower[1] == "" and "[lower-threshold]" in lower[2] and "FMR there" in lower[2]


def test_kept_scores_are_judged_again_for_another_target(faceunlock, test_folder, tmp_path):
    folder, strangers = test_folder
    scores = tmp_path / "kept scores.npz"
    photos = ("calibrate", folder, "--impostors", strangers)
    code, out, err = faceunlock(*photos, "--target-fmr", "1e-5", "--save-scores", scores)
    assert (code, out) == (2, "") and "[insufficient-data]" in err and f"The scores are in {scores}; " in err
    words = ("calibrate", "--scores", scores, "--target-fmr", "0.2", "--allow-lower")
    code, rehearsed, err = faceunlock(*words, "--dry-run")
    assert (code, err) == (0, "") and rehearsed.endswith("No threshold was saved.\n")
    from_photos = faceunlock(*photos, "--target-fmr", "0.2", "--dry-run")
    assert from_photos == (0, rehearsed, "")
    code, out, err = faceunlock(*words)
    assert (code, err) == (0, "") and out.endswith("Saved: dlib now uses this threshold.\n")
    assert "[file-exists]" in faceunlock(*photos, "--save-scores", scores)[2]
    code, out, _ = faceunlock(
        *photos, "--save-scores", scores, "--overwrite", "--target-fmr", "0.2", "--dry-run"
    )
    assert code == 0 and out == rehearsed


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--scores", "kept.npz", "folder"), "FOLDER"),
        (("--scores", "kept.npz", "--no-strangers"), "--strangers"),
        (("--scores", "kept.npz", "--split", "2"), "--split"),
        (("--scores", "kept.npz", "--impostors", "others"), "--impostors"),
        (("--scores", "kept.npz", "--seed", "0"), "--seed"),
        (("--scores", "kept.npz", "--faces", "dominant"), "--faces"),
        (("--scores", "kept.npz", "--save-scores", "more.npz"), "--save-scores"),
        (("folder", "--overwrite"), "--overwrite"),
    ],
)
def test_photos_and_kept_scores_exclude_each_other(faceunlock, words, named):
    code, out, err = faceunlock("calibrate", *words)
    assert (code, out) == (2, "") and "[usage]" in err and named in err


def test_a_demonstration_that_fails_is_an_error(faceunlock, monkeypatch):
    from faceunlock.tasks import demo as demonstration

    def same_person(directory):
        save_person(directory / "photos", 1, 5)
        for name, image in (("unseen", paint(1, 9)), ("stranger", paint(1, 8)), ("flower", GREY)):
            save(directory / f"{name}.jpg", image)

    here = Path.cwd()
    monkeypatch.setattr(demonstration, "make_pictures", same_person)
    code, out, err = faceunlock("demo")
    assert code == 2 and "[demo-failed]" in err and "stranger.jpg gave exit code 0, expected 1" in err
    assert "The installation works" not in out and Path.cwd() == here


def test_one_person_and_many_are_told_apart(faceunlock, ada, tmp_path, monkeypatch):
    monkeypatch.setenv("FACEUNLOCK_PASSPHRASE", "correct horse")
    faceunlock("enroll", "Ada", ada)
    assert faceunlock("export", tmp_path / "one")[1].startswith("Exported 1 person to ")
    save_person(tmp_path / "bob", 2, 5)
    faceunlock("enroll", "Bob", tmp_path / "bob")
    assert faceunlock("export", tmp_path / "two")[1].startswith("Exported 2 people to ")
    assert faceunlock("people", "forget", "--all", "--yes")[1] == "Forgotten: 2 people.\n"
    assert faceunlock("import", tmp_path / "two")[1] == "Import: added Ada, Bob.\n"


def test_a_passphrase_file_that_cannot_be_used(faceunlock, tmp_path):
    (tmp_path / "latin1").write_bytes(b"caf\xe9 au lait\n")
    (tmp_path / "empty").write_text("")
    for name in ("latin1", "empty"):
        (tmp_path / name).chmod(0o600)
    for name in ("missing", "latin1", "empty"):
        code, out, err = faceunlock("export", tmp_path / "out", "--passphrase-file", tmp_path / name)
        assert (code, out) == (2, "") and "[usage]" in err
        assert not (tmp_path / "out").exists()


def test_the_hint_of_a_usage_error_names_the_command(faceunlock):
    for line, command in ((("verify",), "verify "), (("people", "nonsense"), "people "), (("nonsense",), "")):
        code, _, err = faceunlock(*line)
        assert code == 2 and err.endswith(f"  See: faceunlock {command}--help\n")
    _, _, err = faceunlock("people", "forget")
    assert err.endswith("  See: faceunlock people forget --help\n") and SLUGS["usage"].hint not in err


def test_a_passphrase_is_asked_for_without_showing_it(faceunlock, ada, tmp_path, monkeypatch):
    faceunlock("enroll", "Ada", ada)
    asked = []

    def prompt(text, **how):
        asked.append(how)
        return "correct horse"

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("typer.prompt", prompt)
    assert faceunlock("export", tmp_path / "moved")[0] == 0
    assert faceunlock("import", tmp_path / "moved")[1] == "Import: already here: Ada.\n"
    twice, once = asked
    assert twice == {"hide_input": True, "confirmation_prompt": True, "err": True}
    assert once == {"hide_input": True, "confirmation_prompt": False, "err": True}


def test_ctrl_c_at_a_question_is_an_interruption(faceunlock, tmp_path, monkeypatch):
    def prompt(text, **how):
        raise typer.Abort

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("typer.prompt", prompt)
    code, out, err = faceunlock("export", tmp_path / "moved", "--json")
    assert code == 130 and json.loads(out)["error"]["code"] == "interrupted" and "[interrupted]" in err
