"""Compare the embeddings per second on a GPU and on the processor, and check that they are the same.

Run: python benchmarks/cuda.py [--faces 5000]

The faces are crops of two public-domain portraits that come with matplotlib and scikit-image, each shifted,
turned and lit a little differently; the time does not depend on whom they show. Contestants: ONNX Runtime on
the processor, PyTorch on the processor, PyTorch with CUDA. The time to load the network and to start the
device is given separately: it decides the number of photos from which a GPU is faster
(`faceunlock.pipeline.runtime.CUDA_PAYS_FROM`). Without a GPU nothing is written.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path

import numpy as np
from common import WORK, read_photo, save
from PIL import Image, ImageEnhance
from speed import random_weights

from faceunlock.pipeline.detection import load_detector
from faceunlock.pipeline.embedding import Embedder, load_embedder
from faceunlock.pipeline.models.registry import model_spec
from faceunlock.pipeline.runtime import Engine
from faceunlock.pipeline.weights import find
from faceunlock.pipeline.weights.pull import pull
from faceunlock.tasks.demo import PERSON, STRANGER, inside

MODELS = ("dlib", "casia-webface")
ENGINES = (("onnx", "cpu"), ("torch", "cpu"), ("torch", "cuda"))
RUNS = 3
LOWEST_COSINE = 0.9999


def faces(embedder: Embedder, engine: Engine, count: int) -> np.ndarray:
    """Return crops of shape (count, size, size, 3), all different."""
    detector = load_detector(engine)
    portraits = []
    for portrait in (PERSON, STRANGER):
        image = read_photo(inside(*portrait)).image
        portraits.append(Image.fromarray(embedder.crop(image, detector.detect(image)[0])))
    random = np.random.default_rng(0)
    crops = np.empty((count, embedder.input_size, embedder.input_size, 3), dtype=np.uint8)
    for i in range(count):
        crop = portraits[i % 2].rotate(
            random.uniform(-8, 8),
            Image.Resampling.BILINEAR,
            translate=tuple(random.integers(-6, 7, size=2).tolist()),
        )
        crops[i] = np.asarray(ImageEnhance.Brightness(crop).enhance(random.uniform(0.6, 1.4)))
    return crops


def measure(model: str, engine: Engine, cache: Path, crops: np.ndarray | None, count: int) -> dict:
    """Open a network, embed all crops a few times, and return times, crops and embeddings."""
    started = time.perf_counter()
    embedder = load_embedder(model, cache=cache, engine=engine)
    if crops is None:
        crops = faces(embedder, engine, count)
        started = time.perf_counter()
    embedder.embed(crops[:1])
    ready = time.perf_counter() - started
    seconds = []
    for _ in range(RUNS):
        started = time.perf_counter()
        embeddings = embedder.embed(crops)
        seconds.append(time.perf_counter() - started)
    return {"ready": ready, "seconds": statistics.median(seconds), "crops": crops, "embeddings": embeddings}


def main() -> None:
    """Measure, print, and write the result if there is a GPU."""
    import torch

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faces", type=int, default=5000)
    count = parser.parse_args().faces
    gpu = torch.cuda.is_available()
    WORK.mkdir(exist_ok=True)
    cache = WORK / "cuda-cache"
    if find(model_spec("casia-webface"), cache).status == "absent":
        pull(model_spec("casia-webface"), cache, file=random_weights())
    result = {}
    for model in MODELS:
        crops, reference, rows = None, None, {}
        for runtime, device in ENGINES:
            if device == "cuda" and not gpu:
                continue
            measured = measure(model, Engine(runtime, device, cache), cache, crops, count)
            crops = measured["crops"]
            reference = measured["embeddings"] if reference is None else reference
            cosine = float(np.einsum("ij,ij->i", reference, measured["embeddings"]).min())
            name = f"{runtime} on {torch.cuda.get_device_name() if device == 'cuda' else 'the processor'}"
            rows[name] = {
                "faces_per_second": round(count / measured["seconds"], 1),
                "ready_s": round(measured["ready"], 2),
                "lowest_cosine_to_onnx": cosine,
            }
            print(f"{model}, {name}: {rows[name]}", flush=True)
            if cosine < LOWEST_COSINE:
                sys.exit(f"{model}: {name} differs from ONNX Runtime: cosine {cosine}")
        result[model] = rows
    if not gpu:
        print("not written: this machine has no GPU")
        return
    save("cuda", {"faces": count, "models": result})


if __name__ == "__main__":
    main()
