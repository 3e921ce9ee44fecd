"""What PyTorch answered: on record for networks whose weights are known, so a conversion needs no PyTorch.

``golden.json`` has, by the name of the network, the checksum of the weights and a sample of the answer to a
fixed question. ``benchmarks/make_golden_networks.py`` writes it, from facenet-pytorch's networks and from our
torch modules.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faceunlock.pipeline.runtime.network import NetworkSource

FILE = Path(__file__).with_suffix(".json")

SAMPLE = 16
"""Numbers of an answer that are on record, at most."""


def question(source: NetworkSource) -> NDArray[np.float32]:
    """Return the fixed input of a network, of its example's shape: waves that no random generator makes.

    Examples
    --------
    >>> source = NetworkSource("n", str, Path(), list, (1, 3, 4, 4), {})
    >>> question(source).dtype.name, round(float(question(source)[0, 0, 0, 1]), 3)
    ('float32', 0.621)
    """
    places = np.indices(source.example_shape, dtype=np.float64)
    steps = np.array([1.9, 1.1, 0.53, 0.67]).reshape(-1, 1, 1, 1, 1)
    waves: NDArray[np.float32] = np.sin((places * steps).sum(axis=0)).astype(np.float32)
    return waves


def sample(output: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return at most `SAMPLE` numbers, evenly spread over an output of any shape.

    Examples
    --------
    >>> sample(np.arange(64).reshape(4, 16)).tolist()[:3]
    [0, 4, 8]
    """
    numbers = output.ravel()
    return numbers[:: -(-len(numbers) // SAMPLE)]


def answer(source: NetworkSource) -> NDArray[np.float32] | None:
    """Return what the original answers to `question`, as a `sample`; None if that is not on record."""
    entry = json.loads(FILE.read_text(encoding="utf-8")).get(source.name)
    if entry is None or entry["weights"] != source.weights_sha256():
        return None
    return np.array(entry["answer"], dtype=np.float32)
