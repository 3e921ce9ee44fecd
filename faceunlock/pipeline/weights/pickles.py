"""Read PyTorch files of plain tensors, whoever made them, without PyTorch and without running anything.

``torch.save`` writes a pickle that describes tensors, and their numbers beside it. A pickle is a program for
a stack. Here the standard library only splits it into steps; the few steps that tensors need are done by this
module, every other one is refused. A step that calls something may call one of three functions below.
"""

from __future__ import annotations

import io
import pickletools
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

UNREADABLE = (
    struct.error,
    zlib.error,
    zipfile.BadZipFile,
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    NotImplementedError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""Exceptions of reading a damaged, foreign or hostile file, and of using what it says."""

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
"""The first two numbers of a file in PyTorch's old format."""

MOST_AXES = 8
"""Axes that a tensor may have."""

TYPES = {
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "|i1",
    "ByteStorage": "|u1",
    "BoolStorage": "|b1",
}
"""What PyTorch calls the numbers of a storage, and what NumPy does."""

Store = Callable[[str, "np.dtype[Any]", int], NDArray[Any]]
"""Returns the numbers of a storage by key, type and count."""


def load_plain(data: bytes) -> Any:
    """Return the content of a file that ``torch.save`` wrote: tensors and plain values.

    Parameters
    ----------
    data : bytes
        The whole file, in PyTorch's present format (a zip archive) or in that before version 1.6.

    Returns
    -------
    object
        Dicts, lists, tuples, texts and numbers as they were saved; an ndarray for each tensor.

    Raises
    ------
    ValueError
        If the file is damaged, is of another kind, or holds anything else.
    """
    try:
        return _from_archive(data) if data[:2] == b"PK" else _from_stream(data)
    except UNREADABLE as error:
        raise ValueError("not a PyTorch file of plain values") from error


def _from_archive(data: bytes) -> Any:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        (program,) = (name for name in archive.namelist() if name.endswith("/data.pkl"))
        folder = program.removesuffix("data.pkl")

        def content(name: str) -> bytes:
            # PyTorch compresses nothing, so no part is larger than the file.
            _require(archive.getinfo(folder + name).compress_type == zipfile.ZIP_STORED)
            return archive.read(folder + name)

        def store(key: str, kind: np.dtype[Any], count: int) -> NDArray[Any]:
            storage = np.frombuffer(content(f"data/{key}"), dtype=kind)
            _require(len(storage) == count)
            return storage

        _require(f"{folder}byteorder" not in archive.namelist() or content("byteorder") == b"little")
        return _run(io.BytesIO(content("data.pkl")), store)


def _from_stream(data: bytes) -> Any:
    stream = io.BytesIO(data)
    _require((_run(stream), _run(stream)) == (MAGIC, PROTOCOL) and _run(stream)["little_endian"] is True)
    storages: dict[str, NDArray[Any]] = {}

    def store(key: str, kind: np.dtype[Any], count: int) -> NDArray[Any]:
        # The numbers follow the description: the tensors are made first and filled afterwards.
        if key not in storages:
            taken = sum(storage.nbytes for storage in storages.values())
            _require(0 <= count <= len(data) and taken + count * kind.itemsize <= len(data))
            storages[key] = np.zeros(count, dtype=kind)
        _require(storages[key].dtype == kind and len(storages[key]) == count)
        return storages[key]

    result = _run(stream, store)
    keys = _run(stream)
    _require(sorted(keys) == sorted(storages))
    for key in keys:
        storage = storages[key]
        (count,) = struct.unpack("<q", stream.read(8))
        _require(count == len(storage))
        storage[:] = np.frombuffer(stream.read(storage.nbytes), dtype=storage.dtype)
    return result


def _ordered(items: tuple[()] = ()) -> dict[Any, Any]:
    """An empty table, as which every ``OrderedDict`` of PyTorch begins."""
    _require(items == ())
    return {}


def _tensor(
    storage: NDArray[Any], offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: object
) -> NDArray[Any]:
    """Return the part of a storage that is a tensor; whether it had gradients or hooks does not matter."""
    _require(isinstance(storage, np.ndarray) and len(shape) == len(strides) <= MOST_AXES)
    _require(all(type(number) is int and number >= 0 for number in (offset, *shape, *strides)))
    size = 1
    for side in shape:
        size *= side
    if size == 0:
        return np.zeros(shape, dtype=storage.dtype)
    last = offset + sum((side - 1) * stride for side, stride in zip(shape, strides, strict=True))
    _require(last < len(storage) and size <= len(storage))
    return np.lib.stride_tricks.as_strided(
        storage[offset:], shape, [stride * storage.itemsize for stride in strides]
    )


def _parameter(tensor: NDArray[Any], *_: object) -> NDArray[Any]:
    """Return the tensor that a parameter is."""
    _require(isinstance(tensor, np.ndarray))
    return tensor


CALLED: Mapping[str, Callable[..., Any]] = {
    "collections OrderedDict": _ordered,
    "torch._utils _rebuild_tensor_v2": _tensor,
    "torch._utils _rebuild_parameter": _parameter,
}
"""Everything that a file may call, by the name that it has there."""

KNOWN: Mapping[str, Any] = {
    **CALLED,
    **{f"torch {name}": np.dtype(kind) for name, kind in TYPES.items()},
}
"""Everything that a file may name."""

CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
VALUES = {"BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE"}
TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


def _no_storage(key: str, kind: np.dtype[Any], count: int) -> NDArray[Any]:
    raise ValueError(f"no storage {key} of {count} {kind} is expected here")


def _run(stream: BinaryIO, store: Store = _no_storage) -> Any:
    """Do the steps of the next pickle in a stream, and return what it describes."""
    stack: list[Any] = []
    outer: list[list[Any]] = []
    memo: dict[int, Any] = {}
    for step, value, _ in pickletools.genops(stream):
        name = step.name
        if name in VALUES:
            stack.append(value)
        elif name in CONSTANTS:
            stack.append(CONSTANTS[name])
        elif name in ("BINPUT", "LONG_BINPUT"):
            memo[value] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            stack.append(memo[value])
        elif name in TUPLES:
            stack[len(stack) - TUPLES[name] :] = [tuple(_last(stack, TUPLES[name]))]
        elif name == "MARK":
            outer.append(stack)
            stack = []
        elif name in ("TUPLE", "SETITEMS", "APPENDS"):
            items, stack = stack, outer.pop()
            if name == "TUPLE":
                stack.append(tuple(items))
            elif name == "APPENDS":
                _of(list, stack[-1]).extend(items)
            else:
                _of(dict, stack[-1]).update(zip(items[::2], items[1::2], strict=True))
        elif name == "EMPTY_DICT":
            stack.append({})
        elif name == "EMPTY_LIST":
            stack.append([])
        elif name == "SETITEM":
            key, item = stack.pop(-2), stack.pop()
            _of(dict, stack[-1])[key] = item
        elif name == "APPEND":
            _of(list, stack[-2]).append(stack.pop())
        elif name == "GLOBAL":
            stack.append(KNOWN[value])
        elif name == "REDUCE":
            arguments, function = _of(tuple, stack.pop()), stack.pop()
            _require(any(function is known for known in CALLED.values()))
            stack.append(function(*arguments))
        elif name == "BINPERSID":
            what, kind, key, _, count, *_ = _of(tuple, stack.pop())
            _require(what == "storage" and type(count) is int)
            stack.append(store(_of(str, key), _of(np.dtype, kind), count))
        elif name == "BUILD":
            stack.pop()  # the versions of a network's modules, which a table carries
            _of(dict, stack[-1])
        elif name == "STOP":
            return stack.pop()
        else:
            _require(name == "PROTO")
    raise ValueError("the pickle has no end")


def _last(stack: list[Any], count: int) -> list[Any]:
    _require(len(stack) >= count)
    return stack[len(stack) - count :]


def _of(kind: type, value: Any) -> Any:
    _require(isinstance(value, kind))
    return value


def _require(condition: bool) -> None:
    if not condition:
        raise ValueError("not what PyTorch writes for plain tensors")
