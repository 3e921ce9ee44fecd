"""The training crops of the local collection, and their embeddings."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from common import WORK, collection
from PIL import Image

from faceunlock.pipeline.embedding import load_embedder
from faceunlock.pipeline.models.architecture import Architecture
from faceunlock.pipeline.runtime import Engine
from faceunlock.settings import locate
from faceunlock.training.teacher import teaching

BATCH = 256


@dataclass(frozen=True)
class LabelledEmbeddings:
    """Unit embeddings, shape (n, dimension), the person of each, shape (n,), and the people's names."""

    embeddings: np.ndarray
    person: np.ndarray
    names: tuple[str, ...]


def training_folder() -> Path:
    """Return the folder with one sub-folder per set and in it one per person, or exit if it is missing."""
    folder = collection().parent / "train112"
    if not folder.is_dir():
        sys.exit(f"This benchmark needs the training crops in {folder.name} beside the photo collection.")
    return folder


def embed_training_crops(model: str) -> LabelledEmbeddings:
    """Return embeddings of all crops, aligned again for the model; an earlier run's are reused."""
    folder = training_folder()
    files = sorted(path for path in folder.glob("*/*/*") if path.is_file())
    owners = [path.parent.relative_to(folder).as_posix() for path in files]
    names = tuple(sorted(set(owners)))
    number = {name: i for i, name in enumerate(names)}
    person = np.array([number[owner] for owner in owners], dtype=np.intp)
    cached = WORK / f"train112-{model}.npz"
    key = "\n".join(f"{path.relative_to(folder)} {path.stat().st_size}" for path in files)
    if cached.exists():
        with np.load(cached) as stored:
            if str(stored["key"]) == key:
                return LabelledEmbeddings(stored["embeddings"], person, names)
    cache = locate().cache
    embedder = load_embedder(model, cache=cache, engine=Engine("onnx", "cpu", cache))
    embed = teaching(embedder, Architecture())
    parts = []
    for start in range(0, len(files), BATCH):
        crops = [np.asarray(Image.open(path).convert("RGB")) for path in files[start : start + BATCH]]
        parts.append(embed(np.stack(crops)))
        print(f"  {start + len(crops):,} of {len(files):,} crops", file=sys.stderr, flush=True)
    embeddings = np.concatenate(parts)
    WORK.mkdir(exist_ok=True)
    np.savez(cached, key=key, embeddings=embeddings)
    return LabelledEmbeddings(embeddings, person, names)
