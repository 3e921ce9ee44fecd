"""A detector and an embedder for tests: photos that carry their own answers, and no network.

A made photo is grey with a framed square for each face. The first pixels of a square mark it and say who
it is and which photo of that person; `FakeDetector` finds the marks and `FakeEmbedder` reads them. Photos
are PNG, so that nothing is lost on the way.
"""

from __future__ import annotations

from copy import copy
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pytest
from PIL import Image

from faceunlock.errors import FaceUnlockError, PhotoError
from faceunlock.matching.similarity import unit
from faceunlock.matching.templates import ModelIdentity
from faceunlock.photos.face import Face
from faceunlock.photos.photo import Photo, load_photo
from faceunlock.pipeline.detection.mtcnn import MTCNN

DIMENSION = 64
IDENTITY = ModelIdentity("dlib", "f" * 64, "fake-1", DIMENSION)
FRAME = np.array((1, 2, 3), dtype=np.uint8)
"""Colour that marks the upper left corner of a face; the next pixels hold person, variation and side."""

SIZE = 100

GREY = np.full((80, 80, 3), 128, np.uint8)
"""A photo without a face."""

GUESS = 0.7
"""The threshold that comes with every model, in the gallery of the fixture `open_home`."""


def paint(
    person: int = 0,
    variation: int = 0,
    *,
    side: int = 60,
    faces: int = 1,
    second_side: int | None = None,
    blurred: bool = False,
    brightness: float = 1.0,
    seed: int = 0,
) -> np.ndarray:
    """Paint a photo; the same arguments give the same pixels. A second face is the next person's."""
    height = SIZE + 60
    image = np.full((height, faces * SIZE + 40, 3), 128, dtype=np.uint8)
    image[-1, :, 0] = np.random.default_rng((seed, person, variation)).integers(0, 255, image.shape[1])
    for number in range(faces):
        size = side if number == 0 or second_side is None else second_side
        ramp = np.linspace(60, 180, size)
        if blurred:
            texture = np.tile(ramp, (size, 1))
        else:
            texture = np.random.default_rng(number).integers(40, 200, (size, size)).astype(float)
        square = np.repeat((texture * brightness)[:, :, None], 3, axis=2).astype(np.uint8)
        square[0, 0] = FRAME
        square[0, 1] = ((person + number) // 256, (person + number) % 256, variation)
        square[0, 2] = (size // 256, size % 256, number)
        left = 20 + number * SIZE
        image[20 : 20 + size, left : left + size] = square
    return image


def save(path: Path, image: np.ndarray) -> Path:
    """Write a photo, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path, format="PNG")
    return path


def save_person(folder: Path, person: int, count: int, first: int = 0) -> list[Path]:
    """Write photos of one person: 0.png, 1.png, ..."""
    return [save(folder / f"{number}.png", paint(person, number)) for number in range(first, first + count)]


def save_strangers(folder: Path, count: int, photos: int = 1, first: int = 300) -> Path:
    """Write photos of different people, each in a folder of their own: S0, S1, ..."""
    for number in range(count):
        save_person(folder / f"S{number}", first + number, photos)
    return folder


def stream(image: np.ndarray) -> BytesIO:
    """Return a photo as standard input would bring it."""
    buffer = BytesIO()
    Image.fromarray(image).save(buffer, format="PNG")
    buffer.seek(0)
    return buffer


class FakeDetector:
    """Finds the squares that `paint` framed, the largest first."""

    def __init__(self) -> None:
        self.calls = 0

    def detect(self, image: np.ndarray) -> list[Face]:
        self.calls += 1
        found = []
        for top, left in np.argwhere((image == FRAME).all(axis=2)):
            side = int(image[top, left + 2, 0]) * 256 + int(image[top, left + 2, 1])
            box = (float(left), float(top), float(left + side), float(top + side))
            found.append(Face(box, tuple((left + i, top + i) for i in range(5)), 0.99))
        return sorted(found, key=lambda face: face.area, reverse=True)


class FakeEmbedder:
    """Reads who is on a painted face.

    Parameters
    ----------
    identity : ModelIdentity
        What the embeddings claim to be made by.
    noise : float
        Length of the part of an embedding that differs from photo to photo; the person's own has length 1.
    """

    def __init__(self, identity: ModelIdentity = IDENTITY, noise: float = 0.2) -> None:
        self.identity = identity
        self.noise = noise
        self.batches: list[int] = []

    @property
    def input_size(self) -> int:
        return 3

    def crop(self, image: np.ndarray, face: Face) -> np.ndarray:
        left, top = int(face.box[0]), int(face.box[1])
        corner = image[top : top + 1, left : left + 3]
        if corner.shape != (1, 3, 3):
            raise PhotoError("no-face", "the landmarks do not describe a face")
        return np.tile(corner, (3, 1, 1))

    def embed(self, crops: np.ndarray) -> np.ndarray:
        self.batches.append(len(crops))
        marks = crops[:, 0, 1].tolist()
        return np.stack(
            [embedding(high * 256 + low, variation, self.noise) for high, low, variation in marks]
        )


def embedding(person: int, variation: int, noise: float = 0.2) -> np.ndarray:
    """Return the vector of a photo: the person's own direction and some noise."""
    return unit(direction(person) + noise * direction((person, variation))).astype(np.float32)


def direction(seed: int | tuple[int, ...]) -> np.ndarray:
    """Return a random unit vector that is always the same for a seed."""
    key = (seed,) if isinstance(seed, int) else seed
    return unit(np.random.default_rng((len(key), *key)).normal(size=DIMENSION))


def snapshot(folder):
    """Everything in a folder that a change would change."""
    return {
        path: (path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
        for path in sorted(folder.rglob("*"))
    }


def slug_of(call, *args, kind=FaceUnlockError, **options):
    """Return the slug of the error that a call raises."""
    with pytest.raises(kind) as caught:
        call(*args, **options)
    return caught.value.slug


def read_photo(source: Path | BinaryIO, **options: Any) -> Photo:
    """Read one photo as an upright 8-bit sRGB array; options as for `load_photo`."""
    return load_photo(source, **options).view()


def cascade_alone(detector: MTCNN) -> MTCNN:
    """Return the detector without its search beyond the edge, as facenet-pytorch's cascade is."""
    alone = copy(detector)
    alone._beyond_the_edge = lambda image, found: found
    return alone
