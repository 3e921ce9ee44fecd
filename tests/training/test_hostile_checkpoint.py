"""A checkpoint or a head that anyone may have made is refused with a slug, whatever it holds."""

import hashlib
import io
import json

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from faceunlock.errors import TrainingError
from faceunlock.training.checkpoint import CHECKPOINT, FORMAT, read_checkpoint
from faceunlock.training.head_file import ARRAYS, HEAD, read_head

FEW = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
VALUES = JSON | JSON.map(json.dumps) | st.just("[" * 100_000)
PROGRESS = st.fixed_dictionaries(
    dict.fromkeys(("epoch", "step", "loss_sum", "images", "seconds"), JSON)
    | {"history": JSON | st.lists(st.fixed_dictionaries({"validation": JSON, "epoch": JSON}), min_size=1)}
).map(json.dumps)


def sealed(data):
    return hashlib.sha256(data).digest() + data


def saved(value):
    content = io.BytesIO()
    torch.save(value, content)
    return sealed(content.getvalue())


@given(
    data=st.one_of(
        st.binary(max_size=100),
        st.binary(max_size=100).map(sealed),
        JSON.map(saved),
        st.fixed_dictionaries(
            {"format": st.just(FORMAT), "made_from": VALUES, "progress": VALUES | PROGRESS, "state": JSON}
        ).map(saved),
    )
)
@FEW
def test_a_hostile_checkpoint(tmp_path, data):
    (tmp_path / CHECKPOINT).write_bytes(data)
    with pytest.raises(TrainingError) as caught:
        read_checkpoint(tmp_path, {"seed": 0})
    assert caught.value.slug in ("checkpoint-damaged", "training-mismatch")


@given(record=st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()))
@FEW
def test_a_hostile_head(tmp_path, record):
    (tmp_path / ARRAYS).write_bytes(b"arrays")
    (tmp_path / HEAD).write_bytes(record)
    with pytest.raises(TrainingError) as caught:
        read_head(tmp_path)
    assert caught.value.slug == "head-damaged"
