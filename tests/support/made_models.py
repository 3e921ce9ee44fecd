"""Folders with a model, as ``faceunlock train`` leaves them, but never trained."""

from __future__ import annotations

import torch

from faceunlock.pipeline.embedding.networks import make_network
from faceunlock.pipeline.models.architecture import ResidualArchitecture
from faceunlock.pipeline.weights.storage import pack
from faceunlock.training.output import finish, make_record, write_weights

TINY = ResidualArchitecture(input_size=32, widths=(4, 8), blocks=(1, 2), dimension=6)


def write_model(folder, architecture=TINY, seed=0, storage="float32"):
    torch.manual_seed(seed)
    state = {
        name: value.numpy()
        for name, value in make_network(architecture).state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    return write_packed(folder, architecture, state, storage)


def write_packed(folder, architecture, arrays, storage):
    folder.mkdir(mode=0o700)
    sha256, size = write_weights(folder, pack(arrays, storage), architecture, storage)
    made = {"threshold": 0.4, "threshold_data": "a guess", "training_data": "noise", "created": "2026-01-31"}
    finish(folder, make_record(folder.name, architecture, sha256, size, **made))
    return folder
