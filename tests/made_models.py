"""Folders with a model, as ``faceunlock train`` leaves them, but never trained."""

from __future__ import annotations

import torch

from faceunlock.embedders.architecture import Architecture
from faceunlock.embedders.residual_network import ResidualNetwork
from faceunlock.training.output import finish, make_record, write_weights

TINY = Architecture(input_size=32, widths=(4, 8), blocks=(1, 2), dimension=6)


def write_model(folder, architecture=TINY, seed=0):
    folder.mkdir(mode=0o700)
    torch.manual_seed(seed)
    sha256, size = write_weights(folder, ResidualNetwork(architecture), architecture)
    made = {"threshold": 0.4, "threshold_data": "a guess", "training_data": "noise", "created": "2026-01-31"}
    finish(folder, make_record(folder.name, architecture, sha256, size, **made))
    return folder
