"""Pictures without a file: the answers of their files, and a result that a notebook can show."""

import inspect
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.fakes import GREY, paint, save, save_person, slug_of

import faceunlock
from faceunlock.tasks.workspace import Workspace

PACKAGE = Path(faceunlock.__file__).parent


def ways(path):
    """A photo as a file, as a PIL image and as an array."""
    return path, Image.open(path), np.asarray(Image.open(path))


def test_verify_gives_a_picture_the_answer_of_its_file(unlock, ada, tmp_path):
    unlock.enroll("Ada", ada)
    for probe in (paint(1, 30), paint(9)):
        answers = [unlock.verify(one, "Ada") for one in ways(save(tmp_path / "probe.png", probe))]
        assert len({answer.decision for answer in answers}) == 1
        assert len({answer.quality for answer in answers}) == 1


def test_the_log_says_that_there_was_no_file(unlock, ada):
    unlock.enroll("Ada", ada)
    unlock.verify(paint(1, 30), "Ada")
    unlock.verify(Image.fromarray(paint(1, 31)))
    slug_of(unlock.verify, paint(1, 30) / 255)
    assert [entry.source for entry in unlock.attempts_log()] == [
        "<array 140x160>",
        "<image 140x160>",
        "<array 140x160>",
    ]


def test_somebody_locked_out_learns_nothing_of_a_picture(unlock, ada):
    unlock.enroll("Ada", ada)
    for _ in range(5):
        unlock.verify(paint(9), "Ada")
    assert slug_of(unlock.verify, np.zeros(3), "Ada") == "locked-out"


def test_enroll_learns_the_same_from_pictures(unlock, open_home, tmp_path):
    paths = save_person(tmp_path / "eve", 3, 5)
    unlock.enroll("Files", paths)
    template = unlock.person("Files").template
    for name, pictures in (
        ("Images", [Image.open(path) for path in paths]),
        ("Arrays", [np.asarray(Image.open(path)) for path in paths]),
        ("Mixed", [str(paths[0]), *(np.asarray(Image.open(path)) for path in paths[1:])]),
    ):
        outcome = unlock.enroll(name, pictures, even_so=True)
        assert outcome.looked_at == 5 and len(outcome.enrolment.used) == 5
        assert np.allclose(unlock.person(name).template.centroid, template.centroid)


def test_equal_pixels_are_a_duplicate_also_later(unlock):
    first, copy = paint(1, 0), Image.fromarray(paint(1, 0))
    outcome = unlock.enroll("Ada", [first, *(paint(1, number) for number in (1, 2)), copy])
    (left_out,) = outcome.enrolment.left_out
    assert (left_out.photo, left_out.reason) == ("<image 4: 140x160>", "duplicate")
    later = unlock.enroll("Ada", [paint(1, 2), paint(1, 3)], add=True)
    assert [(one.photo, one.reason) for one in later.enrolment.left_out] == [
        ("<array 1: 140x160>", "duplicate")
    ]


def test_a_picture_that_is_none_is_left_out_with_its_place(unlock):
    outcome = unlock.enroll("Ada", [paint(1, 0), paint(1, 1), paint(1, 2), paint(1, 3) / 255, GREY])
    assert [(one.photo, one.reason) for one in outcome.enrolment.left_out] == [
        ("<array 4: 140x160>", "unreadable-photo"),
        ("<array 5: 80x80>", "no-face"),
    ]


def test_compare_gives_pictures_the_similarity_of_their_files(unlock, tmp_path):
    first, second = save_person(tmp_path / "ada", 1, 2)
    found = [unlock.compare(one, other) for one in ways(first) for other in ways(second)]
    assert len({pair.others[0].similarity for pair in found}) == 1 and not any(
        pair.identical for pair in found
    )
    assert [found[-1].photo, found[-1].others[0].photo] == ["<array 140x160>"] * 2
    assert unlock.compare(np.asarray(Image.open(first)), Image.open(first)).identical
    with_folder = unlock.compare(Image.open(first), tmp_path / "ada")
    assert with_folder.is_folder and len(with_folder.others) == 2


def test_identify_names_the_faces_on_pictures(unlock, ada, bob, tmp_path):
    unlock.enroll("Ada", ada)
    unlock.enroll("Bob", bob)
    group = save(tmp_path / "group.png", paint(1, 40, faces=3))
    answers = [unlock.identify(one).photos[0] for one in ways(group)]
    assert len({answer.faces for answer in answers}) == 1
    assert [face.name for face in answers[0].faces] == ["Ada", "Bob", None]
    several = unlock.identify([group, paint(2, 41), GREY])
    assert [photo.photo for photo in several.photos] == [str(group), "<array 2: 140x160>", "<array 3: 80x80>"]
    assert slug_of(unlock.identify, paint(1), destination=tmp_path / "copies") == "usage"
    assert not (tmp_path / "copies").exists()


def test_a_result_says_in_a_line_what_it_is(unlock, ada, bob, tmp_path):
    enrolled = unlock.enroll("Ada", ada)
    assert repr(enrolled) == "<EnrolmentOutcome: Ada: 5 of 5 photos used, saved>"
    assert "not saved" in repr(unlock.enroll("Bob", bob, dry_run=True))
    yes, no = unlock.verify(paint(1, 30), "Ada"), unlock.verify(paint(9))
    assert re.fullmatch(r"<Verification: yes, Ada 0\.9\d\d \(needs 0\.700\)>", repr(yes))
    assert re.fullmatch(r"<Verification: no, closest Ada -?0\.\d{3} \(needs 0\.700\)>", repr(no))
    pair = unlock.compare(ada / "0.png", ada / "1.png", threshold=0.5)
    assert f"{ada / '0.png'} and {ada / '1.png'}: match 0.9" in repr(pair)
    folder = unlock.compare(paint(1, 30), ada, threshold=0.5)
    assert "<PairComparison: <array 140x160>: 5 of 5 photos match, best " in repr(folder)
    found = unlock.identify([paint(1, 30, faces=2), GREY])
    assert repr(found) == "<Identification: 2 photos, 2 faces: Ada, 1 without a name>"
    assert repr(found.photos[1]) == "<IdentifiedPhoto: <array 2: 80x80>: no face>"
    assert re.search(r": Ada 0\.9\d\d, unknown>$", repr(found.photos[0]))


def results(unlock, ada):
    """Every result that a notebook shows."""
    yield unlock.enroll("Ada", ada, replace=True)
    yield unlock.verify(paint(1, 30), "Ada")
    yield unlock.compare(ada / "0.png", ada)
    found = unlock.identify([paint(1, 30, faces=2), GREY])
    yield found
    yield found.photos[0]


def held_faces(result):
    names = ("face", "faces", "small_faces")
    found = [getattr(result, name) for name in names if hasattr(result, name)]
    return [one for group in found for one in group if isinstance(one, bytes | tuple)]


def test_no_face_is_kept_unless_it_was_asked_for(unlock, ada):
    for result in results(unlock, ada):
        assert held_faces(result) == [] and "<img" not in result._repr_html_()


@pytest.mark.parametrize(("index", "faces"), enumerate([5, 1, 2, 2, 2]))
def test_a_notebook_shows_the_faces_that_were_asked_for(open_home, ada, index, faces):
    result = list(results(open_home(keep_faces=True), ada))[index]
    assert result._repr_html_().count('<img alt="face"') == faces
    assert "✓" in result._repr_html_()
    # Small: a few kilobytes, without anything but the face.
    assert len(result._repr_html_()) < 5000 * faces


def test_the_commands_the_resident_process_and_pam_never_ask_for_faces():
    assert inspect.signature(Workspace).parameters["keep_faces"].default is False
    above = [*(PACKAGE / "cli").rglob("*.py"), *(PACKAGE / "agent").rglob("*.py"), PACKAGE / "pam.py"]
    assert [path for path in above if "keep_faces" in path.read_text(encoding="utf-8")] == []
