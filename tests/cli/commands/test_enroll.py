"""``enroll``: what is told of several people, of a folder of people and of a second name."""

import json
from dataclasses import replace

import pytest
from support.fakes import GREY, paint, save, save_person

from faceunlock.pipeline.models.shipped import shipped_calibration
from faceunlock.tasks import enroll_each


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


def test_each_gives_one_table_with_everyone(faceunlock, people):
    save(people / "Bob" / "empty.png", GREY)
    code, out, err = faceunlock("enroll", "--each", people)
    assert code == 0 and out.splitlines() == [
        "person\tphotos used\tresult",
        "Bob\t4 of 5\tenrolled; 5 or more photos are better",
        "Cyd\t4 of 4\tenrolled; 5 or more photos are better",
        "",
        "2 of 2 people enrolled.",
    ]
    assert err == "Bob/empty.png: no-face: no face was found\n"
    code, out, err = faceunlock("enroll", "--each", people)
    assert (code, err) == (0, "") and "Bob\t\talready enrolled" in out
    assert (
        "\nOf 2 people, nobody new enrolled: 2 already enrolled.\nWho was enrolled stays as before: --add"
        in out
    )
    code, out, err = faceunlock("enroll", "--each", people, "--add")
    assert (code, err) == (0, "Bob/empty.png: no-face: no face was found\n")
    assert (
        "Cyd\t\tno new photos" in out and "Of 2 people, nobody new enrolled: 2 without new photos.\n" in out
    )


def test_each_exits_with_2_unless_everyone_was_enrolled(faceunlock, people):
    save_person(people / "Few", 5, 1)
    save_person(people / "Lone", 6, 1)
    save_person(people / "Twin", 2, 4, first=10)
    save_person(people / "Two", 7, 4)
    for number in range(4):
        save(people / "Two" / f"other{number}.png", paint(8, number))
    code, out, err = faceunlock("enroll", "--each", people)
    rows = {row.split("\t")[0]: row for row in out.splitlines() if "\t" in row}
    assert code == 2 and out.endswith("\n2 of 6 people enrolled, 4 refused.\n")
    assert rows["Few"] == "Few\t\trefused: 1 usable, but at least 3 photos needed [too-few-photos]"
    assert rows["Twin"].startswith("Twin\t\trefused: Twin matches Bob") and "[second-name]" in rows["Twin"]
    assert "person 1 on Two/0.png, " in rows["Two"] and str(people) not in out
    assert "Two/other3.png: several-people: person 2\n" in err and str(people) not in err
    assert err.count("too-few-photos: Add photos") == 1 and "second-name: " in err and "--even-so" in err
    code, out, _ = faceunlock("enroll", "--each", people, "--replace", "--json")
    data = json.loads(out)["data"]
    assert code == 2 and (data["enrolled"], data["already_enrolled"]) == (2, 0)
    assert [(person["state"], person["error"] and person["error"]["code"]) for person in data["people"]] == [
        ("enrolled", None), ("enrolled", None), ("refused", "too-few-photos"), ("refused", "too-few-photos"),
        ("refused", "second-name"), ("refused", "several-people"),
    ]  # fmt: skip


def test_a_stopped_run_says_how_to_go_on(faceunlock, people, monkeypatch):
    finish = enroll_each.finish

    def stop(workspace, planned, *args, **options):
        if planned.wanted.name == "Cyd":
            raise KeyboardInterrupt
        return finish(workspace, planned, *args, **options)

    monkeypatch.setattr(enroll_each, "finish", stop)
    code, out, err = faceunlock("enroll", "--each", people)
    assert (code, out) == (130, "") and "1 enrolled so far. The same command again does the rest.\n" in err


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


@pytest.fixture
def masked(faceunlock, tmp_path):
    """Ada is enrolled; the photos resemble nobody."""
    save_person(tmp_path / "ada", 1, 4)
    faceunlock("enroll", "Ada", tmp_path / "ada")
    save_person(tmp_path / "masked", 9, 4)
    return tmp_path / "masked"


def test_a_look_that_resembles_nobody_is_asked_about(faceunlock, masked, monkeypatch):
    words = ("enroll", "ada", masked, "--look", "mask")
    code, out, err = faceunlock(*words)
    assert (code, out) == (2, "") and "resemble Ada: similarity " in err and "[unlike-the-person]" in err
    assert "--accept" in err
    code, out, err = faceunlock(*words, "--accept")
    assert (code, out) == (2, "") and "[aborted]" in err and "no terminal" in err
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    questions, answers = [], [False, True]
    monkeypatch.setattr(
        "faceunlock.cli.console.Console.ask", lambda _, text: questions.append(text) or answers.pop(0)
    )
    code, out, err = faceunlock(*words, "--accept")
    assert (code, out) == (2, "") and "[aborted]" in err
    code, out, err = faceunlock(*words, "--accept")
    assert (code, err) == (0, "") and out.startswith("Ada, look mask, enrolled: used 4 of 4 photos, ")
    assert "accepted by you." in out and len(questions) == 2 and "expected" in questions[0]


def test_a_look_is_shown_answers_and_is_forgotten(faceunlock, masked, tmp_path):
    words = ("enroll", "Ada", masked, "--look", "mask", "--accept", "--yes")
    data = faceunlock.data(*words)
    assert (data["look"], data["saved"]) == ("mask", True)
    assert data["similarity_to_person"] < data["similarity_expected"]
    probe = save(tmp_path / "probe.png", paint(9, 30))
    code, out, err = faceunlock("verify", probe, "--as", "Ada", "-v")
    assert code == 0 and out.startswith("yes  Ada (mask)  0.") and "among 2 looks of 1 person" in err
    data = faceunlock.data("verify", probe)
    assert (data["name"], data["look"], data["candidates"]) == ("Ada", "mask", 2)
    data = faceunlock.data("people", "show", "Ada")
    assert [(look["name"], look["photos"]) for look in data["looks"]] == [("mask", 4)]
    _, out, _ = faceunlock("people", "show", "Ada")
    assert "\nlook           mask: 4 photos, similarity mean 0." in out
    _, out, _ = faceunlock("status")
    assert "when 2 looks of 1 person are searched" in out
    code, _, err = faceunlock("people", "forget", "Ada", "--look", "mask")
    assert code == 2 and "forgetting the look mask of Ada needs a yes" in err and "[aborted]" in err
    code, _, err = faceunlock("people", "forget", "Ada", "--look", "hat", "--yes")
    assert code == 2 and "[no-such-look]" in err
    code, out, _ = faceunlock("people", "forget", "Ada", "--look", "mask", "--yes")
    assert (code, out) == (0, "Forgotten: the look mask of Ada.\n")
    assert faceunlock.data("people")["people"][0]["looks"] == []
    assert faceunlock("verify", probe, "--as", "Ada")[0] == 1


@pytest.mark.parametrize(
    "words",
    [
        ("enroll", "--each", ".", "--look", "mask"), ("enroll", "Ada", ".", "--accept"),
        ("enroll", "Ada", ".", "--look", "mask", "--yes"), ("people", "forget", "--all", "--look", "mask"),
    ],
)  # fmt: skip
def test_options_of_a_look_need_one(faceunlock, words):
    code, out, err = faceunlock(*words)
    assert (code, out) == (2, "") and "[usage]" in err


def test_a_near_miss_is_asked_about_by_its_name(faceunlock, ada, tmp_path, monkeypatch):
    faceunlock("enroll", "Ada", ada)
    strict = replace(shipped_calibration("dlib"), threshold=0.995)
    monkeypatch.setattr(
        "faceunlock.pipeline.models.shipped.shipped_calibration", lambda model, security="normal": strict
    )
    photo = save(tmp_path / "near.png", paint(1, 40))
    words = ("enroll", "Ada", photo, "--add", "--accept")
    code, out, err = faceunlock(*words)
    assert (code, out) == (2, "") and "[aborted]" in err and "no terminal to ask on" in err
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    questions, answers = [], [False, True]
    monkeypatch.setattr(
        "faceunlock.cli.console.Console.ask", lambda _, text: questions.append(text) or answers.pop(0)
    )
    code, out, err = faceunlock(*words)
    assert (code, out) == (2, "") and "nothing was added to Ada" in err
    code, out, _ = faceunlock(*words)
    assert code == 0 and f"Accepted by you: {photo}." in out and str(photo) in questions[0]
    another = save(tmp_path / "another.png", paint(1, 41))
    data = faceunlock.data("enroll", "Ada", another, "--add", "--accept", "--yes")
    assert data["accepted"] == data["used"] == [str(another)]
    assert "--accept needs --add or --look" in faceunlock("enroll", "Bob", another, "--accept")[2]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["Ada", "x", "--ray", "local"], "--ray needs --each FOLDER"),
        (["--each", "x", "--ray", "ray://x"], "HOST:PORT, or local for this machine alone, not 'ray://x'"),
    ],
)
def test_ray_is_refused_in_plain_words(faceunlock, people, words, said):
    given = [people if word == "x" else word for word in words]
    code, out, err = faceunlock("enroll", *given)
    assert (code, out) == (2, "") and said in err and "[usage]" in err


def test_each_on_a_cluster_says_what_the_plain_way_says(faceunlock, people, made_cluster):
    save(people / "Bob" / "empty.png", GREY)
    code, out, err = faceunlock("enroll", "--each", people, "--ray", "local", "--dry-run")
    assert (code, out, err) == faceunlock("enroll", "--each", people, "--dry-run")
    assert len(made_cluster.looked) == 9
