"""Weights and networks are checked as far as they can be, and a new key leaves none unproven silently."""

import contextlib
import sqlite3

import keyring
import pytest
from keyring.backends.fail import Keyring as NoKeyring
from support.fake_keyring import FakeKeyring
from support.fakes import FakeDetector, FakeEmbedder, slug_of

from faceunlock.cli.answers import models as answers
from faceunlock.errors import GalleryError, ModelError
from faceunlock.pipeline.runtime import conversion, kept
from faceunlock.pipeline.runtime.kept import Keeping
from faceunlock.tasks import networks

NAMED = {"model": "dlib", "detector": None, "embedder": None}


@pytest.fixture
def desktop(tmp_path):
    """A desktop keyring that is there until it is taken away."""
    keyring.set_keyring(FakeKeyring(tmp_path / "desktop.json"))
    yield lambda: keyring.set_keyring(NoKeyring())
    keyring.set_keyring(NoKeyring())


@pytest.fixture
def cached(monkeypatch):
    """A cache in which every network is prepared; it says for which key, and how they answer."""
    said = {"keys": [], "answers": True, "proven": True}

    def is_kept(source, cache, keeping):
        said["keys"].append(keeping.key)
        return keeping.key is None or said["proven"]

    monkeypatch.setattr(kept, "is_kept", is_kept)
    monkeypatch.setattr(
        conversion, "answers_like_the_original", lambda source, cache, keeping: said["answers"]
    )
    return said


@pytest.fixture
def engines(monkeypatch):
    """Stand-ins for the networks; the list says how each was to be kept."""
    found = []

    def load_embedder(model, *, cache, engine, crop=None):
        found.append(engine.keeping())
        return FakeEmbedder()

    monkeypatch.setattr("faceunlock.pipeline.embedding.load_embedder", load_embedder)
    monkeypatch.setattr(
        "faceunlock.pipeline.detection.load_detector", lambda engine, *, small_faces: FakeDetector()
    )
    # Root's photos are read by another process, where nothing here stands in.
    monkeypatch.setattr("faceunlock.tasks.workspace.is_root", lambda: False)
    return found


def test_without_the_key_weights_and_networks_are_checked_and_the_rest_is_said(open_home, desktop, cached):
    unlock = open_home(**NAMED)
    unlock.protect("keyring")
    (good,) = unlock.verify_models("dlib")
    assert (good.preparation, good.unread) == ("prepared", None) and cached["keys"][-1] is not None
    unlock.close()
    desktop()
    unlock = open_home(**NAMED)
    (state,) = unlock.verify_models("dlib")
    assert state.weights.status == "present" and state.preparation == "unproven" and state.calibration is None
    assert cached["keys"][-1] is None
    said = answers.verified([state])
    assert "good, SHA-256" in said and "cannot be proven" in said and "no desktop keyring" in said
    document = answers.model_document(state)
    assert document["networks"] == "unproven" and document["threshold"] is None and document["unread"]
    listed = [row.model for row in unlock.models()]
    assert "dlib" in listed and any("unknown" in str(part) for part in answers.models(unlock.models()))
    cached["answers"] = False
    assert slug_of(unlock.verify_models, "dlib", kind=ModelError) == "conversion-failed"


def test_without_the_key_only_what_lets_nobody_in_uses_prepared_networks(open_home, desktop, engines, ada):
    unlock = open_home(**NAMED)
    unlock.enroll("Ada", ada)
    unlock.protect("keyring")
    unlock.close()
    desktop()
    engines.clear()
    unlock = open_home(**NAMED)
    for _ in range(2):
        assert unlock.compare(ada / "0.png", ada / "1.png").matches
    assert engines == [Keeping()], "kept like the networks of an unsealed gallery, and loaded once"
    assert slug_of(unlock.verify, ada / "0.png", "Ada") == "keyring-unavailable"
    unlock.choice.acquisition()
    assert engines == [Keeping(), Keeping(trusted=False)], "never those that a comparison loaded"


def test_with_the_key_a_comparison_too_takes_only_proven_networks(open_home, desktop, engines, ada):
    unlock = open_home(**NAMED)
    unlock.protect("keyring")
    unlock.compare(ada / "0.png", ada / "1.png")
    assert [keeping.trusted and keeping.key is not None for keeping in engines] == [True]


def test_sealing_says_how_to_prepare_the_networks_that_nothing_proves(
    open_home, home, desktop, cached, engines, ada, caplog
):
    unlock = open_home(**NAMED)
    unlock.protect("file")
    assert "models prepare" not in caplog.text, "nobody is enrolled, so nothing is in use"
    unlock.unprotect()
    unlock.enroll("Ada", ada)
    cached["proven"] = False
    assert unlock.protect("file")
    assert "run: faceunlock models prepare" in caplog.text
    caplog.clear()
    assert not unlock.protect("file")
    assert "models prepare" in caplog.text, "it is still to be done"
    cached["proven"] = True
    caplog.clear()
    unlock.rotate()
    assert "models prepare" not in caplog.text


def test_a_damaged_row_does_not_keep_a_sealed_gallery_from_saying_that_it_is_sealed(
    open_home, home, cached, engines, ada, bob
):
    unlock = open_home(**NAMED)
    unlock.enroll("Ada", ada)
    unlock.enroll("Bob", bob)
    unlock.protect("file")
    unlock.close()
    with contextlib.closing(sqlite3.connect(home / "gallery.db")) as database:
        database.execute("UPDATE people SET template = 'x' WHERE key = 'ada'")
        database.commit()
    assert not open_home(**NAMED).protect("file")


def test_weights_that_a_login_would_need_are_prepared_as_they_arrive(open_home, monkeypatch, caplog):
    """A login prepares no networks, so weights that only arrived would end it."""
    unlock, made = open_home(), []
    monkeypatch.setattr(networks, "unprepared", lambda workspace: ("minifasnet",))
    monkeypatch.setattr(unlock.choice, "pull", lambda model, **options: model)
    monkeypatch.setattr(networks, "prepare_models", lambda workspace, model: made.append(model))
    assert unlock.pull("dlib") == "dlib" and made == []
    assert unlock.pull("minifasnet") == "minifasnet" and made == ["minifasnet"]

    def no_key(workspace, model):
        raise GalleryError("key-missing")

    monkeypatch.setattr(networks, "prepare_models", no_key)
    assert unlock.pull("minifasnet") == "minifasnet", "the weights are here all the same"
    assert "run: faceunlock models prepare minifasnet" in caplog.text
