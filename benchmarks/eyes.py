"""Source of the limit in `faceunlock.photos.shade`: how dark eyes may be beside the cheeks.

Run: python benchmarks/eyes.py [--model compact]

As they are: every LFW photo of a person with at least four, and every phone photo, is compared with the
centroid of the person's others, and the refusals at the model's threshold (``normal``) are counted by the
light of the eyes.

Shaded: on photos of 60 of these people and all phone photos, a band across the eyes is darkened, as the peak
of a cap does, and the face is found again. A face that is not found again is counted apart.

Harm: how many photos below the limit would have been a yes all the same, and whether the light of the eyes
differs between three groups of people.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from common import collection, save
from pose import Look, binned, people_of_lfw, people_of_phones, pixels

from faceunlock.errors import PhotoError
from faceunlock.matching.similarity import leave_one_out, unit
from faceunlock.photos.face import Face, choose_subject, measure_quality
from faceunlock.photos.photo import find_photos
from faceunlock.photos.shade import LEAST_EYE_LIGHT
from faceunlock.pipeline.models.shipped import shipped_calibration

LIGHTS = (0.0, 0.1, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 2.0)
SHADES = (0.6, 0.45, 0.35, 0.25, 0.15, 0.08)
"""What is left of the light below the cap."""


def main() -> None:
    """Measure, print, write the result file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="compact")
    model = parser.parse_args().model
    threshold = shipped_calibration(model, "normal").threshold
    look, lfw, phone = Look(model), people_of_lfw(), people_of_phones()
    print(f"{model}: {len(lfw)} people of LFW, {len(phone)} with phones, threshold {threshold}", flush=True)
    seen = {name: looked(look, paths) for name, paths in (lfw | phone).items()}
    plain = np.concatenate([rows_of(seen[name]) for name in lfw])
    phones = np.concatenate([rows_of(seen[name]) for name in phone])
    print("lfw", *binned(plain[:, 0], plain[:, 1], threshold, LIGHTS), sep="\n  ", flush=True)
    shaded, lost = [], 0
    for name, paths in {**dict(list(lfw.items())[:60]), **phone}.items():
        rows, missing = shades_of(look, paths[:4], seen[name])
        shaded += rows
        lost += missing
    dark = np.array(shaded)
    result = {
        "model": model,
        "threshold": threshold,
        "least_eye_light": LEAST_EYE_LIGHT,
        "people": len(lfw),
        "lights": binned(plain[:, 0], plain[:, 1], threshold, LIGHTS),
        "shaded": binned(dark[:, 0], dark[:, 1], threshold, LIGHTS),
        "shaded_photos": len(dark) + lost,
        "shaded_photos_lost": lost,
        "lfw": below(plain, threshold),
        "phone10": below(phones, threshold),
        "groups": groups(look),
    }
    for key in ("lights", "shaded", "groups"):
        print(key, *result[key], sep="\n  ")
    print("lfw", result["lfw"], "\nphone10", result["phone10"], "\nlost", lost)
    save(f"eyes-{model}", result)


def light(image: np.ndarray, face: Face) -> float:
    """Return the light of a face's eyes; NaN if it cannot be told."""
    found = measure_quality(image, face).eye_light
    return np.nan if found is None else found


def embedded(look: Look, image: np.ndarray, face: Face) -> np.ndarray:
    """Return the embedding of a face."""
    return look.embedder.embed(look.embedder.crop(image, face)[None])[0]


def looked(look: Look, paths: list[Path]) -> list[tuple[np.ndarray, float]]:
    """Return embedding and light of the eyes for a person's usable photos."""

    def row(path: Path) -> tuple[np.ndarray, float] | None:
        image = pixels(path)
        try:
            face = look.subject(image)
        except PhotoError:
            return None
        return embedded(look, image, face), light(image, face)

    with ThreadPoolExecutor(2) as pool:
        return [found for found in pool.map(row, paths) if found is not None]


def rows_of(seen: list[tuple[np.ndarray, float]]) -> np.ndarray:
    """Return light of the eyes and similarity to the centroid of the others, for each photo."""
    if len(seen) < 2:
        return np.empty((0, 2))
    return np.column_stack([[row[1] for row in seen], leave_one_out(np.stack([row[0] for row in seen]))])


def shades_of(look: Look, paths: list[Path], seen: list) -> tuple[list[tuple[float, float]], int]:
    """Return light of the eyes and similarity to the others' centroid for each shade; then the lost."""
    if len(seen) < 2:
        return [], 0
    total = np.sum([row[0] for row in seen], axis=0, dtype=np.float64)
    rows, lost = [], 0
    for path in paths:
        image = pixels(path)
        try:
            face = look.subject(image)
        except PhotoError:
            continue
        others = unit(total - embedded(look, image, face))
        for shade in SHADES:
            dark = below_a_cap(image, face, shade)
            try:
                again = choose_subject(look.detector.detect(dark), dark.shape, "central")
                rows.append((light(dark, again), float(embedded(look, dark, again) @ others)))
            except PhotoError:
                lost += 1
    return rows, lost


def below_a_cap(image: np.ndarray, face: Face, shade: float) -> np.ndarray:
    """Return the photo with the face's box darkened down to below the eyes, softly at the edge."""
    (left_x, left_y), (right_x, right_y), *_ = face.landmarks
    distance = float(np.hypot(right_x - left_x, right_y - left_y))
    rows, columns = np.mgrid[: image.shape[0], : image.shape[1]].astype(np.float32)
    # Along the line through the eyes, however the head is tilted.
    slope = (right_y - left_y) / (right_x - left_x) if right_x != left_x else 0.0
    under = (rows - (left_y + slope * (columns - left_x))) / distance
    shaded = np.clip((0.42 - under) / 0.12, 0, 1) * (columns >= face.box[0]) * (columns <= face.box[2])
    return (image * (1 - (1 - shade) * shaded[..., None])).round().astype(np.uint8)


def below(rows: np.ndarray, threshold: float) -> dict:
    """Return how many photos are below the limit, and how many of these would be a yes all the same."""
    dark, yes = rows[:, 0] < LEAST_EYE_LIGHT, rows[:, 1] >= threshold
    return {
        "photos": len(rows),
        "refused": int(np.sum(~yes)),
        "shaded": int(dark.sum()),
        "shaded_but_yes": int(np.sum(dark & yes)),
        "least_light": round(float(np.nanmin(rows[:, 0])), 3),
    }


def groups(look: Look) -> list[dict]:
    """Return how light the eyes are in three groups of portraits, named by sex and origin."""
    found: dict[str, list[float]] = {}
    for path in find_photos([collection() / "utk98"]).photos:
        image = pixels(path)
        try:
            found.setdefault("_".join(path.name.split("_")[1:3]), []).append(
                light(image, look.subject(image))
            )
        except PhotoError:
            continue
    return [
        {
            "group": name,
            "photos": len(lights),
            "shaded": int(np.sum(np.array(lights) < LEAST_EYE_LIGHT)),
            "median": round(float(np.nanmedian(lights)), 2),
        }
        for name, lights in sorted(found.items())
    ]


if __name__ == "__main__":
    main()
