"""How well the checks for presentation attacks do on SIMULATED attacks.

Run: python benchmarks/pad.py

Nothing was printed or filmed: attacks are rendered from the live photos. A screen is the photo shrunk to a
display's pixels, drawn as stripes of red, green and blue, turned a little, blurred by a lens, and sampled by
a second sensor with a different gamma, noise and JPEG. A print is the photo as dots of ink on paper of less
contrast, blurred and sampled in the same way. Real attacks are better and worse than these in ways that no
simulation shows; see docs/limitations.md. The check on clips is not measured here, since there are no films.

The live photos are those of ten phone users (uncropped) and one photo each of 100 people from LFW.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from common import collection, read_photo, save
from PIL import Image, ImageFilter

from faceunlock.errors import PhotoError
from faceunlock.liveness.record import to_dict
from faceunlock.photos.face import choose_subject
from faceunlock.photos.photo import find_photos
from faceunlock.pipeline.detection import load_detector
from faceunlock.pipeline.runtime import choose_engine
from faceunlock.settings import locate
from faceunlock.unlock import FaceUnlock

SEED = 20261123
PHOTOS_PER_PERSON = 3
LFW_PEOPLE = 100
FACE_ON_DISPLAY = (150, 300)
"""Width of the face in pixels of the display, or in dots of the print."""

FACE_IN_PHOTO = (180, 500)
"""Width of the face in pixels of the second photo."""


def screen(image: Image.Image, face: float, generator: np.random.Generator) -> Image.Image:
    """Return a simulated photo of a display that shows the image."""
    shown = _resized(image, generator.uniform(*FACE_ON_DISPLAY) / face)
    pixels = np.asarray(shown, dtype=np.float32) ** 2.2
    stripes = np.repeat(np.repeat(pixels, 3, axis=0), 3, axis=1)
    for channel in range(3):
        mask = np.full(3, 0.08)
        mask[channel] = 1.0
        stripes[:, :, channel] *= np.tile(mask, pixels.shape[1])
    stripes[2::3] *= 0.3  # the black lines between rows
    emitted = (stripes / stripes.max()) ** (1 / 2.2) * 255
    return _second_photo(
        Image.fromarray(emitted.astype(np.uint8)), shown, face, image, generator, blur=(0.4, 1.0)
    )


def printed(image: Image.Image, face: float, generator: np.random.Generator) -> Image.Image:
    """Return a simulated photo of a print of the image.

    The print has amplitude-modulated dots, three to a pixel's side, in screens of 15, 75 and 45 degrees.
    """
    shown = _resized(image, generator.uniform(*FACE_ON_DISPLAY) / face)
    large = np.asarray(
        shown.resize((shown.width * 3, shown.height * 3), Image.Resampling.BICUBIC), dtype=np.float32
    )
    rows, columns = np.ogrid[: large.shape[0], : large.shape[1]]
    pitch = generator.uniform(2.5, 4.0)
    ink = np.empty_like(large)
    for channel, angle in enumerate(np.radians((15.0, 75.0, 45.0))):
        along = (columns * np.cos(angle) + rows * np.sin(angle)) * 2 * np.pi / pitch
        across = (rows * np.cos(angle) - columns * np.sin(angle)) * 2 * np.pi / pitch
        dots = (np.cos(along.astype(np.float32)) + np.cos(across.astype(np.float32))) / 4 + 0.5
        ink[:, :, channel] = 255 / (1 + np.exp(-12 * (large[:, :, channel] / 255 - dots)))
    paper = 35 + ink * (215 - 35) / 255
    return _second_photo(
        Image.fromarray(paper.astype(np.uint8)), shown, face, image, generator, blur=(0.6, 1.4)
    )


SPECIES = {"simulated-screen": screen, "simulated-print": printed}


def _resized(image: Image.Image, factor: float) -> Image.Image:
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    return image.resize(size, Image.Resampling.LANCZOS)


def _second_photo(
    surface: Image.Image,
    shown: Image.Image,
    face: float,
    original: Image.Image,
    generator: np.random.Generator,
    blur: tuple[float, float],
) -> Image.Image:
    """Turn, blur and sample a surface of three by three points per pixel; add gamma and noise."""
    face_on_surface = face * surface.width / original.width
    factor = generator.uniform(*FACE_IN_PHOTO) / face_on_surface
    turned = surface.rotate(generator.uniform(-4, 4), Image.Resampling.BICUBIC, fillcolor=(60, 60, 60))
    # The lens comes first: it blurs what the sensor then samples.
    seen = turned.filter(ImageFilter.GaussianBlur(generator.uniform(*blur) / min(1.0, factor) * 0.6))
    sampled = seen.resize(
        (round(seen.width * factor), round(seen.height * factor)), Image.Resampling.BILINEAR
    )
    pixels = np.asarray(sampled, dtype=np.float32)
    # A camera exposes for the picture: as bright as the shown image, with a different gamma.
    pixels *= np.clip(np.asarray(shown).mean() / max(pixels.mean(), 1.0), 0.5, 4.0)
    pixels = 255 * np.clip(pixels / 255, 0, 1) ** generator.uniform(0.85, 1.15)
    pixels += generator.uniform(1, 4) * generator.standard_normal(pixels.shape, dtype=np.float32)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def people() -> dict[str, dict[str, list[Path]]]:
    """Return the live photos of each set, by person."""
    root = collection()
    phone = {
        folder.name: list(find_photos([folder]).photos)[:PHOTOS_PER_PERSON]
        for folder in sorted((root / "phone10" / "enroll").iterdir())
    }
    lfw = sorted((root / "lfw").iterdir())
    chosen = lfw[:: len(lfw) // LFW_PEOPLE][:LFW_PEOPLE]
    return {
        "phone10": phone,
        "lfw": {folder.name: list(find_photos([folder]).photos)[:1] for folder in chosen},
    }


def build(folder: Path, photos: dict[str, list[Path]], detector, generator: np.random.Generator) -> None:
    """Link the live photos into `folder` and render attacks from them."""
    for person, paths in photos.items():
        for number, path in enumerate(paths):
            link = folder / "live" / person / f"{number}{path.suffix}"
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(path.resolve())
            image = Image.fromarray(read_photo(path).image)
            image.thumbnail((2000, 2000))
            pixels = np.asarray(image)
            try:
                face = choose_subject(detector.detect(pixels), pixels.shape, "central")
            except PhotoError:
                continue
            (x, y), half = face.centre, 1.1 * face.size
            cut = image.crop((round(x - half), round(y - half), round(x + half), round(y + half)))
            for species, render in SPECIES.items():
                target = folder / "attack" / species / person / f"{number}.jpg"
                target.parent.mkdir(parents=True, exist_ok=True)
                render(cut, face.size, generator).save(target, quality=92)


def main() -> None:
    """Render, measure, print, write the result file."""
    from faceunlock.cli.answers.pad import report as text

    detector = load_detector(choose_engine("cpu", locate().cache))
    result: dict = {
        "attacks": "SIMULATED, rendered from the live photos; no real presentation attack was measured",
        "seed": SEED,
    }
    for name, photos in people().items():
        where = locate()
        with tempfile.TemporaryDirectory() as place, FaceUnlock(locations=where, model="dlib") as unlock:
            folder = Path(place)
            build(folder, photos, detector, np.random.default_rng(SEED))
            report = unlock.measure_pad(folder / "live", folder / "attack", dry_run=True)
        print(name, text(report), sep="\n")
        measured = to_dict(report.measurement) | {"data": f"{name}: {len(photos)} people", "created": None}
        result[name] = measured
    save("pad", result)


if __name__ == "__main__":
    main()
