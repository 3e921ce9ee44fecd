"""Files that anyone may have made are read or refused with a slug; no content is a traceback."""

import io
import json
import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save
from support.originals import inception_resnet

from faceunlock.errors import ModelError
from faceunlock.pipeline.models.registry import COMPACT, MODELS
from faceunlock.pipeline.runtime.torch_runtime import build
from faceunlock.pipeline.weights import cache, dlib_format, facenet_format, find, load, storage

FEW = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def bytes_saved(value, **options):
    content = io.BytesIO()
    torch.save(value, content, **options)
    return content.getvalue()


PLAIN = {"conv2d_1a.conv.weight": torch.zeros(2, 3), "step": 3}
SAVED = [
    bytes_saved(PLAIN),
    bytes_saved(PLAIN, _use_new_zipfile_serialization=False),
    pickle.dumps({"a": [1, 2]}),
]
HOSTILE_PICKLES = st.one_of(
    st.binary(max_size=300),
    st.builds(lambda data, end: data[: int(end * len(data))], st.sampled_from(SAVED), st.floats(0, 1)),
    st.builds(
        lambda data, at, junk: data[: int(at * len(data))] + junk + data[int(at * len(data)) + len(junk) :],
        st.sampled_from(SAVED),
        st.floats(0, 1),
        st.binary(min_size=1, max_size=8),
    ),
    st.binary(max_size=60).map(lambda tail: b"\x80\x02" + tail),
)


@given(data=HOSTILE_PICKLES)
@FEW
def test_a_hostile_checkpoint_of_a_download(data):
    with pytest.raises(ModelError) as caught:
        facenet_format.read_checkpoint(data)
    assert caught.value.slug == "weights-corrupt"


@pytest.mark.parametrize(
    "state", [3, [], {}, {1: 2}, {(): torch.zeros(1)}, {"logits.weight": 1}, torch.zeros(2), None, "text"]
)
def test_a_checkpoint_of_something_else(state):
    with pytest.raises(ModelError, match="weights"):
        facenet_format.read_checkpoint(bytes_saved(state))


@pytest.mark.parametrize(
    ("tensor", "said"),
    [
        (torch.zeros(32, 3, 3, 3, device="meta"), "plain weights"),
        (torch.zeros(32, 3, 3, 3).to_sparse(), "plain weights"),
        (torch.zeros(32, 3, 3, 3, dtype=torch.float16), r"conv2d_1a\.conv\.weight"),
        (torch.full((32, 3, 3, 3), float("nan")), r"conv2d_1a\.conv\.weight"),
        ("weights", r"conv2d_1a\.conv\.weight"),
    ],
    ids=["meta", "sparse", "half", "nan", "text"],
)
def test_a_tensor_without_usable_values(tensor, said):
    state = inception_resnet().state_dict() | {"conv2d_1a.conv.weight": tensor}
    with pytest.raises(ModelError, match=said) as caught:
        facenet_format.read_checkpoint(bytes_saved(state))
    assert caught.value.slug == "weights-corrupt"


def headed(header):
    return len(header).to_bytes(8, "little") + header + bytes(64)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
ENTRY = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from(["F32", "BF16", "F8_E4M3", "I8", "U64", "X"]) | JSON,
        "shape": st.lists(st.integers(-1, 1 << 62), max_size=3) | JSON,
        "data_offsets": st.lists(st.integers(0, 64), min_size=2, max_size=2) | JSON,
    }
)
METADATA = st.fixed_dictionaries(
    {"faceunlock": st.one_of(JSON.map(json.dumps), st.text(), st.just("[" * 100_000), JSON)}
)
HOSTILE_SAFETENSORS = st.one_of(
    st.binary(max_size=200),
    st.binary(max_size=100).map(headed),
    st.just(headed(b"[" * 100_000)),
    st.dictionaries(st.text(max_size=5), ENTRY, max_size=3).map(
        lambda value: headed(json.dumps(value).encode())
    ),
    st.builds(
        lambda entries, metadata: headed(json.dumps({**entries, "__metadata__": metadata}).encode()),
        st.dictionaries(st.text(max_size=5), ENTRY, max_size=2),
        METADATA,
    ),
)


@given(data=HOSTILE_SAFETENSORS)
@FEW
def test_a_hostile_header_of_a_weights_file(data):
    with pytest.raises(ValueError):  # which every caller turns into weights-corrupt
        storage.read(data, COMPACT)


def cached(folder, content, **fields):
    """The cache with these bytes as weights of vggface2, and a record that fits."""
    spec = MODELS["vggface2"]
    with cache.writing(spec, folder):
        cache.write(spec, folder, content, "https://example.org", str(spec.sha256))
    return spec


@given(data=HOSTILE_SAFETENSORS | st.sampled_from([save({"a": np.zeros(2, dtype=np.float64)})]))
@FEW
def test_hostile_weights_with_a_record_that_fits(tmp_path, data):
    spec = cached(tmp_path, data)
    with pytest.raises(ModelError) as caught:
        build(lambda: torch.nn.Linear(2, 2), load(spec, tmp_path).arrays)
    assert caught.value.slug == "weights-corrupt"


@pytest.mark.parametrize("dtype", ["float64", "float16", "int64", "uint16", "bool"])
def test_weights_of_another_type_do_not_become_a_network(dtype):
    arrays = {"weight": np.zeros((2, 2), dtype=dtype), "bias": np.zeros(2, dtype=np.float32)}
    with pytest.raises(ModelError) as caught:
        build(lambda: torch.nn.Linear(2, 2), arrays)
    assert caught.value.slug == "weights-corrupt"


@given(content=st.binary(max_size=100) | JSON.map(lambda value: json.dumps(value).encode()))
@FEW
def test_a_hostile_manifest(tmp_path, content):
    spec = cached(tmp_path, b"weights")
    cache.manifest_path(spec, tmp_path).write_bytes(content)
    assert find(spec, tmp_path).status == "corrupt"
    with pytest.raises(ModelError) as caught:
        load(spec, tmp_path)
    assert caught.value.slug == "weights-corrupt"


@given(
    changes=st.dictionaries(
        st.sampled_from(["format", "sha256", "size_bytes", "source", "source_sha256", "pulled_at", "more"]),
        JSON,
        min_size=1,
    )
)
@FEW
def test_a_manifest_with_hostile_values(tmp_path, changes):
    spec = cached(tmp_path, b"weights")
    path = cache.manifest_path(spec, tmp_path)
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    find(spec, tmp_path)
    with pytest.raises(ModelError) as caught:
        load(replace(spec, sha256=None), tmp_path)
    assert caught.value.slug == "weights-corrupt"


SECTIONS = [b"\x01\x0dloss_metric_2", b"\x01\x15input_rgb_image_sized", b"\x01\x05con_4", b"\x01\x07affine_"]


@given(parts=st.lists(st.binary(max_size=30) | st.sampled_from([b"\x01\x01", *SECTIONS]), max_size=12))
@FEW
def test_a_hostile_file_of_dlib(parts):
    with pytest.raises(ModelError) as caught:
        dlib_format.parse(b"".join(parts))
    assert caught.value.slug == "weights-corrupt"
