"""Read a network from OpenVINO's intermediate representation (IR), version 11.

An ``.xml`` file lists layers and the edges between their ports; a ``.bin`` file holds the numbers. Both come
from outside, so nothing in them is run or guessed. Only the kinds of layer that occur in
``face-reidentification-retail-0095`` are known. Each layer's shape is computed here and must be the one that
the file states, and the constants must fill the ``.bin`` file without a gap.
Source: https://docs.openvino.ai/2023.0/openvino_docs_MO_DG_IR_and_opsets.html
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

from faceunlock.pipeline.runtime.layers import INPUT, Layer

LARGEST_DESCRIPTION = 1 << 22
"""Largest ``.xml`` file in bytes; the known network has 350,427."""

LONGEST = 1 << 12
"""Largest length of an axis, kernel, stride or padding."""

RANK = 4
"""Axes of everything that flows through the network: batch, channels, height, width."""

Shape = tuple[int, ...]
Numbers = NDArray[np.float32]

_NUMBER = re.compile("[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class _Value:
    """What a port gives: the result of a layer, or a constant.

    `numbers` is None for a result; `half` says that a constant still needs its conversion.
    """

    name: str
    shape: Shape
    numbers: Numbers | None = field(default=None, repr=False)
    half: bool = False


def read_layers(description: bytes, numbers: bytes, *, side: int, dimension: int) -> list[Layer]:
    """Return the layers of a face network that takes BGR, so that it takes RGB.

    Parameters
    ----------
    description : bytes
        Content of the ``.xml`` file.
    numbers : bytes
        Content of the ``.bin`` file: float16, little-endian.
    side, dimension : int
        The network must take float32 of shape (1, 3, side, side) and return (1, dimension, 1, 1). The format
        always states a batch of 1; every known layer works for any.

    Returns
    -------
    list of Layer
        Take float32 of shape (n, 3, side, side), RGB, and return (n, dimension). The constants are float32.

    Raises
    ------
    ValueError
        If the files are anything else.
    """
    reader = _Reader(_parsed(description), numbers, (1, 3, side, side))
    result = reader.read()
    if result.shape != (1, dimension, 1, 1):
        raise ValueError(f"the network gives {result.shape}, not {dimension} numbers")
    return [*reader.layers, Layer("Flatten", (result.name,), "embedding")]


def _parsed(description: bytes) -> Element:
    if len(description) > LARGEST_DESCRIPTION:
        raise ValueError("the description is too large")
    text = description.decode("utf-8")
    # Neither a document type nor, without one, an entity that would grow or read another file.
    if "<!" in text:
        raise ValueError("the description declares something")
    try:
        root = ElementTree.fromstring(text)  # noqa: S314 - entities are refused above
    except ElementTree.ParseError as error:
        raise ValueError(f"the description is not XML: {error}") from error
    if root.tag != "net" or root.get("version") != "11":
        raise ValueError("the description is not of IR version 11")
    return root


class _Reader:
    """Goes through the layers in their order; what a layer needs must come before it."""

    def __init__(self, root: Element, numbers: bytes, input_shape: Shape) -> None:
        self._elements = _children(root, "layers", "layer")
        self._sources = _sources(_children(root, "edges", "edge"))
        self._numbers, self._read_to, self._input_shape = numbers, 0, input_shape
        self._values: dict[tuple[str, str], _Value] = {}
        self._results: list[_Value] = []
        # The file's network takes BGR; this puts red, green and blue, as everywhere else, in that order.
        swap = np.eye(3, dtype=np.float32)[::-1].reshape(3, 3, 1, 1)
        self.layers = [Layer("Conv", (INPUT,), "bgr", (np.ascontiguousarray(swap),))]

    def read(self) -> _Value:
        """Read every layer into `layers` and return what the network gives."""
        seen: set[str] = set()
        for element in self._elements:
            number, kind = _attribute(element, "id"), _attribute(element, "type")
            if not _NUMBER.fullmatch(number) or number in seen:
                raise ValueError(f"a layer has the id {number!r}")
            seen.add(number)
            if element.get("version") != "opset1" or kind not in _KINDS:
                raise ValueError(f"unknown kind of layer: {kind} of {element.get('version')}")
            given, wanted = self._inputs(element, number), _ports(element, "output")
            value = _KINDS[kind](self, element, number, given)
            if value is None:
                continue
            if [shape for _, _, shape in wanted] != [value.shape]:
                raise ValueError(f"layer {number} does not have the shape that it states")
            port, precision, _ = wanted[0]
            if precision != ("FP16" if value.half else "FP32"):
                raise ValueError(f"layer {number} does not have the precision that it states")
            self._values[number, port] = value
        if self._sources:
            raise ValueError("an edge leads to no port")
        if self._read_to != len(self._numbers):
            raise ValueError("the constants do not fill the file of numbers")
        if len(self._results) != 1 or not self._has_input():
            raise ValueError("the network must have one input and one output")
        return self._results[0]

    def _inputs(self, element: Element, number: str) -> list[_Value]:
        """Return what arrives at a layer's input ports."""
        values = []
        for port, _, shape in _ports(element, "input"):
            value = self._values.get(self._sources.pop((number, port), ("", "")))
            if value is None:
                raise ValueError(f"nothing arrives at port {port} of layer {number}")
            if value.shape != shape:
                raise ValueError(f"layer {number} does not get the shape that it states")
            values.append(value)
        return values

    def _parameter(self, element: Element, number: str, given: list[_Value]) -> _Value:
        data = _data(element, shape=None, element_type="f32")
        if given or _numbers(data["shape"]) != self._input_shape or self._has_input():
            raise ValueError("the input is not the one of a face network")
        return _Value("bgr", self._input_shape)

    def _has_input(self) -> bool:
        return any(value.name == "bgr" for value in self._values.values())

    def _const(self, element: Element, number: str, given: list[_Value]) -> _Value:
        data = _data(element, element_type="f16", shape=None, offset=None, size=None)
        shape = _numbers(data["shape"])
        (offset,), (size,) = _numbers(data["offset"], most=1 << 40), _numbers(data["size"], most=1 << 40)
        end = offset + size
        if given or not shape or size != 2 * math.prod(shape):
            raise ValueError(f"the constant {number} does not have the size of its shape")
        if offset != self._read_to or end > len(self._numbers):
            raise ValueError(f"the constant {number} is not where the one before it ends")
        self._read_to = end
        array = np.frombuffer(self._numbers[offset:end], dtype="<f2").astype(np.float32).reshape(shape)
        if not np.isfinite(array).all():
            raise ValueError(f"the constant {number} is not finite")
        return _Value(number, shape, array, half=True)

    def _convert(self, element: Element, number: str, given: list[_Value]) -> _Value:
        _data(element, destination_type="f32")
        (value,) = _exactly(1, given, number)
        if value.numbers is None or not value.half:
            raise ValueError(f"layer {number} converts something other than a constant")
        return _Value(number, value.shape, value.numbers)

    def _convolution(self, element: Element, number: str, given: list[_Value]) -> _Value:
        return self._convolve(element, number, given, groups=False)

    def _group_convolution(self, element: Element, number: str, given: list[_Value]) -> _Value:
        return self._convolve(element, number, given, groups=True)

    def _convolve(self, element: Element, number: str, given: list[_Value], *, groups: bool) -> _Value:
        window = _window(element, number)
        maps, kernel = _exactly(2, given, number)
        weights = _constant(kernel, number)
        group = weights.shape[0] if groups else 1
        if weights.ndim != RANK + groups:
            raise ValueError(f"the kernel of layer {number} has the wrong number of axes")
        # The format puts the groups on an axis of their own; ONNX puts them one after the other.
        weights = weights.reshape(-1, *weights.shape[-3:])
        if _map_shape(maps, number)[1] != group * weights.shape[1]:
            raise ValueError(f"the kernel of layer {number} does not fit its input")
        height, width = window.applied(maps.shape[2:], weights.shape[2:], number)
        attributes = {**window.attributes, "dilations": window.dilations, "group": group}
        return self._add("Conv", number, [maps], (1, len(weights), height, width), (weights,), attributes)

    def _prelu(self, element: Element, number: str, given: list[_Value]) -> _Value:
        _data(element)
        maps, slope = _exactly(2, given, number)
        slopes, channels = _constant(slope, number), _map_shape(maps, number)[1]
        if slopes.shape not in ((1,), (channels,)):
            raise ValueError(f"the slopes of layer {number} do not fit its input")
        # ONNX Runtime is fast only with a slope for each channel; see `rectifiers`.
        each = np.ascontiguousarray(np.broadcast_to(slopes, channels).reshape(channels, 1, 1))
        return self._add("PRelu", number, [maps], maps.shape, (each,))

    def _sum(self, element: Element, number: str, given: list[_Value]) -> _Value:
        return self._combine("Add", element, number, given)

    def _product(self, element: Element, number: str, given: list[_Value]) -> _Value:
        return self._combine("Mul", element, number, given)

    def _combine(self, kind: str, element: Element, number: str, given: list[_Value]) -> _Value:
        _data(element, auto_broadcast="numpy")
        values = [value for value in _exactly(2, given, number) if value.numbers is None]
        constants = tuple(_constant(value, number) for value in given if value.numbers is not None)
        if not values or any(len(value.shape) != RANK or value.shape[0] != 1 for value in given):
            raise ValueError(f"layer {number} combines something other than maps")
        return self._add(kind, number, values, np.broadcast_shapes(*(v.shape for v in given)), constants)

    def _sigmoid(self, element: Element, number: str, given: list[_Value]) -> _Value:
        _data(element)
        (maps,) = _exactly(1, given, number)
        return self._add("Sigmoid", number, [maps], _map_shape(maps, number))

    def _average(self, element: Element, number: str, given: list[_Value]) -> _Value:
        pool = {"exclude-pad": "true", "rounding_type": "floor", "kernel": None}
        window = _window(element, number, dilated=False, **pool)
        (maps,) = _exactly(1, given, number)
        kernel = _numbers(_data_of(element)["kernel"])
        if len(kernel) != 2 or 0 in kernel:
            raise ValueError(f"the kernel of layer {number} is not an area")
        height, width = window.applied(_map_shape(maps, number)[2:], kernel, number)
        attributes = {**window.attributes, "kernel_shape": kernel, "count_include_pad": 0}
        return self._add("AveragePool", number, [maps], (1, maps.shape[1], height, width), (), attributes)

    def _result(self, element: Element, number: str, given: list[_Value]) -> None:
        _data(element)
        (value,) = _exactly(1, given, number)
        _map_shape(value, number)
        self._results.append(value)

    def _add(
        self,
        kind: str,
        number: str,
        given: list[_Value],
        shape: Shape,
        constants: tuple[Numbers, ...] = (),
        attributes: Mapping[str, int | Shape] | None = None,
    ) -> _Value:
        name = f"layer-{number}"
        if max(shape) > LONGEST:
            raise ValueError(f"layer {number} is too large")
        inputs = tuple(value.name for value in given)
        self.layers.append(Layer(kind, inputs, name, constants, attributes or {}))
        return _Value(name, tuple(shape))


_KINDS: dict[str, Callable[[_Reader, Element, str, list[_Value]], _Value | None]] = {
    "Add": _Reader._sum,
    "AvgPool": _Reader._average,
    "Const": _Reader._const,
    "Convert": _Reader._convert,
    "Convolution": _Reader._convolution,
    "GroupConvolution": _Reader._group_convolution,
    "Multiply": _Reader._product,
    "PReLU": _Reader._prelu,
    "Parameter": _Reader._parameter,
    "Result": _Reader._result,
    "Sigmoid": _Reader._sigmoid,
}


@dataclass(frozen=True, slots=True)
class _Window:
    """How a kernel moves over maps."""

    strides: Shape
    dilations: Shape
    pads: Shape

    @property
    def attributes(self) -> dict[str, int | Shape]:
        return {"strides": self.strides, "pads": self.pads}

    def applied(self, sides: Shape, kernel: Shape, number: str) -> Shape:
        """Return height and width of the result."""
        lengths = []
        for axis, side in enumerate(sides):
            covered = self.dilations[axis] * (kernel[axis] - 1) + 1
            room = side + self.pads[axis] + self.pads[axis + 2] - covered
            if room < 0 or max(self.pads[axis], self.pads[axis + 2]) >= covered:
                raise ValueError(f"the kernel of layer {number} does not fit its input")
            lengths.append(room // self.strides[axis] + 1)
        return tuple(lengths)


def _window(element: Element, number: str, *, dilated: bool = True, **others: str | None) -> _Window:
    named = ["strides", "pads_begin", "pads_end", *(["dilations"] if dilated else [])]
    data = _data(element, auto_pad="explicit", **dict.fromkeys(named), **others)
    strides, begin, end = (_numbers(data[name]) for name in named[:3])
    dilations = _numbers(data["dilations"]) if dilated else (1, 1)
    if {len(values) for values in (strides, begin, end, dilations)} != {2} or 0 in strides + dilations:
        raise ValueError(f"the window of layer {number} is not an area")
    return _Window(strides, dilations, begin + end)


def _children(root: Element, group: str, tag: str) -> list[Element]:
    found = [child for child in root if child.tag == group]
    if len(found) != 1 or any(child.tag != tag for child in found[0]):
        raise ValueError(f"the description has no list of {group}")
    return list(found[0])


def _sources(edges: list[Element]) -> dict[tuple[str, str], tuple[str, str]]:
    """Return where each input port's value comes from; ports are (layer, port)."""
    sources = {}
    for edge in edges:
        start = _attribute(edge, "from-layer"), _attribute(edge, "from-port")
        end = _attribute(edge, "to-layer"), _attribute(edge, "to-port")
        if end in sources:
            raise ValueError(f"two edges lead to port {end[1]} of layer {end[0]}")
        sources[end] = start
    return sources


def _ports(element: Element, side: str) -> list[tuple[str, str, Shape]]:
    """Return id, precision and shape of a layer's input or output ports."""
    ports = []
    for port in (port for group in element if group.tag == side for port in group):
        shape = tuple(n for dim in port if dim.tag == "dim" for n in _numbers(dim.text or ""))
        ports.append((_attribute(port, "id"), _attribute(port, "precision"), shape))
    return ports


def _data_of(element: Element) -> Mapping[str, str]:
    found = [child.attrib for child in element if child.tag == "data"]
    return found[0] if len(found) == 1 else {}


def _data(element: Element, **wanted: str | None) -> Mapping[str, str]:
    """Return a layer's attributes, which must be exactly these; None stands for any value."""
    data = _data_of(element)
    if set(data) != set(wanted) or any(value not in (None, data[name]) for name, value in wanted.items()):
        raise ValueError(f"layer {element.get('id')} has other attributes than those known")
    return data


def _attribute(element: Element, name: str) -> str:
    value = element.get(name)
    if value is None:
        raise ValueError(f"<{element.tag}> has no {name}")
    return value


def _numbers(text: str, most: int = LONGEST) -> Shape:
    """Return whole numbers from 0 that are separated by commas."""
    parts = [part.strip() for part in text.split(",")]
    if not all(map(_NUMBER.fullmatch, parts)) or any(int(part) > most for part in parts):
        raise ValueError(f"{text[:40]!r} are not the numbers of a network")
    return tuple(map(int, parts))


def _exactly(count: int, given: list[_Value], number: str) -> list[_Value]:
    if len(given) != count:
        raise ValueError(f"layer {number} has the wrong number of inputs")
    return given


def _constant(value: _Value, number: str) -> Numbers:
    if value.numbers is None or value.half:
        raise ValueError(f"layer {number} needs a constant of float32")
    return value.numbers


def _map_shape(value: _Value, number: str) -> Shape:
    if value.numbers is not None or len(value.shape) != RANK:
        raise ValueError(f"layer {number} needs maps, not a constant")
    return value.shape
