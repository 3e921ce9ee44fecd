"""Where the processor time of a calibration goes, per photo, and what limits its speed.

Run: python benchmarks/calibrate_parts.py [--photos 200]

The photos are from LFW, 250 x 250 pixels, of people with more than three photos. One thread does all the
work, and its processor time is counted instead of wall-clock time: other load hardly matters, and the figure
holds for any number of cores. The script (opponents/straightforward.py) is measured in the same way, with one
thread. The time of an inner part is subtracted from the outer one, so the parts add up. InceptionResnetV1 has
random weights in both; the time does not depend on them.

``factor`` is the script's time divided by ours. ``bound`` is the script's time divided by that of our
embedder's network alone: the factor if reading, detecting and cropping took no time at all.
"""

from __future__ import annotations

import argparse
import functools
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from common import HERE, collection, save
from speed import MODELS, STRAIGHTFORWARD, home, lfw_subset, random_weights

from faceunlock import FaceUnlock
from faceunlock.photos.face import choose_subject, measure_quality
from faceunlock.photos.photo import load_photo
from faceunlock.pipeline.detection import load_detector, mtcnn
from faceunlock.pipeline.detection.integral import IntegralImage
from faceunlock.pipeline.embedding import load_embedder
from faceunlock.pipeline.runtime import Engine

LOOK = 640
BATCH = 16
NETWORK = "embed: network"
WHOLE = "all of it"


class Clock:
    """Adds up the processor time of this thread for each part, without the parts inside it."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._inner: list[float] = []

    def timed(self, part: str, function: Any) -> Any:
        """Return the function with its calls timed as a part."""

        @functools.wraps(function, updated=())
        def call(*arguments: Any, **options: Any) -> Any:
            self._inner.append(0.0)
            started = time.thread_time()
            try:
                return function(*arguments, **options)
            finally:
                took = time.thread_time() - started
                self.seconds[part] += took - self._inner.pop()
                if self._inner:
                    self._inner[-1] += took

        return call

    def replace(self, owner: Any, attribute: str, part: str) -> None:
        """Time every call of an attribute as a part."""
        setattr(owner, attribute, self.timed(part, getattr(owner, attribute)))

    def per_photo(self, photos: int) -> dict[str, float]:
        """Return the milliseconds per photo of each part, the longest first, and their sum."""
        parts = {part: 1000 * seconds / photos for part, seconds in self.seconds.items()}
        ordered = dict(sorted(parts.items(), key=lambda item: -item[1]))
        return {part: round(took, 3) for part, took in {**ordered, WHOLE: sum(parts.values())}.items()}


def ours(model: str, photos: list[Path]) -> dict[str, float]:
    """Return the parts of our own loop: the steps of `faceunlock.pipeline.acquisition`, in one thread."""
    with FaceUnlock(home(model), model=model) as unlock:
        if model != "dlib":
            unlock.pull(model, file=random_weights())
    cache = home(model) / "cache"
    engine = Engine("onnx", "cpu", cache, workers=2)  # so that a network starts no threads
    detector, embedder = load_detector(engine), load_embedder(model, cache=cache, engine=engine)
    clock = Clock()
    for network in ("proposal", "refinement", "output"):
        clock.replace(detector, f"_{network}", f"detect: {network} network")
    clock.replace(embedder, "_network", NETWORK)
    clock.replace(mtcnn, "suppress", "detect: suppression")
    clock.replace(mtcnn, "IntegralImage", "detect: integral image")
    means = IntegralImage.means
    clock.replace(IntegralImage, "means", "detect: pyramid and crops")
    read = clock.timed("read and decode", lambda path: load_photo(path).view(LOOK).image)
    detect = clock.timed("detect: everything else", detector.detect)
    quality = clock.timed("quality", measure_quality)
    cut = clock.timed("crop", embedder.crop)
    embed = clock.timed("embed: everything else", embedder.embed)

    def acquire(paths: list[Path]) -> None:
        crops = []
        for path in paths:
            image = read(path)
            if faces := detect(image):
                face = choose_subject(faces, image.shape, "central")
                quality(image, face)
                crops.append(cut(image, face))
            if len(crops) == BATCH or path is paths[-1]:
                embed(np.stack(crops))
                crops.clear()

    acquire(photos[:BATCH])  # opens the networks, converts them if need be
    clock.seconds.clear()
    acquire(photos)
    IntegralImage.means = means
    return clock.per_photo(len(photos))


def script(photos: list[Path]) -> dict[str, float]:
    """Return the parts of the straightforward script."""
    import torch

    torch.set_num_threads(1)
    sys.path.insert(0, str(HERE / "opponents"))
    import straightforward

    clock = Clock()
    clock.replace(straightforward.mtcnn, "forward", "detect and crop")
    clock.replace(straightforward.resnet, "forward", NETWORK)
    whole = clock.timed("everything else", straightforward.embedding)
    for path in photos[:BATCH]:
        whole(path)
    clock.seconds.clear()
    for path in photos:
        whole(path)
    return clock.per_photo(len(photos))


def main() -> None:
    """Measure, print, write the result file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=200)
    arguments = parser.parse_args()
    photos = sorted(lfw_subset(collection() / "lfw", arguments.photos).glob("*/*"))
    found = {f"faceunlock {model}": ours(model, photos) for model in MODELS}
    found[STRAIGHTFORWARD] = script(photos)
    for name, parts in found.items():
        print(f"\n{name}, ms of processor time per photo")
        for part, took in parts.items():
            print(f"  {part:<28} {took:>8.2f}")
    result: dict[str, Any] = {"photos": len(photos), "milliseconds": found}
    theirs = found[STRAIGHTFORWARD][WHOLE]
    for model in MODELS:
        parts = found[f"faceunlock {model}"]
        result[model] = {
            "factor": round(theirs / parts[WHOLE], 2),
            "bound": round(theirs / parts[NETWORK], 2),
            "faces_per_second_and_core": round(1000 / parts[NETWORK], 1),
        }
        print(model, result[model])
    save("calibrate-parts", result)


if __name__ == "__main__":
    main()
