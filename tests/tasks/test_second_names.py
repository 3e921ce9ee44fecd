"""A second name for an enrolled face does not come with a file either."""

import pytest
from support.fakes import FakeDetector, FakeEmbedder, save_person, snapshot

from faceunlock.errors import EnrolmentError
from faceunlock.gallery import export as transfer
from faceunlock.unlock import FaceUnlock

PASSPHRASE = "correct horse battery"


@pytest.fixture
def file(tmp_path, open_home, monkeypatch):
    """An export with Eve, who has Ada's face, and with Zoe."""
    monkeypatch.setattr(transfer, "SCRYPT", {"n": 2**4, "r": 8, "p": 1})
    save_person(tmp_path / "eve", 1, 5, first=20)
    save_person(tmp_path / "zoe", 3, 5)
    with FaceUnlock(tmp_path / "other", detector=FakeDetector(), embedder=FakeEmbedder()) as other:
        other.enroll("Eve", tmp_path / "eve")
        other.enroll("Zoe", tmp_path / "zoe")
        other.export_to(tmp_path / "moved", PASSPHRASE)
    return tmp_path / "moved"


@pytest.mark.parametrize("on_conflict", ["refuse", "skip", "replace"])
def test_an_import_with_a_second_name_is_refused_as_a_whole(unlock, home, ada, file, on_conflict):
    unlock.enroll("Ada", ada)
    before = snapshot(home)
    with pytest.raises(EnrolmentError, match="Eve matches Ada") as caught:
        unlock.import_from(file, PASSPHRASE, on_conflict=on_conflict)
    assert caught.value.slug == "second-name" and snapshot(home) == before
    summary = unlock.import_from(file, PASSPHRASE, on_conflict=on_conflict, even_so=True)
    assert summary.added == ("Eve", "Zoe")
    assert [(same.name, same.enrolled_as) for same in summary.same_faces] == [("Eve", "Ada")]


def test_an_import_that_replaces_a_person_is_compared_with_the_others(unlock, ada, bob, file):
    unlock.enroll("Ada", ada)
    unlock.enroll("Eve", bob)
    with pytest.raises(EnrolmentError, match="Eve matches Ada"):
        unlock.import_from(file, PASSPHRASE, on_conflict="replace")
    # Kept as they are, nobody of the file's Eve arrives.
    assert unlock.import_from(file, PASSPHRASE, on_conflict="skip").same_faces == ()


def test_two_names_for_one_face_do_not_come_in_one_file(unlock, tmp_path, ada, file):
    with FaceUnlock(tmp_path / "other", detector=FakeDetector(), embedder=FakeEmbedder()) as other:
        other.enroll("Twin", ada, even_so=True)
        other.export_to(tmp_path / "twins", PASSPHRASE)
    with pytest.raises(EnrolmentError, match="who is in the same file") as caught:
        unlock.import_from(tmp_path / "twins", PASSPHRASE)
    assert caught.value.slug == "second-name" and unlock.people() == ()
    summary = unlock.import_from(tmp_path / "twins", PASSPHRASE, even_so=True)
    assert len(summary.added) == 3 and len(summary.same_faces) == 1


def test_an_import_without_anybody_known_is_taken(unlock, bob, file):
    unlock.enroll("Bob", bob)
    assert unlock.import_from(file, PASSPHRASE).same_faces == ()
    assert unlock.import_from(file, PASSPHRASE).identical == ("Eve", "Zoe")


def test_a_threshold_calibrated_here_decides(unlock, ada, file):
    unlock.enroll("Ada", ada)
    identity = unlock.person("Ada").template.identity
    calibration = unlock.choice.calibration(identity).to_dict() | {
        "threshold": 0.9999, "weights_sha256": identity.weights_sha256,
        "preprocessing": identity.preprocessing,
    }  # fmt: skip
    unlock.gallery.save_calibration(identity, calibration)
    assert unlock.import_from(file, PASSPHRASE).added == ("Eve", "Zoe")
