"""``init``: the guided set-up, with and without questions."""

import getpass
import io
import json

import pytest
from support.fakes import paint, save, save_person

from faceunlock.errors import CameraError
from faceunlock.tasks import init as first_enrolment


@pytest.fixture
def answering(monkeypatch):
    """Answer the questions of a terminal with these lines."""

    def answer(*lines):
        terminal = io.StringIO("".join(f"{line}\n" for line in lines))
        terminal.isatty = lambda: True
        monkeypatch.setattr("sys.stdin", terminal)
        return terminal

    return answer


@pytest.fixture
def photos(tmp_path):
    save_person(tmp_path / "me", 1, 6)
    return tmp_path / "me"


@pytest.fixture(autouse=True)
def no_camera(monkeypatch):
    monkeypatch.setattr("faceunlock.photos.camera.seems_there", lambda device: False)


def test_without_questions_a_folder_ends_with_a_yes_and_what_comes_next(faceunlock, photos, tmp_path):
    code, out, err = faceunlock("init", "Ada", photos, "--yes")
    first, answer, *rest = out.splitlines()
    assert code == 0 and first == "Ada is enrolled: 5 of 6 photos used, one kept back for the test."
    assert answer.startswith("yes") and "Ada" in answer
    assert rest[0].startswith("The score, 0.9") and "would be the same picture" in " ".join(rest)
    assert "What next?" in rest and max(map(len, rest[: rest.index("What next?")])) < 80
    home = tmp_path / "home"
    for words in ("verify PHOTO --as Ada", "pam print SERVICE", "protect on", "agent start"):
        assert any(line.endswith(f"  faceunlock --home {home} {words}") for line in rest)
    assert err.startswith("This sets up face unlock") and max(map(len, err.splitlines())) < 80
    assert faceunlock.data("people")["people"][0]["photos"] == 5


def test_a_terminal_shows_the_answer_of_the_test_in_colour(faceunlock, photos, monkeypatch):
    monkeypatch.setattr("faceunlock.cli.console.wants_colour", lambda: True)
    assert "\n\x1b[1;32myes\x1b[0m  Ada  0.9" in faceunlock("init", "Ada", photos, "--yes")[1]


def test_every_command_stands_on_one_line(faceunlock, tmp_path):
    save_person(tmp_path / "few", 1, 3)
    out = faceunlock("init", "Ada", tmp_path / "few", "--yes")[1]
    home = tmp_path / "home"
    lines = [line.strip() for line in out.splitlines() if "faceunlock" in line]
    assert len(lines) == 8 and all(line.startswith(f"faceunlock --home {home} ") for line in lines)
    assert f"faceunlock --home {home} verify PHOTO --as Ada" in lines


def test_the_document_has_both_answers(faceunlock, photos):
    data = faceunlock.data("init", "Ada", photos)
    assert data["enrolment"]["name"] == "Ada" and data["held_back"] == str(photos / "5.png")
    assert data["verification"]["match"] is True and data["error"] is None and len(data["next"]) == 6


def test_questions_are_asked_until_they_are_answered(faceunlock, photos, tmp_path, answering):
    save_person(tmp_path / "few", 1, 2)
    answering("a/b", "Ada", "/nowhere", "", str(tmp_path / "few"), f"'{photos}'")
    code, out, err = faceunlock("init")
    assert code == 0 and out.startswith("Ada is enrolled: 5 of 6")
    assert err.count("Your name, or Enter for ") == 2 and "[bad-name]" in err
    assert err.count("Folder with 5 or more photos of you: ") == 4, "Enter is no answer without a camera"
    assert "[photo-not-found]" in err and "[too-few-photos]" in err


def test_enter_takes_the_login_name_and_yes_does_so_without_asking(
    faceunlock, photos, answering, monkeypatch
):
    monkeypatch.setattr(getpass, "getuser", lambda: "ada")
    answering("", str(photos))
    assert faceunlock("init")[1].startswith("ada is enrolled")
    code, out, err = faceunlock("init", "--yes", "--replace", "", photos)
    assert (code, out) == (2, "") and "[bad-name]" in err


def test_a_folder_in_the_place_of_the_name_is_told(faceunlock, photos):
    code, out, err = faceunlock("init", photos)
    assert (code, out) == (2, "") and "the name of the person comes first [usage]" in err
    assert f"init NAME {photos}" in err


def test_who_is_enrolled_is_asked_before_anything_is_learned(faceunlock, photos, answering):
    faceunlock("init", "Ada", photos, "--yes")
    for words in ((), ("--yes",)):
        answering("n")
        code, out, err = faceunlock("init", "ada", photos, *words)
        assert (code, out) == (2, "") and "verify PHOTO" in err
        assert ("Learn the face anew?" in err and "stays enrolled as before [aborted]" in err) == (not words)
        assert ("[already-enrolled]" in err and "--replace" in err) == bool(words)
    answering("y")
    assert faceunlock("init", "ada", photos)[0] == 0
    assert faceunlock("init", "ada", photos, "--replace", "--yes")[0] == 0


@pytest.mark.parametrize("words", [(), ("Ada",), ("--yes",), ("Ada", "--yes"), ("Ada", "--json")])
def test_without_a_terminal_nothing_is_asked(faceunlock, words, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO())
    code, _, err = faceunlock("init", *words)
    assert code == 2 and "[aborted]" in err and "faceunlock --home" in err and "init NAME FOLDER --yes" in err


def test_a_terminal_that_is_closed_ends_the_questions(faceunlock, answering):
    answering()
    code, out, err = faceunlock("init")
    assert (code, out) == (2, "") and "there was no answer [aborted]" in err


def test_named_photos_that_will_not_do_are_no_question(faceunlock, photos, answering, tmp_path):
    save_person(tmp_path / "other", 2, 6)
    answering("never read")
    code, out, err = faceunlock("init", "Ada", photos, tmp_path / "other")
    assert (code, out) == (2, "") and "[several-people]" in err
    assert f"{tmp_path}/other/5.png: several-people: person 2\n" in err


def test_a_no_for_the_own_photo_exits_with_1_and_says_what_helps(faceunlock, photos, monkeypatch):
    stranger = save(photos.parent / "stranger.png", paint(9))
    real = first_enrolment.init

    def other(*args, **options):
        return first_enrolment.FirstEnrolment(real(*args, **options).outcome, stranger)

    monkeypatch.setattr(first_enrolment, "init", other)
    code, out, _ = faceunlock("init", "Ada", photos, "--yes")
    assert code == 1 and "\nno" in out and "enroll Ada PHOTOS --add" in " ".join(out.split())
    assert "What next?" in out


def test_just_enough_photos_leave_none_for_a_test(faceunlock, tmp_path):
    save_person(tmp_path / "few", 1, 3)
    code, out, _ = faceunlock("init", "Ada", tmp_path / "few", "--yes")
    assert code == 0 and "All photos were needed" in out and "The score" not in out
    assert faceunlock.data("people")["people"][0]["name"] == "Ada"


def test_a_test_that_cannot_be_decided_leaves_the_person_enrolled(faceunlock, photos, monkeypatch):
    from faceunlock.unlock import FaceUnlock

    def broken(*_, **__):
        raise CameraError("camera-failed")

    monkeypatch.setattr(FaceUnlock, "verify", broken)
    code, out, err = faceunlock("init", "Ada", photos, "--yes")
    assert code == 2 and out.startswith("Ada is enrolled") and "What next?" in out
    assert "The test could not be decided: " in err and "[camera-failed]" in err and "cable" in err
    code, out, _ = faceunlock("init", "Bob", photos, "--json")
    monkeypatch.undo()
    assert code == 2 and json.loads(out)["ok"] is False, "the same face under another name"


def test_a_camera_is_offered_where_there_is_one_and_its_words_are_shown(faceunlock, answering, monkeypatch):
    from faceunlock.liveness.guidance import Guidance, Word
    from faceunlock.photos.camera import Frame
    from faceunlock.photos.capture import Capture
    from faceunlock.unlock import FaceUnlock

    def taken(number):
        return Frame("camera 0", float(number), paint(1, number)).photo()

    def take_several(self, name, device, *, replace, mirror, guide):
        assert (name, device, replace) == ("Ada", None, False)
        guide(Guidance(Word.DARK, 1, 5))
        for number in range(5):
            guide(Guidance(Word.LEFT, number + 1, 5))
            yield taken(number)
        mirror("mirrored")

    monkeypatch.setattr("faceunlock.photos.camera.seems_there", lambda device: True)
    monkeypatch.setattr(FaceUnlock, "take_several", take_several)
    monkeypatch.setattr(FaceUnlock, "take", lambda self, device, name: Capture(taken(9), "camera 0"))
    answering("Ada", "")
    code, out, err = faceunlock("init")
    assert code == 0 and out.startswith("Ada is enrolled: 5 of 5 photos used.\nyes")
    assert "or Enter for the camera: " in err and "1 of 5: too dark, turn on a light.\n" in err
    assert "3 of 5: turn your head a little to your left.\n" in err and "look at the camera once more" in err
    assert faceunlock("init", "Bob", "--camera", "0", "1")[0] == 2


def test_the_demonstration_ends_with_it_and_leaves_its_pictures_if_asked(faceunlock, tmp_path):
    home = tmp_path / "home"
    assert faceunlock("demo")[1].endswith(f"\nNow your own face: faceunlock --home {home} init\n")
    folder = tmp_path / "pictures"
    code, out, _ = faceunlock("demo", "--photos", folder)
    assert code == 0 and f"\nThe pictures are in {folder}\n" in out
    assert f"\nTo try them: faceunlock --home {home} init astronaut {folder}/photos\n" in out
    assert faceunlock("init", "astronaut", folder / "photos", "--yes")[0] == 0
    assert faceunlock("verify", folder / "unseen.jpg")[0] == 0
    assert faceunlock("demo", "--photos", folder)[0] == 2, "it is not empty any more"


def test_a_camera_that_is_missing_is_no_dead_end(faceunlock):
    code, _, err = faceunlock("init", "Ada", "/nowhere", "--camera", "--yes")
    assert code == 2 and "[no-camera]" in err and err.rstrip().endswith(" init Ada FOLDER")
