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
    """Return an empty table, as which every ``OrderedDict`` of PyTorch begins."""
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


def _no_storage(key: str, kind: np.dtype[Any], count: int) -> NDArray[Any]:
    raise ValueError(f"no storage {key} of {count} {kind} is expected here")


def _run(stream: BinaryIO, store: Store = _no_storage) -> Any:
    """Do the steps of the next pickle in a stream, and return what it describes."""
    stack = _Stack(store)
    for step, value, _ in pickletools.genops(stream):
        if step.name == "STOP":
            return stack.values.pop()
        STEPS[step.name](stack, value)
    raise ValueError("the pickle has no end")


class _Stack:
    """The values of a pickle so far; each method is a step, and takes what is written beside it."""

    def __init__(self, store: Store) -> None:
        self.values: list[Any] = []
        self._store = store
        self._outer: list[list[Any]] = []
        self._kept: dict[int, Any] = {}

    def push(self, value: Any) -> None:
        self.values.append(value)

    def keep(self, place: int) -> None:
        self._kept[place] = self.values[-1]

    def again(self, place: int) -> None:
        self.values.append(self._kept[place])

    def mark(self, _: None) -> None:
        self._outer.append(self.values)
        self.values = []

    def join(self, count: int) -> None:
        """Make a tuple of the last values."""
        _require(len(self.values) >= count)
        start = len(self.values) - count
        self.values[start:] = [tuple(self.values[start:])]

    def join_marked(self, _: None) -> None:
        self.push(tuple(self._marked()))

    def append(self, _: None) -> None:
        item = self.values.pop()
        _of(list, self.values[-1]).append(item)

    def append_marked(self, _: None) -> None:
        items = self._marked()
        _of(list, self.values[-1]).extend(items)

    def assign(self, _: None) -> None:
        key, value = self.values.pop(-2), self.values.pop()
        _of(dict, self.values[-1])[key] = value

    def assign_marked(self, _: None) -> None:
        items = self._marked()
        _of(dict, self.values[-1]).update(zip(items[::2], items[1::2], strict=True))

    def name(self, name: str) -> None:
        self.push(KNOWN[name])

    def call(self, _: None) -> None:
        arguments, function = _of(tuple, self.values.pop()), self.values.pop()
        _require(any(function is known for known in CALLED.values()))
        self.push(function(*arguments))

    def storage(self, _: None) -> None:
        what, kind, key, _place, count, *_ = _of(tuple, self.values.pop())
        _require(what == "storage" and type(count) is int)
        self.push(self._store(_of(str, key), _of(np.dtype, kind), count))

    def dress(self, _: None) -> None:
        """Drop what a table carries beside its entries: the versions of a network's modules."""
        self.values.pop()
        _of(dict, self.values[-1])

    def _marked(self) -> list[Any]:
        """Return the values since the last mark, and go back to those before it."""
        items, self.values = self.values, self._outer.pop()
        return items


STEPS: Mapping[str, Callable[[_Stack, Any], None]] = {
    "PROTO": lambda stack, version: None,
    **dict.fromkeys(("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE"), _Stack.push),
    "NONE": lambda stack, _: stack.push(None),
    "NEWTRUE": lambda stack, _: stack.push(True),
    "NEWFALSE": lambda stack, _: stack.push(False),
    "EMPTY_DICT": lambda stack, _: stack.push({}),
    "EMPTY_LIST": lambda stack, _: stack.push([]),
    "EMPTY_TUPLE": lambda stack, _: stack.push(()),
    "TUPLE1": lambda stack, _: stack.join(1),
    "TUPLE2": lambda stack, _: stack.join(2),
    "TUPLE3": lambda stack, _: stack.join(3),
    "TUPLE": _Stack.join_marked,
    "MARK": _Stack.mark,
    "BINPUT": _Stack.keep,
    "LONG_BINPUT": _Stack.keep,
    "BINGET": _Stack.again,
    "LONG_BINGET": _Stack.again,
    "APPEND": _Stack.append,
    "APPENDS": _Stack.append_marked,
    "SETITEM": _Stack.assign,
    "SETITEMS": _Stack.assign_marked,
    "GLOBAL": _Stack.name,
    "REDUCE": _Stack.call,
    "BINPERSID": _Stack.storage,
    "BUILD": _Stack.dress,
}
"""Every step that is done, besides the last; their names are Python's."""


def _of(kind: type, value: Any) -> Any:
    _require(isinstance(value, kind))
    return value


def _require(condition: bool) -> None:
    if not condition:
        raise ValueError("not what PyTorch writes for plain tensors")
