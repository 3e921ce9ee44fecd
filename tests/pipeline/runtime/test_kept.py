"""Kept networks under a sealed gallery: only what this program wrote, under this key, ever answers."""

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from faceunlock.errors import ModelError
from faceunlock.pipeline.runtime import Engine, conversion, kept
from faceunlock.pipeline.runtime.kept import Keeping, is_kept, open_kept, sign_again
from faceunlock.pipeline.runtime.layers import INPUT, Layer
from faceunlock.pipeline.runtime.network import NetworkSource

KEY, OTHER = bytes(32), bytes(31) + b"1"
SEALED = Keeping(KEY)
CROPS = np.random.default_rng(0).normal(size=(3, 3, 8, 8)).astype(np.float32)


def layers(seed=0):
    matrix = np.random.default_rng(seed).normal(scale=0.05, size=(300, 192)).astype(np.float32)
    return [Layer("Flatten", (INPUT,), "flat"), Layer("Gemm", ("flat",), "out", (matrix,), {"transB": 1})]


SOURCE = NetworkSource("wide", lambda: "a" * 64, Path(__file__), layers, (2, 3, 8, 8), {0: "n"})
FOREIGN = replace(SOURCE, layers=lambda: layers(1))
"""Another network of the same shape: whoever controls it decides what everybody looks like."""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A cache of the genuine network, and one of the foreign network, both made under the seal of KEY."""
    folders = []
    for source in (SOURCE, FOREIGN):
        folders.append(tmp_path_factory.mktemp("cache"))
        conversion.prepare(source, folders[-1], keeping=SEALED)
    return folders


@pytest.fixture
def cache(made, tmp_path):
    shutil.copytree(made[0] / "converted", tmp_path / "converted")
    return tmp_path


def record_of(cache, name="wide"):
    return json.loads((cache / "converted" / f"{name}.json").read_text())


def plant(made, cache, **changes):
    """Put the foreign network, with checksums of its own, where the genuine one is kept."""
    folder = cache / "converted"
    shutil.rmtree(folder)
    shutil.copytree(made[1] / "converted", folder)
    record = {**record_of(cache), **changes}
    record = {name: value for name, value in record.items() if value is not None}
    (folder / "wide.json").write_text(json.dumps(record))


def answers(source, cache, keeping):
    return conversion.open_converted(source, cache, keeping=keeping)(CROPS)


def expected(source):
    return CROPS.reshape(len(CROPS), -1) @ source.layers()[1].constants[0].T


def test_a_sealed_network_is_used_again(cache):
    assert is_kept(SOURCE, cache, SEALED)
    np.testing.assert_allclose(
        open_kept(SOURCE, cache, SEALED, threads=1)(CROPS), expected(SOURCE), atol=1e-5
    )


@pytest.mark.parametrize("mac", [None, "", "0" * 64, "ü", 3, {"a": 1}])
def test_a_foreign_network_with_checksums_of_its_own_never_answers_under_a_seal(made, cache, mac):
    plant(made, cache, mac=mac)
    assert not is_kept(SOURCE, cache, SEALED) and open_kept(SOURCE, cache, SEALED, threads=1) is None
    np.testing.assert_allclose(answers(SOURCE, cache, SEALED), expected(SOURCE), atol=1e-5)
    assert is_kept(SOURCE, cache, SEALED)  # made anew


def test_a_record_of_another_seal_of_another_network_or_without_one_proves_nothing(cache):
    assert open_kept(SOURCE, cache, Keeping(OTHER), threads=1) is None
    folder = cache / "converted"
    for path in list(folder.iterdir()):
        path.rename(folder / path.name.replace("wide", "narrow"))
    text = (folder / "narrow.json").read_text().replace("wide", "narrow")
    (folder / "narrow.json").write_text(text)
    assert open_kept(replace(SOURCE, name="narrow"), cache, SEALED, threads=1) is None
    assert is_kept(replace(SOURCE, name="narrow"), cache, Keeping())  # only the name gives it away


def test_what_is_checked_is_what_is_opened(made, cache, monkeypatch):
    """Files that are exchanged between the check and the first answer change nothing."""
    from faceunlock.pipeline.runtime import onnx_runtime

    genuine = expected(SOURCE)
    (foreign,) = (made[1] / "converted").glob("*.bin")
    (place,) = (cache / "converted").glob("*.bin")
    original = onnx_runtime.OnnxNetwork.__init__

    def exchange(self, *arguments, **options):
        place.write_bytes(foreign.read_bytes())
        original(self, *arguments, **options)

    monkeypatch.setattr(onnx_runtime.OnnxNetwork, "__init__", exchange)
    network = open_kept(SOURCE, cache, SEALED, threads=1)
    np.testing.assert_allclose(network(CROPS), genuine, atol=1e-5)


def test_a_foreign_network_in_an_unsealed_cache_is_noticed_by_its_answers(made, cache):
    assert conversion.answers_like_the_original(SOURCE, cache, Keeping()) is True
    plant(made, cache, mac=None)
    assert is_kept(SOURCE, cache, Keeping())
    assert conversion.answers_like_the_original(SOURCE, cache, Keeping()) is False
    assert conversion.answers_like_the_original(SOURCE, cache, SEALED) is None


def test_a_new_key_is_given_only_to_what_the_old_one_proves(made, cache):
    sign_again(cache, KEY, OTHER)
    assert is_kept(SOURCE, cache, Keeping(OTHER)) and not is_kept(SOURCE, cache, SEALED)
    plant(made, cache, mac="0" * 64)
    sign_again(cache, KEY, OTHER)
    assert not is_kept(SOURCE, cache, Keeping(OTHER))


def test_without_the_key_nothing_kept_is_used_and_nothing_is_kept(made, cache):
    plant(made, cache)
    before = record_of(cache)
    np.testing.assert_allclose(answers(SOURCE, cache, Keeping(trusted=False)), expected(SOURCE), atol=1e-5)
    assert record_of(cache) == before


def test_nothing_is_prepared_where_there_is_no_time_for_it(tmp_path):
    never = Keeping(prepare=False)
    network = Engine("onnx", "cpu", tmp_path, keeping=lambda: never).network(SOURCE)
    with pytest.raises(ModelError, match="not prepared") as caught:
        network(CROPS)
    assert caught.value.slug == "networks-not-prepared" and "models prepare" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_preparing_works_in_the_cache_and_leaves_only_the_result(tmp_path, monkeypatch):
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    conversion.prepare(SOURCE, tmp_path, keeping=Keeping())
    assert list((tmp_path / "tmp").iterdir()) == []
    assert {path.suffix for path in (tmp_path / "converted").iterdir()} == {".onnx", ".bin", ".json"}


def test_a_cache_that_cannot_be_written_is_an_error_of_preparing(tmp_path):
    (tmp_path / "converted").write_text("in the way")
    with pytest.raises(ModelError) as caught:
        conversion.prepare(SOURCE, tmp_path, keeping=Keeping())
    assert caught.value.slug == "weights-unwritable"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(["wide-0123456789abcdef.onnx", "..", ".", "", "/etc/passwd", "a\0b"]) | st.text()
HOSTILE = st.one_of(
    st.binary(max_size=200),
    JSON.map(lambda value: json.dumps(value).encode()),
    st.fixed_dictionaries(
        {"files": JSON | st.dictionaries(NAMES, JSON, max_size=3), "made_from": JSON}, optional={"mac": JSON}
    ).map(lambda value: json.dumps(value).encode()),
    st.just(b"[" * 100_000),
)


@given(content=HOSTILE, key=st.sampled_from([None, KEY]))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_hostile_record_is_no_record(tmp_path, content, key):
    (tmp_path / "converted").mkdir(exist_ok=True, mode=0o700)
    (tmp_path / "converted" / "wide.json").write_bytes(content)
    assert open_kept(SOURCE, tmp_path, Keeping(key), threads=1) is None
    assert not is_kept(SOURCE, tmp_path, Keeping(key))


@given(place=st.floats(0, 1), junk=st.binary(min_size=1, max_size=40))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_hostile_network_with_a_fitting_checksum_is_an_answer_or_none(made, tmp_path, place, junk):
    """Without a seal its checksum fits; whatever ONNX Runtime says about it is no traceback."""
    folder = tmp_path / "converted"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(made[1] / "converted", folder)
    (path,) = folder.glob("*.onnx")
    content = bytearray(path.read_bytes())
    at = int(place * len(content))
    content[at : at + len(junk)] = junk
    path.write_bytes(content)
    record = record_of(tmp_path)
    record["files"][path.name] = hashlib.sha256(content).hexdigest()
    (folder / "wide.json").write_text(json.dumps(record))
    assert conversion.answers_like_the_original(SOURCE, tmp_path, Keeping()) in (True, False, None)


def test_every_part_of_a_conversion_is_in_the_record():
    assert set(kept.made_from(SOURCE)) == {"weights", "converter", "onnxruntime"}
