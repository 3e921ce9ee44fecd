"""A small network in OpenVINO's representation, with every kind of layer that the reader knows."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch.nn import functional

from faceunlock.pipeline.models.registry import Download, ModelSpec, PublishedFile, model_spec

Shape = tuple[int, ...]

SIDE, DIMENSION = 128, 256


@dataclass
class MadeIR:
    """Writes layers as OpenVINO does: static shapes, constants in float16, one after the other."""

    layers: list[str] = field(default_factory=list)
    edges: list[str] = field(default_factory=list)
    numbers: bytes = b""
    shapes: dict[int, Shape] = field(default_factory=dict)
    ports: dict[int, int] = field(default_factory=dict)

    @property
    def description(self) -> bytes:
        layers, edges = "\n".join(self.layers), "\n".join(self.edges)
        lists = f"<layers>\n{layers}\n</layers>\n<edges>\n{edges}\n</edges>"
        return f'<?xml version="1.0"?>\n<net name="made" version="11">\n{lists}\n</net>\n'.encode()

    def layer(
        self, kind: str, output: Shape | None, /, *inputs: int, precision: str = "FP32", **data: object
    ) -> int:
        """Add a layer with its edges; return its id."""
        number = len(self.layers)
        attributes = "".join(f' {name.replace("__", "-")}="{value}"' for name, value in data.items())
        parts = [f'<layer id="{number}" name="n{number}" type="{kind}" version="opset1">']
        parts += [f"<data{attributes}/>"] if data else []
        if inputs:
            ports = "".join(self._port(i, self.shapes[one]) for i, one in enumerate(inputs))
            parts.append(f"<input>{ports}</input>")
        if output is not None:
            # The ports of a layer are counted from its first input to its output.
            parts.append(f"<output>{self._port(len(inputs), output, precision)}</output>")
            self.shapes[number], self.ports[number] = output, len(inputs)
        self.layers.append("".join([*parts, "</layer>"]))
        for port, one in enumerate(inputs):
            start = f'from-layer="{one}" from-port="{self.ports[one]}"'
            self.edges.append(f'<edge {start} to-layer="{number}" to-port="{port}"/>')
        return number

    def constant(self, array: np.ndarray) -> int:
        content = array.astype("<f2").tobytes()
        shape = ", ".join(map(str, array.shape))
        place = {"offset": len(self.numbers), "size": len(content)}
        self.numbers += content
        const = self.layer("Const", array.shape, precision="FP16", element_type="f16", shape=shape, **place)
        return self.layer("Convert", array.shape, const, destination_type="f32")

    @staticmethod
    def _port(number: int, shape: Shape, precision: str = "FP32") -> str:
        dims = "".join(f"<dim>{length}</dim>" for length in shape)
        return f'<port id="{number}" precision="{precision}">{dims}</port>'


def _random(*shape: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.5, shape).astype(np.float16).astype(np.float32)


WEIGHTS = {
    "scale": np.full((1, 3, 1, 1), 1 / 256, np.float32),
    "shift": np.array([[[[-0.5]], [[-0.25]], [[0.125]]]], np.float32),
    "kernel": _random(6, 3, 3, 3, seed=1),
    "bias": _random(1, 6, 1, 1, seed=2),
    "slope": np.array([0.25], np.float32),
    "groups": _random(3, 2, 2, 3, 3, seed=3),
    "slopes": _random(6, seed=4),
    "squeeze": _random(6, 6, 1, 1, seed=5),
    "head": _random(DIMENSION, 6, 1, 1, seed=6),
}


def made_ir() -> MadeIR:
    """Return the network; `expected` computes what it means."""
    ir = MadeIR()
    window = {"dilations": "1, 1", "pads_begin": "1, 1", "pads_end": "1, 1", "auto_pad": "explicit"}
    plain = window | {"pads_begin": "0, 0", "pads_end": "0, 0", "strides": "1, 1"}
    pool = {name: plain[name] for name in ("pads_begin", "pads_end", "auto_pad")}
    pool |= {"exclude__pad": "true", "rounding_type": "floor"}
    x = ir.layer("Parameter", (1, 3, SIDE, SIDE), shape=f"1,3,{SIDE},{SIDE}", element_type="f32")
    x = ir.layer("Multiply", (1, 3, SIDE, SIDE), x, ir.constant(WEIGHTS["scale"]), auto_broadcast="numpy")
    x = ir.layer("Add", (1, 3, SIDE, SIDE), x, ir.constant(WEIGHTS["shift"]), auto_broadcast="numpy")
    kernel = ir.constant(WEIGHTS["kernel"])
    x = ir.layer("Convolution", (1, 6, 32, 32), x, kernel, **window | {"strides": "4, 4"})
    x = ir.layer("Add", (1, 6, 32, 32), x, ir.constant(WEIGHTS["bias"]), auto_broadcast="numpy")
    x = y = ir.layer("PReLU", (1, 6, 32, 32), x, ir.constant(WEIGHTS["slope"]))
    groups = ir.constant(WEIGHTS["groups"])
    x = ir.layer("GroupConvolution", (1, 6, 32, 32), x, groups, **window | {"strides": "1, 1"})
    x = ir.layer("PReLU", (1, 6, 32, 32), x, ir.constant(WEIGHTS["slopes"]))
    x = ir.layer("Add", (1, 6, 32, 32), x, y, auto_broadcast="numpy")
    z = ir.layer("AvgPool", (1, 6, 1, 1), x, kernel="32, 32", strides="32, 32", **pool)
    z = ir.layer("Convolution", (1, 6, 1, 1), z, ir.constant(WEIGHTS["squeeze"]), **plain)
    z = ir.layer("Sigmoid", (1, 6, 1, 1), z)
    x = ir.layer("Multiply", (1, 6, 32, 32), x, z, auto_broadcast="numpy")
    x = ir.layer("AvgPool", (1, 6, 1, 1), x, kernel="32, 31", strides="1, 2", **pool)
    x = ir.layer("Convolution", (1, DIMENSION, 1, 1), x, ir.constant(WEIGHTS["head"]), **plain)
    ir.layer("Result", None, x)
    return ir


def expected(rgb: np.ndarray) -> np.ndarray:
    """Return the outputs of the network for crops in RGB, computed with PyTorch's functions alone."""
    w = {name: torch.from_numpy(array) for name, array in WEIGHTS.items()}
    x = torch.from_numpy(rgb[:, ::-1].copy()) * w["scale"] + w["shift"]
    x = functional.conv2d(x, w["kernel"], w["bias"].flatten(), stride=4, padding=1)
    y = functional.prelu(x, w["slope"])
    x = functional.conv2d(y, w["groups"].reshape(6, 2, 3, 3), padding=1, groups=3)
    x = functional.prelu(x, w["slopes"]) + y
    gate = torch.sigmoid(functional.conv2d(x.mean(dim=(2, 3), keepdim=True), w["squeeze"]))
    x = functional.avg_pool2d(x * gate, (32, 31), (1, 2))
    return functional.conv2d(x, w["head"]).flatten(1).numpy()


def small_model(files: dict[str, bytes] | None = None) -> tuple[ModelSpec, dict[str, bytes]]:
    """Return `retail-0095` as if the small network had been published as its files, and the files."""
    real, ir = model_spec("retail-0095"), made_ir()
    names = [file.name for file in real.weights.files]
    files = files or dict(zip(names, (ir.description, ir.numbers), strict=True))
    published = tuple(
        PublishedFile(name, len(files[name]), hashlib.sha384(files[name]).hexdigest()) for name in names
    )
    joined = b"".join(files[name] for name in names)
    source = Download(real.weights.base, published)
    return (
        replace(real, weights=source, size_bytes=len(joined), sha256=hashlib.sha256(joined).hexdigest()),
        files,
    )
