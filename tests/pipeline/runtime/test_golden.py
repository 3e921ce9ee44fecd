"""What PyTorch answered is on record for every network that the program brings along."""

from pathlib import Path

import numpy as np
import pytest
from support.originals import detector_networks

from faceunlock.pipeline.detection import network_sources
from faceunlock.pipeline.embedding import network_source
from faceunlock.pipeline.models.registry import MODELS, Bundled
from faceunlock.pipeline.runtime import golden
from faceunlock.pipeline.runtime.torch_runtime import TorchNetwork

NOWHERE = Path("/nonexistent")
SOURCES = {
    source.name: source
    for source in (
        *network_sources(),
        *(network_source(spec, NOWHERE) for spec in MODELS.values() if isinstance(spec.weights, Bundled)),
    )
}


@pytest.mark.parametrize("name", SOURCES)
def test_every_network_is_on_record(name):
    """If not: a network has other weights; run benchmarks/make_golden_networks.py."""
    answer = golden.answer(SOURCES[name])
    assert answer is not None and np.ptp(answer) > 0 and len(answer) >= 5


@pytest.mark.oracle
def test_the_record_is_what_facenet_pytorch_answers():
    for source, module in zip(network_sources(), detector_networks(), strict=True):
        found = golden.sample(TorchNetwork(module, "cpu")(golden.question(source)))
        np.testing.assert_allclose(found, golden.answer(source), atol=1e-5)


def test_other_weights_have_no_answer_on_record():
    import dataclasses

    source = SOURCES["compact"]
    assert golden.answer(dataclasses.replace(source, weights_sha256=lambda: "0" * 64)) is None
    assert golden.answer(dataclasses.replace(source, name="another")) is None
