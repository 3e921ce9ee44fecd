"""Folders of made faces, and the smallest recipe that learns something from them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from faceunlock.photos.photo import person_folders
from faceunlock.pipeline.models.architecture import ResidualArchitecture
from faceunlock.reports.training_curves import draw_curves
from faceunlock.training.face_set import collect_faces
from faceunlock.training.first_weights import FirstWeights, first_weights
from faceunlock.training.recipe import TrainingRecipe
from faceunlock.training.run import Observer, train

TINY = ResidualArchitecture(input_size=32, widths=(4, 8), blocks=(1, 1), dimension=8)
RECIPE = TrainingRecipe("triplet", TINY, faces="as-is", epochs=3, batch=8, learning_rate=3e-3, average=0.5)


def make_face(person: int, photo: int) -> Image.Image:
    """A person is a coarse pattern of colours, a photo of it some noise."""
    pattern = np.random.default_rng((1, person)).integers(0, 255, (4, 4, 3), dtype=np.uint8)
    face = np.asarray(Image.fromarray(pattern).resize((36, 36), Image.Resampling.BICUBIC), dtype=float)
    noise = np.random.default_rng((2, person, photo)).normal(0, 12, face.shape)
    return Image.fromarray((face + noise).clip(0, 255).astype(np.uint8))


def make_people(folder: Path, people: int, photos: int) -> Path:
    for person in range(people):
        (folder / f"p{person}").mkdir(parents=True)
        for photo in range(photos):
            make_face(person, photo).save(folder / f"p{person}" / f"{photo}.png")
    return folder


def face_set(folder: Path, size: int = 32):
    found = person_folders(folder)
    return collect_faces(found, size, acquisition=None, max_pixels=10**6, track=untracked)


def untracked(items, total, label):
    return items


def observer(begin=lambda known: None, epoch=lambda record: None, track=untracked):
    return Observer(begin, epoch, track)


def started(folder: Path) -> FirstWeights:
    return first_weights(str(folder), 112, Path("/nonexistent"))


def run(folder: Path, output: Path, recipe: TrainingRecipe = RECIPE, *, told=None, teacher_=None, **options):
    changes = {
        key: options.pop(key) for key in list(options) if key in TrainingRecipe.__slots__ and key != "start"
    }
    return train(
        folder,
        output,
        replace(recipe, **changes),
        acquisition=None,
        device="cpu",
        observer=told or observer(),
        max_pixels=10**6,
        draw_curves=draw_curves,
        teacher=teacher_,
        **options,
    )
