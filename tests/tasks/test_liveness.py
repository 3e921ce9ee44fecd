"""Which stages decide on a machine: said, never guessed."""

from dataclasses import replace

import pytest
from support.fakes import slug_of
from support.made_minifasnet import described, made_networks, published

from faceunlock.errors import ModelError
from faceunlock.pipeline.weights.pull import pull
from faceunlock.tasks import liveness, loading, networks
from faceunlock.tasks import models as choice

FILES = published(made_networks())
SPEC = described(FILES)


@pytest.fixture
def here(tmp_path, home, monkeypatch):
    """Weights of the real shape in the cache."""
    for module in (liveness, loading, networks, choice):
        for name in ("MINIFASNET",):
            if hasattr(module, name):
                monkeypatch.setattr(module, name, SPEC)
    monkeypatch.setattr("faceunlock.liveness.texture.MINIFASNET", SPEC)
    monkeypatch.setattr("faceunlock.tasks.status.MINIFASNET", SPEC)
    monkeypatch.setitem(choice.WITH_WEIGHTS, SPEC.id, SPEC)
    folder = tmp_path / "given"
    folder.mkdir()
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    home.mkdir(mode=0o700)
    return pull(SPEC, home / "cache", file=folder)


def test_without_its_weights_only_the_turns_are_active(unlock):
    assert liveness.texture(unlock) is None
    found = liveness.stages(unlock)
    assert (found.texture, found.active, found.measured) == ("absent", ("turn",), None)
    assert unlock.status().liveness == found and unlock.status().problems == ()


def test_with_its_weights_it_may_refuse(unlock, here):
    assert liveness.stages(unlock).active == ("turn", "texture")
    scores = liveness.texture(unlock)
    assert scores is liveness.texture(unlock), "loaded once"
    assert unlock.status().problems == ()
    states = {state.model: state for state in unlock.models()}
    assert states["minifasnet"].weights.status == "present" and states["minifasnet"].calibration is None


def test_it_can_be_switched_off_but_not_by_the_environment(open_home, here, tmp_path):
    settings = open_home().settings
    unlock = open_home(settings=replace(settings, texture="off"))
    assert liveness.texture(unlock) is None and liveness.stages(unlock).texture == "off"
    assert liveness.texture(unlock, switched_off=True) is not None


def test_damaged_weights_are_no_absence(unlock, here):
    here.write_bytes(here.read_bytes()[:-1])
    assert liveness.stages(unlock).texture == "corrupt"
    assert slug_of(liveness.texture, unlock, kind=ModelError) == "weights-corrupt"
    assert any("minifasnet" in problem for problem in unlock.status().problems)


def test_its_networks_are_prepared_and_checked_with_the_others(open_home, here):
    unlock = open_home(detector=None, embedder=None, model="compact")
    assert unlock.prepare_models("minifasnet") == {"minifasnet": ("minifasnet-v2", "minifasnet-v1se")}
    assert unlock.prepare_models("minifasnet") == {"minifasnet": ()}
    (state,) = unlock.verify_models("minifasnet")
    assert state.preparation == "prepared"


def test_it_recognises_nobody(open_home):
    assert slug_of(open_home, model="minifasnet", embedder=None, kind=ModelError) == "unknown-model"
