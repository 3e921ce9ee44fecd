"""Converted networks: the same answers as PyTorch, and a cache that is made again rather than trusted."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from faceunlock.errors import ModelError
from faceunlock.pipeline.runtime import Engine, conversion, golden, onnx_runtime
from faceunlock.pipeline.runtime.conversion import open_converted
from faceunlock.pipeline.runtime.kept import Keeping
from faceunlock.pipeline.runtime.layered_module import LayeredModule
from faceunlock.pipeline.runtime.layers import INPUT, Layer
from faceunlock.pipeline.runtime.network import NetworkSource
from faceunlock.pipeline.runtime.onnx_runtime import BATCH, OnnxNetwork
from faceunlock.pipeline.runtime.torch_runtime import TorchNetwork


def floats(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def make_layers(seed=0):
    return [
        Layer("Conv", (INPUT,), "maps", (floats(4, 3, 3, 3, seed=seed), floats(4, seed=seed))),
        Layer("PRelu", ("maps",), "rectified", (floats(4, 1, 1, seed=seed),)),
        Layer("AveragePool", ("rectified",), "pooled", (), {"kernel_shape": (3, 3), "strides": (3, 3)}),
        Layer("Flatten", ("pooled",), "flat"),
    ]


def on_pytorch(layers, crops):
    return TorchNetwork(LayeredModule(layers), "cpu")(crops)


def converted(recipe, cache):
    """Open the network; return the file that is kept of it."""
    open_converted(recipe, cache)
    (path,) = (cache / "converted").glob(f"{recipe.name}-*.onnx")
    return path


@pytest.fixture(scope="module")
def recipe():
    return NetworkSource("small", lambda: "a" * 64, Path(__file__), make_layers, (2, 3, 8, 8), {0: "n"})


@pytest.fixture(scope="module")
def kept(recipe, tmp_path_factory):
    """A cache that holds the conversion."""
    cache = tmp_path_factory.mktemp("cache")
    cache.chmod(0o700)
    assert converted(recipe, cache).is_file()
    return cache


@pytest.fixture
def cache(kept, tmp_path):
    """A copy of that cache."""
    folder = tmp_path / "converted"
    folder.mkdir(mode=0o700)
    for path in (kept / "converted").iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
        (folder / path.name).chmod(0o600)
    return tmp_path


@pytest.fixture
def conversions(monkeypatch):
    """Count the conversions, and make each cheap: the real one has been tested above."""
    done = []
    original = conversion._convert

    def count(recipe, directory, told):
        done.append(recipe.name)
        return original(recipe, directory, told)

    monkeypatch.setattr(conversion, "_convert", count)
    return done


def batch(count, seed=0):
    return np.random.default_rng(seed).normal(size=(count, 3, 8, 8)).astype(np.float32)


@pytest.mark.parametrize("count", [0, 1, 2, BATCH + 3])
def test_the_same_answers_as_pytorch(recipe, kept, count):
    crops = batch(count)
    expected = on_pytorch(make_layers(), crops)
    for threads in (0, 1):
        result = open_converted(recipe, kept, threads=threads)(crops)
        assert result.dtype == np.float32
        np.testing.assert_allclose(result, expected, atol=1e-6)


def test_what_is_kept_is_used_again(recipe, cache, conversions):
    first, again = converted(recipe, cache), converted(recipe, cache)
    assert first == again and conversions == []
    assert {path.stat().st_mode & 0o777 for path in (cache / "converted").iterdir()} == {0o600}


def test_a_damaged_file_is_made_again(recipe, cache, conversions):
    path = converted(recipe, cache)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert converted(recipe, cache).read_bytes() != bytes(content)
    assert conversions == ["small"]


@pytest.mark.parametrize("place", [0.0, 0.1, 0.5, 0.9])
def test_a_damaged_file_is_never_the_network_that_answers(recipe, cache, conversions, place):
    path = converted(recipe, cache)
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= 0xFF
    path.write_bytes(content)
    expected = on_pytorch(make_layers(), batch(3))
    for _ in range(2):
        np.testing.assert_allclose(open_converted(recipe, cache)(batch(3)), expected, atol=1e-6)
        assert conversions == ["small"]


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"files": {}, "made_from": {}}', "\xff", '{"files": 3, "made_from": 3}']
)
def test_a_damaged_record_is_made_again(recipe, cache, conversions, text):
    (cache / "converted" / "small.json").write_text(text, encoding="latin-1")
    converted(recipe, cache)
    assert conversions == ["small"]


@pytest.mark.parametrize(
    "change", [{"weights_sha256": lambda: "b" * 64}, {"definition": Path(conversion.__file__)}]
)
def test_other_weights_or_layers_are_made_again(recipe, cache, conversions, change):
    converted(replace(recipe, **change), cache)
    assert conversions == ["small"]
    assert len(list((cache / "converted").glob("*.onnx"))) == 1


def test_another_version_of_the_runtime_makes_it_again(recipe, cache, conversions, monkeypatch):
    monkeypatch.setattr("onnxruntime.__version__", "0.0")
    converted(recipe, cache)
    assert conversions == ["small"]


def test_a_record_that_names_a_file_elsewhere_is_not_followed(recipe, cache, conversions, tmp_path):
    record_path = cache / "converted" / "small.json"
    record = json.loads(record_path.read_text())
    foreign = tmp_path / "foreign.onnx"
    foreign.write_bytes(b"foreign")
    record["files"] = {str(foreign): hashlib.sha256(b"foreign").hexdigest()}
    record_path.write_text(json.dumps(record))
    converted(recipe, cache)
    assert conversions == ["small"]


def test_what_others_can_write_is_refused(recipe, cache):
    converted(recipe, cache).chmod(0o666)
    with pytest.raises(ModelError) as caught:
        converted(recipe, cache)
    assert caught.value.slug == "insecure-permissions"


def test_without_a_place_to_keep_it_the_network_is_returned(recipe, tmp_path, caplog):
    (tmp_path / "converted").write_text("in the way")
    network = open_converted(recipe, tmp_path)
    np.testing.assert_allclose(network(batch(2)), on_pytorch(make_layers(), batch(2)), atol=1e-6)
    assert "cannot be saved" in caplog.text


def test_an_optimisation_that_changes_the_answers_is_refused(recipe, tmp_path, monkeypatch):
    class Optimised(OnnxNetwork):
        """ONNX Runtime with a fault: what was optimised answers like another network."""

        def __call__(self, crops):
            right = super().__call__(crops)
            return right if isinstance(self.model, bytes) else right[:, ::-1]

        def __init__(self, model, **options):
            super().__init__(model, **options)
            self.model = model

    monkeypatch.setattr(onnx_runtime, "OnnxNetwork", Optimised)
    with pytest.raises(ModelError, match="optimised") as caught:
        converted(recipe, tmp_path)
    assert caught.value.slug == "conversion-failed"
    assert not list(tmp_path.rglob("*.onnx"))


def test_a_network_that_does_not_answer_like_the_original_is_refused(recipe, tmp_path, monkeypatch):
    crops = golden.question(recipe)
    record = {"small": {"weights": "a" * 64}}
    for seed in (0, 1):
        record["small"]["answer"] = golden.sample(on_pytorch(make_layers(seed), crops)).tolist()
        (tmp_path / f"{seed}.json").write_text(json.dumps(record))
    monkeypatch.setattr(golden, "FILE", tmp_path / "0.json")
    assert converted(recipe, tmp_path / "cache").is_file()
    monkeypatch.setattr(golden, "FILE", tmp_path / "1.json")
    with pytest.raises(ModelError, match="like the original") as caught:
        conversion.prepare(recipe, tmp_path / "other", keeping=Keeping())
    assert caught.value.slug == "conversion-failed"
    assert conversion.answers_like_the_original(recipe, tmp_path / "cache", Keeping()) is False


def test_a_network_that_cannot_be_converted_runs_on_pytorch(recipe, tmp_path, monkeypatch, caplog):
    def fail(source):
        raise ModelError("conversion-failed", "ONNX Runtime cannot convert the network small")

    monkeypatch.setattr(conversion, "_written", fail)
    network = Engine("onnx", "cpu", tmp_path).network(recipe)
    np.testing.assert_allclose(network(batch(2)), on_pytorch(make_layers(), batch(2)), atol=1e-6)
    assert "using PyTorch" in caplog.text


def test_no_output_is_not_like_another(recipe, tmp_path):
    """Numbers that are none, of weights that are too large, are no answer."""
    large = [Layer("Mul", (INPUT,), "m", (np.full(1, 3e38, dtype=np.float32),)), *make_layers()]
    large[1] = replace(large[1], inputs=("m",))
    with pytest.raises(ModelError) as caught:
        converted(replace(recipe, name="large", layers=lambda: large), tmp_path)
    assert caught.value.slug == "conversion-failed"


def test_large_tensors_are_kept_in_a_file_of_their_own_and_checked_too(tmp_path, conversions):
    matrix = floats(192, 300) / 20
    layers = [Layer("Flatten", (INPUT,), "flat"), Layer("Gemm", ("flat",), "product", (matrix,))]
    wide = NetworkSource("wide", lambda: "a" * 64, Path(__file__), lambda: layers, (2, 3, 8, 8), {0: "n"})
    expected = batch(3).reshape(3, -1) @ matrix
    np.testing.assert_allclose(open_converted(wide, tmp_path)(batch(3)), expected, atol=1e-5)
    (large,) = (tmp_path / "converted").glob("wide-*.bin")
    assert large.stat().st_mode & 0o777 == 0o600
    np.testing.assert_allclose(open_converted(wide, tmp_path)(batch(3)), expected, atol=1e-5)
    assert conversions == ["wide"]
    content = bytearray(large.read_bytes())
    content[1000] ^= 0x40
    large.write_bytes(content)
    np.testing.assert_allclose(open_converted(wide, tmp_path)(batch(3)), expected, atol=1e-5)
    assert conversions == ["wide", "wide"]
    assert len(list((tmp_path / "converted").iterdir())) == 3
    next((tmp_path / "converted").glob("wide-*.bin")).unlink()
    np.testing.assert_allclose(open_converted(wide, tmp_path)(batch(3)), expected, atol=1e-5)
    assert conversions == ["wide", "wide", "wide"]


def test_a_preparation_tells_each_step_and_a_kept_network_nothing(recipe, tmp_path):
    heard = []
    keeping = Keeping(told=lambda *step: heard.append(step))
    open_converted(recipe, tmp_path, keeping=keeping)
    assert heard == [(recipe.name, step, conversion.STEPS) for step in range(conversion.STEPS + 1)]
    heard.clear()
    open_converted(recipe, tmp_path, keeping=keeping)
    assert not heard
