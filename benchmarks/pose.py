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
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from common import collection, read_photo, save
from lfw import read_pairs
from PIL import Image

from faceunlock.errors import PhotoError
from faceunlock.matching.error_rates import clopper_pearson_upper
from faceunlock.matching.similarity import leave_one_out, unit
from faceunlock.photos.face import Face, Quality, SubjectRule, choose_subject, measure_quality
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

Row = tuple[np.ndarray, Quality]
"""Embedding and quality of the subject of a photo."""

Alter = Callable[[np.ndarray, Face], Iterable[np.ndarray]]
Measure = Callable[[Quality], float | None]


class Look:
    """Finds the subject of a photo and embeds it."""

    def __init__(self, model: str) -> None:
        cache = locate().cache
        engine = choose_engine("cpu", cache)
        self.detector = load_detector(engine)
        self.embedder = load_embedder(model, cache=cache, engine=engine)

    def subject(self, image: np.ndarray, rule: SubjectRule = "central") -> Face:
        """Return the face nearest to the middle, as LFW is cropped around its subject."""
        return choose_subject(self.detector.detect(image), image.shape, rule)

    def row(self, image: np.ndarray, face: Face) -> Row:
        """Return the embedding and the quality of a face."""
        embedding = self.embedder.embed(self.embedder.crop(image, face)[None])[0]
        return embedding, measure_quality(image, face)

    def photo(self, path: Path) -> Row | None:
        """Return the row of a photo; None without a usable face."""
        image = pixels(path)
        try:
            return self.row(image, self.subject(image))
        except PhotoError:
            return None


@dataclass(frozen=True)
class Compared:
    """Photos with their quality, and their similarity to the centroid of the person's others."""

    qualities: list[Quality]
    similarity: np.ndarray


@dataclass(frozen=True)
class Measured:
    """Photos of LFW and of phone users as they are, and altered; `lost` of these show no face any more."""

    look: Look
    threshold: float
    people: int
    lfw: Compared
    phone: Compared
    altered: Compared
    lost: int


def asked_model(description: str | None) -> str:
    """Return the model of the command line."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--model", default="compact")
    return parser.parse_args().model


def measured(model: str, alter: Alter, rule: SubjectRule) -> Measured:
    """Compare everybody's photos with the person's others, and altered photos of some; `rule` finds these."""
    threshold = shipped_calibration(model, "normal").threshold
    look, lfw, phone = Look(model), people_of_lfw(), people_of_phones()
    print(f"{model}: {len(lfw)} people of LFW, {len(phone)} with phones, threshold {threshold}", flush=True)
    seen = {name: looked(look, paths) for name, paths in (lfw | phone).items()}
    some = {**dict(list(lfw.items())[:60]), **phone}
    rows = [row for name, paths in some.items() for row in altered(look, paths[:4], seen[name], alter, rule)]
    kept = [row for row in rows if row is not None]
    return Measured(
        look,
        threshold,
        len(lfw),
        compared(seen[name] for name in lfw),
        compared(seen[name] for name in phone),
        Compared([quality for quality, _ in kept], np.array([similarity for _, similarity in kept])),
        len(rows) - len(kept),
    )


def main() -> None:
    """Measure, print, write the result file."""
    model = asked_model(__doc__)
    found = measured(model, cuts, "largest")
    result = {
        "model": model,
        "threshold": found.threshold,
        "most_turn": MOST_TURN,
        "most_cut_off": MOST_CUT_OFF,
        "people": found.people,
        "turns": binned(found.lfw, turn, found.threshold, TURNS),
        "cuts": binned(found.altered, cut_off, found.threshold, CUTS),
        "cut_photos": len(found.altered.qualities) + found.lost,
        "cut_photos_lost": found.lost,
        "lfw": beyond(found.lfw, found.threshold),
        "phone10": beyond(found.phone, found.threshold),
    }
    for key in ("turns", "cuts"):
        print(key, *result[key], sep="\n  ")
    print("lfw", result["lfw"], "\nphone10", result["phone10"], "\nlost", found.lost)
    save(f"pose-{model}", result)


def values(qualities: list[Quality], measure: Measure) -> np.ndarray:
    """Return a measure of each photo; NaN if it cannot be told."""
    found = map(measure, qualities)
    return np.array([np.nan if value is None else value for value in found])


def turn(quality: Quality) -> float | None:
    """Return how far the head is turned to a side, in degrees."""
    return None if quality.turn is None else abs(quality.turn)


def cut_off(quality: Quality) -> float:
    """Return the share of the face's box outside the photo."""
    return quality.cut_off


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


def looked(look: Look, paths: list[Path]) -> list[Row]:
    """Return the rows of a person's usable photos."""
    with ThreadPoolExecutor(2) as pool:
        return [row for row in pool.map(look.photo, paths) if row is not None]


def compared(people: Iterable[list[Row]]) -> Compared:
    """Return every photo of everybody, each compared with the person's others."""
    several = [rows for rows in people if len(rows) > 1]
    return Compared(
        [quality for rows in several for _, quality in rows],
        np.concatenate([leave_one_out(np.stack([row[0] for row in rows])) for rows in several]),
    )


def altered(
    look: Look,
    paths: list[Path],
    seen: list[Row],
    alter: Alter,
    rule: SubjectRule,
) -> Iterator[tuple[Quality, float] | None]:
    """Yield each altered photo's quality and its similarity to the others' centroid; None if it is lost."""
    if len(seen) < 2:
        return
    total = np.sum([row[0] for row in seen], axis=0, dtype=np.float64)
    for path in paths:
        image = pixels(path)
        try:
            face = look.subject(image)
            others = unit(total - look.row(image, face)[0])
        except PhotoError:
            continue
        for changed in alter(image, face):
            try:
                embedding, quality = look.row(changed, look.subject(changed, rule))
            except PhotoError:
                yield None
            else:
                yield quality, float(embedding @ others)


def cuts(image: np.ndarray, face: Face) -> Iterator[np.ndarray]:
    """Yield the photo cut at each edge, at each share of the face's box."""
    for edge in EDGES:
        for share in SHARES:
            yield cut_at(image, face, edge, share)


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


def binned(compared: Compared, measure: Measure, threshold: float, limits: tuple) -> list[dict]:
    """Return, for each range of a measure, the photos in it and how many of them are refused."""
    rows = []
    found = values(compared.qualities, measure)
    for low, high in pairwise(limits):
        inside = (found >= low) & (found < high) if high < limits[-1] else (found >= low)
        refused, photos = int(np.sum(compared.similarity[inside] < threshold)), int(inside.sum())
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


def beyond(photos: Compared, threshold: float) -> dict:
    """Return how many photos are beyond a limit, and how many of these would be a yes all the same."""
    outside = values(photos.qualities, cut_off)
    turned, cut = values(photos.qualities, turn) > MOST_TURN, outside > MOST_CUT_OFF
    yes = photos.similarity >= threshold
    return {
        "photos": len(yes),
        "refused": int(np.sum(~yes)),
        "turned": int(turned.sum()),
        "turned_but_yes": int(np.sum(turned & yes)),
        "cut_off": int(cut.sum()),
        "cut_off_but_yes": int(np.sum(cut & yes)),
        "largest_cut_off": round(float(outside.max()), 3),
    }


if __name__ == "__main__":
    main()
