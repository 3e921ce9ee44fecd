"""Read the published weights of facenet-pytorch safely, and without PyTorch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from faceunlock.errors import ModelError
from faceunlock.pipeline.weights.facenet_layers import facenet_layers
from faceunlock.pipeline.weights.pickles import load_plain

CLASSIFIER = ("logits.weight", "logits.bias")
"""Names of the arrays that only tell the people of the training apart."""


def read_checkpoint(data: bytes) -> dict[str, NDArray[np.float32]]:
    """Read a published ``.pt`` file without running any code that it may contain.

    Parameters
    ----------
    data : bytes
        The whole file.

    Returns
    -------
    dict of str to ndarray of float32
        The weights of InceptionResnetV1. The classifier (``logits.*``) and the step counters of batch
        normalisation are left out, since an embedding needs neither.

    Raises
    ------
    ModelError
        ``weights-corrupt`` if the file cannot be read safely, or if its names, shapes, types or values do not
        fit the network.
    """
    try:
        state = load_plain(data)
    except ValueError as error:
        raise ModelError("weights-corrupt", "the file is not a PyTorch file of plain weights") from error
    if not isinstance(state, dict) or not all(isinstance(name, str) for name in state):
        raise ModelError("weights-corrupt", "the file contains no table of weights")
    arrays = {
        name: value
        for name, value in state.items()
        if name not in CLASSIFIER and not name.endswith("num_batches_tracked")
    }
    try:
        facenet_layers(arrays)
    except ModelError as error:
        raise ModelError(
            "weights-corrupt", f"the weights are not those of InceptionResnetV1: {error.message}"
        ) from error
    return {name: np.ascontiguousarray(array) for name, array in arrays.items()}
