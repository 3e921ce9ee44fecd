"""A network as a list of layers, and its form for ONNX Runtime.

The list is what a network *is*, apart from any runtime: a reader of published weights makes it from numbers
alone, `onnx_model` writes it for ONNX Runtime, and `faceunlock.pipeline.runtime.layered_module` runs it with
PyTorch, for CUDA and training. So a network can be prepared without importing PyTorch.

A layer is named after an ONNX operator and means exactly what ONNX says of it
(https://onnx.ai/onnx/operators/, operator set `OPERATORS`). Only operators in `KINDS` are known; what a
module of PyTorch would not compute in the same way is refused there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

INPUT, OUTPUT = "input", "output"
"""Names of the only input and the only output of a network."""

OPERATORS = 18
"""Version of ONNX's operator set."""

FILE_FORMAT = 8
"""Version of ONNX's file format: the one that came with the operator set."""

KINDS: Mapping[str, int] = {
    "Add": 2,
    "AveragePool": 1,
    "Concat": 0,
    "Conv": 3,
    "Flatten": 1,
    "Gemm": 3,
    "GlobalAveragePool": 1,
    "MaxPool": 1,
    "Mul": 2,
    "PRelu": 2,
    "Pad": 2,
    "Relu": 1,
    "Reshape": 2,
    "Resize": 4,
    "Sigmoid": 1,
    "Slice": 4,
    "Softmax": 1,
    "Transpose": 1,
}
"""The operators that a layer may be, with the most inputs and constants together; 0: any number."""

Constant = NDArray[np.float32] | NDArray[np.int64]
Attribute = int | float | str | tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """One step of a network.

    Attributes
    ----------
    kind : str
        An operator of `KINDS`.
    inputs : tuple of str
        Outputs of earlier layers, or `INPUT`; ONNX's first inputs, in its order.
    output : str
        Name of the result, which no other layer has. That of a network's last layer is its output.
    constants : tuple of ndarray or None
        ONNX's inputs after these: weights in float32; shapes, sizes and places in int64. None leaves one out.
    attributes : mapping of str to int, float, str or tuple of int
        ONNX's attributes; what is missing has the value that ONNX gives it.

    Raises
    ------
    ValueError
        If the operator is unknown, or has too many inputs, or a constant is of another type.

    Examples
    --------
    >>> Layer("Relu", (INPUT,), "positive").kind
    'Relu'
    """

    kind: str
    inputs: tuple[str, ...]
    output: str
    constants: tuple[Constant | None, ...] = field(default=(), repr=False)
    attributes: Mapping[str, Attribute] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown kind of layer: {self.kind}")
        most = KINDS[self.kind]
        if not self.inputs or (most and len(self.inputs) + len(self.constants) > most):
            raise ValueError(f"{self.output}: the wrong number of inputs for {self.kind}")
        if any(constant is not None and constant.dtype not in TYPES for constant in self.constants):
            raise ValueError(f"{self.output}: a constant is neither float32 nor int64")


TYPES = (np.dtype(np.float32), np.dtype(np.int64))
"""Types of constants."""


def check(layers: Sequence[Layer]) -> None:
    """Refuse a list that is no network.

    Raises
    ------
    ValueError
        If there is no layer, two have the same name, or one needs a result that comes later or never.

    Examples
    --------
    >>> check([Layer("Relu", ("nowhere",), "positive")])
    Traceback (most recent call last):
    ValueError: positive: there is no nowhere before it
    """
    if not layers:
        raise ValueError("a network has at least one layer")
    known = {INPUT}
    for layer in layers:
        for name in layer.inputs:
            if name not in known:
                raise ValueError(f"{layer.output}: there is no {name} before it")
        if layer.output in known:
            raise ValueError(f"there are two results called {layer.output}")
        known.add(layer.output)


def onnx_model(
    layers: Sequence[Layer], *, name: str, input_shape: Sequence[int], free_axes: Mapping[int, str]
) -> bytes:
    """Return a network as the content of an ONNX file.

    Parameters
    ----------
    layers : sequence of Layer
        Each after those it needs; the last one's result is the output.
    name : str
        Name of the network.
    input_shape : sequence of int
        Shape of the input.
    free_axes : mapping of int to str
        Axes of the input that may have any length, with their names; their length in `input_shape` is
        ignored.

    Returns
    -------
    bytes
        One input, `INPUT`, and one output, `OUTPUT`, both float32.

    Raises
    ------
    ValueError
        As `check`.
    """
    from onnx import TensorProto, helper, numpy_helper

    from faceunlock.pipeline.runtime.rectifiers import rewrite_rectifiers

    check(layers)
    nodes, tensors = [], []
    for number, layer in enumerate(layers):
        operands = list(layer.inputs)
        for place, constant in enumerate(layer.constants):
            operand = "" if constant is None else f"{layer.output}:{place}"
            if constant is not None:
                tensors.append(numpy_helper.from_array(np.ascontiguousarray(constant), operand))
            operands.append(operand)
        result = OUTPUT if number == len(layers) - 1 else layer.output
        attributes: dict[str, Any] = {
            key: list(value) if isinstance(value, tuple) else value for key, value in layer.attributes.items()
        }
        nodes.append(helper.make_node(layer.kind, operands, [result], **attributes))
    shape = [free_axes.get(axis, length) for axis, length in enumerate(input_shape)]
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, shape)],
        # Runtimes work out the shape of the output.
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, None)],
        tensors,
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPERATORS)], ir_version=FILE_FORMAT
    )
    rewrite_rectifiers(model)
    content: bytes = model.SerializeToString()
    return content
