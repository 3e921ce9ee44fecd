"""From photos to samples: read, find the subject, crop, embed, many at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import islice
from math import ceil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faceunlock.detectors import Detector
from faceunlock.embedders import Embedder
from faceunlock.errors import PhotoError
from faceunlock.faces import Face, Quality, SubjectRule, choose_subject, measure_quality
from faceunlock.photos import DEFAULT_MAX_PIXELS, Photo, PhotoFile, load_photo
from faceunlock.samples import LeftOut, Sample

BATCH = 32
"""Crops embedded together."""

AHEAD = 2
"""Crops that each worker may be ahead of the batch being embedded."""

FIRST_LOOK = 640
"""Longer side of the view that faces are searched in first, in pixels, if the format can give a view."""


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
    workers : int
        Threads that read photos and find faces, at least 1.
    """

    def __init__(
        self,
        detector: Detector,
        embedder: Embedder,
        *,
        max_pixels: int = DEFAULT_MAX_PIXELS,
        min_face_pixels: float = 0,
        workers: int = 1,
    ) -> None:
        self._detector = detector
        self._embedder = embedder
        self._max_pixels = max_pixels
        self._min_face_pixels = min_face_pixels
        self._workers = workers

    def sample(self, file: PhotoFile, rule: SubjectRule = "dominant") -> Sample:
        """Return the sample of one photo.

        Raises
        ------
        PhotoError
            ``unreadable-photo``, ``photo-too-large``, ``no-face``, ``several-faces`` or
            ``face-too-small``; the message begins with the photo's name.
        """
        crop = self._crop(file, rule)
        embedding = self._embedder.embed(crop.pixels[None])[0]
        return Sample(crop.photo, crop.digest, crop.quality, embedding)

    def samples(
        self, photos: Iterable[Path], rule: SubjectRule = "dominant", *, keep_crops: bool = False
    ) -> Iterator[Sample | LeftOut]:
        """Yield a sample, or the reason why there is none, for every photo in order.

        Photos are read and searched by several threads while crops are embedded in batches. Whatever their
        number, memory holds one decoded photo per worker and `BATCH` + `AHEAD` * workers crops. With
        `keep_crops`, each sample brings its crop; how many of them stay in memory is up to the caller.
        """
        outcomes = self._in_order(photos, rule)
        while batch := list(islice(outcomes, BATCH)):
            crops = [outcome for outcome in batch if isinstance(outcome, _Crop)]
            rows = iter(self._embedder.embed(np.stack([crop.pixels for crop in crops])) if crops else ())
            for outcome in batch:
                if isinstance(outcome, LeftOut):
                    yield outcome
                else:
                    crop = outcome.pixels if keep_crops else None
                    yield Sample(outcome.photo, outcome.digest, outcome.quality, next(rows), crop)

    def _in_order(self, photos: Iterable[Path], rule: SubjectRule) -> Iterator[_Crop | LeftOut]:
        """Crop with all workers, a bounded number of photos ahead of the one that is asked for."""
        remaining = iter(photos)
        pool = ThreadPoolExecutor(self._workers, thread_name_prefix="acquisition")
        try:
            pending = deque(
                pool.submit(self._crop_or_reason, path, rule)
                for path in islice(remaining, BATCH + AHEAD * self._workers)
            )
            while pending:
                outcome = pending.popleft().result()
                pending.extend(pool.submit(self._crop_or_reason, path, rule) for path in islice(remaining, 1))
                yield outcome
        finally:
            # Also when nobody wants the rest (Ctrl-C): what has not begun never does.
            pool.shutdown(cancel_futures=True)

    def _crop(self, file: PhotoFile, rule: SubjectRule) -> _Crop:
        photo = file.view(FIRST_LOOK)
        try:
            photo, face = self._subject(photo, rule)
            size = face.size * photo.scale
            if size < self._min_face_pixels:
                raise PhotoError(
                    "face-too-small",
                    f"the face is {int(size)} pixels wide, at least {self._min_face_pixels:.0f} needed",
                )
            quality = replace(measure_quality(photo.image, face), size=size)
            return _Crop(file.name, file.digest, quality, self._embedder.crop(photo.image, face))
        except PhotoError as error:
            message = error.message.removeprefix(f"{file.name}: ")
            raise PhotoError(error.slug, f"{file.name}: {message}", hint=error.hint) from error

    def _subject(self, photo: Photo, rule: SubjectRule) -> tuple[Photo, Face]:
        """Return the subject in a view that shows it at least as large as the embedder's input."""
        faces = self._detector.detect(photo.image)
        if not faces and photo.scale > 1:
            photo = photo.file.view()
            faces = self._detector.detect(photo.image)
        face = choose_subject(faces, photo.image.shape, rule)
        missing = self._embedder.input_size / face.size
        if photo.scale == 1 or missing <= 1:
            return photo, face
        closer = photo.file.view(ceil(missing * max(photo.image.shape[:2])))
        return closer, face.scaled(photo.scale / closer.scale)

    def _crop_or_reason(self, path: Path, rule: SubjectRule) -> _Crop | LeftOut:
        # A name that any terminal, document and database can hold, whatever bytes the path has.
        name = str(path).encode("utf-8", "backslashreplace").decode("utf-8")
        try:
            return self._crop(load_photo(path, name=name, max_pixels=self._max_pixels), rule)
        except PhotoError as error:
            return LeftOut.because(name, error)
