"""Photos for tests: random embeddings around a direction for each person, and plain grey faces."""

import numpy as np

from faceunlock.matching.similarity import unit
from faceunlock.pipeline.samples import LeftOut
from faceunlock.studies.collection import LabelledSamples, thumbnail

FACE = thumbnail(np.full((80, 80, 3), 128, dtype=np.uint8))


def made(counts, *, faces=True, noise=0.6, seed=0, failed=(), dimension=16):
    """So many photos of each person, named A, B, C, ..."""
    generator = np.random.default_rng(seed)
    labels = [chr(65 + number) if number < 26 else f"P{number}" for number in range(len(counts))]
    names = [label for label, count in zip(labels, counts, strict=True) for _ in range(count)]
    directions = {name: unit(generator.normal(size=dimension)) for name in names}
    rows = [unit(directions[name] + noise * unit(generator.normal(size=dimension))) for name in names]
    return LabelledSamples(
        embeddings=np.array(rows, dtype=np.float32).reshape(len(names), dimension),
        photo=tuple(f"folder/{name}/{number}.jpg" for number, name in enumerate(names)),
        person=tuple(names),
        thumbnails=(FACE,) * len(names) if faces else (),
        failures=tuple(LeftOut(f"folder/{name}/bad.jpg", "no-face", "no face was found") for name in failed),
        failed_person=tuple(failed),
        photos=len(names) + len(failed),
        duplicates=0,
    )
