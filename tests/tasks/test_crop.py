"""Faces cut out of folders: where they go, what they are, what the contact sheet shows."""

import numpy as np
import pytest
from PIL import Image
from support.fakes import GREY, paint, save, save_person, slug_of

from faceunlock.pipeline.samples import NoneUsableError
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
