"""How weights are stored in a file: unchanged, or in eight bits with a scale for each row.

The file format is safetensors. The metadata repeats the architecture, so the one checksum that templates
store covers both.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from faceunlock.files.reading import parse_json
from faceunlock.pipeline.models.architecture import Architecture, read_architecture

Storage = Literal["float32", "int8"]
STORAGES: tuple[Storage, ...] = get_args(Storage)

LEVELS = 127
"""Steps from zero to the largest weight of a row."""

FEWEST = 64
"""Smallest number of elements for which an array gets a scale; a smaller array is stored unchanged."""

_SCALE = ".scale"

UNREADABLE = (
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    TypeError,
    ValueError,
)
"""Exceptions of parsing a safetensors file that this program did not write, besides `SafetensorError`."""

METADATA = "faceunlock"
"""Key of the architecture and storage in the file's metadata."""


def pack(arrays: Mapping[str, NDArray[np.float32]], storage: Storage) -> dict[str, NDArray[Any]]:
    """Return the arrays in the form in which they are stored.

    Parameters
    ----------
    arrays : mapping of str to ndarray of float32
        The state of a network.
    storage : {"float32", "int8"}
        With ``int8``, every matrix and kernel becomes ``NAME``, int8 of the same shape, and ``NAME.scale``,
        float32 of shape (rows,). A row produces one output channel. Offsets stay float32.

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
    """Return the arrays that `pack` was given, up to the rounding of their storage.

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
            raise ValueError(f"the storage of {name} is not known")
        rows = array.reshape(len(array), -1).astype(np.float32) * scale.astype(np.float32)[:, None]
        arrays[name] = rows.reshape(array.shape)
    return arrays


def write(packed: Mapping[str, NDArray[Any]], architecture: Architecture, storage: Storage) -> bytes:
    """Return the content of a weights file; the same weights give the same bytes.

    Parameters
    ----------
    packed : mapping of str to ndarray
        The arrays as `pack` returns them for `storage`.
    architecture : Architecture
        Architecture of the network.
    storage : {"float32", "int8"}
        The storage that `pack` was given.
    """
    from safetensors.numpy import save

    # Only one metadata entry: several would be written in arbitrary order.
    content: bytes = save(
        dict(packed), {METADATA: json.dumps({**architecture.to_dict(), "storage": storage})}
    )
    return content


def read(data: bytes, architecture: Architecture) -> dict[str, NDArray[np.float32]]:
    """Return the arrays in the content of a weights file, in any storage.

    Raises
    ------
    ValueError
        If it is not a weights file, or has a different architecture.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        length = int.from_bytes(data[:8], "little")
        described = parse_json(data[8 : 8 + length])["__metadata__"][METADATA]
        values = parse_json(described)
        if values.pop("storage", "float32") not in STORAGES or read_architecture(values) != architecture:
            raise ValueError("they are weights of a different architecture")
        return unpack(load(data))
    except (*UNREADABLE, SafetensorError) as error:
        raise ValueError(f"not a weights file: {error}") from error
