"""``faceunlock strangers``, and what other commands say about strangers, with painted photos."""

import pytest
from support.fakes import save_person, save_strangers


def test_a_bank_from_nothing_to_nothing(faceunlock, stranger_folder, ada, tmp_path):
    code, out, err = faceunlock("strangers")
    assert (code, err) == (0, "")
    home = f"--home {tmp_path / 'home'}"  # what is copied works on this gallery
    assert out == f"There are no strangers. To get thousands: faceunlock {home} strangers pull lfw\n"
    assert (
        f"\nstrangers   none; to get thousands: faceunlock {home} strangers pull" in faceunlock("status")[1]
    )
    code, out, err = faceunlock("strangers", "add", stranger_folder)
    assert (code, err) == (0, "")
    added = "crowd: 30 photos added of 31, 1 without a usable face. "
    assert out == added + "The bank of dlib now holds 30 people, 30 photos.\n"
    assert "nobody.png: no-face: " in faceunlock("-v", "strangers", "add", stranger_folder)[2]
    _, out, _ = faceunlock("strangers", "list")
    assert out.splitlines()[1].split("\t")[:4] == ["dlib", "crowd", "30", "30"]
    assert "\nstrangers   30 people, 30 photos for dlib\n" in faceunlock("status")[1]
    _, out, _ = faceunlock("enroll", "Ada", ada)
    assert "Closest of 30 strangers 0." in out and ", needed 0." in out
    assert faceunlock("strangers", "forget", "s4")[:2] == (0, "s4: 1 photo forgotten.\n")
    code, _, err = faceunlock("strangers", "forget", "s4")
    assert code == 2 and "[no-strangers]" in err
    code, _, err = faceunlock("strangers", "forget", "--all")
    assert code == 2 and "[aborted]" in err
    assert faceunlock("strangers", "forget", "--all", "--yes")[1] == "All strangers: 29 photos forgotten.\n"
    assert faceunlock("strangers")[1].startswith("There are no strangers.")


def test_a_stranger_who_would_be_taken_for_the_person_is_named(faceunlock, stranger_folder, ada):
    save_person(stranger_folder / "Twin", 1, 1, first=9)
    faceunlock("strangers", "add", stranger_folder)
    _, out, _ = faceunlock("enroll", "Ada", ada)
    assert "Twin would be taken for this person. If it is the same person, use strangers forget; " in out
    assert out.endswith(" or calibrate for a lower FMR.\n")


def test_what_a_target_needs_is_said_first(faceunlock, home, test_folder, tmp_path):
    folder, _ = test_folder
    code, out, err = faceunlock("calibrate", folder)
    said, *measured = err.splitlines()
    assert (code, out) == (2, "")
    assert said.startswith(
        "For an FMR of 0.1 %, 2,995 people without a single false match are enough. Here are 4 people and "
        "0 strangers. That is too few to be sure; for thousands of strangers: faceunlock "
    )
    assert said.endswith(" strangers pull lfw --model dlib")
    pull = f"run: faceunlock --home {home} strangers pull lfw --model dlib"
    assert f"{pull}, which brings 5,749 — or use --target-fmr 0.53" in measured[-1]
    faceunlock("strangers", "add", save_strangers(tmp_path / "crowd", 60))
    words = ("calibrate", folder, "--target-fmr", "0.05", "--dry-run")
    code, out, err = faceunlock(*words)
    assert (code, err) == (0, "") and "templates 4, strangers 60 (60 photos)" in out
    assert faceunlock("-v", *words)[2].startswith("For an FMR of 5 %, 59 people ")
    code, out, _ = faceunlock("calibrate", "--strangers", "--target-fmr", "0.05", "--dry-run")
    assert code == 2 and not out  # nobody has four photos


def test_as_many_strangers_are_announced_as_are_used(faceunlock, test_folder, tmp_path):
    folder, _ = test_folder
    known = sorted(path.name for path in folder.iterdir() if path.is_dir())
    others = tmp_path / "others"
    for number, name in enumerate((*known[:3], "Xi", "Yo"), start=60):
        save_person(others / name, number, 1)
    faceunlock("strangers", "add", others)
    for words in ((), ("--impostors", others, "--no-strangers")):
        err = faceunlock("calibrate", folder, *words)[2]
        assert "Here are 4 people and 2 strangers." in err and "templates 4, strangers 2 (" in err


@pytest.mark.parametrize("words", [(), ("Ada", "--all")])
def test_forget_takes_a_name_or_all(faceunlock, words):
    code, out, err = faceunlock("strangers", "forget", *words)
    assert (code, out) == (2, "") and "[usage]" in err
