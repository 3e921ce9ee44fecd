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

from collections.abc import Iterator

import numpy as np
from common import collection, save
from pose import Compared, Look, asked_model, binned, measured, pixels, values

from faceunlock.errors import PhotoError
from faceunlock.photos.face import Face, Quality, measure_quality
from faceunlock.photos.photo import find_photos
from faceunlock.photos.shade import LEAST_EYE_LIGHT

LIGHTS = (0.0, 0.1, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 2.0)
SHADES = (0.6, 0.45, 0.35, 0.25, 0.15, 0.08)
"""What is left of the light below the cap."""


def main() -> None:
    """Measure, print, write the result file."""
    model = asked_model(__doc__)
    found = measured(model, shades, "central")
    result = {
        "model": model,
        "threshold": found.threshold,
        "least_eye_light": LEAST_EYE_LIGHT,
        "people": found.people,
        "lights": binned(found.lfw, light, found.threshold, LIGHTS),
        "shaded": binned(found.altered, light, found.threshold, LIGHTS),
        "shaded_photos": len(found.altered.qualities) + found.lost,
        "shaded_photos_lost": found.lost,
        "lfw": below(found.lfw, found.threshold),
        "phone10": below(found.phone, found.threshold),
        "groups": groups(found.look),
    }
    for key in ("lights", "shaded", "groups"):
        print(key, *result[key], sep="\n  ")
    print("lfw", result["lfw"], "\nphone10", result["phone10"], "\nlost", found.lost)
    save(f"eyes-{model}", result)


def light(quality: Quality) -> float | None:
    """Return the light of a face's eyes."""
    return quality.eye_light


def shades(image: np.ndarray, face: Face) -> Iterator[np.ndarray]:
    """Yield the photo in each shade."""
    for shade in SHADES:
        yield below_a_cap(image, face, shade)


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


def below(photos: Compared, threshold: float) -> dict:
    """Return how many photos are below the limit, and how many of these would be a yes all the same."""
    lights = values(photos.qualities, light)
    dark, yes = lights < LEAST_EYE_LIGHT, photos.similarity >= threshold
    return {
        "photos": len(yes),
        "refused": int(np.sum(~yes)),
        "shaded": int(dark.sum()),
        "shaded_but_yes": int(np.sum(dark & yes)),
        "least_light": round(float(np.nanmin(lights)), 3),
    }


def groups(look: Look) -> list[dict]:
    """Return how light the eyes are in three groups of portraits, named by sex and origin."""
    found: dict[str, list[Quality]] = {}
    for path in find_photos([collection() / "utk98"]).photos:
        image = pixels(path)
        try:
            quality = measure_quality(image, look.subject(image))
        except PhotoError:
            continue
        found.setdefault("_".join(path.name.split("_")[1:3]), []).append(quality)
    return [
        {
            "group": name,
            "photos": len(lights),
            "shaded": int(np.sum(lights < LEAST_EYE_LIGHT)),
            "median": round(float(np.nanmedian(lights)), 2),
        }
        for name, lights in ((name, values(found[name], light)) for name in sorted(found))
    ]


if __name__ == "__main__":
    main()
