"""What an error advises fits the situation it is given in, and can be copied as it is."""

import io
import json
import os
import sys
from types import SimpleNamespace

import pytest
from support.fakes import GREY, paint, save, save_person

from faceunlock.cli.answers import identify, people
from faceunlock.errors import SLUGS
from faceunlock.files.text import at_home


def hint_of(faceunlock, *words):
    code, out, _ = faceunlock(*words, "--json")
    assert code == 2
    return json.loads(out)["error"]["hint"]


def test_a_command_in_a_hint_works_on_the_gallery_it_is_about(faceunlock, ada, tmp_path):
    home = tmp_path / "home"
    code, _, err = faceunlock("verify", ada / "0.png")
    assert code == 2 and err.endswith(f"\n  Run: faceunlock --home {home} enroll NAME FOLDER\n")
    assert hint_of(faceunlock, "people", "show", "Bob") == f"See: faceunlock --home {home} people"
    assert "--home" not in hint_of(faceunlock, "verify", "--nonsense")  # a help text needs none


def test_only_commands_get_the_home():
    for slug in SLUGS.values():
        assert at_home(slug.hint, None) == slug.hint
        assert at_home(slug.hint, "/h").replace(" --home /h", "") == slug.hint
    assert at_home("Run: faceunlock people", "/my home") == "Run: faceunlock --home '/my home' people"
    assert at_home("a file that faceunlock wrote", "/h") == "a file that faceunlock wrote"


def test_a_second_name_is_told_how_to_go_on(faceunlock, ada, tmp_path):
    faceunlock("enroll", "Ada", ada)
    assert "faceunlock --home" in hint_of(faceunlock, "enroll", "Eve", ada)
    assert "enroll 'Ada' FOLDER --add" in hint_of(faceunlock, "enroll", "Eve", ada)
    faceunlock("enroll", "Bob", *save_person(tmp_path / "bob", 2, 5))
    faceunlock("enroll", "Zoe", *save_person(tmp_path / "zoe", 2, 5, first=9), "--even-so")
    hint = hint_of(faceunlock, "enroll", "Zoe", *save_person(tmp_path / "zoe", 2, 1, first=40), "--add")
    assert "--even-so" in hint and "--add" not in hint


def test_photos_that_are_all_left_out_for_one_reason_get_its_hint(faceunlock, tmp_path):
    grey = [save(tmp_path / f"{number}.png", GREY + number) for number in range(3)]
    assert hint_of(faceunlock, "enroll", "Ada", *grey) == SLUGS["no-face"].hint
    one = save_person(tmp_path / "one", 1, 1)
    assert hint_of(faceunlock, "enroll", "Ada", *grey, *one) == SLUGS["too-few-photos"].hint


def test_a_pipe_an_empty_file_and_a_long_name_have_one_hint_each(faceunlock, ada, tmp_path, monkeypatch):
    faceunlock("enroll", "Ada", ada)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "empty.jpg").touch()
    for command in ("verify", "identify"):
        assert hint_of(faceunlock, command, tmp_path / "pipe") == "Save it to a file first."
        assert hint_of(faceunlock, command, tmp_path / "empty.jpg") == "Copy it from its source again."
        hint = hint_of(faceunlock, command, tmp_path / f"{'x' * 300}.jpg")
        assert hint.startswith("Check the path: a name in it")
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(), isatty=lambda: False))
    assert hint_of(faceunlock, "verify", "-") == "Check the command that writes to it."


def test_a_file_that_exists_may_be_replaced_with_overwrite(faceunlock, ada, tmp_path, monkeypatch):
    faceunlock("enroll", "Ada", ada)
    monkeypatch.setenv("FACEUNLOCK_PASSPHRASE", "correct horse battery")
    (tmp_path / "backup").touch()
    assert hint_of(faceunlock, "export", tmp_path / "backup").endswith("use --overwrite.")


def test_json_holds_a_path_as_it_is_and_a_terminal_sees_it_escaped_once(faceunlock, tmp_path):
    photo = tmp_path / "odd\x1b[2J\n.jpg"
    code, out, err = faceunlock("compare", photo, photo, "--json")
    assert code == 2 and json.loads(out)["error"]["message"] == f"{photo}: no such file or folder"
    assert f"{tmp_path}/odd\\x1b[2J\\n.jpg: no such" in err


@pytest.mark.parametrize("words", [("calibrate", "--scores"), ("enroll", "X"), ("verify",), ("identify",),
                                   ("classify", "name", "photo.jpg", "--head"), ("crop", "in", "-o"),
                                   ("audit", "in", "--by"), ("status", "--model")])  # fmt: skip
def test_no_path_leads_to_another_machine(faceunlock, words):
    code, out, _ = faceunlock(*words, "file://elsewhere/p", "--json")
    error = json.loads(out)["error"]
    assert (code, error["code"]) == (2, "usage") and "another machine, elsewhere" in error["message"]


def test_every_path_may_be_an_address(faceunlock, ada, tmp_path):
    assert faceunlock("enroll", "Ada", f"file://{ada}")[0] == 0
    assert faceunlock("verify", f"file://localhost{ada}/0.png")[0] == 0
    assert faceunlock("identify", f"file:{ada}", "-o", f"file://{tmp_path}/out%20put")[0] == 0
    assert len(list((tmp_path / "out put").iterdir())) == 6


def test_the_stored_name_is_said(faceunlock, ada):
    faceunlock("enroll", "Ada", ada)
    assert faceunlock.data("people", "rename", "ADA", "Eve") == {"name": "Eve", "was": "Ada"}
    assert faceunlock("people", "forget", "eve", "--yes")[1] == "Forgotten: Eve.\n"


def test_one_is_singular(faceunlock, ada, tmp_path):
    photo = save(tmp_path / "one.png", paint(1, 30))
    faceunlock("enroll", "Ada", ada)
    assert "used 1 of 1 photo, " in faceunlock("enroll", "Ada", photo, "--add")[1]
    assert people.forgotten(None, 1) == "Forgotten: 1 person."


@pytest.mark.parametrize(("faces", "said"), [(0, None), (1, "a stranger's"), (2, "any of the 2 faces")])
def test_a_search_of_no_one_or_many_faces(faces, said):
    fmr = SimpleNamespace(fmr=1e-5, threshold=0.9, supported=True, candidates=1)
    measured = SimpleNamespace(trials=1, people=1)
    calibration = SimpleNamespace(threshold=0.9, fmr=measured, status="shipped", data="LFW")
    found = SimpleNamespace(
        people=1, compared=faces, threshold=0.9, calibration=calibration, point=fmr, false_name_bound=1e-4
    )
    meaning = identify.meaning(found)
    assert ("stranger" in meaning) == (said is not None) and (said or "") in meaning
    assert said is None or "based on 1 comparison of 1 person" in meaning


def test_photos_that_are_in_already_an_empty_file_and_a_no(faceunlock, ada, tmp_path, monkeypatch):
    faceunlock("enroll", "Ada", ada)
    photos = [ada / f"{number}.png" for number in range(5)]
    assert "nothing to add" in hint_of(faceunlock, "enroll", "Ada", *photos, "--add")
    (tmp_path / "empty.jpg").touch()
    assert hint_of(faceunlock, "enroll", "Bob", tmp_path / "empty.jpg") == "Copy it from its source again."
    assert "--yes" in hint_of(faceunlock, "people", "forget", "Ada")  # nobody could be asked
    monkeypatch.setattr(sys, "stdin", io.StringIO("n\n"))
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    assert hint_of(faceunlock, "people", "forget", "Ada") == "Nothing was changed."
    assert [person["name"] for person in faceunlock.data("people")["people"]] == ["Ada"]


def test_nobody_is_asked_whether_to_forget_what_is_not_there(faceunlock, ada, monkeypatch):
    faceunlock("enroll", "Ada", ada)
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\ny\n"))
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    for words, slug in ((("Eda",), "not-enrolled"), (("Ada", "--look", "hat"), "no-such-look")):
        code, _, err = faceunlock("people", "forget", *words)
        assert code == 2 and f"[{slug}]" in err and "Forget " not in err
    assert sys.stdin.read() == "y\ny\n"


def test_a_folder_without_photos_is_named(faceunlock, ada, tmp_path):
    faceunlock("enroll", "Ada", ada)
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "note.txt").touch()
    empty = tmp_path / "empty"
    for words in (("verify", empty), ("identify", empty), ("compare", ada / "1.png", empty), ("crop", empty)):
        output = ("-o", tmp_path / "out") if words[0] == "crop" else ()
        code, _, err = faceunlock(*words, *output)
        said = f"{empty}: no photos found (1 file is not a photo: 1 .txt) [photo-not-found]"
        assert code == 2 and said in err, words
        assert "  Name photos, or a folder that holds some.\n" in err
    assert f"{empty}: no photos found" in faceunlock("enroll", "Bob", empty)[2]
