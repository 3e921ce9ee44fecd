"""Networks as layers answer like the torch modules that were trained, or published; others are refused."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.made_models import TINY
from support.originals import arrays_of, inception_resnet, shaken

from faceunlock.errors import ModelError
from faceunlock.matching.similarity import unit
from faceunlock.pipeline import weights
from faceunlock.pipeline.embedding.networks import make_network, network_layers
from faceunlock.pipeline.models.architecture import DlibArchitecture, ResidualArchitecture
from faceunlock.pipeline.models.registry import MODELS
from faceunlock.pipeline.runtime.layered_module import LayeredModule
from faceunlock.pipeline.runtime.layers import onnx_model
from faceunlock.pipeline.runtime.onnx_runtime import OnnxNetwork
from faceunlock.pipeline.runtime.torch_runtime import TorchNetwork, build

NOWHERE = Path("/nonexistent")


def crops(side, count=3, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (count, 3, side, side)).astype(np.float32)


def assert_like(module, layers, batch, folder):
    """Both runtimes, and what ONNX Runtime makes of it, give the directions that the module gives."""
    written = onnx_model(layers, name="n", input_shape=batch.shape, free_axes={0: "n"})
    OnnxNetwork(written, optimise_to=folder / "optimised.onnx")
    forms = [
        OnnxNetwork(written),
        OnnxNetwork(folder / "optimised.onnx"),
        TorchNetwork(LayeredModule(layers), "cpu"),
    ]
    expected = unit(TorchNetwork(module, "cpu")(batch))
    for network in forms:
        found = unit(network(batch))
        assert found.shape == expected.shape
        assert np.einsum("ij,ij->i", found, expected).min() >= 0.99999
        np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("model", ["compact", "dlib"])
def test_the_models_that_need_no_download(model, tmp_path):
    spec = MODELS[model]
    arrays = weights.load(spec, NOWHERE).arrays
    module = build(lambda: make_network(spec.architecture), arrays)
    assert_like(module, network_layers(spec.architecture, arrays), crops(spec.input_size), tmp_path)


@pytest.mark.parametrize("side", [32, 111, 149])
def test_dlibs_network_at_other_sizes(side, tmp_path):
    architecture = DlibArchitecture(side)
    arrays = weights.load(MODELS["dlib"], NOWHERE).arrays
    module = build(lambda: make_network(architecture), arrays)
    assert_like(module, network_layers(architecture, arrays), crops(side, 1), tmp_path)


@pytest.mark.parametrize(
    "architecture",
    [
        TINY,
        replace(TINY, gray=True),
        replace(TINY, input_size=37, widths=(4, 8, 8), blocks=(1, 3, 2)),
        ResidualArchitecture(widths=(8, 8, 16), blocks=(2, 1, 1)),
        ResidualArchitecture(input_size=256, widths=(3,), blocks=(1,), dimension=2),
        ResidualArchitecture(input_size=33, widths=(2, 3, 4, 5, 6, 7), blocks=(1, 1, 1, 1, 1, 1)),
    ],
    ids=str,
)
def test_networks_of_ones_own(architecture, tmp_path):
    torch.manual_seed(0)
    module = shaken(make_network(architecture))
    layers = network_layers(architecture, arrays_of(module))
    assert_like(module, layers, crops(architecture.input_size), tmp_path)


@cache
def facenet():
    torch.manual_seed(0)
    module = shaken(inception_resnet())
    return module, network_layers(None, arrays_of(module))


@pytest.mark.oracle
@pytest.mark.parametrize("side", [80, 160])
def test_facenet_pytorchs_network(side, tmp_path):
    module, layers = facenet()
    assert_like(module, layers, crops(side, 1), tmp_path)


STATES = {
    "tiny": (TINY, arrays_of(make_network(TINY))),
    "dlib": (DlibArchitecture(), arrays_of(make_network(DlibArchitecture()))),
    "facenet": (None, arrays_of(inception_resnet())),
}


@given(data=st.data(), name=st.sampled_from(list(STATES)))
@settings(max_examples=60, deadline=None)
def test_other_weights_are_refused(data, name):
    architecture, state = STATES[name]
    needed = sorted(key for key in state if not key.endswith("num_batches_tracked"))
    one = data.draw(st.sampled_from(needed))
    damage = data.draw(st.sampled_from(["missing", "extra", "shape", "type", "nan", "text"]))
    changed = dict(state)
    if damage == "missing":
        del changed[one]
    else:
        changed["surprise" if damage == "extra" else one] = {
            "extra": state[one],
            "shape": np.stack([state[one]] * 2),
            "type": state[one].astype(np.float64),
            "nan": np.full_like(state[one], np.nan),
            "text": "weights",
        }[damage]
    with pytest.raises(ModelError) as caught:
        network_layers(architecture, changed)
    assert caught.value.slug == "weights-corrupt"
    assert ("surprise" if damage == "extra" else one) in caught.value.message


def test_a_negative_variance_is_refused():
    architecture, state = STATES["tiny"]
    changed = state | {"scale.running_var": -state["scale.running_var"]}
    with pytest.raises(ModelError, match="negative variance"):
        network_layers(architecture, changed)
