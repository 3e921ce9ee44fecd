"""``enroll``: what is told of several people, of a folder of people and of a second name."""

import json

import pytest
from support.fakes import save_person


@pytest.fixture
def people(tmp_path):
    for person, name in enumerate(("Bob", "Cyd"), start=2):
        save_person(tmp_path / "people" / name, person, 4)
    return tmp_path / "people"


def test_each_photo_of_several_people_has_its_person(faceunlock, people):
    code, out, err = faceunlock("enroll", "Ada", people / "Bob", people / "Cyd")
    assert (code, out) == (2, "") and "the photos show 2 people" in err and "[several-people]" in err
    for number, name in enumerate(("Bob", "Cyd"), start=1):
        for photo in range(4):
            assert f"{people}/{name}/{photo}.png: several-people: person {number}\n" in err
    _, out, _ = faceunlock("enroll", "Ada", people / "Bob", people / "Cyd", "--json")
    error = json.loads(out)["error"]
    assert error["groups"] == [[str(people / name / f"{n}.png") for n in range(4)] for name in ("Bob", "Cyd")]


def test_a_folder_of_people_is_not_one_person(faceunlock, people):
    code, _, err = faceunlock("enroll", "Ada", people)
    assert code == 2 and "[sub-folders]" in err and " enroll --each FOLDER" in err


def test_each_gives_a_line_for_everyone(faceunlock, people):
    code, out, err = faceunlock("enroll", "--each", people)
    first, second, last = out.splitlines()
    assert first.startswith("Bob enrolled: used 4 of 4") and second.startswith("Cyd enrolled: used 4 of 4")
    assert (code, last, err) == (0, "2 of 2 people enrolled.", "")


def test_each_exits_with_2_unless_everyone_was_enrolled(faceunlock, people):
    save_person(people / "Few", 5, 1)
    save_person(people / "Twin", 2, 4, first=10)
    code, out, err = faceunlock("enroll", "--each", people)
    lines = out.splitlines()
    assert code == 2 and len(lines) == 5 and lines[-1] == "2 of 4 people enrolled."
    assert lines[2] == "Few not enrolled: 1 usable, but at least 3 photos needed [too-few-photos]"
    assert lines[3].startswith("Twin not enrolled: Twin matches Bob") and lines[3].endswith("[second-name]")
    assert "--even-so" in err
    code, out, _ = faceunlock("enroll", "--each", people, "--replace", "--json")
    data = json.loads(out)["data"]
    assert code == 2 and data["enrolled"] == 2
    assert [person["error"] and person["error"]["code"] for person in data["people"]] == [
        None, None, "too-few-photos", "second-name",
    ]  # fmt: skip


@pytest.mark.parametrize("words", [("--each", ".", "Ada"), ("--each", ".", "--camera"), (), ("--add",)])
def test_each_takes_one_folder_and_everything_else_a_name(faceunlock, words):
    code, out, err = faceunlock("enroll", *words)
    assert (code, out) == (2, "") and "[usage]" in err


def test_a_second_name_is_told(faceunlock, tmp_path, monkeypatch):
    save_person(tmp_path / "one", 1, 4)
    save_person(tmp_path / "two", 1, 4, first=10)
    faceunlock("enroll", "Ada", tmp_path / "one")
    code, _, err = faceunlock("enroll", "Eve", tmp_path / "two")
    assert code == 2 and "Eve matches Ada" in err and "[second-name]" in err and "--even-so" in err
    code, out, _ = faceunlock("enroll", "Eve", tmp_path / "two", "--even-so")
    assert code == 0 and "Warning: Eve matches Ada (similarity " in out
    monkeypatch.setenv("FACEUNLOCK_PASSPHRASE", "correct horse")
    faceunlock("export", tmp_path / "moved")
    faceunlock("people", "forget", "Eve", "--yes")
    code, _, err = faceunlock("import", tmp_path / "moved")
    assert code == 2 and "[second-name]" in err
    code, out, _ = faceunlock("import", tmp_path / "moved", "--even-so")
    assert code == 0 and "Warning: Eve matches Ada" in out
