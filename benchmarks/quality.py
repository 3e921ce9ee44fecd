"""Source of the quality limits of enrolment: which photos they refuse, and which they accept.

Run: python benchmarks/quality.py   (after benchmarks/lfw.py, whose cached detections it reuses)

The good photos are the 78 enrolment photos of ten phone users and the 7,701 LFW images. The bad ones are 200
of the LFW images and the phone photos, blurred (standard deviation in percent of the face's width) or
darkened (by a factor). For each bad photo, the similarity to the original shows the cost of the damage.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from common import collection, embed_photos, read_photo, save
from lfw import read_pairs
from PIL import Image, ImageFilter

from faceunlock.photos.face import Quality, choose_subject, measure_quality
from faceunlock.photos.photo import find_photos
from faceunlock.pipeline.detection import load_detector
from faceunlock.pipeline.embedding import load_embedder
from faceunlock.pipeline.runtime import choose_engine
from faceunlock.settings import load_settings, locate

BLURS = (1, 2, 3, 4, 6, 8)
FACTORS = (0.5, 0.35, 0.25, 0.15, 0.1)
QUANTILES = (0.0, 0.001, 0.01, 0.05, 0.5)


def main() -> None:
    """Measure, print, write the result file."""
    settings = load_settings(Path("no config"), {})
    lfw = collection() / "lfw"
    _, pairs = read_pairs(collection() / "lfw-pairs.txt")
    files = [lfw / file for file in sorted({file for pair in pairs for file in pair[:2]})]
    phone = list(find_photos([collection() / "phone10" / "enroll"]).photos)
    result: dict = {"min_sharpness": settings.min_sharpness, "min_brightness": settings.min_brightness}
    for name, paths in (("lfw", files), ("phone10-enroll", phone)):
        quality = embed_photos(paths, name, "dlib").quality
        quality = quality[np.isfinite(quality[:, 0])]
        result[name] = {
            "photos": len(quality),
            "sharpness_quantiles": np.quantile(quality[:, 1], QUANTILES).round(2).tolist(),
            "brightness_quantiles": np.quantile(quality[:, 2], QUANTILES).round(1).tolist(),
            "size_quantiles": np.quantile(quality[:, 0], QUANTILES).round(1).tolist(),
            "refused_as_blurred": int(np.sum(quality[:, 1] < settings.min_sharpness)),
            "refused_as_dark": int(np.sum(quality[:, 2] < settings.min_brightness)),
        }
        print(name, result[name])
    chosen = [*files[:: len(files) // 200][:200], *phone]
    result["spoiled"] = spoiled(chosen, settings)
    save("quality", {"quantiles": QUANTILES, **result})


def spoiled(paths: list[Path], settings) -> list[dict]:
    """Return, for each kind and amount of damage, how many photos are refused and their similarity."""
    engine = choose_engine("cpu", locate().cache)
    detector, embedder = load_detector(engine), load_embedder("dlib", cache=engine.cache, engine=engine)
    rows = []
    loaded = []
    for path in paths:
        photo = read_photo(path)
        image = Image.fromarray(photo.image)
        image.thumbnail((1600, 1600))
        pixels = np.asarray(image)
        face = choose_subject(detector.detect(pixels), pixels.shape, "central")
        loaded.append((image, face, embedder.embed(embedder.crop(pixels, face)[None])[0]))
    for kind, amounts in (("blur", BLURS), ("darken", FACTORS)):
        for amount in amounts:
            qualities, cosines = [], []
            for image, face, reference in loaded:
                pixels = np.asarray(spoil(image, face.size, kind, amount))
                qualities.append(measure_quality(pixels, face))
                cosines.append(float(embedder.embed(embedder.crop(pixels, face)[None])[0] @ reference))
            rows.append(row(kind, amount, qualities, cosines, settings))
            print(rows[-1])
    return rows


def spoil(image: Image.Image, face: float, kind: str, amount: float) -> Image.Image:
    """Return a worse version of a photo."""
    if kind == "blur":
        return image.filter(ImageFilter.GaussianBlur(face * amount / 100))
    return image.point(lambda value: value * amount)


def row(kind: str, amount: float, qualities: list[Quality], cosines: list[float], settings) -> dict:
    """Return one row of the result."""
    refused = sum(
        q.sharpness < settings.min_sharpness or q.brightness < settings.min_brightness for q in qualities
    )
    return {
        "kind": kind,
        "amount": amount,
        "photos": len(qualities),
        "refused": refused,
        "median_sharpness": round(float(np.median([q.sharpness for q in qualities])), 2),
        "median_brightness": round(float(np.median([q.brightness for q in qualities])), 1),
        "median_similarity_to_the_original": round(float(np.median(cosines)), 4),
        "share_below_the_threshold": round(float(np.mean(np.array(cosines) < 0.96)), 3),
    }


if __name__ == "__main__":
    main()
