"""``faceunlock crop`` with painted photos."""

from support.fakes import GREY, save


def test_it_says_what_was_cut_out_and_what_not(faceunlock, ada, tmp_path):
    out = tmp_path / "faces"
    code, said, err = faceunlock("crop", ada, "-o", out)
    assert (code, err) == (0, f"{ada}/crowd.png: several-faces: 2 faces, and none is clearly the largest\n")
    assert said.splitlines() == [
        f"Cut out 5 faces to {out}: 3 x 3 pixels, as dlib sees them.",
        "1 of 6 photos were left out.",
        f"Contact sheet: {out}/contact-sheet.png",
    ]
    code, said, err = faceunlock("crop", ada, "-o", out)
    assert (code, said) == (2, "") and "[file-exists]" in err
    code, said, _ = faceunlock("crop", ada, "-o", out, "--overwrite", "--faces", "largest")
    assert code == 0 and said.startswith("Cut out 6 faces ")
    code, said, _ = faceunlock("crop", tmp_path, "-o", out, "--overwrite", "--quiet")
    assert code == 0 and said.startswith(f"Cut out 5 faces of 1 person to {out}: ")


def test_without_any_face_each_photo_is_named(faceunlock, tmp_path):
    save(tmp_path / "in" / "a.png", GREY)
    code, said, err = faceunlock("crop", tmp_path / "in", "-o", tmp_path / "out")
    assert (code, said) == (2, "") and "a.png: no-face: " in err and "[no-face]" in err
    assert faceunlock("crop", tmp_path / "in")[0] == 2


def test_all_faces_and_the_photos_beside_them(faceunlock, ada, tmp_path):
    out = tmp_path / "faces"
    code, said, err = faceunlock("crop", ada, "-o", out, "--faces", "all", "--before")
    assert (code, err) == (0, "")
    assert said.splitlines() == [
        f"Cut out 7 faces to {out}: 3 x 3 pixels, as dlib sees them.",
        f"Contact sheet: {out}/contact-sheet.png",
        f"Photos beside their faces: {out}/before-after.png",
    ]
    assert (out / "crowd.face2.png").exists()
    data = faceunlock.data("crop", ada, "-o", tmp_path / "again", "--before")
    assert data["before"] == str(tmp_path / "again" / "before-after.png")
    assert {crop["face"] for crop in data["crops"]} == {1}
