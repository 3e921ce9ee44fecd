"""The model of Intel's Open Model Zoo: fetched in two files, checked, read and run like any other.

A small network stands for the published one, except where the published files are on this machine.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.made_ir import expected, small_model
from support.weights_helpers import free_port, left_in, publish, refused, serving

from faceunlock.errors import ModelError
from faceunlock.pipeline import weights
from faceunlock.pipeline.embedding import load_embedder, network_source
from faceunlock.pipeline.models.architecture import RetailArchitecture, read_architecture
from faceunlock.pipeline.models.registry import model_spec
from faceunlock.pipeline.runtime import Engine
from faceunlock.pipeline.runtime.conversion import answers_like_the_original
from faceunlock.pipeline.runtime.kept import Keeping, is_kept
from faceunlock.pipeline.weights.pull import pull

GOLDEN = Path(__file__).parent / "golden"
REAL = model_spec("retail-0095")
SMALL, FILES = small_model()
NAMES = [file.name for file in SMALL.weights.files]


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def folder(tmp_path):
    """The small network's files, as somebody downloaded them."""
    place = tmp_path / "given"
    place.mkdir()
    for name, content in FILES.items():
        (place / name).write_bytes(content)
    return place


def crops(count=2, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, 128, 128, 3), dtype=np.uint8)


# --- the way it should go


def test_both_files_are_fetched_and_kept_as_one(cache):
    seen = []
    with serving(publish(FILES)) as server:
        path = pull(SMALL, cache, mirror=server.url, progress=lambda *step: seen.append(step))
        assert pull(SMALL, cache, mirror=server.url) == path, "nothing more to fetch"
    assert server.requested == [f"/files/{name}" for name in NAMES]
    assert left_in(cache) == ["retail-0095.json", "retail-0095.safetensors"]
    assert seen == sorted(seen) and seen[-1] == (SMALL.size_bytes, SMALL.size_bytes)
    state = weights.verify(SMALL, cache)
    assert (state.status, state.sha256, state.source) == ("present", SMALL.sha256, f"{server.url}/")


def test_it_embeds_a_face_and_its_mirror_image_together(cache, folder):
    pull(SMALL, cache, file=folder)
    batch = crops()
    views = [batch, batch[:, :, ::-1]]
    sums = sum(expected(view.transpose(0, 3, 1, 2).astype(np.float32)) for view in views)
    wanted = sums / np.linalg.norm(sums, axis=1, keepdims=True)
    for runtime in ("onnx", "torch"):
        embedder = load_embedder(SMALL, cache=cache, engine=Engine(runtime, "cpu", cache))
        np.testing.assert_allclose(embedder.embed(batch), wanted, atol=1e-5)
        assert embedder.identity.weights_sha256 == SMALL.sha256
        assert embedder.identity.preprocessing == "aligned-128-retail-mirror-1"
        assert embedder.embed(batch[:0]).shape == (0, 256)


def test_its_prepared_network_is_proven_like_others(cache, folder):
    pull(SMALL, cache, file=folder)
    source = network_source(SMALL, cache)
    sealed = Keeping(key=b"k" * 32)
    load_embedder(SMALL, cache=cache, engine=Engine("onnx", "cpu", cache, keeping=lambda: sealed)).embed(
        crops()
    )
    assert is_kept(source, cache, sealed) and not is_kept(source, cache, Keeping(key=b"x" * 32))
    assert answers_like_the_original(source, cache, sealed) is True
    other = replace(source, weights_sha256=lambda: "0" * 64)
    assert not is_kept(other, cache, sealed), "other weights"


# --- whatever servers, disks and people do


@pytest.mark.parametrize("name", NAMES)
def test_a_wrong_byte_from_a_mirror(cache, name):
    """One error that names the file and both checksums; nothing is kept."""
    wrong = bytearray(FILES[name])
    wrong[len(wrong) // 2] ^= 1
    with serving(publish(FILES | {name: bytes(wrong)})) as server:
        error = refused("weights-corrupt", pull, SMALL, cache, mirror=server.url)
    right = hashlib.sha384(FILES[name]).hexdigest()
    assert name in error.message and right in error.message and "SHA-384" in error.message
    assert "--model compact" in error.hint
    assert left_in(cache) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_wrong_byte_on_disk(cache, folder, name):
    """The same for files that the user has; weights that were here stay as they are."""
    pull(SMALL, cache, file=folder)
    before = weights.verify(SMALL, cache)
    content = bytearray((folder / name).read_bytes())
    content[-1] ^= 1
    (folder / name).write_bytes(content)
    assert name in refused("weights-corrupt", pull, SMALL, cache, file=folder, force=True).message
    assert weights.verify(SMALL, cache) == before


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_is_not_there(cache, folder, name):
    kept = {other: content for other, content in FILES.items() if other != name}
    with serving(publish(kept)) as server:
        error = refused("download-failed", pull, SMALL, cache, mirror=server.url)
    assert name in error.message and "404" in error.message
    (folder / name).unlink()
    assert name in refused("weights-missing", pull, SMALL, cache, file=folder).message
    assert left_in(cache) == []


def test_a_file_of_another_length(cache):
    for change in (FILES[NAMES[1]][:-2], FILES[NAMES[1]] + b"\0\0"):
        with serving(publish(FILES | {NAMES[1]: change})) as server:
            with pytest.raises(ModelError) as caught:
                pull(SMALL, cache, mirror=server.url)
            assert NAMES[1] in caught.value.message
    assert left_in(cache) == []


def test_a_file_where_a_folder_is_needed(cache, folder):
    error = refused("weights-missing", pull, SMALL, cache, file=folder / NAMES[0])
    assert all(name in error.hint for name in NAMES)


def test_no_network(cache):
    error = refused("download-failed", pull, SMALL, cache, mirror=f"http://127.0.0.1:{free_port()}")
    assert NAMES[0] in error.message and error.retryable
    assert left_in(cache) == []


def test_weights_that_were_damaged_or_removed(cache, folder):
    path = pull(SMALL, cache, file=folder)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert weights.verify(SMALL, cache).status == "corrupt"
    refused("weights-corrupt", weights.load_layers, SMALL, cache)
    path.unlink()
    error = refused("weights-missing", load_embedder, SMALL, cache=cache, engine=Engine("onnx", "cpu", cache))
    assert "faceunlock models pull retail-0095" in error.hint


def test_files_that_no_reader_knows_are_refused_whatever_their_checksum(cache, tmp_path):
    """Even a network that was published: with another kind of layer, it is never guessed."""
    files = FILES | {NAMES[0]: FILES[NAMES[0]].replace(b'type="Sigmoid"', b'type="Softmax"')}
    spec, _ = small_model(files)
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    assert "Softmax" in refused("weights-corrupt", pull, spec, cache, file=tmp_path).message
    assert left_in(cache) == []


def test_no_model_is_trained_in_its_shape():
    with pytest.raises(ValueError, match="unknown network"):
        read_architecture(RetailArchitecture().to_dict())


# --- the published files, where they are


@pytest.fixture(scope="module")
def real(tmp_path_factory, weights_folder):
    cache = tmp_path_factory.mktemp("retail") / "cache"
    pull(REAL, cache, file=weights_folder / "retail-0095")
    return cache


@pytest.mark.parametrize("runtime", ["onnx", "torch"])
def test_golden_crop_and_embedding(real, runtime, astronaut, astronaut_face):
    embedder = load_embedder("retail-0095", cache=real, engine=Engine(runtime, "cpu", real))
    crop = embedder.crop(astronaut, astronaut_face)
    picture = np.asarray(Image.open(GOLDEN / "astronaut-retail-0095.png"))
    assert crop.shape == picture.shape == (128, 128, 3)
    assert np.abs(crop.astype(int) - picture).max() <= 1
    golden = json.loads((GOLDEN / "astronaut-retail-0095.json").read_text())
    assert golden["weights_sha256"] == REAL.sha256
    assert golden["preprocessing"] == REAL.preprocessing == embedder.identity.preprocessing
    assert golden["landmarks"] == [list(point) for point in astronaut_face.landmarks]
    np.testing.assert_allclose(embedder.embed(crop[None])[0], golden["embedding"], atol=1e-4)


def test_the_published_network_has_the_layers_that_its_card_says(real):
    layers = weights.load_layers(REAL, real)
    kinds = [layer.kind for layer in layers]
    # One convolution more: it turns RGB into the BGR of the network.
    assert (kinds.count("Conv"), kinds.count("PRelu"), kinds.count("Sigmoid")) == (81, 48, 15)
    numbers = sum(constant.size for layer in layers for constant in layer.constants)
    assert 1.0e6 < numbers < 1.3e6  # the card says 1.107 million parameters
