"""A model in a folder: its network, its record, and what is refused."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from support.fakes import slug_of
from support.made_models import TINY, write_model, write_packed

from faceunlock.matching.templates import ModelIdentity
from faceunlock.photos.face import Face
from faceunlock.pipeline import weights
from faceunlock.pipeline.embedding import load_embedder
from faceunlock.pipeline.embedding.aligned import AlignedEmbedder, align
from faceunlock.pipeline.embedding.residual_network import ResidualNetwork
from faceunlock.pipeline.models.architecture import DlibArchitecture, ResidualArchitecture, read_architecture
from faceunlock.pipeline.models.folder import names_folder, read_model_folder
from faceunlock.pipeline.models.registry import model_spec
from faceunlock.pipeline.runtime import Engine
from faceunlock.pipeline.runtime.torch_runtime import TorchNetwork
from faceunlock.pipeline.weights import read_weights


@pytest.fixture
def model(tmp_path):
    return write_model(tmp_path / "Mine 1")


def load(folder, tmp_path):
    spec = read_model_folder(folder).spec
    return load_embedder(spec, cache=tmp_path / "cache", engine=Engine("torch", "cpu", tmp_path / "cache"))


def test_a_folder_is_a_model(model, tmp_path):
    found = read_model_folder(model)
    spec = found.spec
    assert spec.id == f"mine-1-{spec.sha256[:8]}" and spec.dimension == 6 and found.architecture == TINY
    assert found.calibration.status == "not-calibrated" and found.calibration.threshold == 0.4
    assert weights.verify(spec, tmp_path).status == "present"
    embedder = load(model, tmp_path)
    crops = np.random.default_rng(0).integers(0, 255, (3, 32, 32, 3), dtype=np.uint8)
    assert np.allclose(np.linalg.norm(embedder.embed(crops), axis=1), 1.0, atol=1e-5)
    assert embedder.embed(crops[:0]).shape == (0, 6)
    assert embedder.identity == ModelIdentity(spec.id, spec.sha256, "aligned-32-rgb-1", 6)


def test_the_same_weights_give_the_same_file(tmp_path):
    one, other = write_model(tmp_path / "a"), write_model(tmp_path / "b")
    assert (one / "weights.safetensors").read_bytes() == (other / "weights.safetensors").read_bytes()


def change(path, old, new):
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new, 1))


@pytest.mark.parametrize(
    ("harm", "slug"),
    [
        (shutil.rmtree, "weights-missing"),
        (lambda folder: (folder / "model.json").unlink(), "weights-missing"),
        (lambda folder: (folder / "weights.safetensors").unlink(), "weights-missing"),
        (lambda folder: (folder / "model.json").write_text("{}"), "weights-corrupt"),
        (
            lambda folder: change(folder / "model.json", b'"dimension": 6', b'"dimension": 7'),
            "weights-corrupt",
        ),
        (lambda folder: change(folder / "model.json", b'"gray": false', b'"gray": true'), "weights-corrupt"),
        (lambda folder: change(folder / "model.json", b"noise", b"n\xffise"), "weights-corrupt"),
        (lambda folder: change(folder / "model.json", b'"mine-1-', b'"../mine-'), "weights-corrupt"),
        (
            lambda folder: change(folder / "weights.safetensors", b"head.weight", b"HEAD.weight"),
            "weights-corrupt",
        ),
        (lambda folder: (folder / "weights.safetensors").write_bytes(b""), "weights-corrupt"),
        (lambda folder: folder.chmod(0o777), "insecure-permissions"),
        (lambda folder: (folder / "model.json").chmod(0o666), "insecure-permissions"),
        (lambda folder: (folder / "weights.safetensors").chmod(0o666), "insecure-permissions"),
    ],
)
def test_a_folder_that_cannot_be_trusted_is_refused(model, tmp_path, harm, slug):
    harm(model)
    assert slug_of(load, model, tmp_path) == slug


def test_an_architecture_that_the_weights_do_not_name_is_refused(model, tmp_path):
    # The checksum fits, the record does not: as if model.json came from another folder.
    record = json.loads((model / "model.json").read_bytes())
    record["architecture"]["mirror"] = True
    record["calibration"]["preprocessing"] = "aligned-32-rgb-mirror-1"
    (model / "model.json").write_text(json.dumps(record))
    assert slug_of(load, model, tmp_path) == "weights-corrupt"


def test_weights_changed_after_the_conversion_are_noticed(model, tmp_path):
    cache = tmp_path / "cache"
    crops = np.zeros((1, 32, 32, 3), dtype=np.uint8)

    def embed():
        engine = Engine("onnx", "cpu", cache)
        return load_embedder(read_model_folder(model).spec, cache=cache, engine=engine).embed(crops)

    first = embed()
    assert np.array_equal(embed(), first)
    change(model / "weights.safetensors", b"head.weight", b"HEAD.weight")
    assert slug_of(embed) == "weights-corrupt"


def test_sides_that_are_odd(tmp_path):
    odd = replace(TINY, input_size=37, widths=(4, 8, 8), blocks=(1, 1, 1))
    folder, cache = write_model(tmp_path / "odd", odd), tmp_path / "cache"
    crops = np.random.default_rng(0).integers(0, 255, (2, 37, 37, 3), dtype=np.uint8)
    torch_answer, onnx_answer = (
        load_embedder(read_model_folder(folder).spec, cache=cache, engine=Engine(kind, "cpu", cache)).embed(
            crops
        )
        for kind in ("torch", "onnx")
    )
    assert np.allclose(torch_answer, onnx_answer, atol=1e-5)


def test_dlibs_weights_in_crops_of_112_pixels_and_eight_bits(astronaut, astronaut_face, tmp_path):
    """The network of a folder answers nearly like dlib's own, in both runtimes."""
    architecture, cache = DlibArchitecture(), tmp_path / "cache"
    arrays = weights.load(model_spec("dlib"), cache).arrays
    folder = write_packed(tmp_path / "ours", architecture, arrays, "int8")
    spec = read_model_folder(folder).spec
    assert (
        spec.size_bytes < 6e6 and spec.preprocessing == "aligned-112-dlib-mirror-1" and spec.dimension == 128
    )
    answers = []
    for runtime in ("torch", "onnx"):
        embedder = load_embedder(spec, cache=cache, engine=Engine(runtime, "cpu", cache))
        crop = embedder.crop(astronaut, astronaut_face)
        assert crop.shape == (112, 112, 3)
        answers.append(embedder.embed(crop[None])[0])
    assert (cache / "converted" / f"{spec.id}.json").exists()  # converted, and not given up
    assert answers[0] @ answers[1] > 0.9999
    original = load_embedder("dlib", cache=cache, engine=Engine("torch", "cpu", cache))
    theirs = original.embed(original.crop(astronaut, astronaut_face)[None])[0]
    assert answers[0] @ theirs > 0.98


@pytest.mark.parametrize("storage", ["float32", "int8"])
def test_weights_come_back_as_they_were_stored(tmp_path, storage):
    folder = write_model(tmp_path / "m", storage=storage)
    torch.manual_seed(0)
    original = {name: value.numpy() for name, value in ResidualNetwork(TINY).state_dict().items()}
    for name, array in read_weights(read_model_folder(folder).spec).items():
        steps = np.abs(array.reshape(len(array), -1)).max(axis=1) / 127 if array.ndim > 1 else np.zeros(1)
        wrong = np.abs(array - original[name]).reshape(len(array), -1).max(axis=1)
        assert np.all(wrong <= (0.51 * steps if storage == "int8" else 0)), name


def test_weights_in_eight_bits_without_their_scale(tmp_path):
    arrays = {"stem.weight": np.zeros((4, 3), dtype=np.int8)}
    folder = write_packed(tmp_path / "m", TINY, arrays, "float32")
    assert slug_of(read_weights, read_model_folder(folder).spec) == "weights-corrupt"


@pytest.mark.parametrize("gray", [False, True])
def test_gray_networks_see_luma(gray):
    network = ResidualNetwork(replace(TINY, gray=gray)).eval()
    colour = torch.rand(2, 3, 32, 32)
    luma = (colour * network.luma).sum(1, keepdim=True).expand(-1, 3, -1, -1)
    with torch.inference_mode():
        assert torch.allclose(network(colour), network(luma), atol=1e-5) == gray


def test_with_mirror_a_face_and_its_mirror_image_are_the_same():
    architecture = replace(TINY, mirror=True)
    identity = ModelIdentity("m", "0" * 64, architecture.preprocessing, 6)
    network = TorchNetwork(ResidualNetwork(architecture), "cpu")
    crops = np.random.default_rng(0).integers(0, 255, (2, 32, 32, 3), dtype=np.uint8)
    both = [
        AlignedEmbedder(identity, architecture, network).embed(part)
        for part in (crops, np.ascontiguousarray(crops[:, :, ::-1]))
    ]
    assert np.allclose(*both, atol=1e-5)


def test_landmarks_come_to_lie_on_the_target():
    image = np.zeros((300, 300, 3), dtype=np.uint8)
    landmarks = tuple((100 + 1.5 * x, 50 + 1.5 * y) for x, y in ResidualArchitecture(input_size=64).target)
    for x, y in landmarks:
        image[round(y) - 3 : round(y) + 4, round(x) - 3 : round(x) + 4] = 255
    crop = align(image, Face((0, 0, 1, 1), landmarks, 1.0), ResidualArchitecture(input_size=64))
    assert crop.shape == (64, 64, 3)
    assert all(crop[round(y), round(x), 0] > 200 for x, y in ResidualArchitecture(input_size=64).target)


def test_architectures_that_cannot_be():
    for wrong in (
        {"widths": (4,)},
        {"dimension": 1},
        {"input_size": 8},
        {"gray": 1},
        {"blocks": (1, 0)},
        {"shift": 5},
    ):
        with pytest.raises(ValueError, match=" "):
            replace(TINY, **wrong)
    assert read_architecture(TINY.to_dict()) == TINY
    assert read_architecture(DlibArchitecture(64, mirror=False).to_dict()) == DlibArchitecture(
        64, mirror=False
    )
    first = TINY.to_dict()
    del first["network"], first["shift"]  # as the first models had it
    assert read_architecture(first) == TINY
    for wrong in ({"input_size": 151}, {"dimension": 64}, {"mirror": 1}, {"input_size": 112.0}):
        with pytest.raises(ValueError, match=" "):
            DlibArchitecture(**wrong)
    wrongs = ({"network": "dlib"}, {**TINY.to_dict(), "network": "dlib"}, {**TINY.to_dict(), "network": "x"})
    for wrong in (*wrongs, {}, {**TINY.to_dict(), "more": 1}, {**TINY.to_dict(), "widths": 4}):
        with pytest.raises(ValueError, match=" "):
            read_architecture(wrong)


def test_what_names_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dlib").mkdir()
    (tmp_path / "mine").mkdir()
    assert [names_folder(name) for name in ("dlib", "mine", "dlib/", "yours", "a/b", ".")] == [
        False,
        True,
        True,
        False,
        True,
        True,
    ]
