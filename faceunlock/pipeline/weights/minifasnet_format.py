"""Read the published weights of MiniFASNet safely, and put its two networks together as layers.

The networks are those of minivision-ai/Silent-Face-Anti-Spoofing. Each takes a picture of 80 x 80 pixels,
BGR, **0 to 255**, and gives probabilities of three classes, of which the second is a live face.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from faceunlock.errors import ModelError
from faceunlock.pipeline.runtime.composing import Affine, Composer
from faceunlock.pipeline.runtime.layers import INPUT, Layer
from faceunlock.pipeline.weights.pickles import load_plain

NETWORKS = {"v2": "2.7_80x80_MiniFASNetV2.pth", "v1se": "4_0_0_80x80_MiniFASNetV1SE.pth"}
"""The networks, and the file that each is published in."""

SIDE = 80
"""Side of the input, in pixels."""

CLASSES = 3
LIVE = 1
"""The class of live faces; the others are kinds of attack."""

_EPSILON = 1e-5
_PUBLISHED_PREFIX = "module."

Widths = Sequence[int]
"""Channels between the two ends of each bottleneck of a group."""

GROUPS: Mapping[str, tuple[Widths, Widths, Widths]] = {
    "v2": ((13, 13, 13, 13), (231, 52, 26, 77, 26, 26), (26, 26)),
    "v1se": ((13, 26, 13, 52), (154, 52, 26, 52, 26, 26), (26, 26)),
}
"""The three groups of bottlenecks of each network."""

BEFORE = (("conv_23", 103, 64), ("conv_34", 231, 128), ("conv_45", 308, 128))
"""The bottleneck that halves the picture before each group: its name, its inner and its outer channels."""


def read_checkpoints(files: Mapping[str, bytes]) -> dict[str, NDArray[np.float32]]:
    """Read both published ``.pth`` files without running any code that they may contain.

    Parameters
    ----------
    files : mapping of str to bytes
        Content of each file of `NETWORKS` by its name.

    Returns
    -------
    dict of str to ndarray of float32
        The weights of both; a name begins with that of its network.

    Raises
    ------
    ModelError
        ``weights-corrupt`` if a file cannot be read safely, or does not fit its network.
    """
    arrays: dict[str, NDArray[np.float32]] = {}
    for network, name in NETWORKS.items():
        try:
            state = load_plain(files[name])
        except ValueError as error:
            raise ModelError("weights-corrupt", f"{name} is not a PyTorch file of plain weights") from error
        if not isinstance(state, dict) or not all(isinstance(key, str) for key in state):
            raise ModelError("weights-corrupt", f"{name} contains no table of weights")
        for key, value in state.items():
            if not key.endswith("num_batches_tracked"):
                arrays[f"{network}.{key.removeprefix(_PUBLISHED_PREFIX)}"] = value
    for network in NETWORKS:
        minifasnet_layers(network, arrays)
    return {name: np.ascontiguousarray(array) for name, array in arrays.items()}


def minifasnet_layers(network: str, arrays: Mapping[str, NDArray[np.float32]]) -> tuple[Layer, ...]:
    """Return one of the networks as layers; its output are probabilities, shape (n, `CLASSES`).

    Parameters
    ----------
    network : {"v2", "v1se"}
        Key of `NETWORKS`.
    arrays : mapping of str to ndarray of float32
        As `read_checkpoints` returns them.

    Raises
    ------
    ModelError
        ``weights-corrupt`` if the weights are not those of the network.
    """
    start = f"{network}."
    own = {name.removeprefix(start): array for name, array in arrays.items() if name.startswith(start)}
    net = _Composer(own, attentive=network == "v1se")
    x = net.block(INPUT, "conv1", 3, 32, side=3, stride=2)
    x = net.block(x, "conv2_dw", 32, 32, side=3, depthwise=True)
    channels = 32
    for (before, inner, outer), widths in zip(BEFORE, GROUPS[network], strict=True):
        x = net.bottleneck(x, before, channels, inner, outer, stride=2)
        channels = outer
        group = f"conv_{before[-1]}"
        for number, width in enumerate(widths):
            attended = net.attentive and number == len(widths) - 1
            name = f"{group}.model.{number}"
            inside = net.bottleneck(x, name, channels, width, channels)
            x = net.add("Add", x, net.weighed(inside, name, channels) if attended else inside)
    x = net.block(x, "conv_6_sep", channels, 512)
    x = net.block(x, "conv_6_dw", 512, 512, side=5, depthwise=True, padded=False, rectified=False)
    x = net.add("Flatten", x)
    factor, offset = net.affine(Affine("bn", _EPSILON), 128)
    x = net.linear(x, net.take("linear.weight", 128, 512) * factor[:, None], offset)
    x = net.linear(x, net.take("prob.weight", CLASSES, 128))
    net.add("Softmax", x, axis=1)
    return net.layers()


class _Composer(Composer):
    """Adds the parts that the networks repeat.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        As for `Composer`.
    attentive : bool
        Whether the last bottleneck of a group weighs its channels.
    """

    def __init__(self, arrays: Mapping[str, NDArray[np.float32]], *, attentive: bool) -> None:
        super().__init__(arrays)
        self.attentive = attentive

    def block(
        self,
        x: str,
        name: str,
        inputs: int,
        outputs: int,
        *,
        side: int = 1,
        stride: int = 1,
        depthwise: bool = False,
        padded: bool = True,
        rectified: bool = True,
    ) -> str:
        """Add a convolution with batch normalisation and, if `rectified`, a PReLU."""
        kernel = self.take(f"{name}.conv.weight", outputs, 1 if depthwise else inputs, side, side)
        factor, bias = self.affine(Affine(f"{name}.bn", _EPSILON), outputs)
        padding = side // 2 if padded else 0
        x = self.add(
            "Conv",
            x,
            constants=((kernel * factor[:, None, None, None]).astype(np.float32), bias.astype(np.float32)),
            strides=(stride, stride),
            pads=(padding,) * 4,
            group=outputs if depthwise else 1,
        )
        if not rectified:
            return x
        slope = self.take(f"{name}.prelu.weight", outputs)
        return self.add("PRelu", x, constants=(slope.reshape(-1, 1, 1),))

    def bottleneck(self, x: str, name: str, inputs: int, inner: int, outputs: int, *, stride: int = 1) -> str:
        """Add three convolutions, of which the middle one looks at each channel alone."""
        x = self.block(x, f"{name}.conv", inputs, inner)
        x = self.block(x, f"{name}.conv_dw", inner, inner, side=3, stride=stride, depthwise=True)
        return self.block(x, f"{name}.project", inner, outputs, rectified=False)

    def weighed(self, x: str, name: str, channels: int) -> str:
        """Add a factor for each channel from the means of all channels (squeeze-and-excitation)."""
        mean = self.add("GlobalAveragePool", x)
        few = channels // 4
        for part, shape in (("1", (few, channels, 1, 1)), ("2", (channels, few, 1, 1))):
            mean = self.convolution(
                mean,
                f"{name}.se_module.fc{part}",
                shape,
                affine=Affine(f"{name}.se_module.bn{part}", _EPSILON),
            )
            mean = self.rectified(mean) if part == "1" else self.add("Sigmoid", mean)
        return self.add("Mul", x, mean)
