"""Is the embedding the same if a photo is stored in each of the eight EXIF orientations?

Run: python benchmarks/orientations.py [--model dlib]

One photo of the local collection and two public-domain portraits are each written losslessly (PNG with EXIF)
in every orientation.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from common import collection, read_photo, save
from PIL import Image

from faceunlock.photos.photo import load_photo
from faceunlock.pipeline.acquisition import Acquisition
from faceunlock.pipeline.detection import load_detector
from faceunlock.pipeline.embedding import load_embedder
from faceunlock.pipeline.runtime import choose_engine
from faceunlock.settings import locate
from faceunlock.tasks.demo import PERSON, STRANGER, inside

# How to store the picture: the inverse of the transposition that each EXIF value asks a viewer for.
STORED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
ORIENTATION = 0x0112


def main() -> None:
    """Embed all copies, print their cosines with the upright one, write the result file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="dlib")
    arguments = parser.parse_args()
    engine = choose_engine("cpu", locate().cache)
    embedder = load_embedder(arguments.model, cache=engine.cache, engine=engine)
    acquisition = Acquisition(load_detector(engine), embedder)
    sources = {
        "phone photo (14 megapixels)": collection() / "timing" / "14mp.jpg",
        "astronaut": inside(*PERSON),
        "Grace Hopper": inside(*STRANGER),
    }
    result = {}
    with tempfile.TemporaryDirectory() as directory:
        for name, source in sources.items():
            upright = Image.fromarray(read_photo(source).image)
            vectors = []
            for orientation, transpose in STORED.items():
                copy = upright if transpose is None else upright.transpose(transpose)
                exif = Image.Exif()
                exif[ORIENTATION] = orientation
                path = Path(directory) / f"{orientation}.png"
                copy.save(path, exif=exif, compress_level=1)
                vectors.append(acquisition.sample(load_photo(path)).embedding.astype(np.float64))
            cosines = [float(min(1.0, vector @ vectors[0])) for vector in vectors]
            result[name] = cosines
            print(f"{name:30} lowest cosine of 8 orientations {min(cosines):.6f}")
    save(f"orientations-{arguments.model}", {"model": arguments.model, "cosines": result})


if __name__ == "__main__":
    main()
