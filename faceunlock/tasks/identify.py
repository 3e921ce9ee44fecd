"""Identification: find every face on photos, compare it with everyone enrolled, and draw the names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from faceunlock.errors import GalleryError, PhotoError, SettingsError
from faceunlock.matching.similarity import assign
from faceunlock.photos.photo import PhotoListing, in_order
from faceunlock.pipeline.samples import LeftOut, NamedFace, NoneUsableError, PhotoFaces, Track, untracked
from faceunlock.reports.annotated_copies import photos_to_annotate, plan_copies, write_copy
from faceunlock.tasks.pictures import as_photos, small_faces
from faceunlock.tasks.workspace import (
    PhotoPath,
    Workspace,
    check_threshold,
    deciding_calibration,
    operating_point,
)

if TYPE_CHECKING:
    from faceunlock.matching.calibration import Calibration, OperatingPoint
    from faceunlock.matching.candidates import Comparable
    from faceunlock.matching.templates import ModelIdentity
    from faceunlock.reports.annotation import Mark
    from faceunlock.reports.notebook import Line
    from faceunlock.settings import Security
    from faceunlock.tasks.pictures import Photos


class IdentifyOptions(TypedDict, total=False):
    """Options of `identify`."""

    threshold: float | None
    security: Security | None
    destination: PhotoPath | None
    overwrite: bool
    track: Track


@dataclass(frozen=True, slots=True, repr=False)
class IdentifiedPhoto:
    """A photo and who is on it.

    Attributes
    ----------
    photo : str
        Name of the photo.
    faces : tuple of NamedFace
        From left to right.
    annotated : Path or None
        The copy with names drawn on it.
    small_faces : tuple of (tuple of bytes)
        For each face a small picture of it, as JPEG, or none if it was not compared; empty unless the
        workspace keeps faces.
    """

    photo: str
    faces: tuple[NamedFace, ...]
    annotated: Path | None = None
    small_faces: tuple[tuple[bytes, ...], ...] = field(default=(), repr=False)

    def __repr__(self) -> str:
        return f"<IdentifiedPhoto: {self.photo}: {', '.join(map(_said, self.faces)) or 'no face'}>"

    def _repr_html_(self) -> str:
        """Return who is on the photo for a notebook, with the faces if the workspace keeps faces."""
        from faceunlock.reports.notebook import as_html

        return as_html(self.lines)

    @property
    def lines(self) -> list[Line]:
        """A line for the photo and one for each face, as a notebook shows them."""
        from faceunlock.reports.notebook import Line

        faces = self.small_faces or ((),) * len(self.faces)
        return [
            Line(None, self.photo if self.faces else f"{self.photo}: no face"),
            *(
                Line(face.name is not None, _said(face), small)
                for face, small in zip(self.faces, faces, strict=True)
            ),
        ]


def _said(face: NamedFace) -> str:
    """Return who a face is; a stranger is not called by the name of the most similar person."""
    if face.similarity is None:
        return f"not compared ({face.reason})"
    return "unknown" if face.name is None else f"{face.name} {face.similarity:.3f}"


@dataclass(frozen=True, slots=True, repr=False)
class Identification:
    """Who is on some photos, and the evidence for it.

    Attributes
    ----------
    photos : tuple of IdentifiedPhoto
        Photos that could be read.
    left_out : tuple of LeftOut
        Photos that could not be read.
    skipped : int
        Files that are not photos.
    people : int
        Number of people each face was compared with.
    threshold : float
        Lowest similarity at which a face may be assigned to a person.
    calibration : Calibration
        Where the threshold comes from.
    point : OperatingPoint or None
        What the threshold means for this number of people; None if the caller chose it.
    identity : ModelIdentity
        The model that made the embeddings.
    not_compared : tuple of str
        People whose templates were made by a different model.
    sure_threshold : float or None
        What the level ``normal`` needs for this number of people; None if nobody measured it.
    approximate : bool
        Whether an index searched that may miss the most similar person.
    """

    photos: tuple[IdentifiedPhoto, ...]
    left_out: tuple[LeftOut, ...]
    skipped: int
    people: int
    threshold: float
    calibration: Calibration
    point: OperatingPoint | None
    identity: ModelIdentity
    not_compared: tuple[str, ...] = ()
    sure_threshold: float | None = None
    approximate: bool = False

    @property
    def doubtful(self) -> tuple[NamedFace, ...]:
        """Faces whose name `verify` would not confirm at its usual level."""
        if self.sure_threshold is None:
            return ()
        return tuple(
            face
            for face in self.faces
            if face.name is not None and (face.similarity or 0.0) < self.sure_threshold
        )

    def __repr__(self) -> str:
        unknown = sum(face.name is None for face in self.faces)
        found = [*self.names, *([f"{unknown} without a name"] if unknown else [])]
        counts = f"{len(self.photos)} photos, {len(self.faces)} faces"
        return f"<Identification: {counts}: {', '.join(found) or 'nobody'}>"

    def _repr_html_(self) -> str:
        """Return who is on the photos for a notebook, with the faces if the workspace keeps faces."""
        from faceunlock.reports.notebook import Line, as_html

        refused = [Line(False, f"{one.photo}: {one.reason}, {one.detail}") for one in self.left_out]
        return as_html([line for photo in self.photos for line in photo.lines] + refused)

    @property
    def faces(self) -> tuple[NamedFace, ...]:
        """All faces of all photos."""
        return tuple(face for photo in self.photos for face in photo.faces)

    @property
    def compared(self) -> int:
        """Number of faces that were compared with the people enrolled."""
        return sum(face.closest is not None for face in self.faces)

    @property
    def names(self) -> tuple[str, ...]:
        """Everyone who was identified, in the order of the photos."""
        return tuple(dict.fromkeys(face.name for face in self.faces if face.name is not None))

    @property
    def false_name_bound(self) -> float | None:
        """Upper bound on the chance that any face gets a name by mistake: union bound over the faces.

        None if nothing is known about the threshold.
        """
        if self.point is None or self.point.fmr is None:
            return None
        return min(1.0, self.compared * self.point.fmr)


def identify(
    workspace: Workspace,
    photos: Photos,
    *,
    threshold: float | None = None,
    security: Security | None = None,
    destination: PhotoPath | None = None,
    overwrite: bool = False,
    track: Track = untracked,
) -> Identification:
    """Identify the people on photos.

    Each photo is decided on its own, so memory does not grow with the number of photos. Within a photo, each
    person is assigned to at most one face. The threshold keeps the target for the number of people enrolled.

    Parameters
    ----------
    workspace : Workspace
        Provides the enrolled people.
    photos : path, NumPy array or PIL image, or a sequence of them
        Photos, and folders that are searched for photos. An array holds uint8: gray, RGB or RGBA; see
        `faceunlock.photos.in_memory`.
    threshold : float, optional
        Used instead of the model's, in [-1, 1].
    security : {"relaxed", "normal", "strict"}, optional
        Level of the shipped threshold; the setting when omitted, or without one ``relaxed``. A calibration of
        the gallery's own wins over every level.
    destination : path, optional
        Folder for copies of the photos with names drawn on them; files already in it are not searched. Not
        for pictures in memory, which have no name for a copy.
    overwrite : bool
        Whether copies may replace files.
    track : callable
        Shows progress over the photos.

    Raises
    ------
    PhotoError
        ``photo-not-found`` if there are no photos; `NoneUsableError` if none can be read.
    GalleryError
        ``nobody-enrolled``, ``model-mismatch``; also if the gallery cannot be trusted.
    ReportError
        ``file-exists`` before any work is done; ``file-unwritable``.
    SettingsError
        ``usage`` for a threshold out of range, or with a level of security.
    ModelError
        ``not-measured`` if a level was chosen and no threshold was measured for the model.
    """
    check_threshold(threshold, security)
    crowd = workspace.gallery.crowd()
    if not len(crowd):
        raise GalleryError("nobody-enrolled")
    sources, folder = as_photos(photos), None if destination is None else Path(destination)
    paths = [source for source in sources if isinstance(source, Path)]
    if folder is not None and len(paths) < len(sources):
        raise SettingsError("usage", "copies are for photos with a file, not for pictures in memory")
    listing = photos_to_annotate(paths) if paths or not sources else PhotoListing((), 0)
    given = in_order(sources, listing.photos)
    copies = plan_copies(listing.photos, paths, folder, overwrite=overwrite)
    acquisition, identity = workspace.choice.acquisition(photos=len(given), small_faces=True)
    comparable = workspace.choice.comparable(crowd, identity)
    calibration = deciding_calibration(workspace, identity, threshold, security, "relaxed")
    looks = len(comparable)
    point, threshold = operating_point(calibration, looks, threshold)
    usual = workspace.choice.calibration(identity, "normal")
    identified: list[IdentifiedPhoto] = []
    left_out: list[LeftOut] = []
    faces = acquisition.faces(given, keep_crops=workspace.keep_faces)
    for outcome in track(faces, len(given), "photos"):
        if isinstance(outcome, LeftOut):
            left_out.append(outcome)
            continue
        photo = IdentifiedPhoto(outcome.photo, named(outcome, comparable, threshold))
        if workspace.keep_faces:
            photo = replace(photo, small_faces=tuple(small_faces([one.crop]) for one in outcome.faces))
        if folder is not None and outcome.path is not None:
            copy = copies[outcome.path]
            try:
                write_copy(
                    outcome.path,
                    photo.photo,
                    _marks(photo),
                    copy,
                    max_pixels=workspace.settings.max_pixels,
                    overwrite=overwrite,
                )
            except PhotoError as error:  # the file was readable a moment ago
                left_out.append(LeftOut.because(outcome.photo, error))
                continue
            photo = replace(photo, annotated=copy)
        identified.append(photo)
    if not identified:
        raise NoneUsableError(left_out)
    return Identification(
        photos=tuple(identified),
        left_out=tuple(left_out),
        skipped=listing.skipped,
        people=len(comparable.names),
        threshold=threshold,
        calibration=calibration,
        point=point,
        identity=identity,
        not_compared=crowd.others(identity),
        approximate=comparable.approximate,
        sure_threshold=None if usual.status == "not-calibrated" else operating_point(usual, looks, None)[1],
    )


def named(photo: PhotoFaces, enrolled: Comparable, threshold: float) -> tuple[NamedFace, ...]:
    """Return the name of each face in a photo.

    Parameters
    ----------
    photo : PhotoFaces
    enrolled : Comparable
        At least one person's. The most similar look of a person counts.
    threshold : float
        Lowest similarity at which a face may be assigned to a person.
    """
    embeddings = [face.embedding for face in photo.faces if face.embedding is not None]
    scores = np.empty((0, 0))
    names: Sequence[str] = ()
    if embeddings:
        near = enrolled.near(embeddings, threshold)
        scores, names = near.best_looks(np.stack(embeddings)), near.names
    rows = iter(zip(scores, assign(scores, threshold), strict=True))
    faces = []
    for found in photo.faces:
        if found.embedding is None:
            faces.append(NamedFace(face=found.face, reason=found.reason))
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
    from faceunlock.reports.annotation import Mark, numbered

    return [
        Mark(
            face.face.box,
            numbered(number, len(photo.faces))
            + (f"{face.name} {face.similarity:.3f}" if face.name is not None else "unknown"),
            face.name is not None,
        )
        for number, face in enumerate(photo.faces, start=1)
        if face.face is not None
    ]
