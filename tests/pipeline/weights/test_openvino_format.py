"""OpenVINO's representation: read layer by layer into the same answers, or refused."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.made_ir import DIMENSION, SIDE, expected, made_ir

from faceunlock.pipeline.runtime.layered_module import LayeredModule
from faceunlock.pipeline.runtime.layers import onnx_model
from faceunlock.pipeline.runtime.onnx_runtime import OnnxNetwork
from faceunlock.pipeline.runtime.torch_runtime import TorchNetwork
from faceunlock.pipeline.weights.openvino_format import LARGEST_DESCRIPTION, read_layers

IR = made_ir()
XML = IR.description.decode()


def read(description=IR.description, numbers=IR.numbers):
    return read_layers(description, numbers, side=SIDE, dimension=DIMENSION)


def test_both_runtimes_compute_what_the_files_say():
    crops = np.random.default_rng(0).integers(0, 256, (3, 3, SIDE, SIDE)).astype(np.float32)
    layers, wanted = read(), expected(crops)
    model = onnx_model(layers, name="made", input_shape=crops.shape, free_axes={0: "n"})
    for network in (OnnxNetwork(model), TorchNetwork(LayeredModule(layers), "cpu")):
        np.testing.assert_allclose(network(crops), wanted, rtol=1e-4, atol=1e-4)
    assert np.ptp(wanted) > 0.1


def swapped(old, new, count=1):
    assert old in XML, old
    return XML.replace(old, new, count)


def at_layer(kind, old, new):
    """The description with one text changed inside the first layer of a kind."""
    found = re.search(rf'<layer [^>]*type="{kind}".*?</layer>', XML)
    assert old in found.group(), found.group()
    return XML[: found.start()] + found.group().replace(old, new, 1) + XML[found.end() :]


def without_last_edge():
    return re.sub(r"<edge [^>]*/>\n</edges>", "</edges>", XML)


BROKEN = {
    "nothing": "",
    "no XML": "<net",
    "something else": "<html/>",
    "another version": swapped('version="11"', 'version="10"'),
    "a document type": swapped("<net ", "<!DOCTYPE net><net "),
    "entities": swapped("<net ", '<!DOCTYPE n [<!ENTITY a "b"><!ENTITY c "&a;&a;">]><net '),
    "an entity that was never declared": swapped("1,3,128,128", "&shape;"),
    "no layers": re.sub("<layers>.*</layers>", "", XML, flags=re.DOTALL),
    "two lists of edges": swapped("<edges>", "<edges></edges><edges>"),
    "an unknown layer": at_layer("Sigmoid", "Sigmoid", "Tanh"),
    "a known layer of another set": at_layer("Sigmoid", "opset1", "opset9"),
    "the same id twice": swapped('<layer id="2"', '<layer id="1"'),
    "an id that is a path": swapped('<layer id="2"', '<layer id="../2"'),
    "a layer without a type": at_layer("Sigmoid", 'type="Sigmoid"', ""),
    "an attribute that is not known": at_layer("Convolution", "<data ", '<data output_padding="1, 1" '),
    "an attribute that is missing": at_layer("Convolution", ' strides="4, 4"', ""),
    "automatic padding": at_layer("Convolution", "explicit", "same_upper"),
    "other rounding": at_layer("AvgPool", "floor", "ceil"),
    "pads that count": at_layer("AvgPool", "true", "false"),
    "two data elements": at_layer("Convert", "<data ", "<data/><data "),
    "a stride of nothing": at_layer("Convolution", "4, 4", "0, 4"),
    "a stride below nothing": at_layer("Convolution", "4, 4", "-4, 4"),
    "three strides": at_layer("Convolution", "4, 4", "4, 4, 4"),
    "another stride": at_layer("Convolution", "4, 4", "2, 2"),
    "a huge padding": at_layer("Convolution", 'pads_end="1, 1"', 'pads_end="99999, 1"'),
    "a padding beyond the kernel": at_layer("Convolution", 'pads_end="1, 1"', 'pads_end="3, 3"'),
    "another input": swapped("1,3,128,128", "1,3,112,112"),
    "two inputs": swapped(
        "</layers>", re.search("<layer .*?</layer>", XML)[0].replace('"0"', '"90"', 1) + "</layers>"
    ),
    "a shape that is not its own": at_layer(
        "Sigmoid", "<dim>6</dim><dim>1</dim>", "<dim>6</dim><dim>2</dim>"
    ),
    "a result of another shape": XML.replace(
        "<output><port", "<output><port id='9' precision='FP32'/><port", 3
    ),
    "another precision": at_layer(
        "Sigmoid", '<output><port id="1" precision="FP32"', '<output><port id="1" precision="FP16"'
    ),
    "constants of float32": at_layer("Const", 'element_type="f16"', 'element_type="f32"'),
    "a conversion to float64": at_layer("Convert", '"f32"', '"f64"'),
    "an offset too far": at_layer("Const", 'offset="0"', 'offset="2"'),
    "an offset beyond the end": at_layer("Const", 'offset="0"', 'offset="999999"'),
    "an offset below nothing": at_layer("Const", 'offset="0"', 'offset="-6"'),
    "a size that is not the shape's": at_layer("Const", 'size="6"', 'size="4"'),
    "a shape that is not the size's": at_layer("Const", 'shape="1, 3, 1, 1"', 'shape="1, 4, 1, 1"'),
    "a shape of letters": at_layer("Const", 'shape="1, 3, 1, 1"', 'shape="a"'),
    "digits that are not ours": at_layer("Const", 'size="6"', 'size="\u0666"'),
    "no edge": without_last_edge(),
    "an edge from nowhere": swapped('<edge from-layer="0"', '<edge from-layer="77"'),
    "an edge to nowhere": swapped(
        "</edges>", '<edge from-layer="0" from-port="0" to-layer="77" to-port="0"/></edges>'
    ),
    "two edges to one port": swapped("</edges>", re.search("<edge .*?/>", XML)[0] + "</edges>"),
    "an edge without an end": swapped('<edge from-layer="0" ', "<edge "),
    "layers in another order": re.sub(r'(<layer id="1".*?</layer>)\n(<layer .*?</layer>)', r"\2\n\1", XML),
    "no result": re.sub(r'<layer [^>]*type="Result".*?</layer>', "", XML),
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_broken_descriptions_are_refused(text):
    assert text != XML
    with pytest.raises(ValueError, match=r"\w"):
        read(text.encode())


@pytest.mark.parametrize(
    ("description", "numbers"),
    [
        (IR.description, b""),
        (IR.description, IR.numbers[:-2]),
        (IR.description, IR.numbers + b"\0\0"),
        (IR.description, b"\x00\x7c" + IR.numbers[2:]),  # infinity
        (IR.description, b"\x01\x7e" + IR.numbers[2:]),  # not a number
        (b"\xff\xfe" + XML.encode("utf-16-le"), IR.numbers),
        (b" " * (LARGEST_DESCRIPTION + 1), IR.numbers),
        (b"<a>" * 100_000, IR.numbers),
    ],
)
def test_other_bytes_are_refused(description, numbers):
    with pytest.raises(ValueError, match=r"\w"):
        read(description, numbers)


def test_an_output_of_another_length_is_refused():
    with pytest.raises(ValueError, match="not 128 numbers"):
        read_layers(IR.description, IR.numbers, side=SIDE, dimension=128)


@given(at=st.integers(0, len(IR.description) - 1), byte=st.integers(0, 255))
@settings(max_examples=150, deadline=None)
def test_a_changed_byte_is_refused_or_changes_nothing_that_is_read(at, byte):
    """Whatever the byte is, the answer is a network or a `ValueError`."""
    content = bytearray(IR.description)
    content[at] = byte
    try:
        layers = read(bytes(content))
    except ValueError:
        return
    assert layers[-1].output == "embedding"


@given(data=st.binary(max_size=400))
@settings(max_examples=100, deadline=None)
def test_any_bytes_are_refused(data):
    with pytest.raises(ValueError, match=r".*"):
        read(data)
