"""Networks as lists of layers: what they refuse, and the same answers from both runtimes."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from faceunlock.errors import ModelError
from faceunlock.pipeline.runtime.conversion import answers_like_the_original, open_converted
from faceunlock.pipeline.runtime.kept import Keeping
from faceunlock.pipeline.runtime.layered_module import LayeredModule
from faceunlock.pipeline.runtime.layers import INPUT, KINDS, Layer, check, onnx_model
from faceunlock.pipeline.runtime.network import NetworkSource
from faceunlock.pipeline.runtime.onnx_runtime import OnnxNetwork
from faceunlock.pipeline.runtime.torch_runtime import TorchNetwork


def floats(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def whole(*numbers):
    return np.array(numbers, dtype=np.int64)


def on_both(layers, batch):
    """The answers of ONNX Runtime and of PyTorch."""
    model = onnx_model(layers, name="n", input_shape=batch.shape, free_axes={0: "n"})
    return OnnxNetwork(model)(batch), TorchNetwork(LayeredModule(layers), "cpu")(batch)


SAME = {"pads": (1, 1, 1, 1)}
SIDED = {"pads": (0, 1, 2, 0), "strides": (2, 1), "dilations": (1, 2)}

STEPS = {
    "Add": [Layer("Add", (INPUT,), "a", (floats(1, 4, 1, 1),))],
    "Add of two": [Layer("Relu", (INPUT,), "r"), Layer("Add", ("r", INPUT), "a")],
    "AveragePool": [Layer("AveragePool", (INPUT,), "a", (), {"kernel_shape": (3, 2), "strides": (2, 2)})],
    "AveragePool over the edge": [
        Layer("AveragePool", (INPUT,), "a", (), {"kernel_shape": (2, 2), "strides": (2, 2), "ceil_mode": 1})
    ],
    "AveragePool padded": [
        Layer("AveragePool", (INPUT,), "a", (), {"kernel_shape": (3, 3), "strides": (2, 2), **SAME})
    ],
    "AveragePool counting pads": [
        Layer("AveragePool", (INPUT,), "a", (), {"kernel_shape": (3, 3), "count_include_pad": 1, **SAME})
    ],
    "Concat": [Layer("Relu", (INPUT,), "r"), Layer("Concat", (INPUT, "r"), "c", (), {"axis": 1})],
    "Conv": [Layer("Conv", (INPUT,), "c", (floats(5, 4, 3, 3), floats(5)), SAME)],
    "Conv sided": [Layer("Conv", (INPUT,), "c", (floats(6, 4, 2, 3),), SIDED)],
    "Conv in groups": [Layer("Conv", (INPUT,), "c", (floats(8, 2, 3, 3), floats(8)), {"group": 2})],
    "Gemm": [
        Layer("Flatten", (INPUT,), "f"),
        Layer("Gemm", ("f",), "g", (floats(7, 4 * 9 * 11), floats(7)), {"transB": 1}),
    ],
    "Gemm as it is": [Layer("Flatten", (INPUT,), "f"), Layer("Gemm", ("f",), "g", (floats(4 * 9 * 11, 7),))],
    "GlobalAveragePool": [Layer("GlobalAveragePool", (INPUT,), "g")],
    "MaxPool": [
        Layer("MaxPool", (INPUT,), "m", (), {"kernel_shape": (3, 3), "strides": (2, 2), "ceil_mode": 1})
    ],
    "MaxPool padded": [
        Layer("MaxPool", (INPUT,), "m", (), {"kernel_shape": (2, 2), "strides": (2, 2), **SAME})
    ],
    "Mul": [Layer("Sigmoid", (INPUT,), "s"), Layer("Mul", (INPUT, "s"), "m")],
    "PRelu": [Layer("PRelu", (INPUT,), "p", (floats(4, 1, 1),))],
    "PRelu of one slope": [Layer("PRelu", (INPUT,), "p", (floats(1),))],
    "PRelu of vectors": [
        Layer("GlobalAveragePool", (INPUT,), "g"),
        Layer("Flatten", ("g",), "f"),
        Layer("PRelu", ("f",), "p", (floats(4),)),
    ],
    "Pad": [Layer("Pad", (INPUT,), "p", (whole(0, 0, 1, 0, 0, 2, 0, 3),))],
    "Relu": [Layer("Relu", (INPUT,), "r")],
    "Reshape": [Layer("Reshape", (INPUT,), "r", (whole(0, 2, -1),))],
    "Resize": [
        Layer(
            "Resize",
            (INPUT,),
            "r",
            (None, None, whole(15, 20)),
            {"mode": "linear", "axes": (2, 3), "coordinate_transformation_mode": "half_pixel"},
        )
    ],
    "Sigmoid": [Layer("Sigmoid", (INPUT,), "s")],
    "Slice": [Layer("Slice", (INPUT,), "s", (whole(1, 2), whole(3, 99), whole(1, 2)))],
    "Softmax": [Layer("Softmax", (INPUT,), "s", (), {"axis": 1})],
    "Transpose": [Layer("Transpose", (INPUT,), "t", (), {"perm": (0, 3, 2, 1)})],
}


def test_every_kind_is_shown():
    assert {layer.kind for layers in STEPS.values() for layer in layers} == set(KINDS)


@pytest.mark.parametrize("layers", STEPS.values(), ids=STEPS)
@pytest.mark.parametrize("count", [1, 3])
def test_both_runtimes_give_the_same(layers, count):
    ours, theirs = on_both(layers, floats(count, 4, 9, 11, seed=1))
    assert ours.shape == theirs.shape and len(ours) == count
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)
    assert np.ptp(ours) > 0


@given(
    height=st.integers(5, 14),
    width=st.integers(5, 14),
    stride=st.integers(1, 3),
    pads=st.tuples(*[st.integers(0, 2)] * 4),
)
@settings(max_examples=25, deadline=None)
def test_a_convolution_is_the_same_at_every_size(height, width, stride, pads):
    layer = Layer("Conv", (INPUT,), "c", (floats(2, 3, 3, 3),), {"pads": pads, "strides": (stride, stride)})
    ours, theirs = on_both([layer], floats(2, 3, height, width))
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)


def test_height_and_width_may_be_free():
    layers = [Layer("Conv", (INPUT,), "c", (floats(2, 3, 3, 3),))]
    model = onnx_model(layers, name="n", input_shape=(1, 3, 9, 9), free_axes={2: "height", 3: "width"})
    assert OnnxNetwork(model)(floats(1, 3, 20, 31)).shape == (1, 2, 18, 29)


def test_the_constants_can_be_trained():
    module = LayeredModule(STEPS["Conv"])
    assert [tuple(parameter.shape) for parameter in module.parameters()] == [(5, 4, 3, 3), (5,)]
    module(torch.ones(1, 4, 9, 11)).sum().backward()
    assert all(parameter.grad is not None for parameter in module.parameters())


@pytest.mark.parametrize(
    "make",
    [
        lambda: Layer("Einsum", (INPUT,), "e"),
        lambda: Layer("Relu", (), "r"),
        lambda: Layer("Relu", (INPUT, INPUT), "r"),
        lambda: Layer("Conv", (INPUT,), "c", (floats(1, 1, 1, 1).astype(np.float64),)),
        lambda: check([]),
        lambda: check([Layer("Relu", ("later",), "r"), Layer("Relu", (INPUT,), "later")]),
        lambda: check([Layer("Relu", (INPUT,), "r"), Layer("Relu", (INPUT,), "r")]),
        lambda: check([Layer("Relu", (INPUT,), INPUT)]),
    ],
)
def test_what_is_no_network_is_refused(make):
    with pytest.raises(ValueError, match=r".+"):
        make()


@pytest.mark.parametrize(
    ("kind", "constants", "attributes"),
    [
        ("AveragePool", (), {"kernel_shape": (2, 2), "ceil_mode": 1, "count_include_pad": 1}),
        ("MaxPool", (), {"kernel_shape": (2, 2), "pads": (0, 1, 0, 0)}),
        ("Conv", (floats(1, 4, 1, 1),), {"auto_pad": "SAME_UPPER"}),
        ("Slice", (whole(-1), whole(3), whole(1)), {}),
        ("Resize", (None, floats(2), None), {"mode": "linear"}),
        ("Pad", (whole(0, 0, 1, 0, 0, 2, 0, 3),), {"mode": "reflect"}),
    ],
)
def test_what_pytorch_would_do_otherwise_is_refused(kind, constants, attributes):
    module = LayeredModule([Layer(kind, (INPUT,), "x", constants, attributes)])
    with pytest.raises(ValueError, match=r".+"):
        module(torch.ones(1, 4, 9, 11))


NETWORK = [
    *STEPS["Conv"],
    Layer("PRelu", ("c",), "p", (floats(5, 1, 1),)),
    Layer("GlobalAveragePool", ("p",), "g"),
    Layer("Flatten", ("g",), "flat"),
]


def source(layers=NETWORK):
    return NetworkSource(
        "listed",
        lambda: "a" * 64,
        Path(__file__),
        lambda: layers,
        (2, 4, 9, 11),
        {0: "n"},
    )


def test_layers_are_converted_and_kept(tmp_path):
    tmp_path.chmod(0o700)
    batch = floats(3, 4, 9, 11)
    expected = TorchNetwork(LayeredModule(NETWORK), "cpu")(batch)
    np.testing.assert_allclose(open_converted(source(), tmp_path)(batch), expected, atol=1e-5)
    assert answers_like_the_original(source(), tmp_path, Keeping()) is True
    assert answers_like_the_original(source(STEPS["GlobalAveragePool"]), tmp_path, Keeping()) is False


def test_layers_that_do_not_fit_together_are_not_converted(tmp_path):
    tmp_path.chmod(0o700)
    wrong = [Layer("Conv", (INPUT,), "c", (floats(5, 3, 3, 3),))]
    with pytest.raises(ModelError) as caught:
        open_converted(source(wrong), tmp_path)
    assert caught.value.slug == "conversion-failed"


def test_pytorch_is_not_needed(tmp_path):
    """A list of layers is written, optimised, compared and kept without importing torch."""
    tmp_path.chmod(0o700)
    program = (
        "import sys\nfrom pathlib import Path\nimport numpy as np\n"
        "from faceunlock.pipeline.runtime.conversion import open_converted\n"
        "from faceunlock.pipeline.runtime.layers import Layer\n"
        "from faceunlock.pipeline.runtime.network import NetworkSource\n"
        "layers = [Layer('Conv', ('input',), 'c', (np.ones((2, 3, 1, 1), np.float32),))]\n"
        "shape, here = (1, 3, 2, 2), Path(sys.argv[0])\n"
        "source = NetworkSource('n', lambda: 'a', here, lambda: layers, shape, {0: 'n'})\n"
        "print(open_converted(source, Path(sys.argv[1]))(np.ones((1, 3, 2, 2), np.float32)).sum())\n"
        "assert 'torch' not in sys.modules\n"
    )
    file = tmp_path / "program.py"
    file.write_text(program)
    done = subprocess.run([sys.executable, file, tmp_path], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "24.0\n"), done.stderr
