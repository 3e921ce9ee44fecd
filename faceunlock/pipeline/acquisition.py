"""From photos to samples: read, find the subject, crop and embed, many photos at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import islice
from math import ceil
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar

import numpy as np

from faceunlock.errors import PhotoError
from faceunlock.photos.face import (
    Face,
    Place,
    Quality,
    RGBImage,
    SubjectRule,
    choose_subject,
    measure_quality,
)
from faceunlock.photos.memory import FILES, PIXELS
from faceunlock.photos.photo import (
    DEFAULT_MAX_PIXELS,
    MAX_BYTES,
    Photo,
    PhotoFile,
    Source,
    load_photo,
    name_of,
)
from faceunlock.pipeline.detection import Detector
from faceunlock.pipeline.detection.boxes import overlap_with
from faceunlock.pipeline.embedding import Embedder
from faceunlock.pipeline.samples import Crop, FoundFace, LeftOut, PhotoCrops, PhotoFaces, Sample

BATCH = 16
"""Crops embedded together: few enough that at the end no worker waits long for another."""

AHEAD = 2
"""Crops that each worker may be ahead of the batch being gathered."""

FIRST_LOOK = 640
"""Longer side of the first view searched for faces, in pixels, if the format can give a view."""

GROUP_LOOK = 2560
"""The same when every face counts: the size at which the detector looks for small faces."""

SAME_FACE = 0.5
"""Overlap (intersection divided by union) from which two boxes are of the same face."""

PICTURE = 480
"""Longer side of the picture of a photo that is kept beside its crops, in pixels."""

_S = TypeVar("_S")
_T = TypeVar("_T")


class _Cut(NamedTuple):
    """A face as the network sees it, and how good it is."""

    pixels: RGBImage
    quality: Quality


class _Known(NamedTuple):
    """What stays known of a photo's file once its content is out of memory."""

    name: str
    digest: bytes


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
        Number of threads that read photos and find faces, at least 1. As many threads embed.
    subject_detector : Detector, optional
        What finds the subject of a photo, if `detector` is one for small faces. `faces` then takes the
        subject from it, so that a face has the same score there as in `sample`.
    """

    def __init__(
        self,
        detector: Detector,
        embedder: Embedder,
        *,
        max_pixels: int = DEFAULT_MAX_PIXELS,
        min_face_pixels: float = 0,
        workers: int = 1,
        subject_detector: Detector | None = None,
    ) -> None:
        self._detector = detector
        self._subject_detector = subject_detector
        self._embedder = embedder
        self._max_pixels = max_pixels
        self._min_face_pixels = min_face_pixels
        self._workers = workers

    @property
    def detector(self) -> Detector:
        """What finds faces."""
        return self._detector

    @property
    def embedder(self) -> Embedder:
        """What turns faces into vectors."""
        return self._embedder

    def sample(self, file: PhotoFile, rule: SubjectRule = "dominant", *, keep_crop: bool = False) -> Sample:
        """Return the sample of one photo, with its crop if `keep_crop`.

        Raises
        ------
        PhotoError
            ``unreadable-photo``, ``photo-too-large``, ``no-face``, ``several-faces`` or
            ``face-too-small``; the message begins with the photo's name.
        """
        crop = self._crop(file, rule)
        embedding = self._embedder.embed(crop.pixels[None])[0]
        pixels = crop.pixels if keep_crop else None
        return Sample(crop.photo, crop.digest, crop.quality, embedding, pixels)

    def look(self, file: PhotoFile, rule: SubjectRule = "dominant") -> Quality:
        """Return the quality of one photo's subject, without embedding it; raises as `sample` does."""
        return self._crop(file, rule).quality

    def subject(self, file: PhotoFile, rule: SubjectRule = "dominant") -> tuple[Photo, Face]:
        """Return one photo in full and its subject.

        Raises as `sample` does, except that a face of any size is accepted.
        """
        photo, face = self._subject(file.view(FIRST_LOOK), rule)
        return (photo, face) if photo.scale == 1 else (file.view(), face.scaled(photo.scale))

    def samples(
        self, photos: Iterable[Source], rule: SubjectRule = "dominant", *, keep_crops: bool = False
    ) -> Iterator[Sample | LeftOut]:
        """Yield a sample, or the reason why there is none, for every photo in order.

        Several threads read and search photos while others embed crops in batches. For any number of photos,
        memory holds one decoded photo per worker, fewer if photos are large (see `faceunlock.photos.memory`),
        and at most (`BATCH` + `AHEAD`) * (workers + 2) crops.
        With `keep_crops`, each sample holds its crop, and the caller decides how many stay in memory.
        """
        outcomes = self.crops(photos, rule)
        batches = iter(lambda: list(islice(outcomes, BATCH)), [])
        embed = partial(self._embedded, keep_crops=keep_crops)
        for samples in _in_order(batches, embed, workers=self._workers, ahead=self._workers):
            yield from samples

    def _embedded(self, batch: list[Crop | LeftOut], *, keep_crops: bool) -> list[Sample | LeftOut]:
        """Return the samples of a batch; a photo that was left out keeps its place."""
        crops = [outcome for outcome in batch if isinstance(outcome, Crop)]
        rows = iter(self._embedder.embed(np.stack([crop.pixels for crop in crops])) if crops else ())
        return [
            outcome
            if isinstance(outcome, LeftOut)
            else Sample(
                outcome.photo,
                outcome.digest,
                outcome.quality,
                next(rows),
                outcome.pixels if keep_crops else None,
            )
            for outcome in batch
        ]

    def crops(self, photos: Iterable[Source], rule: SubjectRule = "dominant") -> Iterator[Crop | LeftOut]:
        """Yield the subject as the network sees it, or the reason there is none, for every photo in order."""
        look = partial(self._look_or_reason, look=partial(self._crop, rule=rule))
        return _in_order(photos, look, workers=self._workers, ahead=BATCH + AHEAD * self._workers)

    def photo_crops(
        self, photos: Iterable[Path], rule: SubjectRule | Literal["all"], *, keep_pictures: bool = False
    ) -> Iterator[PhotoCrops | LeftOut]:
        """Yield the subject or all faces of every photo in order, or the reason why there is none.

        With ``all``, faces smaller than `min_face_pixels` are left out, and the detector should be one for
        small faces. With `keep_pictures`, the photo comes with them, at most `PICTURE` pixels long.
        """
        look = partial(
            self._look_or_reason, look=partial(self._photo_crops, rule=rule, keep_picture=keep_pictures)
        )
        return _in_order(photos, look, workers=self._workers, ahead=BATCH + AHEAD * self._workers)

    def faces(self, photos: Sequence[Source], *, keep_crops: bool = False) -> Iterator[PhotoFaces | LeftOut]:
        """Yield all faces of every photo in order, or the reason why it could not be read.

        A face smaller than `min_face_pixels` has no embedding. The detector should be one for small faces;
        see `faceunlock.pipeline.detection.load_detector`. With `keep_crops`, each face holds its crop.
        """
        look = partial(self._look_or_reason, look=self._every_face)
        outcomes = _in_order(photos, look, workers=self._workers, ahead=1 + AHEAD * self._workers)
        for source, outcome in zip(photos, outcomes, strict=True):
            if isinstance(outcome, LeftOut):
                yield outcome
                continue
            file, found = outcome
            crops = [cut.pixels for _, cut in found if not isinstance(cut, PhotoError)]
            rows = iter(self._embedder.embed(np.stack(crops)) if crops else ())
            faces = tuple(
                FoundFace(face, reason=cut.slug)
                if isinstance(cut, PhotoError)
                else FoundFace(face, next(rows), crop=cut.pixels if keep_crops else None, quality=cut.quality)
                for face, cut in found
            )
            yield PhotoFaces(file.name, source if isinstance(source, Path) else None, faces, file.digest)

    def _photo_crops(
        self, file: PhotoFile, rule: SubjectRule | Literal["all"], *, keep_picture: bool
    ) -> PhotoCrops:
        if rule == "all":
            photo = file.view(GROUP_LOOK)
            found = self._faces_with_crops(photo)
            faces = [(face, cut.pixels) for face, cut in found if not isinstance(cut, PhotoError)]
            if not found:
                raise PhotoError("no-face", "no face was found")
            if not faces:
                raise next(cut for _, cut in found if isinstance(cut, PhotoError))
        else:
            photo, face = self._subject(file.view(FIRST_LOOK), rule)
            self._require_size(face.size * photo.scale)
            faces = [(face.scaled(photo.scale), self._embedder.crop(photo.image, face))]
        crops = tuple(crop for _, crop in faces)
        if not keep_picture:
            return PhotoCrops(file.name, file.digest, crops)
        picture = _reduced(photo.image)
        smaller = len(picture) / (len(photo.image) * photo.scale)
        boxes = tuple(face.scaled(smaller).box for face, _ in faces)
        return PhotoCrops(file.name, file.digest, crops, boxes, picture)

    def inspect(self, file: PhotoFile, rule: SubjectRule = "dominant") -> tuple[Crop, Face]:
        """Return one photo's subject as `sample` embeds it, and where it is in pixels of the whole photo.

        Raises as `sample` does, except that a face of any size is accepted.
        """
        try:
            photo, face = self._subject(file.view(FIRST_LOOK), rule)
            quality = replace(measure_quality(photo.image, face), size=face.size * photo.scale)
            crop = Crop(file.name, file.digest, quality, self._embedder.crop(photo.image, face))
        except PhotoError as error:
            raise _about(file, error) from error
        return crop, face.scaled(photo.scale)

    def inspect_at(self, file: PhotoFile, place: Place) -> tuple[Crop, Face]:
        """Return the face nearest to a place as `faces` embeds it, and where it is, as `inspect` does.

        Raises
        ------
        PhotoError
            ``unreadable-photo``, ``photo-too-large`` or ``no-face``.
        """
        try:
            found, photo = self._every_face(file)[1], file.view(GROUP_LOOK)
            seen = [face.scaled(1 / photo.scale) for face, _ in found]
            nearest = choose_subject(seen, photo.image.shape, place)
        except PhotoError as error:
            raise _about(file, error) from error
        face, cut = found[seen.index(nearest)]
        if isinstance(cut, PhotoError):  # too small to be compared, not to be looked at
            closer = self._closer(photo, nearest.size)
            here = face.scaled(1 / closer.scale)
            quality = replace(measure_quality(closer.image, here), size=face.size)
            cut = _Cut(self._embedder.crop(closer.image, here), quality)
        return Crop(file.name, file.digest, cut.quality, cut.pixels), face

    def _crop(self, file: PhotoFile, rule: SubjectRule) -> Crop:
        crop, _ = self.inspect(file, rule)
        try:
            self._require_size(crop.quality.size)
        except PhotoError as error:
            raise _about(file, error) from error
        return crop

    def _subject(
        self, photo: Photo, rule: SubjectRule, detector: Detector | None = None
    ) -> tuple[Photo, Face]:
        """Return a view that shows the subject at least as large as the embedder's input, and the subject."""
        detector = detector or self._detector
        faces = detector.detect(photo.image)
        if not faces and photo.scale > 1:
            photo = photo.file.view()
            faces = detector.detect(photo.image)
        face = choose_subject(faces, photo.image.shape, rule)
        closer = self._closer(photo, face.size)
        return closer, face.scaled(photo.scale / closer.scale)

    def _every_face(self, file: PhotoFile) -> tuple[_Known, list[tuple[Face, _Cut | PhotoError]]]:
        """Return what stays known of the photo, and its faces with their crops.

        Faces come from left to right and are in pixels of the whole photo.
        """
        found = self._faces_with_crops(file.view(GROUP_LOOK))
        if self._subject_detector is not None and found:
            self._take_subject(file, found, self._subject_detector)
        return _Known(file.name, file.digest), found

    def _faces_with_crops(self, photo: Photo) -> list[tuple[Face, _Cut | PhotoError]]:
        faces = sorted(self._detector.detect(photo.image), key=lambda face: face.box[0])
        sizes = [face.size for face in faces if face.size * photo.scale >= self._min_face_pixels]
        closer = self._closer(photo, min(sizes)) if sizes else photo
        whole = [face.scaled(photo.scale) for face in faces]
        return [(face, self._cut(closer, face)) for face in whole]

    def _take_subject(
        self, file: PhotoFile, found: list[tuple[Face, _Cut | PhotoError]], detector: Detector
    ) -> None:
        """Put the subject, as `sample` finds and cuts it, in the place of the same face among those found."""
        try:
            photo, face = self._subject(file.view(FIRST_LOOK), "largest", detector)
        except PhotoError:  # too small to be found by it
            return
        subject = face.scaled(photo.scale)
        overlap = overlap_with(
            np.array(subject.box, dtype=np.float32),
            np.array([one.box for one, _ in found], dtype=np.float32),
        )
        same = int(np.argmax(overlap))
        if overlap[same] > SAME_FACE:
            found[same] = subject, self._cut(photo, subject)

    def _cut(self, photo: Photo, face: Face) -> _Cut | PhotoError:
        """Return the crop of a face given in pixels of the whole photo, or why it cannot be compared."""
        here = face.scaled(1 / photo.scale)
        try:
            self._require_size(face.size)
            pixels = self._embedder.crop(photo.image, here)
            return _Cut(pixels, replace(measure_quality(photo.image, here), size=face.size))
        except PhotoError as error:
            return error

    def _closer(self, photo: Photo, size: float) -> Photo:
        """Return a view in which a face that has `size` pixels in this view is no smaller than a crop."""
        missing = self._embedder.input_size / size
        if photo.scale == 1 or missing <= 1:
            return photo
        return photo.file.view(ceil(missing * max(photo.image.shape[:2])))

    def _require_size(self, size: float) -> None:
        if size < self._min_face_pixels:
            raise PhotoError(
                "face-too-small",
                f"the face is {int(size)} pixels wide, at least {self._min_face_pixels:.0f} needed",
            )

    def _look_or_reason(self, source: Source, look: Callable[[PhotoFile], _T]) -> _T | LeftOut:
        name = name_of(source)
        try:
            with FILES.holding(_size(source) if isinstance(source, Path) else 0):
                file = load_photo(source, name=name, max_pixels=self._max_pixels)
                with PIXELS.holding(file.memory):
                    return look(file)
        except PhotoError as error:
            return LeftOut.because(name, error)


def _about(file: PhotoFile, error: PhotoError) -> PhotoError:
    """Return an error whose message begins with the photo's name."""
    message = error.message.removeprefix(f"{file.name}: ")
    return PhotoError(error.slug, f"{file.name}: {message}", hint=error.hint)


def _reduced(image: RGBImage) -> RGBImage:
    """Return an image of at most `PICTURE` pixels on its longer side."""
    from PIL import Image

    picture = Image.fromarray(image)
    picture.thumbnail((PICTURE, PICTURE), Image.Resampling.LANCZOS)
    return np.asarray(picture)


def _size(path: Path) -> int:
    """Return the size of a file in bytes; 0 if it is not there, which reading it will report."""
    try:
        return min(path.stat().st_size, MAX_BYTES)
    except (OSError, ValueError):
        return 0


def _in_order(items: Iterable[_S], work: Callable[[_S], _T], *, workers: int, ahead: int) -> Iterator[_T]:
    """Yield `work(item)` for every item in order, from several threads that run up to `ahead` items ahead."""
    remaining = iter(items)
    pool = ThreadPoolExecutor(workers, thread_name_prefix="acquisition")
    try:
        pending = deque(pool.submit(work, item) for item in islice(remaining, ahead))
        while pending:
            outcome = pending.popleft().result()
            pending.extend(pool.submit(work, item) for item in islice(remaining, 1))
            yield outcome
    finally:
        # Also when the caller stops early (Ctrl-C): work that has not started never does.
        pool.shutdown(cancel_futures=True)
