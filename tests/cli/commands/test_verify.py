"""``faceunlock verify``: several photos, attempts that do not count, and what a no leads to."""

import json
import os

import pytest
from support.fakes import GREY, paint, save, save_person, snapshot


@pytest.fixture
def enrolled(faceunlock, ada):
    assert faceunlock("enroll", "Ada", ada)[0] == 0
    return faceunlock


@pytest.fixture
def photos(tmp_path):
    """Two of Ada, one of somebody else, one of nobody."""
    folder = tmp_path / "photos"
    save(folder / "1.png", paint(1, 30))
    save(folder / "2.png", paint(1, 31))
    save(folder / "3.png", paint(7))
    save(folder / "4.png", GREY)
    (folder / "notes.txt").write_text("not a photo")
    return folder


def test_a_folder_gets_a_line_for_each_photo(enrolled, photos):
    code, out, err = enrolled("verify", photos, "--as", "ada")
    first, second, third, fourth = out.splitlines()
    assert first.startswith("yes  Ada  0.9") and first.endswith("(needs 0.960)  1.png")
    assert second.endswith("  2.png") and third.startswith("no   not Ada  ") and third.endswith("  3.png")
    assert fourth == "could not  no face was found [no-face]  4.png"
    assert code == 2 and err.splitlines()[0] == "2 of 4 photos match."
    assert err.splitlines()[1].endswith(f" explain {photos}/3.png --as Ada")
    code, out, _ = enrolled("verify", photos / "1.png", photos / "3.png", "-v")
    assert code == 1 and out.splitlines()[0].endswith(f"  {photos}/1.png")
    code, out, err = enrolled("verify", photos / "1.png", photos / "2.png")
    assert code == 0 and out.count("\n") == 2 and err == "2 of 2 photos match.\n"


def test_a_folder_of_one_is_a_folder(enrolled, tmp_path):
    save(tmp_path / "one" / "1.png", paint(1, 30))
    code, out, err = enrolled("verify", tmp_path / "one")
    assert code == 0 and out.endswith("  1.png\n") and err == "1 of 1 photo matches.\n"


def test_several_photos_are_one_document(enrolled, photos):
    code, out, _ = enrolled("verify", photos, "--json")
    data = json.loads(out)["data"]
    assert code == 2 and data["match"] is None and data["matches"] == 2 and data["skipped"] == 1
    yes, _, no, nobody = data["photos"]
    assert yes["verification"]["match"] and not no["verification"]["match"]
    assert nobody["verification"] is None and nobody["error"]["code"] == "no-face"
    one = json.loads(enrolled("verify", photos / "1.png", "--json")[1])["data"]
    assert one == yes["verification"], "the score of a photo does not depend on those beside it"


def test_every_photo_is_an_attempt_and_a_lockout_ends_them(enrolled, tmp_path):
    save_person(tmp_path / "many", 7, 8)
    code, out, err = enrolled("verify", tmp_path / "many")
    lines = out.splitlines()
    assert (
        code == 2 and len(lines) == 6 and lines[-1].startswith("could not  ") and "[locked-out]" in lines[-1]
    )
    assert "Not looked at, because of failed attempts: 2 photos." in err
    assert len(enrolled.data("log")["entries"]) == 6


def test_an_attempt_that_does_not_count_writes_nothing(enrolled, photos, tmp_path):
    assert enrolled("verify", photos / "3.png")[0] == 1
    home = tmp_path / "home"
    before = {path: content for path, (_, content) in snapshot(home).items() if path.suffix == ".db"}
    for photo, code in ((photos / "1.png", 0), (photos / "3.png", 1), (photos / "4.png", 2)):
        assert enrolled("verify", photo, "--no-count")[0] == code
    assert not enrolled.data("verify", photos / "1.png", "--no-count")["counted"]
    after = {path: content for path, (_, content) in snapshot(home).items() if path.suffix == ".db"}
    assert after == before
    for _ in range(6):
        assert enrolled("verify", photos / "3.png", "--no-count")[0] == 1
    for _ in range(4):
        enrolled("verify", photos / "3.png")
    code, _, err = enrolled("verify", photos / "1.png", "--no-count")
    assert code == 2 and "[locked-out]" in err, "a lockout holds"


@pytest.mark.parametrize("variable", ["PAM_SERVICE", "PAM_TYPE", "PAM_USER"])
def test_a_login_always_counts(enrolled, photos, monkeypatch, variable):
    monkeypatch.setenv(variable, "sudo")
    code, out, err = enrolled("verify", photos / "1.png", "--no-count")
    assert (code, out) == (2, "") and "[usage]" in err and "logins" in err


def test_only_the_owner_may_try_without_counting(enrolled, photos, monkeypatch):
    own = os.geteuid()
    monkeypatch.setattr("faceunlock.gallery.attempts.os.geteuid", lambda: own + 1)
    code, out, err = enrolled("verify", photos / "1.png", "--no-count")
    assert (code, out) == (2, "") and "only the owner" in err


def test_a_near_miss_leads_to_what_can_be_done(enrolled, photos):
    code, _, err = enrolled("verify", photos / "1.png", "--threshold", "0.999")
    missed, added, why = err.splitlines()
    assert code == 1 and missed.startswith("A near miss: ")
    assert added.endswith(f" enroll Ada {photos}/1.png --add --accept") and " explain " in why
    assert enrolled.data("verify", photos / "1.png")["near_miss"] is False


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("verify",), "Missing argument 'PHOTOS'"),
        (("verify", "-", "a.png"), "give - alone"),
        (("verify", "a.png", "b.png", "--camera"), "one camera"),
        (("verify", "a.png", "b.png", "--require-live"), "--camera, and no photos"),
        (("verify", "https://example.org/selfie.jpg"), "reads no URLs"),
        (("compare", "http://example.org/a.jpg", "b.jpg"), "reads no URLs"),
        (("identify", "HTTPS://example.org/a.jpg"), "reads no URLs"),
        (("enroll", "Zoe", "ftp://example.org/a.jpg"), "reads no URLs"),
        (("explain", "https://example.org/a.jpg"), "reads no URLs"),
    ],
)
def test_what_is_refused_says_why(enrolled, words, said):
    code, out, err = enrolled(*words)
    assert (code, out) == (2, "") and said in err and "[usage]" in err


def test_a_photo_cannot_be_live_whatever_it_is_called(enrolled, photos):
    code, _, err = enrolled("verify", "--camera", photos / "1.png", "--require-live")
    assert code == 2 and "[no-living-person]" in err and "is a photo" in err and "Omit --camera" not in err
