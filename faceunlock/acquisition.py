"""From photos to samples: read, find the subject, crop, embed, many at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faceunlock.detectors import Detector
from faceunlock.embedders import Embedder
from faceunlock.errors import PhotoError
from faceunlock.faces import Quality, SubjectRule, choose_subject, measure_quality
from faceunlock.photos import DEFAULT_MAX_PIXELS, Photo, read_photo
from faceunlock.samples import LeftOut, Sample

BATCH = 32
"""Crops embedded together; memory is bounded by one decoded photo and this many crops."""


@dataclass(frozen=True, slots=True, eq=False)
class _Crop:
    photo: str
    digest: bytes
    quality: Quality
    pixels: NDArray[np.uint8] = field(repr=False)


class Acquisition:
    """Turns photos into samples.

    Parameters
    ----------
    detector : Detector
    embedder : Embedder
    max_pixels : int
        Larger photos are refused.
    min_face_pixels : float
        Smaller faces are refused.
    """

    def __init__(
        self,
        detector: Detector,
        embedder: Embedder,
        *,
        max_pixels: int = DEFAULT_MAX_PIXELS,
        min_face_pixels: float = 0,
    ) -> None:
        self._detector = detector
        self._embedder = embedder
        self._max_pixels = max_pixels
        self._min_face_pixels = min_face_pixels

    def sample(self, photo: Photo, rule: SubjectRule = "dominant") -> Sample:
        """Return the sample of one photo.

        Raises
        ------
        PhotoError
            ``no-face``, ``several-faces`` or ``face-too-small``; the message begins with the photo's name.
        """
        try:
            crop = self._crop(photo, rule)
        except PhotoError as error:
            raise PhotoError(error.slug, f"{photo.name}: {error.message}", hint=error.hint) from error
        embedding = self._embedder.embed(crop.pixels[None])[0]
        return Sample(crop.photo, crop.digest, crop.quality, embedding)

    def samples(self, photos: Iterable[Path], rule: SubjectRule = "dominant") -> Iterator[Sample | LeftOut]:
        """Yield a sample, or the reason why there is none, for every photo in order."""
        remaining = iter(photos)
        while paths := list(islice(remaining, BATCH)):
            outcomes = [self._crop_or_reason(path, rule) for path in paths]
            crops = [outcome for outcome in outcomes if isinstance(outcome, _Crop)]
            rows = iter(self._embedder.embed(np.stack([crop.pixels for crop in crops])) if crops else ())
            for outcome in outcomes:
                if isinstance(outcome, LeftOut):
                    yield outcome
                else:
                    yield Sample(outcome.photo, outcome.digest, outcome.quality, next(rows))

    def _crop(self, photo: Photo, rule: SubjectRule) -> _Crop:
        face = choose_subject(self._detector.detect(photo.image), photo.image.shape, rule)
        if face.size < self._min_face_pixels:
            raise PhotoError(
                "face-too-small",
                f"the face is {int(face.size)} pixels wide, at least {self._min_face_pixels:.0f} needed",
            )
        quality = measure_quality(photo.image, face)
        return _Crop(photo.name, photo.digest, quality, self._embedder.crop(photo.image, face))

    def _crop_or_reason(self, path: Path, rule: SubjectRule) -> _Crop | LeftOut:
        # A name that any terminal, document and database can hold, whatever bytes the path has.
        name = str(path).encode("utf-8", "backslashreplace").decode("utf-8")
        try:
            return self._crop(read_photo(path, name=name, max_pixels=self._max_pixels), rule)
        except PhotoError as error:
            return LeftOut.because(name, error)
