"""PyTorch's files of tensors, read without PyTorch: the same numbers, and nothing else from any file."""

import collections
import io
import os
import pickle
import pickletools
import struct
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from faceunlock.files.packages import find_in_package
from faceunlock.pipeline.weights.pickles import STEPS, load_plain

FORMATS = pytest.mark.parametrize("modern", [True, False], ids=["zip", "old"])


def saved(value, modern=True):
    content = io.BytesIO()
    torch.save(value, content, _use_new_zipfile_serialization=modern)
    return content.getvalue()


def plain(value):
    """What a file should give: an array in the place of every tensor."""
    if isinstance(value, torch.Tensor):
        return value.detach().numpy()
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(plain, value))
    return value


def assert_same(found, expected):
    assert type(found) is type(expected)
    if isinstance(expected, np.ndarray):
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)
    elif isinstance(expected, dict):
        assert list(found) == list(expected)
        for key in expected:
            assert_same(found[key], expected[key])
    elif isinstance(expected, list | tuple):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other)
    else:
        assert found == expected


TYPES = [torch.float32, torch.float64, torch.float16, torch.int64, torch.int32, torch.int16, torch.int8]
TENSORS = st.builds(
    lambda sides, kind, seed: torch.from_numpy(np.random.default_rng(seed).integers(-100, 100, sides)).to(
        kind
    ),
    st.lists(st.integers(0, 4), max_size=4),
    st.sampled_from([*TYPES, torch.bool, torch.uint8]),
    st.integers(0, 9),
)
PLAIN = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text()
SAVED = st.recursive(
    PLAIN | TENSORS,
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.lists(inner, max_size=5).map(tuple)
        | st.dictionaries(st.text(), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(value=SAVED, modern=st.booleans())
@settings(max_examples=150, deadline=None)
def test_what_was_saved_comes_back(value, modern):
    assert_same(load_plain(saved(value, modern)), plain(value))


@FORMATS
def test_the_state_of_a_training(modern):
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    module.to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(module.parameters())
    module(torch.rand(2, 3, 8, 8)).sum().backward()
    optimizer.step()
    state = {
        "net": dict(module.state_dict()),
        "steps": optimizer.state_dict(),
        "all": list(module.parameters()),
    }
    assert_same(load_plain(saved(state, modern)), plain(state))


@FORMATS
def test_parts_of_one_storage(modern):
    whole = torch.arange(12.0)
    parts = {
        "rows": whole.reshape(3, 4)[1:],
        "columns": whole.reshape(3, 4).T,
        "every": whole[::3],
        "one": whole[7],
    }
    assert_same(load_plain(saved(parts, modern)), plain(parts))


@pytest.mark.oracle
@pytest.mark.parametrize("name", ["pnet", "rnet", "onet"])
def test_the_detectors_weights(name):
    path = find_in_package("facenet_pytorch", f"data/{name}.pt")
    assert_same(load_plain(path.read_bytes()), plain(dict(torch.load(path, weights_only=True))))


def described(value, modern):
    """A file whose description is the pickle of any value, with PyTorch's frame around it."""
    program = value if isinstance(value, bytes) else pickle.dumps(value, protocol=2)
    if not modern:
        head = [
            pickle.dumps(part, protocol=2) for part in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})
        ]
        return b"".join([*head, program, pickle.dumps([], protocol=2)])
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("archive/data.pkl", program)
    return content.getvalue()


class Calling:
    """Pickles as a call."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@FORMATS
@pytest.mark.parametrize(
    "function", [os.mkdir, os.system, eval, print, bytearray, collections.Counter, torch.zeros, getattr]
)
def test_nothing_else_is_called_or_even_named(tmp_path, function, modern):
    for value in (Calling(function, str(tmp_path / "made")), function, [function]):
        with pytest.raises(ValueError, match="plain values"):
            load_plain(described(value, modern))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "step",
    [step for step in pickletools.opcodes if step.name not in {*STEPS, "STOP"}],
    ids=lambda step: step.name,
)
def test_every_step_that_tensors_do_not_need_is_refused(step):
    # Arguments of any form: lengths of nothing, empty lines.
    program = b"\x80\x02K\x01K\x02(" + step.code.encode("latin-1") + b"\0" * 9 + b"\n\n."
    with pytest.raises(ValueError, match="plain values"):
        load_plain(described(program, modern=True))


def test_what_makes_objects_is_not_among_the_steps():
    makers = {"INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "STACK_GLOBAL", "EXT1", "EXT2", "EXT4", "PERSID"}
    assert not set(STEPS) & makers


def storage(count=4, kind="FloatStorage", key="0"):
    number = b"J" + struct.pack("<i", count)
    parts = [b"X\x07\0\0\0storage", b"ctorch\n" + kind.encode() + b"\n", b"X\x01\0\0\0" + key.encode()]
    return b"(" + b"".join([*parts, b"X\x03\0\0\0cpu", number]) + b"tQ"


def whole(numbers):
    return b"(" + b"".join(b"J" + struct.pack("<i", number) for number in numbers) + b"t"


def tensor(offset=0, shape=(4,), strides=(1,), **options):
    """A file with one tensor over a storage of four numbers, described as an attacker likes."""
    arguments = storage(**options) + b"J" + struct.pack("<i", offset) + whole(shape) + whole(strides)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("a/data.pkl", b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(" + arguments + b"tR.")
        archive.writestr("a/data/0", np.arange(4, dtype="<f4").tobytes())
    return content.getvalue()


def test_the_attackers_tensor_is_read_where_it_is_none():
    np.testing.assert_array_equal(load_plain(tensor(1, (2,), (2,))), [1, 3])


@pytest.mark.parametrize(
    "wrong",
    [
        {"offset": 1},
        {"offset": -1, "shape": (1,)},
        {"shape": (5,)},
        {"shape": (-1,)},
        {"shape": (2, 2), "strides": (4, 1)},
        {"strides": (-1,), "offset": 3},
        {"shape": (4, 1), "strides": (1,)},
        {"shape": (2**31 - 1,), "strides": (0,)},
        {"shape": (1,) * 40, "strides": (1,) * 40},
        {"count": 3},
        {"count": 5},
        {"count": -4},
        {"key": "1"},
        {"key": "/"},
        {"kind": "DoubleStorage"},
        {"kind": "BFloat16Storage"},
        {"kind": "UntypedStorage"},
    ],
)
def test_numbers_outside_of_a_storage_are_refused(wrong):
    with pytest.raises(ValueError, match="plain values"):
        load_plain(tensor(**wrong))


def test_nothing_is_larger_than_the_file(monkeypatch):
    """A storage that the file cannot hold is not even reserved; a compressed part is not unpacked."""
    monkeypatch.setattr(np, "zeros", lambda *arguments, **options: pytest.fail("reserved"))
    huge = b"\x80\x02" + storage(count=2**31 - 1) + b"."
    with pytest.raises(ValueError, match="plain values"):
        load_plain(described(huge, modern=False))
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/data.pkl", pickle.dumps([0] * 1000, protocol=2))
    with pytest.raises(ValueError, match="plain values"):
        load_plain(content.getvalue())


REAL = [saved({"weight": torch.arange(6.0).reshape(2, 3), "step": 3}, modern) for modern in (True, False)]


@given(
    file=st.sampled_from(REAL),
    place=st.floats(0, 1),
    junk=st.binary(max_size=8),
    cut=st.booleans(),
)
@settings(max_examples=400, deadline=None)
def test_a_damaged_file_is_another_value_or_none(file, place, junk, cut):
    at = int(place * len(file))
    data = file[:at] + junk + (b"" if cut else file[at + len(junk) :])
    try:
        load_plain(data)
    except ValueError as error:
        assert "plain values" in str(error)


@given(
    steps=st.lists(
        st.sampled_from([step.code for step in pickletools.opcodes]) | st.text(max_size=2), max_size=30
    )
)
@settings(max_examples=400, deadline=None)
def test_steps_in_any_order_are_a_value_or_none(steps):
    program = b"\x80\x02" + "".join(steps).encode("utf-8", "replace") + b"."
    try:
        load_plain(described(program, modern=True))
    except ValueError as error:
        assert "plain values" in str(error)


def test_pytorch_is_not_needed():
    path = find_in_package("facenet_pytorch", "data/pnet.pt")
    program = (
        "import sys\nfrom pathlib import Path\nfrom faceunlock.pipeline.weights.pickles import load_plain\n"
        "print(len(load_plain(Path(sys.argv[1]).read_bytes())), 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=True)
    assert done.stdout == "13 False\n"
