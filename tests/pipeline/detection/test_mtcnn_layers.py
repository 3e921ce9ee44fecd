"""The detector's networks as layers: the answers of facenet-pytorch's own, from its files or from none."""

import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.originals import detector_networks

from faceunlock.errors import ModelError
from faceunlock.files.packages import find_in_package
from faceunlock.pipeline import detection
from faceunlock.pipeline.detection import network_sources
from faceunlock.pipeline.runtime.layered_module import LayeredModule
from faceunlock.pipeline.runtime.layers import onnx_model
from faceunlock.pipeline.runtime.onnx_runtime import OnnxNetwork
from faceunlock.pipeline.runtime.torch_runtime import TorchNetwork

NAMES = ["proposal", "refinement", "output"]


def written(source):
    return onnx_model(
        source.layers(), name=source.name, input_shape=source.example_shape, free_axes=source.free_axes
    )


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    """For each network facenet-pytorch's own, and ours: as written, optimised, and with PyTorch."""
    found = {}
    for name, source, original in zip(NAMES, network_sources(), detector_networks(), strict=True):
        path = tmp_path_factory.mktemp(name) / "optimised.onnx"
        OnnxNetwork(written(source), optimise_to=path)
        ours = [
            OnnxNetwork(written(source)),
            OnnxNetwork(path),
            TorchNetwork(LayeredModule(source.layers()), "cpu"),
        ]
        found[name] = TorchNetwork(original, "cpu"), ours
    return found


def assert_same(networks, name, batch):
    original, ours = networks[name]
    expected = original(batch)
    for network in ours:
        found = network(batch)
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.oracle
@given(seed=st.integers(0, 99), height=st.integers(12, 70), width=st.integers(12, 70))
@settings(max_examples=25, deadline=None)
def test_the_proposal_network_at_any_size(networks, seed, height, width):
    batch = np.random.default_rng(seed).uniform(-1, 1, (1, 3, height, width)).astype(np.float32)
    assert_same(networks, "proposal", batch)


@pytest.mark.oracle
@pytest.mark.parametrize(("name", "side"), [("refinement", 24), ("output", 48)])
@pytest.mark.parametrize("count", [1, 11])
def test_the_other_networks_with_noise(networks, name, side, count):
    batch = np.random.default_rng(count).uniform(-1, 1, (count, 3, side, side)).astype(np.float32)
    assert_same(networks, name, batch)


@pytest.mark.parametrize(("name", "side", "outputs"), [("refinement", 24, 5), ("output", 48, 15)])
def test_no_face_is_no_answer(networks, name, side, outputs):
    for network in networks[name][1]:
        assert network(np.zeros((0, 3, side, side), dtype=np.float32)).shape == (0, outputs)


@pytest.mark.oracle
@pytest.mark.parametrize(("name", "side"), [("proposal", 96), ("refinement", 24), ("output", 48)])
def test_with_parts_of_a_portrait(networks, astronaut, name, side):
    parts = [astronaut[top : top + 192, left : left + 192] for top, left in ((10, 130), (40, 160), (300, 20))]
    shrunk = np.stack([part[:: 192 // side, :: 192 // side] for part in parts])
    batch = ((shrunk.transpose(0, 3, 1, 2) - 127.5) / 128).astype(np.float32)
    for one in batch:
        assert_same(networks, name, one[None])


def damaged(tmp_path, monkeypatch, change):
    """Let the detector find files that `change` was applied to."""
    for file in detection.SHA256:
        path = tmp_path / file
        shutil.copy(find_in_package(detection.PACKAGE, f"data/{file}"), path)
        change(path)

    def find(package, file):
        path = tmp_path / file.removeprefix("data/")
        return path if path.exists() else None

    monkeypatch.setattr(detection, "find_in_package", find)


def flip(path):
    content = bytearray(path.read_bytes())
    content[-4] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("change", "slug"),
    [
        (flip, "weights-corrupt"),
        (lambda path: path.write_bytes(b""), "weights-corrupt"),
        (lambda path: path.write_bytes(bytes(detection.LARGEST + 1)), "weights-corrupt"),
        (lambda path: path.unlink(), "weights-missing"),
    ],
    ids=["a byte", "empty", "large", "missing"],
)
def test_other_weights_are_refused(tmp_path, monkeypatch, change, slug):
    damaged(tmp_path, monkeypatch, change)
    for source in network_sources():
        with pytest.raises(ModelError) as caught:
            source.layers()
        assert caught.value.slug == slug and "facenet-pytorch==2.5.3" in caught.value.hint
