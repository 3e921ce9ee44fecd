"""The model inside the package."""

from __future__ import annotations

import hashlib
import json
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.fakes import slug_of

from faceunlock.pipeline import weights
from faceunlock.pipeline.embedding import load_embedder
from faceunlock.pipeline.models.architecture import DlibArchitecture
from faceunlock.pipeline.models.registry import COMPACT, model_spec
from faceunlock.pipeline.runtime import Engine
from faceunlock.pipeline.weights import storage

PROJECT = Path(__file__).resolve().parents[3]
GOLDEN = Path(__file__).parent / "golden"
SPEC = model_spec("compact")
NOWHERE = Path("/nonexistent")


@pytest.fixture(scope="module")
def embedder():
    return load_embedder("compact", cache=NOWHERE, engine=Engine("torch", "cpu", NOWHERE))


def test_the_file_is_the_one_that_is_known():
    path = weights.locate(SPEC, NOWHERE)
    assert path == PROJECT / "faceunlock" / "pipeline" / "models" / "shipped" / "compact.safetensors"
    data = path.read_bytes()
    assert (len(data), hashlib.sha256(data).hexdigest()) == (SPEC.size_bytes, SPEC.sha256)
    assert SPEC.size_bytes <= 8_000_000
    assert weights.verify(SPEC, NOWHERE).status == "present"


def test_it_is_part_of_the_package_and_needs_no_other():
    with (PROJECT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)
    assert (
        "pipeline/models/shipped/*.safetensors" in project["tool"]["setuptools"]["package-data"]["faceunlock"]
    )
    assert not any("face_recognition" in one for one in project["project"]["dependencies"])
    assert any("face_recognition" in one for one in project["project"]["optional-dependencies"]["dlib"])


def test_golden_crop_and_embedding(embedder, astronaut, astronaut_face):
    crop = embedder.crop(astronaut, astronaut_face)
    expected = np.asarray(Image.open(GOLDEN / "astronaut-compact.png"))
    assert crop.shape == expected.shape == (112, 112, 3)
    assert np.abs(crop.astype(int) - expected).max() <= 1
    golden = json.loads((GOLDEN / "astronaut-compact.json").read_text())
    assert golden["weights_sha256"] == SPEC.sha256
    assert golden["preprocessing"] == SPEC.preprocessing == embedder.identity.preprocessing
    assert golden["landmarks"] == [list(point) for point in astronaut_face.landmarks]
    np.testing.assert_allclose(embedder.embed(crop[None])[0], golden["embedding"], atol=1e-4)


def test_a_face_and_its_mirror_image_are_the_same(embedder, astronaut, astronaut_face):
    crop = embedder.crop(astronaut, astronaut_face)
    pair = embedder.embed(np.stack([crop, np.ascontiguousarray(crop[:, ::-1])]))
    np.testing.assert_allclose(pair[0], pair[1], atol=1e-5)
    assert embedder.embed(np.empty((0, 112, 112, 3), dtype=np.uint8)).shape == (0, 128)


def test_both_runtimes_agree(embedder, tmp_path, astronaut, astronaut_face):
    converted = load_embedder("compact", cache=tmp_path, engine=Engine("onnx", "cpu", tmp_path))
    crop = embedder.crop(astronaut, astronaut_face)[None]
    assert converted.identity == embedder.identity
    assert converted.embed(crop)[0] @ embedder.embed(crop)[0] > 0.99999
    assert (tmp_path / "converted" / "compact.json").exists()


def test_weights_that_are_others_are_refused(tmp_path, monkeypatch):
    """A changed file, and one of another architecture whose checksum were known."""
    data = weights.locate(SPEC, NOWHERE).read_bytes()
    copy = tmp_path / "compact.safetensors"
    monkeypatch.setattr(weights, "find_in_package", lambda package, file: copy)
    copy.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert weights.verify(SPEC, NOWHERE).status == "corrupt"
    assert slug_of(weights.load, SPEC, NOWHERE) == "weights-corrupt"
    copy.write_bytes(data)
    assert len(weights.load(SPEC, NOWHERE).arrays) == 59
    other = replace(SPEC, architecture=DlibArchitecture(input_size=96))
    assert slug_of(weights.load, other, NOWHERE) == "weights-corrupt"
    copy.unlink()
    monkeypatch.setattr(weights, "find_in_package", lambda package, file: None)
    assert slug_of(weights.load, SPEC, NOWHERE) == "weights-missing"


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"\xff" * 100, b"\x02" + bytes(7) + b"{}", b"\x04" + bytes(7) + b"null"]
)
def test_bytes_that_are_no_weights(data):
    with pytest.raises(ValueError, match=" "):
        storage.read(data, COMPACT)
