"""The weights that a training starts from, if they are not random."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faceunlock.errors import ModelError, SettingsError
from faceunlock.pipeline.models.architecture import Architecture, DlibArchitecture

DLIB = "dlib"


@dataclass(frozen=True, slots=True, eq=False)
class FirstWeights:
    """The weights of a network to train further.

    Attributes
    ----------
    architecture : Architecture
    arrays : mapping of str to ndarray of float32
        State of the network.
    sha256 : str
        Checksum of the file that holds the weights.
    """

    architecture: Architecture
    arrays: Mapping[str, NDArray[np.float32]] = field(repr=False)
    sha256: str


def first_weights(start: str, size: int, cache: Path) -> FirstWeights:
    """Return the weights that a training is to start from.

    Parameters
    ----------
    start : str
        A model's folder, or ``dlib``: dlib's weights, in a network that enlarges smaller crops first.
    size : int
        Side of the crops in pixels, for ``dlib`` only; a model's folder has its own.
    cache : Path
        The cache directory.

    Raises
    ------
    ModelError
        ``unknown-model`` for any other id; ``weights-missing``, ``weights-corrupt``,
        ``insecure-permissions``.
    SettingsError
        ``usage`` if the network cannot take crops of that size.
    """
    from faceunlock.pipeline.models.folder import names_folder, read_model_folder
    from faceunlock.pipeline.weights import read_weights

    if start == DLIB:
        from faceunlock.pipeline import weights
        from faceunlock.pipeline.models.registry import model_spec

        try:
            architecture = DlibArchitecture(input_size=size)
        except ValueError as error:
            raise SettingsError("usage", f"--start {DLIB}: {error}") from error
        loaded = weights.load(model_spec(DLIB), cache)
        return FirstWeights(architecture, loaded.arrays, loaded.sha256)
    if not names_folder(start):
        raise ModelError(
            "unknown-model",
            f"a training starts from the folder of a trained model or from {DLIB}, not {start}",
        )
    model = read_model_folder(Path(start))
    return FirstWeights(model.architecture, read_weights(model.spec), str(model.spec.sha256))
