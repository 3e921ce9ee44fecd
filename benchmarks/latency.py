"""Time from crop to embedding of one face, including its mirror image, and the size of the weights.

Run: python benchmarks/latency.py

Each model embeds one crop at a time in a warm process, with ONNX Runtime on all cores: medians of 200 rounds
after 20 for warming up. The crops are noise, since the time does not depend on what they show.
"""

from __future__ import annotations

import os
import time

import numpy as np
from common import save

from faceunlock.pipeline.embedding import load_embedder
from faceunlock.pipeline.models.registry import MODELS
from faceunlock.pipeline.runtime import choose_engine
from faceunlock.settings import locate

WARM_UP, ROUNDS = 20, 200


def main() -> None:
    """Measure the models that need no download, in turn, and write the result file."""
    cache = locate().cache
    engine = choose_engine("cpu", cache, runtime="onnx", photos=1)
    rng = np.random.default_rng(0)
    embedders = {name: load_embedder(name, cache=cache, engine=engine) for name in ("compact", "dlib")}
    crops = {
        name: rng.integers(0, 256, (1, one.input_size, one.input_size, 3), dtype=np.uint8)
        for name, one in embedders.items()
    }
    seconds: dict[str, list[float]] = {name: [] for name in embedders}
    for _ in range(WARM_UP + ROUNDS):
        for name, embedder in embedders.items():
            began = time.perf_counter()
            embedder.embed(crops[name])
            seconds[name].append(time.perf_counter() - began)
    rows = {}
    for name, measured in seconds.items():
        milliseconds = 1000 * np.array(measured[WARM_UP:])
        rows[name] = {
            "median_ms": float(np.median(milliseconds)),
            "p90_ms": float(np.quantile(milliseconds, 0.9)),
            "size_bytes": MODELS[name].size_bytes,
        }
        print(f"{name:8} {rows[name]['median_ms']:.1f} ms, {rows[name]['size_bytes']:,} bytes")
    save("latency", {"rounds": ROUNDS, "threads": os.cpu_count(), "rows": rows})


if __name__ == "__main__":
    main()
