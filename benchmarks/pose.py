"""Source of the limits in `faceunlock.photos.pose`: at which turn, and at which cut, owners are refused.

Run: python benchmarks/pose.py [--model compact]

Turns: every LFW photo of a person with at least four is compared with the centroid of the person's others,
and the refusals at the model's threshold (``normal``) are counted by how far the head is turned.

Cuts: photos of 60 of these people and all phone photos are cut so that 10 to 60 % of the face's box lies
beyond an edge; the face is found again, and the refusals are counted by the share of the new box that is
outside. A face that is not found again, or is no longer the subject, is counted apart.

Harm: how many photos of owners beyond each limit would have been a yes all the same.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np
from common import collection, read_photo, save
from lfw import read_pairs
from PIL import Image

from faceunlock.errors import PhotoError
from faceunlock.matching.error_rates import clopper_pearson_upper
from faceunlock.matching.similarity import leave_one_out, unit
from faceunlock.photos.face import Face, choose_subject, measure_quality
from faceunlock.photos.photo import find_photos
from faceunlock.photos.pose import MOST_CUT_OFF, MOST_TURN
from faceunlock.pipeline.detection import load_detector
from faceunlock.pipeline.embedding import load_embedder
from faceunlock.pipeline.models.shipped import shipped_calibration
from faceunlock.pipeline.runtime import choose_engine
from faceunlock.settings import locate

TURNS = (0, 10, 20, 30, 40, 90)
CUTS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 1.0)
SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
EDGES = ("left", "right", "top", "bottom")
MOST_SIDE = 1000


class Look:
    """Finds the subject of a photo and embeds it."""

    def __init__(self, model: str) -> None:
        cache = locate().cache
        engine = choose_engine("cpu", cache)
        self.detector = load_detector(engine)
        self.embedder = load_embedder(model, cache=cache, engine=engine)

    def subject(self, image: np.ndarray) -> Face:
        """Return the face nearest to the middle, as LFW is cropped around its subject."""
        return choose_subject(self.detector.detect(image), image.shape, "central")

    def row(self, image: np.ndarray, face: Face) -> tuple[np.ndarray, float, float]:
        """Return the embedding, the turn in degrees and the share outside of the photo."""
        quality = measure_quality(image, face)
        embedding = self.embedder.embed(self.embedder.crop(image, face)[None])[0]
        return embedding, np.nan if quality.turn is None else abs(quality.turn), quality.cut_off

    def photo(self, path: Path) -> tuple[np.ndarray, float, float] | None:
        """Return the row of a photo; None without a usable face."""
        image = pixels(path)
        try:
            return self.row(image, self.subject(image))
        except PhotoError:
            return None


def main() -> None:
    """Measure, print, write the result file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="compact")
    model = parser.parse_args().model
    threshold = shipped_calibration(model, "normal").threshold
    look, lfw, phone = Look(model), people_of_lfw(), people_of_phones()
    print(f"{model}: {len(lfw)} people of LFW, {len(phone)} with phones, threshold {threshold}")
    seen = {name: looked(look, paths) for name, paths in (lfw | phone).items()}
    turns = np.concatenate([rows_of(seen[name]) for name in lfw])
    phones = np.concatenate([rows_of(seen[name]) for name in phone])
    cut, lost = [], 0
    for name, paths in {**dict(list(lfw.items())[:60]), **phone}.items():
        rows, missing = cuts_of(look, paths[:4], seen[name])
        cut += rows
        lost += missing
    cuts = np.array(cut)
    result = {
        "model": model,
        "threshold": threshold,
        "most_turn": MOST_TURN,
        "most_cut_off": MOST_CUT_OFF,
        "people": len(lfw),
        "turns": binned(turns[:, 0], turns[:, 1], threshold, TURNS),
        "cuts": binned(cuts[:, 0], cuts[:, 2], threshold, CUTS),
        "cut_photos": len(cuts) + lost,
        "cut_photos_lost": lost,
        "lfw": beyond(turns, threshold),
        "phone10": beyond(phones, threshold),
    }
    for key in ("turns", "cuts"):
        print(key, *result[key], sep="\n  ")
    print("lfw", result["lfw"], "\nphone10", result["phone10"], "\nlost", lost)
    save(f"pose-{model}", result)


def people_of_lfw() -> dict[str, list[Path]]:
    """Return the photos of everybody of the LFW protocol with at least four."""
    folder = collection() / "lfw"
    _, pairs = read_pairs(collection() / "lfw-pairs.txt")
    people: dict[str, list[Path]] = {}
    for file in sorted({file for pair in pairs for file in pair[:2]}):
        people.setdefault(file.split("/")[0], []).append(folder / file)
    return {name: paths for name, paths in people.items() if len(paths) >= 4}


def people_of_phones() -> dict[str, list[Path]]:
    """Return the phone photos of ten people, those to enroll and those to verify."""
    folder = collection() / "phone10"
    return {
        f"phone {one.name}": [
            *find_photos([one]).photos,
            *(find_photos([test]).photos if (test := folder / "test" / one.name).is_dir() else ()),
        ]
        for one in sorted((folder / "enroll").iterdir())
    }


def pixels(path: Path) -> np.ndarray:
    """Return a photo, at most `MOST_SIDE` pixels long."""
    image = Image.fromarray(read_photo(path).image)
    image.thumbnail((MOST_SIDE, MOST_SIDE))
    return np.asarray(image)


def looked(look: Look, paths: list[Path]) -> list[tuple[np.ndarray, float, float]]:
    """Return the rows of a person's usable photos."""
    with ThreadPoolExecutor(2) as pool:
        return [row for row in pool.map(look.photo, paths) if row is not None]


def rows_of(seen: list[tuple[np.ndarray, float, float]]) -> np.ndarray:
    """Return turn, similarity to the centroid of the others, and share outside, for each photo."""
    if len(seen) < 2:
        return np.empty((0, 3))
    similarity = leave_one_out(np.stack([row[0] for row in seen]))
    return np.column_stack([[row[1] for row in seen], similarity, [row[2] for row in seen]])


def cuts_of(look: Look, paths: list[Path], seen: list) -> tuple[list[tuple[float, float, float]], int]:
    """Return share outside, share cut and similarity to the centroid of all, for each cut; then the lost."""
    if len(seen) < 2:
        return [], 0
    total = np.sum([row[0] for row in seen], axis=0, dtype=np.float64)
    rows, lost = [], 0
    for path in paths:
        image = pixels(path)
        try:
            face = look.subject(image)
            own = look.row(image, face)[0]
        except PhotoError:
            continue
        others = unit(total - own)
        for edge in EDGES:
            for share in SHARES:
                part = cut_at(image, face, edge, share)
                try:
                    found = look.detector.detect(part)
                    again = choose_subject(found, part.shape, "largest")
                    embedding, _, out = look.row(part, again)
                except PhotoError:
                    lost += 1
                    continue
                rows.append((out, share, float(embedding @ others)))
    return rows, lost


def cut_at(image: np.ndarray, face: Face, edge: str, share: float) -> np.ndarray:
    """Return the photo without the part that holds a share of the face's box at one edge."""
    left, top, right, bottom = face.box
    x, y = (right - left) * share, (bottom - top) * share
    height, width = image.shape[:2]
    limits = {
        "left": (slice(None), slice(max(0, int(left + x)), width)),
        "right": (slice(None), slice(0, max(1, int(right - x)))),
        "top": (slice(max(0, int(top + y)), height), slice(None)),
        "bottom": (slice(0, max(1, int(bottom - y))), slice(None)),
    }
    return np.ascontiguousarray(image[limits[edge]])


def binned(measure: np.ndarray, similarity: np.ndarray, threshold: float, limits: tuple) -> list[dict]:
    """Return, for each range of a measure, the photos in it and how many of them are refused."""
    rows = []
    for low, high in pairwise(limits):
        inside = (measure >= low) & (measure < high) if high < limits[-1] else (measure >= low)
        refused, photos = int(np.sum(similarity[inside] < threshold)), int(inside.sum())
        rows.append(
            {
                "from": low,
                "photos": photos,
                "refused": refused,
                "rate": round(refused / photos, 3) if photos else None,
                "upper": round(clopper_pearson_upper(refused, photos), 3) if photos else None,
            }
        )
    return rows


def beyond(rows: np.ndarray, threshold: float) -> dict:
    """Return how many photos are beyond a limit, and how many of these would be a yes all the same."""
    turned, cut = rows[:, 0] > MOST_TURN, rows[:, 2] > MOST_CUT_OFF
    yes = rows[:, 1] >= threshold
    return {
        "photos": len(rows),
        "refused": int(np.sum(~yes)),
        "turned": int(turned.sum()),
        "turned_but_yes": int(np.sum(turned & yes)),
        "cut_off": int(cut.sum()),
        "cut_off_but_yes": int(np.sum(cut & yes)),
        "largest_cut_off": round(float(rows[:, 2].max()), 3),
    }


if __name__ == "__main__":
    main()
