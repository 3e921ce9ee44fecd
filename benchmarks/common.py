"""Code that the benchmarks share: the photo collection, the machine, result files, cached embeddings."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import ArrayLike

from faceunlock import __version__
from faceunlock.errors import PhotoError
from faceunlock.matching.scores import GenuineScores, ImpostorScores, separate
from faceunlock.matching.similarity import similarities
from faceunlock.photos.face import Face, choose_subject, measure_quality
from faceunlock.photos.photo import Photo, load_photo
from faceunlock.pipeline import detection, embedding
from faceunlock.pipeline.detection import load_detector
from faceunlock.pipeline.embedding import load_embedder
from faceunlock.pipeline.models.registry import MODELS
from faceunlock.pipeline.runtime import choose_engine
from faceunlock.pipeline.runtime.machine import describe_machine
from faceunlock.settings import load_settings, locate

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
WORK = HERE / ".work"


def read_photo(source: Path | BinaryIO, **options: Any) -> Photo:
    """Read one photo as an upright 8-bit sRGB array; options as for `load_photo`."""
    return load_photo(source, **options).view()


def collection() -> Path:
    """Return the folder of the local photo collection, or exit with a message if there is none."""
    default = HERE.parent.parent / "shared" / "photos"
    folder = Path(os.environ.get("FACEUNLOCK_TEST_PHOTOS", default))
    if not folder.is_dir():
        sys.exit("This benchmark needs the local photo collection; set FACEUNLOCK_TEST_PHOTOS.")
    return folder


def machine() -> dict[str, Any]:
    """Return the processor, cores, system and Python version that a figure was measured on."""
    found = describe_machine()
    return {
        "cpu": found.processor,
        "cores": found.cores,
        "system": found.system,
        "python": found.python,
    }


def save(name: str, result: dict[str, Any]) -> None:
    """Write a result file into ``results``, with date, versions and machine of the measurement."""
    import torch

    RESULTS.mkdir(exist_ok=True)
    document = {
        "benchmark": name,
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "faceunlock": __version__,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "machine": machine(),
        **result,
    }
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(f"written: {path.relative_to(HERE.parent)}")


@dataclass(frozen=True)
class Embedded:
    """Embeddings of many photos, in the order of the paths."""

    embeddings: np.ndarray
    acquired: np.ndarray
    refused: np.ndarray
    quality: np.ndarray
    reasons: list[str]


def _detector_digest() -> str:
    """Return a checksum of everything that decides where faces are found and how they are cut out."""
    folders = (Path(detection.__file__).parent, Path(embedding.__file__).parent)
    files = sorted(file for folder in folders for file in folder.glob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def embed_photos(paths: list[Path], name: str, model: str, rule: str = "central") -> Embedded:
    """Return embeddings of photos, from a cache if an earlier run had the same photos and detector.

    `refused` marks the photos in which the rule of `verify`, a dominant face, finds no subject.
    """
    cached = WORK / f"{name}-{model}.npz"
    weights = MODELS[model].sha256 or ""
    key = "\n".join(f"{path} {path.stat().st_size}" for path in paths) + rule + weights + _detector_digest()
    if cached.exists():
        with np.load(cached) as stored:
            if str(stored["key"]) == key:
                parts = [stored[part] for part in ("embeddings", "acquired", "refused", "quality")]
                return Embedded(*parts, [str(reason) for reason in stored["reasons"]])
    cache = locate().cache
    engine = choose_engine("auto", cache, runtime=load_settings(locate().config).runtime, photos=len(paths))
    detector, embedder = load_detector(engine), load_embedder(model, cache=cache, engine=engine)
    dimension = embedder.identity.dimension
    result = Embedded(
        np.zeros((len(paths), dimension), dtype=np.float32),
        np.zeros(len(paths), dtype=bool),
        np.zeros(len(paths), dtype=bool),
        np.full((len(paths), 3), np.nan),
        [""] * len(paths),
    )

    def acquire(i: int) -> None:
        faces: list[Face] = []
        try:
            photo = read_photo(paths[i])
            faces = detector.detect(photo.image)
            face = choose_subject(faces, photo.image.shape, rule)
            quality = measure_quality(photo.image, face)
            result.quality[i] = quality.size, quality.sharpness, quality.brightness
            result.embeddings[i] = embedder.embed(embedder.crop(photo.image, face)[None])[0]
            result.acquired[i] = True
            choose_subject(faces, photo.image.shape)
        except PhotoError as error:
            result.reasons[i] = error.slug
            result.refused[i] = True

    started = time.monotonic()
    with ThreadPoolExecutor(engine.workers) as pool:
        for i, _ in enumerate(pool.map(acquire, range(len(paths))), start=1):
            if i % 500 == 0:
                rate = i / (time.monotonic() - started)
                print(f"  {i:,} of {len(paths):,} photos, {rate:.1f}/s", file=sys.stderr, flush=True)
    WORK.mkdir(exist_ok=True)
    np.savez(
        cached,
        key=key,
        embeddings=result.embeddings,
        acquired=result.acquired,
        refused=result.refused,
        quality=result.quality,
        reasons=np.array(result.reasons),
    )
    return result


def score_comparisons(
    probes: ArrayLike, probe_person: ArrayLike, centroids: ArrayLike, template_person: ArrayLike
) -> tuple[GenuineScores, ImpostorScores]:
    """Return genuine and impostor scores of all probes (unit vectors) against all centroids, as in `verify`.

    See `separate`.
    """
    probes, centroids = np.asarray(probes, dtype=np.float64), np.asarray(centroids, dtype=np.float64)
    compared = len(probes) > 0 and len(centroids) > 0
    similarity = similarities(probes, centroids) if compared else np.empty((len(probes), len(centroids)))
    return separate(similarity, probe_person, template_person)
