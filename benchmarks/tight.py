"""Photos that end at the face: error rates of tight crops of LFW, before and after looking beyond the edge.

Run: python benchmarks/tight.py [--model compact] [--pairs 1200]

Each photo is cut to its central face's box with a margin of 0 to 20 % of the box on each side, or so that
chin, forehead or one side is missing, as on a webcam too close. "Before" is facenet-pytorch's cascade alone,
"after" is the detector as it is. A photo without a face matches no one. The window's size and content were
chosen on the landmarks of half of LFW's people; these pairs are of the other half only.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from common import collection, read_photo, save
from lfw import NEVER, folds_accuracy, read_pairs
from PIL import Image

from faceunlock.matching.error_rates import rate_over_people
from faceunlock.matching.thresholds import threshold_at
from faceunlock.photos.face import Face, RGBImage, choose_subject
from faceunlock.pipeline.detection import load_detector, network_sources
from faceunlock.pipeline.detection.mtcnn import MTCNN
from faceunlock.pipeline.embedding import Embedder, load_embedder
from faceunlock.pipeline.runtime import choose_engine
from faceunlock.settings import load_settings, locate

FOLDS = 10
TARGETS = (1e-3, 1e-4)
LARGE = 1000
"""Longer side to which one of the crops is enlarged, in pixels."""


@dataclass(frozen=True)
class Cut:
    """What is left of a photo: the box with a margin, moved, in sides of the box."""

    margin: float
    across: float = 0.0
    down: float = 0.0
    side: int | None = None


CUTS = {
    "whole": None,
    "margin 20 %": Cut(0.20),
    "margin 10 %": Cut(0.10),
    "margin 5 %": Cut(0.05),
    "margin 0 %": Cut(0.0),
    "margin 0 %, enlarged": Cut(0.0, side=LARGE),
    "chin cut off": Cut(0.10, down=-0.25),
    "forehead cut off": Cut(0.10, down=0.25),
    "one side cut off": Cut(0.10, across=0.25),
}


class Before(MTCNN):
    """The cascade alone."""

    def _beyond_the_edge(self, image, found):
        return found


def for_choosing(person: str) -> bool:
    """Return whether a person was among those on whom the window was chosen."""
    return hashlib.sha256(person.encode()).digest()[0] % 2 == 0


def sample(count: int) -> list[tuple[str, str, bool]]:
    """Return that many pairs of people of the test half, half of them genuine, mixed."""
    _, pairs = read_pairs(collection() / "lfw-pairs.txt")
    pairs = [pair for pair in pairs if not any(for_choosing(file.split("/")[0]) for file in pair[:2])]
    rng = np.random.default_rng(0)
    pairs = [pairs[i] for i in rng.permutation(len(pairs))]
    kinds = [[pair for pair in pairs if pair[2] is genuine][: count // 2] for genuine in (True, False)]
    return [pair for both in zip(*kinds, strict=True) for pair in both]


def cut_out(image: RGBImage, box: tuple[float, ...], cut: Cut | None) -> tuple[RGBImage, np.ndarray, float]:
    """Return what is left of a photo, the position of its corner, and how much it was enlarged."""
    if cut is None:
        return image, np.zeros(2), 1.0
    sides = np.array([box[2] - box[0], box[3] - box[1]])
    shift = np.array([cut.across, cut.down]) * sides
    left, top = np.maximum(np.round(box[:2] - cut.margin * sides + shift), 0).astype(int)
    right, bottom = np.round(box[2:] + cut.margin * sides + shift).astype(int)
    part = np.ascontiguousarray(image[top:bottom, left:right])
    if cut.side is None:
        return part, np.array([left, top]), 1.0
    factor = cut.side / max(part.shape[:2])
    size = round(part.shape[1] * factor), round(part.shape[0] * factor)
    return (
        np.asarray(Image.fromarray(part).resize(size, Image.Resampling.BICUBIC)),
        np.array([left, top]),
        factor,
    )


class Measurement:
    """Embeddings and landmark errors of every photo, for every cut, before and after."""

    def __init__(self, files: list[str], embedder: Embedder, workers: int, detectors: dict) -> None:
        shape = len(CUTS), len(detectors), len(files)
        self.embeddings = np.zeros((*shape, embedder.identity.dimension), np.float32)
        self.found, self.dominant = np.zeros(shape, bool), np.zeros(shape, bool)
        self.errors = np.full(shape, np.nan)
        self.changed = np.zeros(shape[0::2], bool)
        self._files, self._embedder, self._detectors = files, embedder, detectors
        with ThreadPoolExecutor(workers) as pool:
            for i, _ in enumerate(pool.map(self._photo, range(len(files))), start=1):
                if i % 200 == 0:
                    print(f"  {i:,} of {len(files):,} photos", file=sys.stderr, flush=True)

    def _photo(self, i: int) -> None:
        image = read_photo(collection() / "lfw" / self._files[i]).image
        faces = self._detectors["before"].detect(image)
        if not faces:
            return
        whole = choose_subject(faces, image.shape, "central")
        eyes = np.array(whole.landmarks[:2])
        for c, cut in enumerate(CUTS.values()):
            part, corner, factor = cut_out(image, whole.box, cut)
            seen = []
            for d, detector in enumerate(self._detectors.values()):
                faces = detector.detect(part)
                seen.append(faces)
                if d and seen[0] == faces:
                    for kept in (self.embeddings, self.found, self.dominant, self.errors):
                        kept[c, d, i] = kept[c, 0, i]
                elif faces:
                    face = choose_subject(faces, part.shape, "central")
                    where = np.array(face.landmarks) / factor + corner
                    distances = np.linalg.norm(where - whole.landmarks, axis=1)
                    self.errors[c, d, i] = distances.mean() / np.linalg.norm(eyes[1] - eyes[0])
                    self.found[c, d, i] = True
                    self.dominant[c, d, i] = self._dominates(faces)
                    crop = self._embedder.crop(part, face)
                    self.embeddings[c, d, i] = self._embedder.embed(crop[None])[0]
            self.changed[c, i] = seen[0] != seen[-1]

    @staticmethod
    def _dominates(faces: list[Face]) -> bool:
        return len(faces) == 1 or faces[0].area >= 2 * faces[1].area


def scores_of(left: np.ndarray, right: np.ndarray, both: np.ndarray) -> np.ndarray:
    """Return the similarity of each row of `left` to the same row of `right`."""
    return np.where(both, np.einsum("ij,ij->i", left, right, dtype=np.float64), NEVER)


def row_of(
    measured: Measurement, cut: int, when: int, pairs: np.ndarray, genuine: np.ndarray, person
) -> dict:
    """Return the figures of one cut, before or after."""
    left, right = pairs.T
    vectors, found = measured.embeddings[cut, when], measured.found[cut, when]
    whole, whole_found = measured.embeddings[0, 0], measured.found[0, 0]
    scores = scores_of(vectors[left], vectors[right], found[left] & found[right])
    mixed = scores_of(whole[left], vectors[right], whole_found[left] & found[right])
    similarity = vectors @ vectors.T
    similarity[~found] = similarity[:, ~found] = NEVER
    row, column = np.triu_indices(len(person), k=1)
    same = person[row] == person[column]
    mated, other = similarity[row[same], column[same]], similarity[row[~same], column[~same]]
    owners = person[row[same]]
    accuracy = folds_accuracy(scores, genuine, FOLDS)
    errors = measured.errors[cut, when]
    return {
        "accuracy": float(accuracy.mean()),
        "standard_error": float(accuracy.std(ddof=1) / np.sqrt(FOLDS)),
        "accuracy_against_whole": float(folds_accuracy(mixed, genuine, FOLDS).mean()),
        "genuine": len(mated),
        "impostor": len(other),
        "fnmr": [
            {"target_fmr": target, **rate_over_people(mated < threshold_at(other, target), owners).to_dict()}
            for target in TARGETS
        ],
        "not_found": rate_over_people(~found, person).to_dict(),
        "no_dominant_face": int((found & ~measured.dominant[cut, when]).sum()),
        "landmark_error": {"median": float(np.nanmedian(errors)), "p95": float(np.nanquantile(errors, 0.95))},
    }


def main() -> None:
    """Measure, print and write the result file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="dlib")
    parser.add_argument("--pairs", type=int, default=1200)
    arguments = parser.parse_args()
    pairs = sample(arguments.pairs)
    files = sorted({file for pair in pairs for file in pair[:2]})
    index = {file: i for i, file in enumerate(files)}
    person = np.unique([file.split("/")[0] for file in files], return_inverse=True)[1]
    cache = locate().cache
    engine = choose_engine("auto", cache, runtime=load_settings(locate().config).runtime, photos=len(files))
    detectors = {
        "before": Before(*(engine.network(source) for source in network_sources())),
        "after": load_detector(engine),
    }
    embedder = load_embedder(arguments.model, cache=cache, engine=engine)
    measured = Measurement(files, embedder, engine.workers, detectors)
    numbers = np.array([[index[left], index[right]] for left, right, _ in pairs])
    genuine = np.array([pair[2] for pair in pairs])
    print(f"{arguments.model}: {len(pairs):,} pairs, {len(files):,} photos, {len(set(person)):,} people")
    rows = {}
    for c, name in enumerate(CUTS):
        rows[name] = {"searched_again": int(measured.changed[c].sum())}
        for d, when in enumerate(detectors):
            row = rows[name][when] = row_of(measured, c, d, numbers, genuine, person)
            print(
                f"{name:22}{when:7} accuracy {row['accuracy']:.4f} +- {row['standard_error']:.4f}, "
                f"against whole {row['accuracy_against_whole']:.4f}, "
                f"FNMR at 1e-3 {row['fnmr'][0]['value']:.4f}, "
                f"not found {row['not_found']['errors']}, no dominant face {row['no_dominant_face']}, "
                f"landmarks {row['landmark_error']['median']:.3f} / {row['landmark_error']['p95']:.3f}"
            )
    save(
        f"tight-{arguments.model}",
        {
            "model": arguments.model,
            "data": "LFW, people on whom nothing was chosen",
            "pairs": len(pairs),
            "photos": len(files),
            "people": len(set(person.tolist())),
            "cuts": rows,
        },
    )


if __name__ == "__main__":
    main()
