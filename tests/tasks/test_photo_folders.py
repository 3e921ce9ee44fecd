"""Photo folders as people have them: tasks pass over what is no photo, and say what they found instead."""

import os

import pytest
from support.fakes import save_person, slug_of

from faceunlock.errors import FaceUnlockError
from faceunlock.photos.folders import person_folders


@pytest.fixture
def enrolled(unlock, ada):
    unlock.enroll("Ada", ada)
    return unlock


@pytest.fixture
def people(tmp_path):
    for number, name in enumerate(("Ada", "Bob", "Cyd"), start=1):
        save_person(tmp_path / "people" / name, number, 4)
    return tmp_path / "people"


TASKS = {
    "enroll": lambda unlock, folder: unlock.enroll("Eve", folder),
    "identify": lambda unlock, folder: unlock.identify(folder),
    "compare": lambda unlock, folder: unlock.compare(folder.parent / "ada" / "0.png", folder),
    "crop": lambda unlock, folder: unlock.crop(folder, folder.parent / "crops"),
    "calibrate": lambda unlock, folder: unlock.calibrate(folder),
    "report": lambda unlock, folder: unlock.report(folder, folder.parent / "report.html"),
}


@pytest.mark.parametrize("task", TASKS)
def test_a_folder_of_no_photos_fails_with_how_many_and_which(enrolled, tmp_path, task):
    folder = tmp_path / "camera"
    for name in ("a.dng", "b.DNG", "c.mov", "Eve/d.jxl"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    with pytest.raises(FaceUnlockError) as caught:
        TASKS[task](enrolled, folder)
    assert "(4 files are not photos: 2 .dng, 1 .mov, 1 .jxl)" in caught.value.message


def test_what_a_task_wrote_into_a_photo_folder_is_nobody_there(enrolled, people):
    before = enrolled.report(people, people.parent / "before.html", png=people / "figures").report
    enrolled.crop(people, people / "crops")
    enrolled.identify(people, destination=people / "named")
    after = enrolled.report(people, people / "after.html").report
    assert (after.people, before.skipped) == (before.people, 0)
    assert after.skipped == len(list(people.rglob("*.png"))) - 12
    assert list(person_folders(people / "crops").people) == ["Ada", "Bob", "Cyd"]  # nothing but crops


def test_the_output_folder_may_be_the_photo_folder(enrolled, people):
    """Nothing is replaced, and the next task finds the photos, and only these."""
    for photo in people.rglob("*.png"):
        photo.rename(photo.with_suffix(".jpg"))  # so that crops and copies, which are PNG, lie beside them
    enrolled.report(people, people / "report.html", png=people / "Ada")
    for _ in range(2):
        assert len(enrolled.crop(people, people, overwrite=True).crops) == 12
        assert len(enrolled.identify(people / "Bob").photos) == 4
    assert slug_of(enrolled.identify, people, destination=people) == "file-exists"  # the photos themselves
    report = enrolled.report(people, people / "after.html").report
    assert (report.people, report.skipped) == (3, 17 + 1)  # and report.html


def test_a_folder_without_permission_ends_no_task(enrolled, people, monkeypatch):
    locked = people / "lost"
    locked.mkdir()
    original = os.listdir, os.scandir

    def refuse(which):
        def refused(path="."):
            if str(path) == str(locked):
                raise PermissionError(13, "Permission denied")
            return original[which](path)

        return refused

    monkeypatch.setattr(os, "listdir", refuse(0))
    monkeypatch.setattr(os, "scandir", refuse(1))
    assert len(enrolled.identify(people).photos) == 12
    assert slug_of(enrolled.identify, locked) == "unreadable-photo"


def test_a_pipe_of_the_shell_and_an_address_are_photos(enrolled, ada):
    reading, writing = os.pipe()
    os.write(writing, (ada / "0.png").read_bytes())
    os.close(writing)
    try:
        assert enrolled.verify(f"/dev/fd/{reading}").decision.match
    finally:
        os.close(reading)
    assert enrolled.verify(f"file://{ada}/0.png").decision.match
    assert len(enrolled.identify(f"file://{ada}").photos) == 5
