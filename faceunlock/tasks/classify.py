"""Classifying photos: folders to a head, photos to names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from faceunlock.errors import CalibrationError, PhotoError
from faceunlock.matching.templates import ModelIdentity
from faceunlock.photos.face import SubjectRule
from faceunlock.pipeline.acquisition import Acquisition
from faceunlock.pipeline.samples import LeftOut, PhotoFaces, Sample
from faceunlock.reports.annotated_copies import write_copy
from faceunlock.studies.collection import Collector, Track
from faceunlock.training.head import Head, HeldOut, Naming, learn_head
from faceunlock.training.head_file import KeptHead, check_identity

if TYPE_CHECKING:
    from faceunlock.reports.annotation import Box, Mark


@dataclass(frozen=True, slots=True)
class LearnedHead:
    """A head, what held-out photos said, and what it was learned from.

    Attributes
    ----------
    head : Head
    held_out : HeldOut
    identity : ModelIdentity
        Of the embeddings.
    photos : tuple of int
        Usable photos of each person.
    left_out : tuple of LeftOut
        Photos that gave no embedding.
    duplicates, skipped : int
        Photos with a content that came before; files that are no photos.
    """

    head: Head
    held_out: HeldOut
    identity: ModelIdentity
    photos: tuple[int, ...]
    left_out: tuple[LeftOut, ...] = field(repr=False)
    duplicates: int
    skipped: int


def learn(
    folder: Path,
    acquisition: Acquisition,
    identity: ModelIdentity,
    *,
    strangers: float,
    seed: int,
    rule: SubjectRule,
    track: Track,
) -> LearnedHead:
    """Learn a head from a folder with one sub-folder per person.

    Parameters
    ----------
    folder : Path
    acquisition : Acquisition
    identity : ModelIdentity
        Of its embeddings.
    strangers : float
        Share of strangers who may be named, in [0, 1).
    seed : int
        Of the folds.
    rule : {"dominant", "largest", "central"}
        Which face a photo is about.
    track : callable
        Shows progress.

    Raises
    ------
    CalibrationError
        ``bad-folder`` with fewer than two people, or a person with fewer than two usable photos.
    PhotoError
        ``photo-not-found``.
    """
    found = Collector(acquisition, rule, (), track).people(folder)
    counts = Counter(found.person)
    names = tuple(dict.fromkeys((*found.person, *found.failed_person)))
    scarce = [name for name in names if counts[name] < 2]
    if scarce:
        raise CalibrationError(
            "bad-folder",
            f"{folder}: {scarce[0]} has {counts[scarce[0]] or 'no'} usable photo"
            f"{'' if counts[scarce[0]] else 's'}; a classifier needs two of each person",
            hint="Add photos of them, or take their folder out.",
        )
    embeddings = np.stack([sample.embedding for sample in found.samples])
    person = np.array([names.index(name) for name in found.person], dtype=np.intp)
    head, held_out = learn_head(embeddings, person, names, strangers=strangers, seed=seed)
    return LearnedHead(
        head,
        held_out,
        identity,
        tuple(counts[name] for name in names),
        found.failures,
        found.duplicates,
        found.skipped,
    )


@dataclass(frozen=True, slots=True)
class NamedPhoto:
    """Whom the faces of a photo are taken for.

    Attributes
    ----------
    photo : str
        Name of the photo.
    namings : tuple of Naming
        Of its subject, or of every face that could be judged, from left to right.
    boxes : tuple of tuple of float
        Left, top, right and bottom of these faces, in pixels of the upright photo; empty for a subject.
    unjudged : int
        Further faces, too small to be judged.
    annotated : Path or None
        The copy with names drawn on it.
    """

    photo: str
    namings: tuple[Naming, ...]
    boxes: tuple[Box, ...] = ()
    unjudged: int = 0
    annotated: Path | None = None


def name_photos(
    photos: Sequence[Path],
    kept: KeptHead,
    acquisition: Acquisition,
    identity: ModelIdentity,
    *,
    rule: SubjectRule,
    track: Track,
) -> list[NamedPhoto | LeftOut]:
    """Say who is on each photo, in order; a photo without a usable face gives the reason.

    Raises
    ------
    ModelError
        ``model-mismatch`` if the head was trained over other embeddings.
    """
    check_identity(kept, identity)
    outcomes: Iterable[Sample | LeftOut] = track(acquisition.samples(photos, rule), len(photos), "photos")
    return [
        outcome
        if isinstance(outcome, LeftOut)
        else NamedPhoto(outcome.photo, (kept.head.name(outcome.embedding),))
        for outcome in outcomes
    ]


def name_every_face(
    copies: Mapping[Path, Path | None],
    kept: KeptHead,
    acquisition: Acquisition,
    identity: ModelIdentity,
    *,
    max_pixels: int,
    overwrite: bool,
    track: Track,
) -> list[NamedPhoto | LeftOut]:
    """Say who every face on each photo is, in order, and draw the names on copies.

    Parameters
    ----------
    copies : mapping of Path to Path or None
        Photos, and where the copy of each goes.
    kept, acquisition, identity
        As for `name_photos`; the acquisition finds small faces.
    max_pixels : int
        Larger photos are refused.
    overwrite : bool
        Whether a copy may replace a file.
    track : callable
        Shows progress.

    Raises
    ------
    ModelError
        ``model-mismatch`` if the head was trained over other embeddings.
    ReportError
        ``file-exists`` or ``file-unwritable``.
    """
    check_identity(kept, identity)
    answers: list[NamedPhoto | LeftOut] = []
    outcomes: Iterable[PhotoFaces | LeftOut] = track(acquisition.faces(list(copies)), len(copies), "photos")
    for outcome in outcomes:
        if isinstance(outcome, LeftOut):
            answers.append(outcome)
            continue
        copy = copies[outcome.path]
        try:
            named = _named(outcome, kept.head)
            if copy is not None:
                marks = _marks(outcome, named)
                write_copy(
                    outcome.path, outcome.photo, marks, copy, max_pixels=max_pixels, overwrite=overwrite
                )
                named = replace(named, annotated=copy)
            answers.append(named)
        except PhotoError as error:
            answers.append(LeftOut.because(outcome.photo, error))
    return answers


def _named(photo: PhotoFaces, head: Head) -> NamedPhoto:
    judged = [(face, face.embedding) for face in photo.faces if face.embedding is not None]
    if not judged:
        raise PhotoError(
            photo.faces[0].reason or "no-face" if photo.faces else "no-face",
            "no face is large enough to be judged" if photo.faces else "no face was found",
        )
    return NamedPhoto(
        photo.photo,
        once_each([head.name(embedding) for _, embedding in judged]),
        tuple(face.face.box for face, _ in judged),
        len(photo.faces) - len(judged),
    )


def once_each(namings: Sequence[Naming]) -> tuple[Naming, ...]:
    """Let nobody be on a photo twice: of two faces with one name, the less similar is none of these.

    Examples
    --------
    >>> twice = [Naming("Ada", "Ada", 1.0, similarity, 0.5) for similarity in (0.7, 0.9)]
    >>> [naming.name for naming in once_each(twice)]
    [None, 'Ada']
    """
    best: dict[str, Naming] = {}
    for one in namings:
        if one.name is not None and (one.name not in best or one.similarity > best[one.name].similarity):
            best[one.name] = one
    return tuple(
        one if one.name is None or best[one.name] is one else replace(one, name=None) for one in namings
    )


def _marks(photo: PhotoFaces, named: NamedPhoto) -> list[Mark]:
    from faceunlock.reports.annotation import Mark

    namings = dict(zip(named.boxes, named.namings, strict=True))
    marks = []
    for found in photo.faces:
        naming = namings.get(found.face.box)
        if naming is None or naming.name is None:
            marks.append(
                Mark(found.face.box, "too small" if naming is None else "none of these", named=False)
            )
        else:
            marks.append(Mark(found.face.box, f"{naming.name} {naming.similarity:.3f}", named=True))
    return marks
