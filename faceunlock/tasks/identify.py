"""Everybody on photos: find every face, compare it with everybody enrolled, draw what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from faceunlock.errors import GalleryError, PhotoError, SettingsError
from faceunlock.gallery.gallery import Gallery
from faceunlock.identification import Identification, IdentifiedPhoto, NamedFace, assign
from faceunlock.matching.similarity import Vector, similarities
from faceunlock.pipeline.samples import LeftOut, NoneUsableError, PhotoFaces
from faceunlock.reports.annotated_copies import photos_to_annotate, plan_copies, write_copy
from faceunlock.settings import Settings
from faceunlock.tasks.models import Models

if TYPE_CHECKING:
    from faceunlock.reports.annotation import Mark

Track = Callable[[Iterable[Any], int, str], Iterable[Any]]


def identify(
    gallery: Gallery,
    models: Models,
    settings: Settings,
    sources: Sequence[Path],
    *,
    threshold: float | None,
    destination: Path | None,
    overwrite: bool,
    track: Track,
) -> Identification:
    """Say who is on photos.

    Each photo is decided for itself, so that memory does not grow with their pixels: each person is given to
    at most one of its faces. The threshold keeps the target for as many people as are enrolled.

    Parameters
    ----------
    gallery : Gallery
        Who is known.
    models : Models
        Chooses the model.
    settings : Settings
        Limits of photos.
    sources : sequence of Path
        Photos, and folders that are searched for photos.
    threshold : float or None
        Used instead of the model's, in [-1, 1].
    destination : Path or None
        Folder for copies of the photos with names drawn on them; what is already in it is not searched.
    overwrite : bool
        Whether copies may replace files.
    track : callable
        Shows progress over the photos.

    Raises
    ------
    PhotoError
        ``photo-not-found`` without any photo; `NoneUsableError` if none can be read.
    GalleryError
        ``nobody-enrolled``, ``model-mismatch``, and all that keeps the gallery from being trusted.
    ReportError
        ``file-exists`` before any work is done; ``file-unwritable``.
    SettingsError
        ``usage`` for a threshold out of range.
    """
    if threshold is not None and not -1.0 <= threshold <= 1.0:
        raise SettingsError("usage", f"a threshold is a number from -1 to 1, not {threshold}")
    people = gallery.people()
    if not people:
        raise GalleryError("nobody-enrolled")
    listing = photos_to_annotate(sources, destination)
    copies = plan_copies(listing.photos, sources, destination, overwrite=overwrite)
    acquisition, identity = models.acquisition(photos=len(listing.photos), small_faces=True)
    comparable = {
        person.name: person.template.centroid for person in people if person.template.identity == identity
    }
    if not comparable:
        raise models.mismatch(people[0], identity.model)
    calibration = models.calibration(identity)
    point = None
    if threshold is None:
        point = calibration.threshold_for(len(comparable))
        threshold = point.threshold
    photos: list[IdentifiedPhoto] = []
    left_out: list[LeftOut] = []
    for outcome in track(acquisition.faces(listing.photos), len(listing.photos), "photos"):
        if isinstance(outcome, LeftOut):
            left_out.append(outcome)
            continue
        photo = IdentifiedPhoto(outcome.photo, named(outcome, comparable, threshold))
        if destination is not None:
            copy = copies[outcome.path]
            try:
                write_copy(
                    outcome.path,
                    photo.photo,
                    _marks(photo),
                    copy,
                    max_pixels=settings.max_pixels,
                    overwrite=overwrite,
                )
            except PhotoError as error:  # it was there a moment ago
                left_out.append(LeftOut.because(outcome.photo, error))
                continue
            photo = replace(photo, annotated=copy)
        photos.append(photo)
    if not photos:
        raise NoneUsableError(left_out)
    return Identification(
        photos=tuple(photos),
        left_out=tuple(left_out),
        skipped=listing.skipped,
        people=len(comparable),
        threshold=threshold,
        calibration=calibration,
        point=point,
        identity=identity,
        not_compared=tuple(person.name for person in people if person.name not in comparable),
    )


def named(photo: PhotoFaces, centroids: dict[str, Vector], threshold: float) -> tuple[NamedFace, ...]:
    """Return who each face of a photo is.

    Parameters
    ----------
    photo : PhotoFaces
    centroids : dict of str to ndarray of shape (dimension,)
        At least one person; unit vectors.
    threshold : float
        Similarity from which on a face may be given to a person.
    """
    names = list(centroids)
    embeddings = [face.embedding for face in photo.faces if face.embedding is not None]
    if embeddings:
        scores = similarities(np.stack(embeddings), np.stack([centroids[name] for name in names]))
    else:
        scores = np.empty((0, len(names)))
    rows = iter(zip(scores, assign(scores, threshold), strict=True))
    faces = []
    for found in photo.faces:
        if found.embedding is None:
            faces.append(NamedFace(found.face, reason=found.reason))
            continue
        row, given = next(rows)
        best = int(np.argmax(row))
        faces.append(
            NamedFace(
                face=found.face,
                name=None if given is None else names[given],
                closest=names[best],
                similarity=float(row[best if given is None else given]),
            )
        )
    return tuple(faces)


def _marks(photo: IdentifiedPhoto) -> list[Mark]:
    from faceunlock.reports.annotation import Mark

    return [
        Mark(
            face.face.box,
            f"{face.name} {face.similarity:.3f}" if face.name is not None else "unknown",
            face.name is not None,
        )
        for face in photo.faces
    ]
