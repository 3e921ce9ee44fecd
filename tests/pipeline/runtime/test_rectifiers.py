"""Rectifiers in steps that ONNX Runtime knows in its own layout: the same function."""

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from faceunlock.pipeline.runtime import conversion
from faceunlock.pipeline.runtime.layers import INPUT, OUTPUT, Layer
from faceunlock.pipeline.runtime.network import NetworkSource
from faceunlock.pipeline.runtime.onnx_runtime import OnnxNetwork
from faceunlock.pipeline.runtime.rectifiers import rewrite_rectifiers

SLOPES = np.array([-1.3, -0.2, 0.0, 0.4, 1.0, 1.3], dtype=np.float32)


def rectifier(slope, shape):
    """A network that is one rectifier."""
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("PRelu", [INPUT, "a"], [OUTPUT])],
        "rectifier",
        [value(INPUT, onnx.TensorProto.FLOAT, shape)],
        [value(OUTPUT, onnx.TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(slope, "a")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


def kinds(model):
    return [node.op_type for node in model.graph.node]


@pytest.mark.parametrize("slope_shape", [(6, 1, 1), (1, 6, 1, 1)])
def test_a_rectifier_of_maps_is_rewritten_and_answers_the_same(slope_shape):
    model = rectifier(SLOPES.reshape(slope_shape), [None, 6, 5, 7])
    maps = np.random.default_rng(0).normal(size=(3, 6, 5, 7)).astype(np.float32)
    before = OnnxNetwork(model.SerializeToString())(maps)
    rewrite_rectifiers(model)
    onnx.checker.check_model(model)
    assert "PRelu" not in kinds(model)
    after = OnnxNetwork(model.SerializeToString())(maps)
    np.testing.assert_allclose(after, before, rtol=1e-6)
    np.testing.assert_array_equal(after[maps < 0], before[maps < 0])


@pytest.mark.parametrize(("slope_shape", "shape"), [((6,), [None, 6]), ((6, 5, 1), [None, 6, 5, 7])])
def test_any_other_rectifier_stays(slope_shape, shape):
    model = rectifier(np.ones(slope_shape, dtype=np.float32), shape)
    rewrite_rectifiers(model)
    assert kinds(model) == ["PRelu"]


def test_a_conversion_leaves_no_step_between_convolutions(tmp_path):
    random = np.random.default_rng(0)
    kernels = [random.normal(size=(16, inputs, 3, 3)).astype(np.float32) for inputs in (3, 16)]
    layers = [
        Layer("Conv", (INPUT,), "first", (kernels[0],)),
        Layer("Relu", ("first",), "positive"),
        Layer("Conv", ("positive",), "second", (kernels[1],)),
        Layer("PRelu", ("second",), "rectified", (np.full((16, 1, 1), -0.3, dtype=np.float32),)),
    ]
    recipe = NetworkSource("steps", lambda: "a" * 64, tmp_path, lambda: layers, (2, 3, 9, 9), {0: "n"})
    path = conversion._convert(recipe, tmp_path)
    assert not {"BatchNormalization", "PRelu"} & set(kinds(onnx.load(path, load_external_data=False)))
