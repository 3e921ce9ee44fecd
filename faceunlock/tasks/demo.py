"""Pictures for ``faceunlock demo``: variations of a public-domain portrait from an installed package.

The portraits show Eileen Collins (NASA, in scikit-image) and Grace Hopper (US Navy, in matplotlib). The
picture without a face is a flower (in scikit-learn).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PIL import Image, ImageEnhance, ImageFilter

from faceunlock.errors import PhotoError, ReportError
from faceunlock.files.outputs import check_destination
from faceunlock.files.packages import find_in_package
from faceunlock.files.private import make_private_directories

PERSON = ("skimage", "data/astronaut.png")
STRANGER = ("matplotlib", "mpl-data/sample_data/grace_hopper.jpg")
NO_FACE = ("sklearn", "datasets/images/flower.jpg")


def _cropped(image: Image.Image) -> Image.Image:
    return image.crop((60, 0, 420, 360))


def _shifted(image: Image.Image) -> Image.Image:
    return image.crop((0, 0, 400, 470))


def _darker(image: Image.Image) -> Image.Image:
    return ImageEnhance.Brightness(image).enhance(0.55)


def _brighter(image: Image.Image) -> Image.Image:
    return ImageEnhance.Contrast(ImageEnhance.Brightness(image).enhance(1.3)).enhance(0.85)


def _rotated(image: Image.Image) -> Image.Image:
    return image.rotate(12, resample=Image.Resampling.BICUBIC, fillcolor=(90, 90, 90))


def _blurred(image: Image.Image) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(1.5))


def _unseen(image: Image.Image) -> Image.Image:
    return _darker(_blurred(image.rotate(-7, resample=Image.Resampling.BICUBIC)).crop((40, 10, 440, 430)))


VARIATIONS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "original": lambda image: image,
    "cropped": _cropped,
    "shifted": _shifted,
    "darker": _darker,
    "brighter": _brighter,
    "rotated": _rotated,
    "blurred": _blurred,
}


def make_pictures(directory: Path) -> None:
    """Write the pictures of a demonstration into a directory.

    It holds ``photos/`` for the enrolment, ``unseen.jpg`` (the same portrait), ``stranger.jpg`` and
    ``flower.jpg``.

    Raises
    ------
    PhotoError
        ``photo-not-found`` if a package does not contain its picture.
    """
    portrait = Image.open(inside(*PERSON)).convert("RGB")
    folder = directory / "photos"
    folder.mkdir()
    for name, vary in VARIATIONS.items():
        vary(portrait).save(folder / f"{name}.jpg", quality=92)
    # Strong compression is one more variation.
    portrait.save(folder / "compressed.jpg", quality=20)
    _unseen(portrait).save(directory / "unseen.jpg", quality=60)
    Image.open(inside(*STRANGER)).convert("RGB").save(directory / "stranger.jpg", quality=95)
    Image.open(inside(*NO_FACE)).convert("RGB").save(directory / "flower.jpg", quality=95)


def leave_pictures(folder: Path) -> None:
    """Write the pictures of a demonstration into a folder, made with mode 0700 if it is missing.

    Raises
    ------
    ReportError
        ``file-exists`` unless the folder is new or empty; ``file-unwritable``.
    PhotoError
        As `make_pictures`.
    """
    check_destination(folder / "unseen.jpg", in_new_folder=True)
    try:
        if folder.is_dir() and any(folder.iterdir()):
            raise ReportError("file-exists", f"{folder} is not empty", hint="Choose a new folder.")
        make_private_directories(folder)
        make_pictures(folder)
    except OSError as error:
        raise ReportError("file-unwritable", f"{folder}: {error.strerror or error}") from error


def inside(package: str, file: str) -> Path:
    """Return the path of a picture inside a package; ``photo-not-found`` if it is missing."""
    path = find_in_package(package, file)
    if path is None:
        raise PhotoError("photo-not-found", f"the package {package} does not contain {file}")
    return path
