import pytest
from support.fakes import GREY, paint, save, save_person, slug_of

from faceunlock.errors import CalibrationError, TrainingError
from faceunlock.pipeline.samples import LeftOut, NamedFace
from faceunlock.tasks.classify import once_each


@pytest.fixture
def folder(tmp_path):
    for number, name in enumerate(("Ada", "Bob", "Cyd"), start=1):
        save_person(tmp_path / "people" / name, number, 6)
    return tmp_path / "people"


@pytest.fixture
def head(unlock, folder, tmp_path):
    unlock.learn_classifier(folder, tmp_path / "head")
    return tmp_path / "head"


def test_it_learns_to_name_the_people_of_a_folder(unlock, folder, tmp_path):
    save(folder / "Ada" / "grey.png", GREY)
    (folder / "Ada" / "notes.txt").write_text("no photo")
    learned = unlock.learn_classifier(folder, tmp_path / "head")
    assert learned.head.names == ("Ada", "Bob", "Cyd") and learned.photos == (6, 6, 6)
    assert learned.held_out.misnamed.errors == 0 and learned.held_out.misnamed.trials == 18
    assert [photo.reason for photo in learned.left_out] == ["no-face"] and learned.skipped == 1


def test_the_subject_of_a_photo_is_named_in_the_order_of_the_photos(unlock, head, tmp_path):
    photos = [save(tmp_path / f"{person}.png", paint(person, 30)) for person in (2, 1)]
    photos.append(save(tmp_path / "grey.png", GREY))
    bob, ada, grey = unlock.classify(photos, head)
    assert [face.name for photo in (bob, ada) for face in photo.faces] == ["Bob", "Ada"]
    assert bob.faces[0].face is None and 0.5 < bob.faces[0].probability <= 1
    assert isinstance(grey, LeftOut) and grey.reason == "no-face"


def test_with_all_every_face_is_named_and_drawn(open_home, head, tmp_path):
    group = save(tmp_path / "party" / "group.png", paint(1, 30, faces=2))
    (named,) = open_home().classify([group], head, faces="all", destination=tmp_path / "out")
    assert len(named.faces) == 2 and all(face.face is not None for face in named.faces)
    assert [face.name for face in named.faces].count("Ada") <= 1, "nobody is on a photo twice"
    assert named.annotated == tmp_path / "out" / "group.png" and named.annotated.is_file()


def test_a_head_is_not_replaced_unasked(unlock, folder, head):
    assert slug_of(unlock.learn_classifier, folder, head, kind=TrainingError) == "file-exists"
    unlock.learn_classifier(folder, head, overwrite=True)


def test_a_person_with_one_usable_photo_is_too_little(unlock, folder, tmp_path):
    save(folder / "Dan" / "0.png", paint(7))
    with pytest.raises(CalibrationError, match="Dan has 1 usable photo") as caught:
        unlock.learn_classifier(folder, tmp_path / "head")
    assert caught.value.slug == "bad-folder" and not (tmp_path / "head").exists()


def test_of_two_faces_with_one_name_the_more_similar_keeps_it():
    faces = once_each(
        [NamedFace("Ada", "Ada", 0.7), NamedFace(None, "Ada", 0.99), NamedFace("Ada", "Ada", 0.9)]
    )
    assert [face.name for face in faces] == [None, None, "Ada"]
