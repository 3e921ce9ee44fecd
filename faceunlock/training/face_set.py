"""The faces that a network is trained on: crops, the person on each, and who is held out."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from faceunlock.errors import CalibrationError, PhotoError, SettingsError
from faceunlock.files.text import quoted
from faceunlock.matching.people import name_key
from faceunlock.matching.templates import ModelIdentity
from faceunlock.matching.wording import counted
from faceunlock.photos.face import Face, RGBImage
from faceunlock.photos.photo import PersonFolders, load_photo, person_folders
from faceunlock.pipeline.acquisition import Acquisition
from faceunlock.pipeline.embedding.aligned import align
from faceunlock.pipeline.embedding.crops import similarity, warp
from faceunlock.pipeline.models.architecture import TARGET_112, Architecture, scaled
from faceunlock.pipeline.samples import LeftOut, Track
from faceunlock.studies.collection import sort_out

FEWEST_TO_HOLD_OUT = 8
"""Fewest people of whom some are held out: with fewer, none can be spared, and two prove nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class FaceSet:
    """Crops from a folder with one sub-folder per person.

    Attributes
    ----------
    crops : ndarray of uint8, shape (n, size, size, 3)
        sRGB.
    person : ndarray of intp, shape (n,)
        Position in `names` of the person on each crop.
    names : tuple of str
        The people with at least one usable photo.
    left_out : tuple of LeftOut
        Photos that gave no crop.
    duplicates : int
        Photos dropped because an earlier file has the same content.
    skipped : int
        Files that are not photos, or are not in a sub-folder.
    """

    crops: NDArray[np.uint8] = field(repr=False)
    person: NDArray[np.intp] = field(repr=False)
    names: tuple[str, ...]
    left_out: tuple[LeftOut, ...] = ()
    duplicates: int = 0
    skipped: int = 0

    @property
    def sha256(self) -> str:
        """Checksum of crops and labels: a training resumes only with the photos that it began with."""
        digest = hashlib.sha256(np.ascontiguousarray(self.crops).data)
        digest.update(self.person.astype("<i8").tobytes())
        digest.update("\0".join(self.names).encode())
        return digest.hexdigest()


class AlignedCrops:
    """An `faceunlock.pipeline.embedding.Embedder` that only crops, because the network is not trained yet.

    Parameters
    ----------
    architecture : Architecture
        Defines the positions of the landmarks.
    """

    def __init__(self, architecture: Architecture) -> None:
        self._architecture = architecture

    @property
    def identity(self) -> ModelIdentity:
        """The identity of no model, because these embeddings are empty."""
        return ModelIdentity("none", 64 * "0", self._architecture.preprocessing, 0)

    @property
    def input_size(self) -> int:
        """Side of the square crop, in pixels."""
        return self._architecture.input_size

    def crop(self, image: RGBImage, face: Face) -> NDArray[np.uint8]:
        """Return the aligned crop of a face; see `faceunlock.pipeline.embedding.aligned.align`."""
        return align(image, face, self._architecture)

    def embed(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return empty embeddings, shape (n, 0)."""
        return np.empty((len(crops), 0), dtype=np.float32)


def training_folders(folder: Path) -> PersonFolders:
    """Return the files of a folder with one sub-folder per person; no photo is read.

    Raises
    ------
    CalibrationError
        ``bad-folder`` if no sub-folder has a photo.
    PhotoError
        ``photo-not-found`` if the folder does not exist.
    """
    found = person_folders(folder)
    if not any(found.people.values()):
        loose = f": {len(found.loose)} lie in the folder itself" if found.loose else ""
        raise CalibrationError(
            "bad-folder", f"{folder} has no photos in sub-folders, one per person{loose}{found.others}"
        )
    return found


def collect_faces(
    found: PersonFolders,
    size: int,
    *,
    acquisition: Acquisition | None,
    max_pixels: int,
    track: Track,
    framing: Architecture | None = None,
) -> FaceSet:
    """Return the faces cropped from the photos.

    Parameters
    ----------
    found : PersonFolders
        As returned by `training_folders`.
    size : int
        Side of the crops in pixels.
    acquisition : Acquisition or None
        Finds and aligns faces (with `AlignedCrops`); None treats every photo as a crop and scales it.
    max_pixels : int
        Larger photos are refused.
    track : callable
        Shows progress.
    framing : Architecture, optional
        Only without an acquisition: the photos are crops with the usual alignment of the field, and are
        reframed for this architecture.

    Raises
    ------
    CalibrationError
        ``bad-folder`` if no photo is usable.
    """
    paths = [path for path, _ in found.labelled]
    if acquisition is None:
        outcomes = _as_they_are(paths, size, max_pixels, framing)
    else:
        outcomes = _cut(acquisition, paths)
    owners = (person for _, person in found.labelled)
    kept = sort_out(track(outcomes, len(paths), "photos"), owners, lambda crop, _: crop.pixels)
    if not kept.kept:
        first = kept.failures[0]
        crops_hint = "If the photos are already crops of faces, use --faces as-is."
        no_face = acquisition is not None and any(photo.reason == "no-face" for photo in kept.failures)
        raise CalibrationError(
            "bad-folder",
            f"none of {counted(len(paths), 'photo')} can be used: {counted_reasons(kept.failures)}",
            hint=crops_hint
            if no_face
            else f"The first, {first.photo}: {first.detail.removeprefix(f'{first.photo}: ')}",
        )
    names = tuple(name for name in found.people if name in set(kept.owner))
    person = np.array([names.index(name) for name in kept.owner], dtype=np.intp)
    skipped = found.skipped + len(found.loose)
    return FaceSet(np.stack(kept.kept), person, names, kept.failures, kept.duplicates, skipped)


def counted_reasons(left_out: Sequence[LeftOut]) -> str:
    """Return, as text, how many photos were left out for each reason.

    Examples
    --------
    >>> counted_reasons([LeftOut("a.jpg", "no-face", "no face found")])
    '1 no-face'
    """
    counts = Counter(photo.reason for photo in left_out)
    return ", ".join(f"{count:,} {reason}" for reason, count in sorted(counts.items()))


@dataclass(frozen=True, slots=True, eq=False)
class _Crop:
    digest: bytes
    pixels: NDArray[np.uint8]


def _cut(acquisition: Acquisition, paths: list[Path]) -> Iterator[_Crop | LeftOut]:
    for outcome in acquisition.samples(paths, keep_crops=True):
        if isinstance(outcome, LeftOut):
            yield outcome
        elif outcome.crop is not None:
            yield _Crop(outcome.digest, outcome.crop)


def _as_they_are(
    paths: list[Path], size: int, max_pixels: int, framing: Architecture | None
) -> Iterator[_Crop | LeftOut]:
    for path in paths:
        try:
            file = load_photo(path, max_pixels=max_pixels)
            image = file.view(size).image
        except PhotoError as error:
            yield LeftOut.because(str(path), error)
            continue
        if framing is not None:
            yield _Crop(file.digest, reframe(image, framing))
        else:
            yield _Crop(file.digest, _resized(image, size))


def _resized(image: RGBImage, size: int) -> NDArray[np.uint8]:
    return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR))


def reframe(crop: RGBImage, architecture: Architecture) -> NDArray[np.uint8]:
    """Return a crop with the usual alignment of the field, reframed for an architecture.

    Parameters
    ----------
    crop : ndarray of uint8, shape (height, width, 3)
        Of any size; its landmarks are where `faceunlock.pipeline.models.architecture.TARGET_112` puts them.
    architecture : Architecture

    Returns
    -------
    ndarray of uint8, shape (input_size, input_size, 3)
        Mirrored where it extends beyond the crop, because a face does not end there.
    """
    side = max(crop.shape[:2])
    border = side // 2
    wide = np.pad(_resized(crop, side), ((border, border), (border, border), (0, 0)), mode="symmetric")
    landmarks = np.array(scaled(TARGET_112, 112, side)) + border
    return warp(wide, similarity(landmarks, architecture.target), architecture.input_size)


@dataclass(frozen=True, slots=True, eq=False)
class HeldOutSplit:
    """Positions of the crops to train on, and of those held out.

    Attributes
    ----------
    training, validation : ndarray of intp
        Ascending and disjoint; `validation` is empty if nothing can be spared.
    """

    training: NDArray[np.intp]
    validation: NDArray[np.intp]


def split_by_person(person: NDArray[np.intp], share: float, seed: int) -> HeldOutSplit:
    """Return a split that holds out people with all their photos, so that results are about strangers.

    Parameters
    ----------
    person : ndarray of intp, shape (n,)
    share : float
        Share of the people, in [0, 1). At least two are held out. Nobody is held out if it is 0, if there are
        fewer than `FEWEST_TO_HOLD_OUT` people, or if too few of them have two photos.
    seed : int
        Seed of the choice among the people with at least two photos.

    Examples
    --------
    >>> split_by_person(np.arange(20) // 2, 0.2, seed=0).validation.size
    4
    """
    people, photos = np.unique(person, return_counts=True)
    several = people[photos >= 2]
    count = min(max(2, round(share * len(people))), len(people) // 2)
    if share == 0 or len(people) < FEWEST_TO_HOLD_OUT or len(several) < count:
        return HeldOutSplit(np.arange(len(person)), np.empty(0, dtype=np.intp))
    chosen = np.random.default_rng(seed).choice(several, size=count, replace=False)
    held_out = np.isin(person, chosen)
    return HeldOutSplit(np.flatnonzero(~held_out), np.flatnonzero(held_out))


def split_by_name(person: NDArray[np.intp], names: Sequence[str], held_out: Sequence[str]) -> HeldOutSplit:
    """Return a split that holds out the people of these names with all their photos.

    Parameters
    ----------
    person : ndarray of intp, shape (n,)
        Position in `names` of the person on each crop.
    names, held_out : sequence of str

    Raises
    ------
    SettingsError
        ``usage`` if there is no such person, or nobody would be left to learn from.

    Examples
    --------
    >>> split_by_name(np.array([0, 0, 1]), ["Ada", "Bob"], ["ada"]).training.tolist()
    [2]
    """
    wanted = {name_key(name): name for name in held_out}
    missing = [name for key, name in wanted.items() if key not in map(name_key, names)]
    if missing:
        raise SettingsError(
            "usage", f"--hold-out: there are no usable photos of {', '.join(map(quoted, missing))}"
        )
    chosen = np.isin(person, [number for number, name in enumerate(names) if name_key(name) in wanted])
    if chosen.all():
        raise SettingsError("usage", "--hold-out: nobody would be left to learn from")
    return HeldOutSplit(np.flatnonzero(~chosen), np.flatnonzero(chosen))


def split_by_photo(person: NDArray[np.intp], share: float, seed: int) -> HeldOutSplit:
    """Return a split that holds out a share of each person's photos, at least one.

    Each person keeps at least two photos for training. A share of 0 holds nothing out.

    Examples
    --------
    >>> split_by_photo(np.repeat([0, 1], 10), 0.2, seed=0).validation.size
    4
    """
    random = np.random.default_rng(seed)
    held_out = np.zeros(len(person), dtype=bool)
    for one in np.unique(person):
        own = np.flatnonzero(person == one)
        wanted = max(1, round(share * len(own))) if share else 0
        count = min(wanted, max(0, len(own) - 2))
        held_out[random.choice(own, size=count, replace=False)] = True
    return HeldOutSplit(np.flatnonzero(~held_out), np.flatnonzero(held_out))
