"""Make golden crops and embeddings for tests/pipeline/embedding.

    python benchmarks/make_golden.py [dlib] [compact] [retail-0095]

Without a name, those of the models that need no download.

The portrait is NASA's of Eileen Collins (public domain), from scikit-image. The landmarks are fixed. Run this
again only when the weights or the preprocessing change on purpose. If the preprocessing changes, its id must
change, too.
"""

import json
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image

from faceunlock.photos.face import Face
from faceunlock.pipeline.embedding import load_embedder
from faceunlock.pipeline.runtime import Engine
from faceunlock.settings import locate

FOLDER = Path(__file__).resolve().parents[1] / "tests" / "pipeline" / "embedding" / "golden"
LANDMARKS = ((205.0, 101.7), (246.8, 103.7), (224.7, 129.0), (201.7, 139.2), (245.3, 141.9))


def main() -> None:
    """Write ``astronaut-MODEL.png`` and ``astronaut-MODEL.json`` for each model."""
    for model in sys.argv[1:] or ("dlib", "compact"):
        write(model)


def write(model: str) -> None:
    """Write both files of a model."""
    package = find_spec("skimage")
    if package is None or package.origin is None:
        raise SystemExit("scikit-image is not installed")
    photo = np.asarray(Image.open(Path(package.origin).parent / "data" / "astronaut.png").convert("RGB"))
    cache = locate().cache
    embedder = load_embedder(model, cache=cache, engine=Engine("torch", "cpu", cache))
    crop = embedder.crop(photo, Face((181.05, 62.16, 267.75, 172.05), LANDMARKS, 1.0))
    golden = {
        "weights_sha256": embedder.identity.weights_sha256,
        "preprocessing": embedder.identity.preprocessing,
        "landmarks": LANDMARKS,
        "embedding": [round(float(value), 7) for value in embedder.embed(crop[None])[0]],
    }
    FOLDER.mkdir(exist_ok=True)
    Image.fromarray(crop).save(FOLDER / f"astronaut-{model}.png", optimize=True)
    (FOLDER / f"astronaut-{model}.json").write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    main()
