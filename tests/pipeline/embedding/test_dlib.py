import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from faceunlock.errors import ModelError, PhotoError
from faceunlock.photos.face import Face
from faceunlock.pipeline import weights
from faceunlock.pipeline.embedding import load_embedder
from faceunlock.pipeline.embedding.crops import normalise
from faceunlock.pipeline.embedding.dlib_network import DlibNetwork
from faceunlock.pipeline.models.architecture import DIVISOR, DLIB_TARGET, MEAN
from faceunlock.pipeline.models.registry import model_spec
from faceunlock.pipeline.runtime import Engine
from faceunlock.pipeline.runtime.torch_runtime import TorchNetwork, build
from faceunlock.pipeline.weights.dlib_format import convolutions, parse

GOLDEN = Path(__file__).parent / "golden"
SPEC = model_spec("dlib")
NOWHERE = Path("/nonexistent")


@pytest.fixture(scope="module")
def data():
    return weights.locate(SPEC, NOWHERE).read_bytes()


@pytest.fixture(scope="module")
def network(data):
    return TorchNetwork(build(DlibNetwork, parse(data)), "cpu")


@pytest.fixture(scope="module")
def embedder():
    return load_embedder("dlib", cache=NOWHERE, engine=Engine("torch", "cpu", NOWHERE))


@pytest.fixture(scope="module")
def chips(embedder, astronaut, grace_hopper, astronaut_face):
    rng = np.random.default_rng(0)
    face = embedder.crop(astronaut, astronaut_face)
    return np.stack(
        [
            face,
            face[:, ::-1],
            astronaut[40:190, 150:300],
            astronaut[200:350, 10:160],
            grace_hopper[60:210, 180:330],
            grace_hopper[300:450, 100:250],
            *rng.integers(0, 256, (2, 150, 150, 3), dtype=np.uint8),
            np.zeros_like(face),
        ]
    )


@pytest.fixture(scope="module")
def oracle():
    dlib = pytest.importorskip("dlib")
    model = dlib.face_recognition_model_v1(str(weights.locate(SPEC, NOWHERE)))
    return lambda chips: np.array(
        [model.compute_face_descriptor(np.ascontiguousarray(chip)) for chip in chips]
    )


@pytest.mark.oracle
def test_network_agrees_with_dlib(network, oracle, chips):
    expected = oracle(chips)
    np.testing.assert_allclose(network(normalise(chips, MEAN, DIVISOR)), expected, atol=2e-6)
    swapped = network(normalise(chips[..., ::-1], MEAN, DIVISOR))
    assert np.abs(swapped - expected)[:-1].max(axis=1).min() > 1e-3, "channels in another order must show"


@pytest.mark.oracle
def test_embedding_is_the_mean_of_crop_and_mirror(embedder, oracle, chips):
    total = oracle(chips) + oracle(chips[:, :, ::-1])
    expected = total / np.linalg.norm(total, axis=1, keepdims=True)
    found = embedder.embed(chips)
    np.testing.assert_allclose(found, expected, atol=2e-6)
    assert found.dtype == np.float32
    np.testing.assert_allclose(embedder.embed(chips[:, :, ::-1]), found, atol=1e-6)


def test_identity(embedder):
    identity = embedder.identity
    assert (identity.model, identity.weights_sha256) == ("dlib", SPEC.sha256)
    assert (identity.preprocessing, identity.dimension) == ("dlib-150-mirror-1", 128)


def test_nothing_in_nothing_out(embedder):
    assert embedder.embed(np.empty((0, 150, 150, 3), dtype=np.uint8)).shape == (0, 128)


def test_golden_crop_and_embedding(embedder, astronaut, astronaut_face):
    crop = embedder.crop(astronaut, astronaut_face)
    expected = np.asarray(Image.open(GOLDEN / "astronaut-dlib.png"))
    assert crop.shape == expected.shape == (150, 150, 3)
    assert np.abs(crop.astype(int) - expected).max() <= 1
    golden = json.loads((GOLDEN / "astronaut-dlib.json").read_text())
    assert golden["weights_sha256"] == SPEC.sha256
    assert golden["preprocessing"] == SPEC.preprocessing
    assert golden["landmarks"] == [list(point) for point in astronaut_face.landmarks]
    np.testing.assert_allclose(embedder.embed(crop[None])[0], golden["embedding"], atol=1e-4)


def test_a_large_photo_gives_the_same_face(embedder, astronaut, astronaut_face):
    large = np.asarray(Image.fromarray(astronaut).resize((2048, 2048), Image.Resampling.BICUBIC))
    scaled = tuple((4 * x + 1.5, 4 * y + 1.5) for x, y in astronaut_face.landmarks)
    pair = [
        embedder.crop(astronaut, astronaut_face),
        embedder.crop(large, Face((0, 0, 1, 1), scaled, 1.0)),
    ]
    first, second = embedder.embed(np.stack(pair))
    assert first @ second > 0.995


def test_coinciding_landmarks_are_no_face(embedder, astronaut):
    with pytest.raises(PhotoError) as caught:
        embedder.crop(astronaut, Face((0, 0, 9, 9), ((5.0, 5.0),) * len(DLIB_TARGET), 1.0))
    assert caught.value.slug == "no-face"


def test_parse_finds_every_weight(data):
    state = parse(data)
    assert len(state) == 2 * 29 + 1
    for shape in convolutions():
        expected = (shape.outputs, shape.inputs, shape.side, shape.side)
        assert state[f"{shape.name}.weight"].shape == expected
        assert state[f"{shape.name}.bias"].shape == (shape.outputs,)
    assert state["head.weight"].shape == (128, 256)


def refused(data):
    with pytest.raises(ModelError) as caught:
        parse(data)
    assert caught.value.slug == "weights-corrupt"
    return str(caught.value)


@pytest.mark.parametrize("length", [0, 1, 17, 300, 341, 19_000, 1_000_000, 22_300_000])
def test_a_truncated_file_is_refused(data, length):
    refused(data[:length])


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=400))
def test_hostile_bytes_are_refused(tail):
    refused(tail)
    refused(b"\x01\x01\x01\x0dloss_metric_2" + tail)
    refused(b"\x01\x01\x01\x0dloss_metric_2\x01\x15input_rgb_image_sized" + tail)


def test_a_hostile_size_takes_no_memory(data):
    at = data.index(b"\x01\x05con_4") + 7
    huge = b"\x01\x02\x08" + b"\xff" * 7 + b"\x7f"
    assert "tensor" in refused(data[:at] + huge + data[at + 5 :])


@pytest.mark.parametrize(
    ("section", "offset"),
    [(b"con_4", 0), (b"con_4", 3), (b"affine_", 0), (b"fc_2", 5), (b"loss_metric_2", -1)],
)
def test_a_changed_structure_is_refused(data, section, offset):
    changed = bytearray(data)
    changed[data.index(section) + len(section) * (offset > 0) + offset] ^= 0x40
    refused(bytes(changed))


def test_a_weight_that_is_no_number_is_refused(data):
    changed = bytearray(data)
    first = data.index(b"con_4") + len(b"con_4") + len(bytes.fromhex("0102 028012 0101 0101 0101"))
    changed[first : first + 4] = np.float32("nan").tobytes()
    assert "finite" in refused(bytes(changed))
