"""A list of layers as a torch module, for CUDA and training.

Each function here computes what ONNX defines for the operator of its name; tests compare both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from faceunlock.pipeline.runtime.layers import INPUT, Attribute, Layer, check

Attributes = Mapping[str, Attribute]
Operand = torch.Tensor | tuple[int, ...] | None
"""A tensor; a constant of int64, as numbers; or an operand that is left out."""


class LayeredModule(nn.Module):
    """The network that layers describe; its float32 constants are its parameters.

    Parameters
    ----------
    layers : sequence of Layer
        As for `faceunlock.pipeline.runtime.layers.onnx_model`.

    Raises
    ------
    ValueError
        If the layers are no network, or one needs what PyTorch cannot do in the same way.

    Examples
    --------
    >>> module = LayeredModule([Layer("Relu", (INPUT,), "positive")])
    >>> module(torch.tensor([-1.0, 2.0])).tolist()
    [0.0, 2.0]
    """

    def __init__(self, layers: Sequence[Layer]) -> None:
        super().__init__()
        check(layers)
        self._layers = tuple(layers)
        self.weights = nn.ParameterList()
        self._operands: list[tuple[int | tuple[int, ...] | None, ...]] = []
        for layer in layers:
            self._operands.append(tuple(self._kept(constant) for constant in layer.constants))

    def _kept(self, constant: Any) -> int | tuple[int, ...] | None:
        """Return the place of a constant among the parameters, or its numbers if it is of int64."""
        if constant is None:
            return None
        if constant.dtype.kind == "i":
            return tuple(int(number) for number in constant.ravel())
        self.weights.append(nn.Parameter(torch.tensor(constant)))
        return len(self.weights) - 1

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the output of the last layer."""
        results = {INPUT: x}
        for layer, constants in zip(self._layers, self._operands, strict=True):
            operands: list[Operand] = [results[name] for name in layer.inputs]
            operands += [self.weights[kept] if isinstance(kept, int) else kept for kept in constants]
            results[layer.output] = _OPERATORS[layer.kind](operands, layer.attributes)
        return results[self._layers[-1].output]


def _numbers(attributes: Attributes, name: str, default: tuple[int, ...]) -> tuple[int, ...]:
    value = attributes.get(name, default)
    if not isinstance(value, tuple):
        raise ValueError(f"{name} must be several numbers")
    return value


def _number(attributes: Attributes, name: str, default: int) -> int:
    value = attributes.get(name, default)
    if not isinstance(value, int):
        raise ValueError(f"{name} must be a whole number")
    return value


def _only(attributes: Attributes, **allowed: tuple[Attribute, ...]) -> None:
    """Refuse attributes that have other values than these."""
    for name, value in attributes.items():
        if name in allowed and value not in allowed[name]:
            raise ValueError(f"{name} = {value} is not known here")


def _same_pads(attributes: Attributes) -> tuple[int, int]:
    _only(attributes, auto_pad=("NOTSET",))
    top, left, bottom, right = _numbers(attributes, "pads", (0, 0, 0, 0))
    if (top, left) != (bottom, right):
        raise ValueError("pads must be the same on both sides")
    return top, left


def _conv(operands: list[Any], attributes: Attributes) -> torch.Tensor:
    x, kernel, *bias = operands
    _only(attributes, auto_pad=("NOTSET",), kernel_shape=(tuple(kernel.shape[2:]),))
    top, left, bottom, right = _numbers(attributes, "pads", (0, 0, 0, 0))
    padding = (top, left)
    if padding != (bottom, right):
        x, padding = functional.pad(x, (left, right, top, bottom)), (0, 0)
    return functional.conv2d(
        x,
        kernel,
        bias[0] if bias else None,
        stride=_numbers(attributes, "strides", (1, 1)),
        padding=padding,
        dilation=_numbers(attributes, "dilations", (1, 1)),
        groups=_number(attributes, "group", 1),
    )


def _prelu(operands: list[Any], attributes: Attributes) -> torch.Tensor:
    x, slope = operands
    if slope.ndim == x.ndim - 1 and slope.numel() == slope.shape[0] == x.shape[1]:
        return functional.prelu(x, slope.reshape(-1))  # one slope per channel: faster
    return torch.where(x >= 0, x, x * slope)


def _average_pool(operands: list[Any], attributes: Attributes) -> torch.Tensor:
    _only(attributes, dilations=((1, 1),))
    if attributes.get("ceil_mode") and attributes.get("count_include_pad"):
        raise ValueError("runtimes differ in what a square over the edge counts")
    return functional.avg_pool2d(
        operands[0],
        _numbers(attributes, "kernel_shape", ()),
        _numbers(attributes, "strides", (1, 1)),
        _same_pads(attributes),
        ceil_mode=bool(_number(attributes, "ceil_mode", 0)),
        count_include_pad=bool(_number(attributes, "count_include_pad", 0)),
    )


def _max_pool(operands: list[Any], attributes: Attributes) -> torch.Tensor:
    _only(attributes, storage_order=(0,))
    return functional.max_pool2d(
        operands[0],
        _numbers(attributes, "kernel_shape", ()),
        _numbers(attributes, "strides", (1, 1)),
        _same_pads(attributes),
        _numbers(attributes, "dilations", (1, 1)),
        ceil_mode=bool(_number(attributes, "ceil_mode", 0)),
    )


def _gemm(operands: list[Any], attributes: Attributes) -> torch.Tensor:
    _only(attributes, alpha=(1.0,), beta=(1.0,), transA=(0,))
    x, matrix, *bias = operands
    product: torch.Tensor = x @ (matrix.T if _number(attributes, "transB", 0) else matrix)
    return product + bias[0] if bias else product


def _flatten(operands: list[Any], attributes: Attributes) -> torch.Tensor:
    axis = _number(attributes, "axis", 1)
    x: torch.Tensor = operands[0]
    return x.reshape(x.shape[:axis].numel(), x.shape[axis:].numel())


def _reshape(operands: list[Any], attributes: Attributes) -> torch.Tensor:
    _only(attributes, allowzero=(0,))
    x: torch.Tensor
    x, shape = operands
    return x.reshape([x.shape[axis] if length == 0 else length for axis, length in enumerate(shape)])


def _slice(operands: list[Any], attributes: Attributes) -> torch.Tensor:
    x: torch.Tensor
    x, starts, ends, axes = operands
    for start, end, axis in zip(starts, ends, axes, strict=True):
        if start < 0 or end < start:
            raise ValueError("a slice must begin and end at counts from the start")
        x = x.narrow(axis, start, min(end, x.shape[axis]) - start)
    return x


def _pad(operands: list[Any], attributes: Attributes) -> torch.Tensor:
    _only(attributes, mode=("constant",))
    x, pads = operands
    before, after = pads[: len(pads) // 2], pads[len(pads) // 2 :]
    # ONNX lists the starts of all axes, then their ends; PyTorch start and end of each, the last axis first.
    return functional.pad(x, [n for pair in zip(before[::-1], after[::-1], strict=True) for n in pair])


def _resize(operands: list[Any], attributes: Attributes) -> torch.Tensor:
    _only(attributes, mode=("linear",), coordinate_transformation_mode=("half_pixel",), antialias=(0,))
    x, roi, scales, sizes = operands
    axes = _numbers(attributes, "axes", ())
    if roi is not None or scales is not None or axes != (2, 3) or attributes.get("mode") != "linear":
        raise ValueError("only height and width are scaled, to a size, linearly")
    return functional.interpolate(x, size=sizes, mode="bilinear", align_corners=False)


_OPERATORS: dict[str, Callable[[list[Any], Attributes], torch.Tensor]] = {
    "Add": lambda operands, _: operands[0] + operands[1],
    "AveragePool": _average_pool,
    "Concat": lambda operands, attributes: torch.cat(operands, dim=_number(attributes, "axis", 1)),
    "Conv": _conv,
    "Flatten": _flatten,
    "Gemm": _gemm,
    "GlobalAveragePool": lambda operands, _: operands[0].mean(dim=(2, 3), keepdim=True),
    "MaxPool": _max_pool,
    "Mul": lambda operands, _: operands[0] * operands[1],
    "PRelu": _prelu,
    "Pad": _pad,
    "Relu": lambda operands, _: functional.relu(operands[0]),
    "Reshape": _reshape,
    "Resize": _resize,
    "Sigmoid": lambda operands, _: torch.sigmoid(operands[0]),
    "Slice": _slice,
    "Softmax": lambda operands, attributes: functional.softmax(
        operands[0], dim=_number(attributes, "axis", -1)
    ),
    "Transpose": lambda operands, attributes: operands[0].permute(_numbers(attributes, "perm", ())),
}
