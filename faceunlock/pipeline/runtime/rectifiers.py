"""Rewrite the parametric rectifiers of an exported network so that ONNX Runtime computes them fast.

ONNX Runtime convolves maps in its own layout, blocks of channels, and keeps that layout from one step to the
next. Its PRelu supports only the ordinary layout and handles one number at a time: in the detector's last
network it takes longer than all convolutions together. ``a x + (1 - a) relu(x)`` is the same function, made
of steps that support the blocks.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper, numpy_helper

MAP_AXES = 3
"""Axes of a slope for maps: channels, height, width; a batch axis of length 1 may come before them."""


def rewrite_rectifiers(model: onnx.ModelProto) -> None:
    """Replace, in place, every PRelu that has one slope per channel of a map; others stay as they are.

    Parameters
    ----------
    model : onnx.ModelProto
        The exported model, with its slopes as initializers.
    """
    graph = model.graph
    slopes = {tensor.name: tensor for tensor in graph.initializer}
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        slope = slopes.get(node.input[1]) if node.op_type == "PRelu" else None
        if slope is None or not _per_channel(slope):
            nodes.append(node)
            continue
        scales, steps = _steps(node, numpy_helper.to_array(slope).ravel())
        graph.initializer.extend(scales)
        nodes.extend(steps)
    del graph.node[:]
    graph.node.extend(nodes)


def _per_channel(slope: onnx.TensorProto) -> bool:
    shape = list(slope.dims)
    return len(shape) >= MAP_AXES and int(np.prod(shape)) == shape[-MAP_AXES]


def _steps(
    node: onnx.NodeProto, slope: np.ndarray[tuple[int, ...], np.dtype[np.float32]]
) -> tuple[list[onnx.TensorProto], list[onnx.NodeProto]]:
    """Return the scales and the steps that replace a rectifier."""
    (source, _), (result,) = node.input, node.output
    # Batch normalisation with mean 0 and variance 1 scales each channel.
    values = {
        "slope": slope,
        "rest": np.float32(1) - slope,
        "zeros": np.zeros_like(slope),
        "ones": np.ones_like(slope),
    }
    names = {name: f"{result}:{name}" for name in values}
    positive, scaled, below = f"{result}:positive", f"{result}:scaled", f"{result}:below"

    def scale(maps: str, by: str, to: str) -> onnx.NodeProto:
        inputs = [maps, names[by], names["zeros"], names["zeros"], names["ones"]]
        return helper.make_node("BatchNormalization", inputs, [to], epsilon=0.0)

    steps = [
        helper.make_node("Relu", [source], [positive]),
        scale(positive, "rest", scaled),
        scale(source, "slope", below),
        helper.make_node("Add", [below, scaled], [result]),
    ]
    return [numpy_helper.from_array(values[name], names[name]) for name in values], steps
