"""Classification: learn a head from folders of people, then name the faces on photos."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypedDict

import numpy as np

from faceunlock.errors import CalibrationError, PhotoError
from faceunlock.matching.templates import ModelIdentity
from faceunlock.photos.face import SubjectRule
from faceunlock.photos.photo import in_order
from faceunlock.pipeline.models.folder import names_folder
from faceunlock.pipeline.samples import LeftOut, NamedFace, PhotoFaces, Track, untracked
from faceunlock.reports.annotated_copies import photos_to_annotate, plan_copies, write_copy
from faceunlock.studies.collection import LabelledSamples, collect, own_photos_of
from faceunlock.tasks.models import AUTO
from faceunlock.tasks.pictures import as_photos
from faceunlock.tasks.workspace import PhotoPath, Workspace, as_path
from faceunlock.training.head import Head, HeldOut, learn_head
from faceunlock.training.head_file import check_head, check_identity, read_head, write_head

if TYPE_CHECKING:
    from faceunlock.reports.annotation import Mark
    from faceunlock.tasks.pictures import Photos


class LearnOptions(TypedDict, total=False):
    """Options of `learn_classifier`."""

    strangers: float
    seed: int
    faces: SubjectRule
    overwrite: bool
    track: Track


class ClassifyOptions(TypedDict, total=False):
    """Options of `classify`."""

    faces: SubjectRule | Literal["all"]
    destination: PhotoPath | None
    overwrite: bool
    track: Track


@dataclass(frozen=True, slots=True)
class LearnedHead:
    """A head, its results on held-out photos, and what it was learned from.

    Attributes
    ----------
    head : Head
    held_out : HeldOut
    identity : ModelIdentity
        The model that made the embeddings.
    photos : tuple of int
        Number of usable photos of each person.
    left_out : tuple of LeftOut
        Photos that gave no embedding.
    duplicates, skipped : int
        Photos whose content was already seen; files that are not photos.
    """

    head: Head
    held_out: HeldOut
    identity: ModelIdentity
    photos: tuple[int, ...]
    left_out: tuple[LeftOut, ...] = field(repr=False)
    duplicates: int
    skipped: int


def learn_classifier(
    workspace: Workspace,
    folder: PhotoPath,
    output: PhotoPath,
    *,
    strangers: float = 0.01,
    seed: int = 0,
    faces: SubjectRule = "dominant",
    overwrite: bool = False,
    track: Track = untracked,
) -> LearnedHead:
    """Learn to name the people of a folder, and write the head.

    Parameters
    ----------
    workspace : Workspace
        Its model makes the embeddings.
    folder : path
        One sub-folder per person, at least two usable photos in each.
    output : path
        Folder the head is written to.
    strangers : float
        Share of strangers that may be named, in [0, 1).
    seed : int
        Seed of the folds.
    faces : {"dominant", "largest", "central"}
        Which face in a photo counts as its subject.
    overwrite : bool
        Whether an existing head may be replaced.
    track : callable
        Shows progress.

    Raises
    ------
    CalibrationError
        ``bad-folder`` with fewer than two people, or a person with fewer than two usable photos.
    PhotoError
        ``photo-not-found``.
    TrainingError
        ``file-exists`` or ``file-unwritable``.
    ModelError
        The weights or the device cannot be used.
    """
    source, target = as_path(folder), Path(output)
    photos, skipped = own_photos_of(source)
    check_head(target, overwrite=overwrite)
    acquisition, identity = workspace.choice.acquisition(fetch=True, photos=len(photos))
    found = collect(photos, acquisition, faces, skipped=skipped, track=track, label=source.name)
    learned = _learn(source, found, identity, strangers=strangers, seed=seed)
    named = workspace.named
    model = str(Path(named).absolute()) if names_folder(named) else identity.model
    write_head(target, learned.head, learned.held_out, identity, model, overwrite=overwrite)
    return learned


def _learn(
    folder: Path, found: LabelledSamples, identity: ModelIdentity, *, strangers: float, seed: int
) -> LearnedHead:
    counts = Counter(found.person)
    names = tuple(dict.fromkeys((*found.person, *found.failed_person)))
    scarce = [name for name in names if counts[name] < 2]
    if scarce:
        raise CalibrationError(
            "bad-folder",
            f"{folder}: {scarce[0]} has {counts[scarce[0]] or 'no'} usable photo"
            f"{'' if counts[scarce[0]] else 's'}; a classifier needs two of each person",
            hint="Add photos of them, or remove their folder.",
        )
    person = np.array([names.index(name) for name in found.person], dtype=np.intp)
    head, held_out = learn_head(found.embeddings, person, names, strangers=strangers, seed=seed)
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
    """A photo and the names given to its faces.

    Attributes
    ----------
    photo : str
        Name of the photo.
    faces : tuple of NamedFace
        Its subject, or every face that could be judged, from left to right.
    unjudged : int
        Number of other faces, which were too small to judge.
    annotated : Path or None
        The copy with names drawn on it.
    """

    photo: str
    faces: tuple[NamedFace, ...]
    unjudged: int = 0
    annotated: Path | None = None


def classify(
    workspace: Workspace,
    photos: Photos,
    head: PhotoPath,
    *,
    faces: SubjectRule | Literal["all"] = "dominant",
    destination: PhotoPath | None = None,
    overwrite: bool = False,
    track: Track = untracked,
) -> list[NamedPhoto | LeftOut]:
    """Name the faces on photos with a head.

    Parameters
    ----------
    workspace : Workspace
        Its model must be the head's; ``auto`` uses the head's model.
    photos : path, NumPy array or PIL image, or a sequence of them
        Photos, and folders that are searched for photos; also files that were read already.
    head : path
        Folder of the head.
    faces : {"dominant", "largest", "central", "all"}
        Which face in a photo counts as its subject; with ``all`` every face is named.
    destination : path, optional
        With ``all``: folder for copies of the photos with names drawn on them.
    overwrite : bool
        Whether copies may replace files.
    track : callable
        Shows progress.

    Returns
    -------
    list of NamedPhoto or LeftOut
        One for each photo, in order; a `LeftOut` says why a photo has no usable face.

    Raises
    ------
    ModelError
        ``model-mismatch`` if the head was trained on embeddings of a different model; also if the head, the
        weights or the device cannot be used.
    PhotoError
        ``photo-not-found``.
    ReportError
        ``file-exists`` or ``file-unwritable``.
    """
    kept = read_head(as_path(head))
    sources, folder = as_photos(photos), None if destination is None else Path(destination)
    paths = [source for source in sources if isinstance(source, Path)]
    found = photos_to_annotate(paths).photos if paths or not sources else ()
    listing = in_order(sources, found)
    copies = plan_copies(found, paths, folder, overwrite=overwrite)
    choice = workspace.choose(kept.model) if workspace.named == AUTO else workspace.choice
    acquisition, identity = choice.acquisition(fetch=True, photos=len(listing), small_faces=faces == "all")
    check_identity(kept, identity)
    if faces != "all":
        outcomes = track(acquisition.samples(listing, faces), len(listing), "photos")
        return [
            outcome
            if isinstance(outcome, LeftOut)
            else NamedPhoto(outcome.photo, (kept.head.name(outcome.embedding),))
            for outcome in outcomes
        ]

    def draw(photo: PhotoFaces, named: NamedPhoto) -> NamedPhoto:
        if photo.path is None or photo.path not in copies:
            return named
        copy = copies[photo.path]
        max_pixels = workspace.settings.max_pixels
        marks = _marks(photo, named)
        write_copy(photo.path, photo.photo, marks, copy, max_pixels=max_pixels, overwrite=overwrite)
        return replace(named, annotated=copy)

    return [
        outcome if isinstance(outcome, LeftOut) else _name_every_face(outcome, kept.head, draw)
        for outcome in track(acquisition.faces(listing), len(listing), "photos")
    ]


def _name_every_face(
    photo: PhotoFaces, head: Head, draw: Callable[[PhotoFaces, NamedPhoto], NamedPhoto]
) -> NamedPhoto | LeftOut:
    try:
        return draw(photo, _named(photo, head))
    except PhotoError as error:
        return LeftOut.because(photo.photo, error)


def _named(photo: PhotoFaces, head: Head) -> NamedPhoto:
    judged = [
        replace(head.name(found.embedding), face=found.face)
        for found in photo.faces
        if found.embedding is not None
    ]
    if not judged:
        raise PhotoError(
            photo.faces[0].reason or "no-face" if photo.faces else "no-face",
            "no face is large enough to be judged" if photo.faces else "no face was found",
        )
    return NamedPhoto(photo.photo, once_each(judged), len(photo.faces) - len(judged))


def once_each(faces: Sequence[NamedFace]) -> tuple[NamedFace, ...]:
    """Return the faces with each name used at most once per photo; the most similar face keeps it.

    Examples
    --------
    >>> twice = [NamedFace("Ada", "Ada", similarity) for similarity in (0.7, 0.9)]
    >>> [face.name for face in once_each(twice)]
    [None, 'Ada']
    """
    best: dict[str, NamedFace] = {}
    for one in faces:
        if one.name is not None and (one.name not in best or _similarity(one) > _similarity(best[one.name])):
            best[one.name] = one
    return tuple(
        one if one.name is None or best[one.name] is one else replace(one, name=None) for one in faces
    )


def _similarity(face: NamedFace) -> float:
    return -1.0 if face.similarity is None else face.similarity


def _marks(photo: PhotoFaces, named: NamedPhoto) -> list[Mark]:
    from faceunlock.reports.annotation import Mark, numbered

    judged = {face.face: (number, face) for number, face in enumerate(named.faces, start=1)}
    marks = []
    for found in photo.faces:
        if found.face not in judged:
            marks.append(Mark(found.face.box, "too small", named=False))
            continue
        number, face = judged[found.face]
        what = "none of these" if face.name is None else f"{face.name} {face.similarity:.3f}"
        label = numbered(number, len(named.faces)) + what
        marks.append(Mark(found.face.box, label, named=face.name is not None))
    return marks
