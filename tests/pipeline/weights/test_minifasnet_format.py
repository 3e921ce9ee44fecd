"""MiniFASNet: two published files, read without running them, and the networks that they describe."""

import os
import pickle
from dataclasses import replace

import numpy as np
import onnxruntime
import pytest
import torch
from support.made_minifasnet import FILES, described, made_networks, published
from support.weights_helpers import left_in, publish, refused, serving

from faceunlock.errors import ModelError
from faceunlock.pipeline import weights
from faceunlock.pipeline.models.registry import MINIFASNET, MODELS
from faceunlock.pipeline.runtime.layered_module import LayeredModule
from faceunlock.pipeline.runtime.layers import onnx_model
from faceunlock.pipeline.weights.minifasnet_format import (
    NETWORKS,
    SIDE,
    minifasnet_layers,
    read_checkpoints,
)
from faceunlock.pipeline.weights.pull import pull

ORIGINALS = made_networks()
PUBLISHED = published(ORIGINALS)
SPEC = described(PUBLISHED)


@pytest.fixture(scope="module")
def arrays():
    return read_checkpoints(PUBLISHED)


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "given"
    place.mkdir()
    for name, content in PUBLISHED.items():
        (place / name).write_bytes(content)
    return place


@pytest.mark.parametrize("name", NETWORKS)
def test_the_layers_answer_as_the_network_does(arrays, name):
    layers = minifasnet_layers(name, arrays)
    batch = np.random.default_rng(0).uniform(0, 255, (3, 3, SIDE, SIDE)).astype(np.float32)
    with torch.inference_mode():
        wanted = ORIGINALS[name](torch.from_numpy(batch)).numpy()
        by_torch = LayeredModule(layers)(torch.from_numpy(batch)).numpy()
    written = onnx_model(layers, name=name, input_shape=(2, 3, SIDE, SIDE), free_axes={0: "n"})
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    (by_onnx,) = onnxruntime.InferenceSession(written, options).run(None, {"input": batch})
    np.testing.assert_allclose(by_torch, wanted, atol=1e-5)
    np.testing.assert_allclose(by_onnx, wanted, atol=1e-5)
    assert np.ptp(wanted, axis=0).max() > 1e-3, "answers that do not depend on the picture prove nothing"


def test_both_files_are_fetched_and_kept_as_one(cache):
    with serving(publish(PUBLISHED)) as server:
        path = pull(SPEC, cache, mirror=server.url)
    assert server.requested == [f"/files/{name}" for name in FILES.values()]
    assert left_in(cache) == ["minifasnet.json", "minifasnet.safetensors"]
    assert path.stat().st_mode & 0o777 == 0o600
    assert weights.verify(SPEC, cache).status == "present"
    kept = weights.load(SPEC, cache).arrays
    assert {name.partition(".")[0] for name in kept} == set(NETWORKS)


def test_they_can_be_given(cache, folder):
    pull(SPEC, cache, file=folder)
    assert weights.verify(SPEC, cache).sha256 == SPEC.sha256
    error = refused("weights-missing", pull, SPEC, cache, file=folder / FILES["v2"])
    assert FILES["v1se"] in error.hint


@pytest.mark.parametrize("name", FILES.values())
def test_a_wrong_byte_is_named_and_nothing_is_kept(cache, name):
    wrong = bytearray(PUBLISHED[name])
    wrong[len(wrong) // 2] ^= 1
    with serving(publish(PUBLISHED | {name: bytes(wrong)})) as server:
        error = refused("weights-corrupt", pull, SPEC, cache, mirror=server.url)
    assert name in error.message and "SHA-256" in error.message
    assert "models pull minifasnet" in error.hint and "--model" not in error.hint
    assert left_in(cache) == []


class Nasty:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


def test_what_a_file_wants_to_run_is_not_run(cache, folder, tmp_path):
    """Even if its checksum were the published one."""
    trap = tmp_path / "run"
    nasty = PUBLISHED | {FILES["v2"]: pickle.dumps(Nasty(str(trap)))}
    for name, content in nasty.items():
        (folder / name).write_bytes(content)
    refused("weights-corrupt", pull, described(nasty), cache, file=folder)
    assert not trap.exists() and left_in(cache) == []


@pytest.mark.parametrize("change", ["missing", "more", "shape", "swapped", "nan"])
def test_weights_of_another_network_are_refused(change):
    state = {name: dict(network.state_dict()) for name, network in ORIGINALS.items()}
    own = state["v1se"]
    if change == "missing":
        del own["conv_4.model.5.se_module.fc1.weight"]
    elif change == "more":
        own["conv_6.more"] = torch.zeros(3)
    elif change == "shape":
        own["prob.weight"] = torch.zeros(4, 128)
    elif change == "nan":
        own["prob.weight"] = torch.full((3, 128), torch.nan)
    else:
        state["v1se"] = state["v2"]

    class Given:
        def __init__(self, content):
            self.state_dict = lambda: content

    with pytest.raises(ModelError) as caught:
        read_checkpoints(published({name: Given(content) for name, content in state.items()}))
    assert caught.value.slug == "weights-corrupt"


def test_it_is_no_model_that_recognises():
    assert MINIFASNET.id not in MODELS and MINIFASNET.purpose == "liveness"
    assert {file.name for file in MINIFASNET.weights.files} == set(FILES.values())
    assert sum(file.size_bytes for file in MINIFASNET.weights.files) == MINIFASNET.size_bytes
    assert "b6d5f04ad78778917853b25c778acef6d5626d15" in MINIFASNET.weights.base
    assert replace(SPEC, sha256=None) != MINIFASNET
