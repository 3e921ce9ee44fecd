"""Temporary folders that killed processes left are deleted, and nothing else in the system's folder is."""

import os
import tempfile
import time

import pytest

from faceunlock.files.temporary import remove_litter
from faceunlock.pipeline.runtime.conversion import LITTER

OLD = time.time() - 3 * 86400
NETWORK = f"mtcnn-proposal-{'0a' * 8}"


@pytest.fixture
def system(tmp_path, monkeypatch):
    """The system's temporary folder."""
    folder = tmp_path / "system"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def left(folder, name="faceunlock-ab_12xyz", *, files=(f"{NETWORK}.onnx", f"{NETWORK}.bin"), mode=0o700):
    """A folder as a preparation left it three days ago."""
    made = folder / name
    made.mkdir()
    for file in files:
        (made / file).touch()
    made.chmod(mode)
    os.utime(made, (OLD, OLD))
    return made


def clean():
    return remove_litter("faceunlock-", LITTER)


def test_what_a_killed_preparation_left_is_deleted(system):
    made = left(system)
    (made / "torch").mkdir()
    (made / "torch" / "anything").touch()
    os.utime(made, (OLD, OLD))
    left(system, "faceunlock-empty123", files=())
    assert clean() == 2 and list(system.iterdir()) == []


@pytest.mark.parametrize(
    "options",
    [
        {"name": "faceunlock-training", "files": ("photo.jpg",)},
        {"name": "faceunlock-training", "files": (f"{NETWORK}.onnx", "notes.txt")},
        {"name": "faceunlock-of-mine"}, {"name": "others-ab_12xyz"}, {"mode": 0o755},
    ],
)  # fmt: skip
def test_what_may_be_the_users_own_is_left(system, options):
    made = left(system, **options)
    before = sorted(made.iterdir())
    assert clean() == 0 and sorted(made.iterdir()) == before


def test_work_in_progress_is_left(system):
    made = left(system)
    os.utime(made)
    assert clean() == 0 and made.is_dir()


def test_links_and_files_are_left(system, tmp_path):
    made = left(tmp_path)
    (system / "faceunlock-abcdefgh").symlink_to(made)
    (system / "faceunlock-file1234").touch()
    assert clean() == 0 and len(list(made.iterdir())) == 2 and len(list(system.iterdir())) == 2


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can make files of others"
)
def test_folders_of_others_are_left(system):
    made = left(system)
    os.chown(made, 65534, 65534)
    assert clean() == 0 and made.is_dir()


def test_a_system_without_a_temporary_folder(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    assert clean() == 0
