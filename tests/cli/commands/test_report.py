import shutil

import pytest
from support.cli_page import held
from support.fakes import GREY, save, save_person, snapshot


@pytest.fixture
def folder(tmp_path):
    for number, name in enumerate(("Ada", "Bob", "Cyd"), start=1):
        save_person(tmp_path / "people" / name, number, 4)
    save(tmp_path / "people" / "Cyd" / "empty.png", GREY)
    shutil.copy(tmp_path / "people" / "Ada" / "0.png", tmp_path / "people" / "Bob" / "copy.png")
    (tmp_path / "people" / "notes.txt").write_text("no photo")
    return tmp_path / "people"


def test_report_writes_a_page_and_pictures_and_tells_the_numbers(faceunlock, folder, tmp_path):
    before = snapshot(folder)
    page, pictures = tmp_path / "report.html", tmp_path / "png"
    data = held(faceunlock.data("report", folder, "-o", page, "--png", pictures), "faceunlock report")
    assert data["page"] == str(page) and page.stat().st_mode & 0o777 == 0o600
    assert data["pictures"] == [str(pictures / f"{name}.png") for name in
                                ("heatmap", "map", "photo-scores", "centroid-scores")]  # fmt: skip
    assert {file.name for file in pictures.iterdir()} == {
        name.rpartition("/")[2] for name in data["pictures"]
    }
    assert (data["photos"], data["usable"], data["duplicates"], data["skipped"]) == (14, 12, 1, 1)
    assert data["failures"][0]["reason"] == "no-face" and data["failures_to_acquire"]["errors"] == 1
    pairs = held(data["photo_against_photo"], "Part: measured threshold")
    assert (pairs["genuine_comparisons"], pairs["impostor_comparisons"]) == (18, 48)
    assert data["photo_against_centroid"]["genuine_comparisons"] == 12
    held(data["people"][0], "Part: person in a report")
    held(data["lowest_genuine"][0], "Part: pair of photos")
    assert data["map"] == "pca" and len(data["variance_share"]) == 2 and data["faces_shown"] is True
    assert snapshot(folder) == before


def test_a_page_without_faces_and_with_another_threshold(faceunlock, folder, tmp_path):
    words = ("report", folder, "-o", tmp_path / "report.html", "--no-faces", "--threshold", "0.25")
    code, out, err = faceunlock(*words)
    assert code == 0 and not err
    assert "threshold 0.2500" in out and "shows no faces" in out
    assert "image/jpeg" not in (tmp_path / "report.html").read_text()
    code, _, err = faceunlock(*words)
    assert code == 2 and "[file-exists]" in err and "--overwrite" in err
    code, _, err = faceunlock(*words, "--png", tmp_path, "--overwrite", "--verbose")
    assert code == 0 and "no-face" in err and (tmp_path / "map.png").exists()


def test_the_map_by_groups(faceunlock, folder, tmp_path):
    table = tmp_path / "groups.csv"
    rows = [
        f"{name}/{number}.png,{name},{group}"
        for name, group in (("Ada", "north"), ("Bob", "north"), ("Cyd", "south"))
        for number in range(4)
    ]
    table.write_text("\n".join(["photo,person,group", *rows]))
    page = tmp_path / "report.html"
    data = faceunlock.data("report", folder, "-o", page, "--by", table)
    assert data["groups"] == ["north", "south"]
    assert [one["name"] for one in data["people"]] == ["ada", "bob", "cyd"]
    assert (data["photos"], data["skipped"]) == (12, 3)
    assert "Each group has a colour and a marker." in page.read_text()
    nameless = faceunlock.data(
        "report", folder, "-o", tmp_path / "other.html", "--by", "pattern:^(?P<group>[0-9]).png"
    )
    assert nameless["groups"] == ["0", "1", "2", "3"] and nameless["people"][0]["name"] == "Ada/0.png"


@pytest.mark.parametrize(
    ("options", "slug"),
    [
        (("--by", "pattern:("), "usage"),
        (("--by", "{page}"), "bad-grouping"),
        (("--threshold", "1.5"), "usage"),
        (("--png", "{page}/below"), "file-unwritable"),
        (("--map", "tsne"), "usage"),
    ],
)
def test_a_command_line_that_cannot_be_followed(faceunlock, folder, tmp_path, options, slug):
    (tmp_path / "file").write_text("mine")
    words = [option.format(page=tmp_path / "file") for option in options]
    code, _, err = faceunlock("report", folder, "-o", tmp_path / "report.html", *words)
    assert code == 2 and f"[{slug}]" in err
    assert not (tmp_path / "report.html").exists() and (tmp_path / "file").read_text() == "mine"


def test_folders_that_show_nobody(faceunlock, tmp_path):
    page = tmp_path / "report.html"
    assert "[photo-not-found]" in faceunlock("report", tmp_path / "nowhere", "-o", page)[2]
    (tmp_path / "empty").mkdir()
    assert "[bad-folder]" in faceunlock("report", tmp_path / "empty", "-o", page)[2]
    save_person(tmp_path / "loose", 1, 2)
    assert "only 2 outside" in faceunlock("report", tmp_path / "loose", "-o", page)[2]
    save(tmp_path / "faceless" / "Ada" / "0.png", GREY)
    code, _, err = faceunlock("report", tmp_path / "faceless", "-o", page)
    assert code == 2 and "[insufficient-data]" in err and "no-face" in err
    assert not page.exists()
    assert faceunlock("report", tmp_path / "loose")[0] == 2


def test_one_photo_of_one_person(faceunlock, tmp_path):
    save_person(tmp_path / "people" / "Ada", 1, 1)
    data = faceunlock.data("report", tmp_path / "people", "-o", tmp_path / "report.html")
    assert data["usable"] == 1 and data["map"] is None and data["photo_against_photo"]["eer"] is None
    assert "one photo has nothing to be compared with" in (tmp_path / "report.html").read_text()
