"""``audit`` with painted photos: what it concludes, draws and refuses."""

import json
import re
import stat
from types import SimpleNamespace

import pytest
from support.fakes import GREY, paint, save, save_person


@pytest.fixture
def folder(tmp_path):
    for number in range(1, 5):
        save_person(tmp_path / "photos" / "north" / f"p{number}", number, 3)
        save_person(tmp_path / "photos" / "south" / f"p{number}", 10 + number, 3)
    save(tmp_path / "photos" / "south" / "p9" / "grey.png", GREY)
    return tmp_path / "photos"


def single(folder):
    """One photo per person, in two groups by file name."""
    for number in range(6):
        save(folder / f"{'ab'[number % 2]}_{number}.png", paint(number))
    return folder


def test_the_conclusion_comes_first(faceunlock, folder):
    code, out, err = faceunlock("audit", folder, "--permutations", "99")
    assert code == 0 and err == ""
    headline, blank, first = out.splitlines()[:3]
    assert headline == (
        "On these photos the model does not err more often in one group than in another, as far as chance "
        "allows to tell."
    )
    assert blank == ""
    assert first.startswith(
        "2 groups with 8 people on 24 usable photos, model dlib. The false match rate between"
    )
    assert "is 0 in every group, so no difference was seen" in first
    assert "1 photo had no usable face; the worst group is south with 7.69 % (1 of 13;" in first
    assert "bias" not in out
    for title in (
        "FMR, two people of one group",
        "FNMR, two photos of one person",
        "WSS per photo (WSS: within-group sum of squares)",
    ):
        assert title in out.splitlines()
    assert "FMR ratio   cannot tell: 0 errors in north, and a ratio needs 10 in every group" in out
    _, _, err = faceunlock("audit", folder, "--permutations", "99", "--verbose")
    assert "grey.png: no-face: " in err


def test_a_real_difference_is_told_with_numbers(faceunlock, tmp_path):
    for number in range(12):
        save(tmp_path / "photos" / "mixed" / f"{number}.png", paint(100 + number))
        save(tmp_path / "photos" / "alike" / f"{number}.png", paint(1, number))
    code, out, _ = faceunlock("audit", tmp_path / "photos", "--permutations", "999", "--threshold", "0.5")
    assert code == 0 and "differs by more than chance: " in out
    assert out.startswith(
        "Two people are taken for one more often among alike than among the others. That is more than chance "
        "explains.\n"
    )
    assert re.search(
        r"mixed has 0 \(0 of 66; at most [0-9.]+ %\), the others together 100 % \(corrected p = ", out
    )
    assert "alike has 100 % (66 of 66; at most 100 %), the others together 0 (corrected p = 0.001)" in out
    assert "your own; nothing is known about it" in out


def test_folders_of_people_are_noticed(faceunlock, tmp_path):
    for number in range(1, 3):
        save_person(tmp_path / "people" / f"p{number}", number, 4)
    _, out, _ = faceunlock("audit", tmp_path / "people", "--permutations", "99")
    assert "if each folder holds one person, these are people, not groups." in out


def test_one_photo_per_person_cannot_tell_the_fnmr(faceunlock, tmp_path):
    photos = single(tmp_path / "photos")
    data = faceunlock.data("audit", photos, "--by", "pattern:^(?P<group>.)_", "--permutations", "99")
    assert (
        not data["people_known"]
        and "(FNMR) cannot be told: nobody has two usable photos." in data["conclusion"]
    )
    assert "each counts as a separate person" in data["conclusion"]
    assert [group["fnmr"]["value"] for group in data["groups"]] == [None, None]
    assert {d["p"] for d in data["differences"] if d["measure"] == "fnmr"} == {None}


def test_edge_cases_have_clear_answers(faceunlock, tmp_path):
    photos = single(tmp_path / "photos")
    one = faceunlock.data("audit", photos, "--by", "pattern:(?P<group>_)", "--permutations", "99")
    assert "that takes two groups with two people each" in one["conclusion"]
    lonely = faceunlock.data(
        "audit", photos, "--by", "pattern:^a?(?P<group>(?<=a)_|b_1)", "--permutations", "99"
    )
    assert [group["people"] for group in lonely["groups"]] == [3, 1] and lonely["ungrouped"] == 2
    assert lonely["groups"][1]["mean_distance"] is None and lonely["groups"][1]["fmr"]["value"] is None
    alone = faceunlock.data("audit", photos, "--by", "pattern:(?P<group>a_0)", "--permutations", "99")
    assert alone["groups"][0]["photos"] == 1 and alone["most_similar"] == []
    (tmp_path / "empty").mkdir()
    code, out, err = faceunlock("audit", tmp_path / "empty")
    assert (code, out) == (2, "") and "[bad-grouping]" in err
    (tmp_path / "groups.csv").write_text("photo,group\na_0.png,one\nnobody.png,two\n")
    code, out, err = faceunlock("audit", photos, "--by", tmp_path / "groups.csv", "--json")
    assert code == 2 and json.loads(out)["error"]["code"] == "bad-grouping"
    assert "groups.csv: line 3: there is no photo nobody.png" in err


def test_the_page_and_the_pictures(faceunlock, folder, tmp_path):
    page, pictures = tmp_path / "audit.html", tmp_path / "pictures"
    words = ("audit", folder, "--permutations", "99", "-o", page, "--png", pictures)
    data = faceunlock.data(*words)
    assert data["page"] == str(page) and stat.S_IMODE(page.stat().st_mode) == 0o600
    assert [re.sub(".*/", "", file) for file in data["pictures"]] == [
        "distances.png",
        "fmr-by-threshold.png",
        "rates.png",
    ]
    text = page.read_text(encoding="utf-8")
    for anchor in ("groups", "false-matches", "false-non-matches", "spread", "similar", "left-out", "method"):
        assert f'<section id="{anchor}"' in text and f'href="#{anchor}"' in text
    assert text.count("<figure") == 3 and "https://" not in text and "<script" not in text
    assert text.index('id="conclusion"') < text.index("<main")
    written = [page, *(pictures / f"{name}.png" for name in ("distances", "fmr-by-threshold", "rates"))]
    assert faceunlock(*words, "--overwrite")[2] == "".join(f"Wrote {file}\n" for file in written)
    assert text.count("image/jpeg") == 2 * len(data["most_similar"]) > 0 and "biometric data" in text
    assert text.count("<dt>WSS</dt>") == 1 and text.index("<dt>FMR</dt>") < text.index("<table>")
    code, _, err = faceunlock(*words)
    assert code == 2 and "[file-exists]" in err
    assert faceunlock(*words, "--overwrite")[0] == 0


def test_a_page_of_hardly_anything(faceunlock, tmp_path):
    save(tmp_path / "photos" / "<b>&" / "1.png", paint(1))
    page = tmp_path / "audit.html"
    data = faceunlock.data(
        "audit", tmp_path / "photos", "--permutations", "99", "-o", page, "--png", tmp_path / "png"
    )
    text = page.read_text(encoding="utf-8")
    assert data["pictures"] == [] and text.count("Cannot tell:") >= 5
    assert "<b>&" not in text and "&lt;b&gt;&amp;" in text


@pytest.mark.parametrize(
    "words",
    [
        ("--crop", "150"),
        ("--margin", "32"),
        ("--overwrite",),
        ("--permutations", "3"),
        ("--by", "pattern:("),
        ("--threshold", "2"),
    ],
)
def test_what_is_not_understood(faceunlock, folder, words):
    code, out, err = faceunlock("audit", folder, *words)
    assert (code, out) == (2, "") and "[usage]" in err


def test_groups_have_readable_names(faceunlock, folder, tmp_path):
    page = tmp_path / "audit.html"
    words = ("audit", folder, "--permutations", "99", "--label", "north=People of the north", "-o", page)
    data = faceunlock.data(*words)
    assert [group["name"] for group in data["groups"]] == ["People of the north", "south"]
    assert "People of the north" in page.read_text(encoding="utf-8")
    assert {pair["group"] for pair in data["most_similar"]} <= {"People of the north", "south"}


def test_a_page_without_faces(faceunlock, folder, tmp_path):
    page = tmp_path / "audit.html"
    faceunlock.data("audit", folder, "--permutations", "99", "--no-faces", "-o", page)
    text = page.read_text(encoding="utf-8")
    assert "image/jpeg" not in text and "shows no faces" in text


@pytest.mark.parametrize("label", ["north", "=x", "north=", "nowhere=x", "north=south"])
def test_labels_that_fit_no_group(faceunlock, folder, label):
    code, out, err = faceunlock("audit", folder, "--permutations", "99", "--label", label)
    assert (code, out) == (2, "") and "[usage]" in err and "--label" in err


def test_fewer_errors_in_one_group_are_told_as_such():
    from faceunlock.reports.audit_words import _differing
    from faceunlock.studies.audit import Comparison
    from faceunlock.studies.permutation import Difference

    fewer, same = Difference("men", 0.0, 0.4, 0.001, 0.003), Difference("x", 0.3, 0.2, 0.5, 0.5)
    audit = SimpleNamespace(comparison=lambda _measure: Comparison("fmr", (fewer, same)))
    assert _differing(audit, "fmr", "they match") == ["they match less often among men than among the others"]
