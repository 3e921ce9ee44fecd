"""How the picture of a face looks: MiniFASNet, which may refuse a face and never admits one.

Two networks of minivision-ai/Silent-Face-Anti-Spoofing look at the face with much of its surroundings. Mostly
they see the edge of a sheet or of a device, and a screen that fills the picture passes. What data they were
trained on is not published.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from faceunlock.photos.face import Face, RGBImage
from faceunlock.pipeline import weights
from faceunlock.pipeline.models.registry import MINIFASNET
from faceunlock.pipeline.runtime import Engine
from faceunlock.pipeline.runtime.network import Network, NetworkSource
from faceunlock.pipeline.weights.minifasnet_format import LIVE, NETWORKS, SIDE, minifasnet_layers

ENLARGED = {"v2": 2.7, "v1se": 4.0}
"""How many times as large as the face's box each network's crop is."""


def crop_box(shape: tuple[int, ...], face: Face, enlarged: float) -> tuple[int, int, int, int]:
    """Return the part of a photo that a network looks at: left, top, right, bottom in pixels.

    The box is enlarged about its centre, less if the photo is too small for that, and shifted back inside
    the photo (``src/generate_patches.py`` of the networks' repository).

    Parameters
    ----------
    shape : tuple of int
        Height and width of the photo.
    face : Face
        In pixels of the photo.
    enlarged : float
        How many times as wide and as high as the face's box.

    Examples
    --------
    >>> crop_box((480, 640), Face((300, 200, 400, 300), (), 1.0), 2.7)
    (215, 115, 485, 385)
    >>> crop_box((480, 640), Face((0, 0, 100, 100), (), 1.0), 2.7)
    (0, 0, 270, 270)
    """
    height, width = shape[:2]
    left, top, right, bottom = face.box
    wide, high = max(right - left, 1.0), max(bottom - top, 1.0)
    scale = min((height - 1) / high, (width - 1) / wide, enlarged)
    (x, y), half_wide, half_high = face.centre, wide * scale / 2, high * scale / 2
    x = min(max(x, half_wide), width - half_wide)
    y = min(max(y, half_high), height - half_high)
    return int(x - half_wide), int(y - half_high), int(x + half_wide), int(y + half_high)


class Texture:
    """Scores how much the picture of a face looks like that of a live one.

    Parameters
    ----------
    networks : dict of str to Network
        By the keys of `ENLARGED`.
    """

    def __init__(self, networks: dict[str, Network]) -> None:
        self._networks = networks

    def score(self, image: RGBImage, face: Face) -> float:
        """Return the mean of both networks' probabilities that a face is live, 0 to 1.

        Parameters
        ----------
        image : ndarray of uint8, shape (height, width, 3)
            Upright photo or frame, sRGB, **0 to 255**; nothing scales it.
        face : Face
            In pixels of `image`.
        """
        picture = Image.fromarray(np.ascontiguousarray(image))
        scores = [
            float(network(_seen(picture, crop_box(image.shape, face, ENLARGED[name])))[0, LIVE])
            for name, network in self._networks.items()
        ]
        return sum(scores) / len(scores)

    def mean(self, frames: Iterable[tuple[RGBImage, Face]]) -> float:
        """Return the mean `score` of some frames, of which there must be at least one."""
        return float(np.mean([self.score(image, face) for image, face in frames]))


def load_texture(engine: Engine, cache: Path) -> Texture:
    """Return MiniFASNet; its networks may still be loading.

    Raises
    ------
    ModelError
        ``weights-missing`` or ``weights-corrupt``.
    """
    sources = network_sources(cache)
    return Texture({name: engine.network(source) for name, source in zip(NETWORKS, sources, strict=True)})


def network_sources(cache: Path) -> list[NetworkSource]:
    """Return the sources of both networks.

    Raises
    ------
    ModelError
        ``weights-missing`` or ``weights-corrupt``.
    """
    sha256 = weights.trusted_sha256(MINIFASNET, cache)

    def source(network: str) -> NetworkSource:
        return NetworkSource(
            name=f"{MINIFASNET.id}-{network}",
            weights_sha256=lambda: sha256,
            definition=Path(weights.__file__).with_name("minifasnet_format.py"),
            layers=lambda: minifasnet_layers(network, weights.load(MINIFASNET, cache).arrays),
            example_shape=(2, 3, SIDE, SIDE),
            free_axes={0: "n"},
        )

    return [source(network) for network in NETWORKS]


def _seen(picture: Image.Image, box: tuple[int, int, int, int]) -> NDArray[np.float32]:
    """Return a part of a photo as a network takes it: BGR, channels first, 0 to 255.

    The shape is (1, 3, `SIDE`, `SIDE`). It is sampled without smoothing, as by OpenCV's bilinear resizing,
    which the networks were trained with.
    """
    crop = picture.crop(box)
    sampled = crop.transform(
        (SIDE, SIDE), Image.Transform.EXTENT, (0, 0, crop.width, crop.height), Image.Resampling.BILINEAR
    )
    return np.asarray(sampled, dtype=np.float32)[:, :, ::-1].transpose(2, 0, 1)[None].copy()
