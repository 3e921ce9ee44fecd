"""Faces cut out of folders: where they go, what they are, what the contact sheet shows."""

import numpy as np
import pytest
from PIL import Image
from support.fakes import GREY, paint, save, save_person, slug_of

from faceunlock.pipeline.samples import NoneUsableError, PhotoCrops
from faceunlock.reports import before_sheet as before
from faceunlock.reports.before_sheet import FACE, PHOTO, Before, before_sheet
from faceunlock.reports.contact_sheet import FACES_SHOWN, PEOPLE_SHOWN, THUMB, SheetRow, contact_sheet, spread


@pytest.fixture
def folder(tmp_path):
    save_person(tmp_path / "in" / "Ada", 1, 3)
    save(tmp_path / "in" / "Ada" / "old" / "0.png", paint(1, 9))
    save_person(tmp_path / "in" / "Bob", 2, 1)
    save(tmp_path / "in" / "Bob" / "grey.png", GREY)
    save(tmp_path / "in" / "contact-sheet.jpg", paint(3))
    (tmp_path / "in" / "notes.txt").write_text("no photo")
    return tmp_path / "in"


def test_each_person_has_a_folder(unlock, folder, tmp_path):
    out = tmp_path / "faces"
    outcome = unlock.crop(folder, out)
    files = {str(crop.file.relative_to(out)): crop.person for crop in outcome.crops}
    assert files == {
        "contact-sheet-2.png": None,
        "Ada/0.png": "Ada",
        "Ada/1.png": "Ada",
        "Ada/2.png": "Ada",
        "Ada/0-2.png": "Ada",
        "Bob/0.png": "Bob",
    }
    assert outcome.people == 2 and outcome.skipped == 1 and outcome.size == 3
    assert [(photo.photo, photo.reason) for photo in outcome.left_out] == [
        (str(folder / "Bob" / "grey.png"), "no-face")
    ]
    assert outcome.sheet == out / "contact-sheet.png"
    assert (outcome.people_shown, outcome.faces_shown) == (2, 6)


def test_a_crop_is_what_the_network_sees(unlock, folder, tmp_path):
    outcome = unlock.crop(folder / "Bob", tmp_path / "faces")
    (crop,) = outcome.crops
    assert crop.person is None and outcome.people == 0
    with Image.open(crop.file) as picture:
        assert np.array_equal(np.asarray(picture)[0], paint(2, 0)[20, 20:23])


def test_crops_are_not_cropped_again_and_not_overwritten(unlock, folder):
    first = unlock.crop(folder, folder / "faces")
    assert slug_of(unlock.crop, folder, folder / "faces") == "file-exists"
    again = unlock.crop(folder, folder / "faces", overwrite=True)
    assert [crop.file for crop in again.crops] == [crop.file for crop in first.crops]


def test_without_a_face_nothing_is_written(unlock, folder, tmp_path):
    for path in (folder / "Ada").rglob("*.png"):
        path.unlink()
    save(folder / "Ada" / "grey.png", GREY)
    with pytest.raises(NoneUsableError):
        unlock.crop(folder / "Ada", tmp_path / "faces")
    assert not (tmp_path / "faces").exists()
    (tmp_path / "empty").mkdir()
    assert slug_of(unlock.crop, tmp_path / "empty", tmp_path / "faces") == "photo-not-found"
    assert slug_of(unlock.crop, folder / "Ada" / "grey.png", tmp_path / "faces") == "photo-not-found"


def test_a_large_folder_has_a_bounded_sheet(unlock, tmp_path):
    for person in range(PEOPLE_SHOWN + 3):
        save_person(tmp_path / "in" / f"{person}", person, 1)
    save_person(tmp_path / "in" / "0", 0, FACES_SHOWN + 2)
    outcome = unlock.crop(tmp_path / "in", tmp_path / "faces")
    assert outcome.people == PEOPLE_SHOWN + 3 and outcome.people_shown == PEOPLE_SHOWN
    assert outcome.faces_shown == FACES_SHOWN + PEOPLE_SHOWN - 1 < len(outcome.crops)


def test_a_sheet_shows_every_face_it_is_given():
    faces = [np.full((THUMB, THUMB, 3), (10 * n, 100, 200), dtype=np.uint8) for n in range(13)]
    sheet = np.asarray(contact_sheet("13 faces", [SheetRow("Ada (13)", faces), SheetRow("Bob (0)")]))
    for face in faces:
        assert (sheet == face[0, 0]).all(axis=2).sum() >= THUMB * THUMB


@pytest.mark.parametrize("count", [0, 1, 39, 40, 41, 4281])
def test_what_is_shown_is_spread_over_everybody(count):
    places = spread(count, 40)
    assert len(set(places)) == len(places) == min(count, 40)
    assert all(0 <= place < count for place in places) and list(places) == sorted(places)


def test_all_faces_of_a_group_have_files_of_their_own(unlock, tmp_path):
    save(tmp_path / "in" / "group.png", paint(1, faces=3))
    save(tmp_path / "in" / "group.face2.png", paint(7))
    outcome = unlock.crop(tmp_path / "in", tmp_path / "out", faces="all")
    files = [(crop.file.name, crop.face) for crop in outcome.crops]
    assert sorted(files) == [
        ("group.face2-2.png", 2),
        ("group.face2.png", 1),
        ("group.face3.png", 3),
        ("group.png", 1),
    ]
    assert outcome.photos == 2 and outcome.before is None
    group = sorted(
        (crop for crop in outcome.crops if crop.photo.endswith("/group.png")), key=lambda c: c.face
    )
    rows = [np.asarray(Image.open(crop.file))[0] for crop in group]
    assert [row.tolist() for row in rows] == [
        paint(1, faces=3)[20, left : left + 3].tolist() for left in (20, 120, 220)
    ]


def test_further_faces_replace_nothing_unasked(unlock, tmp_path):
    save(tmp_path / "in" / "group.png", paint(1, faces=2))
    save(tmp_path / "out" / "group.face2.png", GREY)
    before = (tmp_path / "out" / "group.face2.png").read_bytes()
    assert slug_of(unlock.crop, tmp_path / "in", tmp_path / "out", faces="all") == "file-exists"
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["group.face2.png"]
    assert (tmp_path / "out" / "group.face2.png").read_bytes() == before
    outcome = unlock.crop(tmp_path / "in", tmp_path / "out", faces="all", overwrite=True)
    assert len(outcome.crops) == 2 and (tmp_path / "out" / "group.face2.png").read_bytes() != before


def test_photos_without_a_large_enough_face_are_named(unlock, tmp_path):
    save(tmp_path / "in" / "group.png", paint(1, faces=2))
    save(tmp_path / "in" / "grey.png", GREY)
    outcome = unlock.crop(tmp_path / "in", tmp_path / "out", faces="all")
    assert [(photo.photo, photo.reason) for photo in outcome.left_out] == [
        (str(tmp_path / "in" / "grey.png"), "no-face")
    ]


def test_photos_are_shown_beside_their_faces(unlock, folder, tmp_path, monkeypatch):
    shown = []
    real = before_sheet
    monkeypatch.setattr(
        "faceunlock.tasks.crop.before_sheet",
        lambda title, photos: (shown.extend(photos), real(title, photos))[1],
    )
    outcome = unlock.crop(folder, tmp_path / "out", before=True)
    assert outcome.before == tmp_path / "out" / "before-after.png" and outcome.before_shown == len(shown) == 6
    assert [photo.title for photo in shown][:2] == ["contact-sheet.jpg", "Ada/0.png"]
    (box,) = shown[1].cut.boxes
    assert box == (20.0, 20.0, 80.0, 80.0) and shown[1].cut.picture.shape == paint(1).shape
    with Image.open(outcome.before) as picture:
        assert picture.width == 1004


def test_a_sheet_of_photos_shows_every_face_up_to_four():
    photo = np.full((300, 400, 3), (9, 90, 90), dtype=np.uint8)

    def cut(count):
        crops = tuple(np.full((20, 20, 3), (50 * n, 200, 30), dtype=np.uint8) for n in range(count))
        return PhotoCrops("a.jpg", b"", crops, ((10.0, 10.0, 60.0, 60.0),) * count, photo)

    alone = np.asarray(before_sheet("one", [Before("a.jpg", cut(1))]))
    assert (alone == (0, 200, 30)).all(axis=2).sum() == PHOTO[1] ** 2
    several = np.asarray(before_sheet("six", [Before("a.jpg", cut(5))]))
    for number in range(5):
        found = (several == (50 * number, 200, 30)).all(axis=2).sum()
        assert (FACE - 20) ** 2 < found <= FACE**2 if number < before.FACES_SHOWN else not found
