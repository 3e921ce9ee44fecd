"""What was seen on a photo comes back from bytes with every bit; anything else is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceunlock.matching.similarity import unit
from faceunlock.photos.face import Quality
from faceunlock.pipeline.packing import pack, unpack
from faceunlock.pipeline.samples import LeftOut, Sample

DIGEST = bytes(range(32))
numbers = st.floats(-1e6, 1e6)


def sample(seed=0, dimension=8, **quality):
    vector = unit(np.random.default_rng(seed).normal(size=dimension)).astype(np.float32)
    given = {"size": 60.0, "sharpness": 40.0, "brightness": 120.0} | quality
    return Sample("a.jpg", DIGEST, Quality(**given), vector)


@given(st.integers(0, 2**32), numbers, numbers, numbers, numbers, st.none() | numbers, st.none() | numbers)
def test_every_bit_of_a_sample_comes_back(seed, size, sharpness, brightness, cut_off, turn, eye_light):
    quality = {"size": size, "sharpness": sharpness, "brightness": brightness, "cut_off": cut_off}
    before = sample(seed, 8, **quality, turn=turn, eye_light=eye_light)
    after = unpack(pack(before), "b.jpg", DIGEST, 8)
    assert after.embedding.tobytes() == before.embedding.tobytes() and after.embedding.dtype == np.float32
    assert (after.quality, after.photo, after.digest) == (before.quality, "b.jpg", DIGEST)


@given(st.text(max_size=50), st.none() | st.text(max_size=50))
def test_a_reason_comes_back_with_its_hint(detail, hint):
    after = unpack(pack(LeftOut("a.jpg", "no-face", detail, hint)), "b.jpg", DIGEST, 8)
    assert (after.photo, after.reason, after.detail, after.hint) == ("b.jpg", "no-face", detail, hint)


GOOD = pack(sample())


@pytest.mark.parametrize(
    "packed",
    [
        b"",
        b"{}\n",
        b"[]\n",
        GOOD[:-1],
        GOOD[:-4],
        GOOD + b"\0\0\0\0",
        GOOD.replace(b"\n", b"", 1),
        GOOD.replace(b"60.0", b"NaN"),
        GOOD.replace(b"60.0", b"null"),
        GOOD.replace(b'"size"', b'"sice"'),
        GOOD[:-4] + np.float32(np.nan).tobytes(),
        GOOD[:-4] + np.float32(9).tobytes(),
        b'{"reason": "no-such-reason", "detail": "", "hint": null}\n',
        b'{"reason": "no-face", "detail": 1, "hint": null}\n',
        b'{"reason": [], "detail": "", "hint": null}\n',
    ],
)
def test_what_was_not_packed_is_refused(packed):
    with pytest.raises(ValueError, match=r"."):
        unpack(packed, "a.jpg", DIGEST, 8)


def test_an_embedding_of_another_model_is_refused():
    with pytest.raises(ValueError, match="of this model"):
        unpack(GOOD, "a.jpg", DIGEST, 16)
