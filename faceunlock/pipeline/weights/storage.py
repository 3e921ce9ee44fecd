"""How weights are kept in a file: as they are, or in eight bits with a scale for each row.

The file is safetensors. Its metadata repeat the architecture, so that the one checksum which templates
remember covers both.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from faceunlock.pipeline.models.architecture import Architecture, read_architecture

Storage = Literal["float32", "int8"]
STORAGES: tuple[Storage, ...] = get_args(Storage)

LEVELS = 127
"""Steps from zero to the largest weight of a row."""

FEWEST = 64
"""Numbers from which on an array is worth a scale; a smaller one stays as it is."""

_SCALE = ".scale"

METADATA = "faceunlock"
"""Key of architecture and storage in the metadata of the file."""


def pack(arrays: Mapping[str, NDArray[np.float32]], storage: Storage) -> dict[str, NDArray[Any]]:
    """Return the arrays as they are to be stored.

    Parameters
    ----------
    arrays : mapping of str to ndarray of float32
        The state of a network.
    storage : {"float32", "int8"}
        With ``int8`` every matrix and kernel becomes ``NAME``, int8 of the same shape, and ``NAME.scale``,
        float32 of shape (rows,): a row is what makes one output channel. Offsets stay float32.

    Examples
    --------
    >>> weights = np.linspace(-1, 1, 128, dtype=np.float32).reshape(2, 64)
    >>> packed = pack({"head": weights}, "int8")
    >>> packed["head"].dtype.name, packed["head.scale"].shape
    ('int8', (2,))
    >>> bool(np.abs(unpack(packed)["head"] - weights).max() <= 0.5 / 127 + 1e-6)
    True
    """
    packed: dict[str, NDArray[Any]] = {}
    for name, array in arrays.items():
        if storage == "float32" or array.ndim < 2 or array.size < FEWEST:
            packed[name] = np.ascontiguousarray(array)
            continue
        rows = array.reshape(len(array), -1)
        scale = (np.abs(rows).max(axis=1) / np.float32(LEVELS)).astype(np.float32)
        scale[scale == 0] = 1
        steps = np.rint(rows / scale[:, None]).clip(-LEVELS, LEVELS)
        packed[name] = np.ascontiguousarray(steps.astype(np.int8).reshape(array.shape))
        packed[name + _SCALE] = scale
    return packed


def unpack(packed: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
    """Return what `pack` was given, as far as it could be stored.

    Raises
    ------
    ValueError
        If an array is neither float32 nor int8 with a scale.
    """
    scales = {name + _SCALE for name, array in packed.items() if array.dtype == np.int8}
    arrays: dict[str, NDArray[np.float32]] = {}
    for name, array in packed.items():
        if name in scales:
            continue
        if array.dtype == np.float32:
            arrays[name] = array
            continue
        scale = packed.get(name + _SCALE)
        if array.dtype != np.int8 or scale is None or scale.shape != array.shape[:1]:
            raise ValueError(f"{name} is stored in a way that is not known")
        rows = array.reshape(len(array), -1).astype(np.float32) * scale.astype(np.float32)[:, None]
        arrays[name] = rows.reshape(array.shape)
    return arrays


def write(packed: Mapping[str, NDArray[Any]], architecture: Architecture, storage: Storage) -> bytes:
    """Return the content of a file of weights: the same bytes for the same weights.

    Parameters
    ----------
    packed : mapping of str to ndarray
        As `pack` returns them for `storage`.
    architecture : Architecture
    storage : {"float32", "int8"}
    """
    from safetensors.numpy import save

    # One entry of metadata: several would be written in any order.
    content: bytes = save(
        dict(packed), {METADATA: json.dumps({**architecture.to_dict(), "storage": storage})}
    )
    return content


def read(data: bytes, architecture: Architecture) -> dict[str, NDArray[np.float32]]:
    """Read the content of a file of weights, however they are stored.

    Raises
    ------
    ValueError
        If it is none, or one of another architecture.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        length = int.from_bytes(data[:8], "little")
        described = json.loads(data[8 : 8 + length])["__metadata__"][METADATA]
        values = json.loads(described)
        if values.pop("storage", "float32") not in STORAGES or read_architecture(values) != architecture:
            raise ValueError("they are weights of another architecture")
        return unpack(load(data))
    except (SafetensorError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a file of weights: {error}") from error
