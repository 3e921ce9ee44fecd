"""``faceunlock compare`` with painted photos."""

import json
import stat

import pytest
from PIL import Image
from support.fakes import GREY, paint, save, save_person


@pytest.fixture
def photos(tmp_path):
    first, second = save_person(tmp_path / "ada", 1, 2)
    return first, second, save(tmp_path / "bob.png", paint(2))


def test_two_photos_get_one_line(faceunlock, photos):
    first, second, stranger = photos
    code, out, err = faceunlock("compare", first, second)
    assert (code, err) == (0, "") and out.count("\n") == 1
    assert out.startswith("yes  the same person  0.9") and out.endswith(" (needs 0.955)\n")
    _, _, err = faceunlock("compare", first, second, "-v")
    assert "distance of the unit vectors 0." in err and "measured on all pairs of LFW" in err
    code, out, err = faceunlock("compare", first, stranger)
    assert code == 1 and out.startswith("no   not alike enough  ")
    assert err.startswith("A no does not prove different people: 44 in 100 pairs of the same person ")
    _, _, err = faceunlock("compare", first, stranger, "-v")
    assert "Pairs of the same person that stay below this threshold: 44.1 % (" in err
    code, _, err = faceunlock("compare", first, second, "--threshold", "1", "-v")
    assert code == 1 and "your own threshold, nothing is known about it" in err


def test_a_folder_gets_a_table_and_says_what_searching_it_means(faceunlock, photos, tmp_path):
    first, second, stranger = photos
    save(tmp_path / "grey.png", GREY)
    code, out, err = faceunlock("compare", first, tmp_path)
    lines = out.splitlines()
    assert lines[0] == f"yes  1 of 2 photos match {first} (needs 0.955)"
    assert code == 0 and lines[1] == "match\tsimilarity\tphoto\tdistance"
    assert lines[2].startswith("yes\t0.9") and f"\t{second}\t" in lines[2]
    assert lines[3].startswith("no\t") and f"\t{stranger}\t" in lines[3]
    assert (
        "the chance of any match would be at most 2.0e-05." in faceunlock("compare", first, tmp_path, "-v")[2]
    )
    assert f"{tmp_path}/grey.png: no-face: " in err and "duplicate" not in err  # the photo itself is no copy
    (tmp_path / "copy.png").write_bytes(first.read_bytes())
    assert f"{tmp_path}/copy.png: duplicate: " in faceunlock("compare", first, tmp_path)[2]
    (tmp_path / "alone").mkdir()
    (tmp_path / "alone" / "link.png").symlink_to(first)
    code, _, err = faceunlock("compare", first, tmp_path / "alone")
    assert code == 2 and f"no photo but {first} itself [photo-not-found]" in err
    code, _, err = faceunlock("compare", stranger, tmp_path / "ada")
    assert code == 1 and "could not be compared" not in err
    save(tmp_path / "ada" / "grey.png", GREY)
    code, _, err = faceunlock("compare", stranger, tmp_path / "ada")
    assert code == 2 and "No photo matches, but 1 could not be compared.\n" in err


def test_the_best_photos_of_a_folder_are_listed_and_the_rest_is_counted(faceunlock, photos, tmp_path):
    first, *_ = photos
    save_person(tmp_path / "many", 1, 6, first=30)
    save_person(tmp_path / "many", 2, 7, first=40)
    code, out, _ = faceunlock("compare", first, tmp_path / "many")
    lines = out.splitlines()
    found = [float(line.split("\t")[1]) for line in lines[2:12]]
    assert code == 0 and lines[2].startswith("yes") and found == sorted(found, reverse=True)
    assert lines[0].startswith("yes  ") and " of 13 photos match " in lines[0]
    assert lines[12] == "Not listed: 3 photos, less alike; to list all, add --top 0."
    assert len(faceunlock("compare", first, tmp_path / "many", "--top", "0")[1].splitlines()) == 15
    assert len(faceunlock("compare", first, tmp_path / "many", "--top", "2")[1].splitlines()) == 5
    assert len(faceunlock.data("compare", first, tmp_path / "many", "--top", "2")["others"]) == 13


def test_a_picture_is_drawn_and_none_is_overwritten(faceunlock, photos, tmp_path):
    first, second, _ = photos
    picture = tmp_path / "pair.png"
    data = faceunlock.data("compare", first, second, "-o", picture)
    assert data["picture"] == str(picture)
    with Image.open(picture) as drawn:
        assert drawn.size[0] == 888 and drawn.mode == "RGB" and len(drawn.getcolors(1 << 20)) > 10
    assert stat.S_IMODE(picture.stat().st_mode) == 0o600
    before = picture.read_bytes()
    code, out, err = faceunlock("compare", first, second, "-o", picture)
    assert (code, out) == (2, "") and "[file-exists]" in err and picture.read_bytes() == before
    assert faceunlock("compare", first, second, "-o", picture, "--overwrite")[0] == 0


@pytest.mark.parametrize(
    ("name", "slug"),
    [("pair.txt", "file-unwritable"), ("no/such/pair.png", "file-unwritable"), ("ada", "file-unwritable")],
)
def test_a_picture_that_cannot_be_written_costs_no_work(faceunlock, photos, tmp_path, name, slug):
    code, out, err = faceunlock("compare", *photos[:2], "-o", tmp_path / name)
    assert (code, out) == (2, "") and f"[{slug}]" in err


def test_overwriting_needs_a_file(faceunlock, photos):
    code, _, err = faceunlock("compare", *photos[:2], "--overwrite")
    assert code == 2 and "[usage]" in err


def test_none_usable_names_each(faceunlock, photos, tmp_path):
    for name in ("a", "b"):
        save(tmp_path / "grey" / f"{name}.png", GREY)
    code, out, err = faceunlock("compare", photos[0], tmp_path / "grey", "--json")
    assert code == 2 and err.count(": no-face: ") == 2
    error = json.loads(out)["error"]
    assert error["code"] == "no-face" and error["message"].startswith("none of 2 photos can be used")


def test_a_copy_of_the_photo_is_called_that(faceunlock, photos, tmp_path):
    copy = save(tmp_path / "copy.png", paint(1, 0))
    code, _, err = faceunlock("compare", photos[0], copy)
    assert code == 0 and err == "Both files have the same content, so this comparison says nothing.\n"


def test_random_pairs_of_a_folder_and_their_sheet(faceunlock, tmp_path):
    for number, name in enumerate(("ada", "bob"), start=1):
        save_person(tmp_path / "people" / name, number, 3)
    sheet = tmp_path / "sheet.png"
    code, out, err = faceunlock("compare", "--pairs", "4", tmp_path / "people", "-o", sheet)
    lines = out.splitlines()
    assert (code, err) == (0, "") and lines[0] == "4 of 4 pairs are decided as the folders say."
    assert lines[1] == "dissimilarity\tsimilarity\tverdict\tfolders say\tphotos"
    assert [line.split("\t")[2:4] for line in lines[2:6]] == [
        ["match", "same person"], ["no match", "two people"],
    ] * 2  # fmt: skip
    assert lines[6].startswith(
        "Threshold: two photos match up to a dissimilarity of 0.300 (similarity 0.9550)"
    )
    assert lines[7] == f"Sheet: {sheet}"
    with Image.open(sheet) as picture:
        assert picture.width == 700
    assert stat.S_IMODE(sheet.stat().st_mode) == 0o600
    code, _, err = faceunlock("compare", "--pairs", "4", tmp_path / "people", "-o", sheet)
    assert code == 2 and "[file-exists]" in err
    code, _, err = faceunlock("compare", "--pairs", "90", tmp_path / "people")
    assert code == 0 and "There are only 15 pairs that can be compared." in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("compare", "a.png"), "compare needs two photos"),
        (("compare", "a.png", "b.png", "--seed", "3"), "--seed needs --pairs"),
        (("compare", "a.png", "b.png", "--pairs", "3"), "--pairs takes one folder"),
        (("compare", "a.png", "--pairs", "0"), "choose 1 to 100"),
    ],
)
def test_what_pairs_are_not(faceunlock, words, said):
    code, out, err = faceunlock(*words)
    assert (code, out) == (2, "") and said in err and "[usage]" in err
