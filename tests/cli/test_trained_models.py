"""A trained model is a model like any other: every command takes its folder, and none confuses two."""

from __future__ import annotations

import shutil

import pytest
from support.fakes import FakeDetector, save_person
from support.made_models import write_model

from faceunlock.cli.session import Session
from faceunlock.unlock import FaceUnlock


@pytest.fixture
def faceunlock(faceunlock, monkeypatch):
    """Painted photos, but the network that is named."""

    def unlock(session, progress=None):
        return FaceUnlock(locations=session.locations, settings=session.settings, detector=FakeDetector())

    monkeypatch.setattr(Session, "unlock", unlock)
    return faceunlock


@pytest.fixture
def model(tmp_path):
    return write_model(tmp_path / "mine")


@pytest.fixture
def people(tmp_path):
    for group in ("one", "other"):
        for number in range(3):
            save_person(tmp_path / "groups" / group / f"{group}{number}", number + 7 * len(group), 4)
    return tmp_path / "groups"


def test_every_command_takes_the_folder(faceunlock, model, people, tmp_path):
    person = people / "one" / "one0"
    photo = person / "3.png"
    for words in (
        ("enroll", "Ada", person),
        ("verify", photo, "--as", "Ada"),
        ("verify", photo),
        ("identify", photo, "-o", tmp_path / "named"),
        ("compare", photo, person / "2.png"),
        ("compare", photo, person),
        ("calibrate", people / "one", "--target-fmr", "0.9", "--split", "2", "--allow-lower"),
        ("report", people / "one", "-o", tmp_path / "page.html"),
        ("audit", people, "-o", tmp_path / "audit.html"),
        ("crop", person, "-o", tmp_path / "crops"),
        ("bench", person, "--runs", "1"),
        ("classify", "train", people / "one", "-o", tmp_path / "head"),
        ("status",),
        ("models",),
        ("models", "verify"),
    ):
        code, out, err = faceunlock(*words, "--model", model)
        assert code in (0, 1) or "[insufficient-data]" in err, (words, err)
        assert out, words
    code, out, err = faceunlock("classify", "name", photo, "--head", tmp_path / "head")
    assert code in (0, 1), err


def test_status_and_verification_see_weights_that_were_changed(faceunlock, model):
    assert faceunlock.data("status", "--model", model)["problems"] == []
    weights = model / "weights.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1  # of the same size
    weights.write_bytes(content)
    data = faceunlock.data("status", "--model", model)
    assert data["model"]["weights"] == "corrupt"
    assert any(f"the checksum of {weights} is " in problem for problem in data["problems"])
    code, _, err = faceunlock("models", "verify", "--model", model)
    assert code == 2 and "[weights-corrupt]" in err


def test_the_way_out_of_a_mismatch_names_the_folder(faceunlock, model, people, tmp_path):
    assert faceunlock("enroll", "Ada", people / "one" / "one0", "--model", model)[0] == 0
    photo = people / "one" / "one0" / "3.png"
    # Trained again, in the same folder.
    shutil.rmtree(model)
    write_model(model, seed=1)
    for words in (("verify", photo, "--as", "Ada"), ("verify", photo), ("identify", photo)):
        code, _, err = faceunlock(*words, "--model", model)
        assert code == 2 and "[model-mismatch]" in err
        assert (
            f"Re-enroll: faceunlock --home {tmp_path / 'home'} enroll 'Ada' FOLDER --replace --model {model}"
            in err
        )


def test_without_its_folder_the_model_of_a_template_is_asked_for(faceunlock, model, people):
    person = people / "one" / "one0"
    assert faceunlock("enroll", "Ada", person, "--model", model)[0] == 0
    code, _, err = faceunlock("verify", person / "3.png", "--as", "Ada")
    assert code == 2 and "[unknown-model]" in err and "its folder must be named" in err
    code, out, _ = faceunlock("status")
    assert code == 0 and "cannot tell which one" in out and "its folder must be named" in out


def test_damaged_weights_are_not_to_be_pulled_again(faceunlock, model):
    (model / "weights.safetensors").write_bytes(b"")
    code, _, err = faceunlock("models", "verify", "--model", model)
    assert code == 2 and "[weights-corrupt]" in err and "pull" not in err
