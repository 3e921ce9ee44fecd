"""Read the published weights of facenet-pytorch safely."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from facenet_pytorch.models.inception_resnet_v1 import InceptionResnetV1

from faceunlock.errors import ModelError
from faceunlock.pipeline.weights.pickles import load_plain


def read_checkpoint(data: bytes) -> dict[str, torch.Tensor]:
    """Read a published ``.pt`` file without running any code that it may contain.

    Parameters
    ----------
    data : bytes
        The whole file.

    Returns
    -------
    dict of str to torch.Tensor
        The weights of InceptionResnetV1, float32. The classifier (``logits.*``) and the step counters of
        batch normalisation are left out, since an embedding needs neither.

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
    return _checked(state)


def _checked(state: object) -> dict[str, torch.Tensor]:
    with torch.device("meta"):
        expected = _essential(InceptionResnetV1(pretrained=None, classify=False).state_dict())
    if not isinstance(state, Mapping):
        raise ModelError("weights-corrupt", "the file contains no table of weights")
    found = _essential(state)
    if found.keys() != expected.keys():
        odd = sorted(map(str, found.keys() ^ expected.keys()))
        raise ModelError(
            "weights-corrupt",
            f"the weights are not those of InceptionResnetV1: {len(odd)} names differ, such as {odd[0]}",
        )
    for name, tensor in found.items():
        if not _fits(tensor, expected[name]):
            raise ModelError(
                "weights-corrupt",
                f"the weights are not those of InceptionResnetV1: {name} has the wrong shape, type or value",
            )
    return {name: tensor.detach().contiguous() for name, tensor in found.items()}


def _essential(state: Mapping[Any, Any]) -> dict[Any, Any]:
    dropped = ("logits.weight", "logits.bias")
    return {
        name: value
        for name, value in state.items()
        if name not in dropped and not str(name).endswith("num_batches_tracked")
    }


def _fits(tensor: object, expected: torch.Tensor) -> bool:
    return (
        isinstance(tensor, torch.Tensor)
        and tensor.shape == expected.shape
        and tensor.dtype == torch.float32
        and tensor.layout == torch.strided
        and tensor.device.type == "cpu"  # not "meta", which has no values
        and bool(torch.isfinite(tensor).all())
    )
