"""Group: the faces of a folder by person, without names, and named groups enrolled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypedDict

import numpy as np
from numpy.typing import NDArray

from faceunlock.errors import GalleryError, PhotoError
from faceunlock.matching.clusters import Cluster, cluster, describe
from faceunlock.photos.photo import find_photos, nothing_found
from faceunlock.pipeline.enrolment import UNLIKE_MARGIN
from faceunlock.pipeline.samples import LeftOut, NoneUsableError, PhotoFaces, Sample, Track, untracked
from faceunlock.tasks.group_names import Naming, tag_of
from faceunlock.tasks.pictures import small_faces
from faceunlock.tasks.workspace import (
    PhotoPath,
    Workspace,
    as_path,
    check_threshold,
    deciding_calibration,
    operating_point,
    quality_gates,
)

if TYPE_CHECKING:
    from faceunlock.matching.calibration import Calibration
    from faceunlock.matching.templates import ModelIdentity
    from faceunlock.photos.face import Face
    from faceunlock.pipeline.enrolment import Gates
    from faceunlock.tasks.enrolling import EnrolmentOutcome

PROBES = 1 << 22
"""Similarities to enrolled people that are computed together, so that memory stays bounded."""


class GroupOptions(TypedDict, total=False):
    """Options of `group`."""

    threshold: float | None
    known: bool
    names: Mapping[str, str] | None
    add: bool
    even_so: bool
    pictures: bool
    track: Track


@dataclass(frozen=True, slots=True, eq=False)
class GroupedFace:
    """One face of a photo.

    Attributes
    ----------
    photo : str
        Name of the photo.
    number : int
        Its place among the faces of the photo, from left to right, from 1.
    face : Face
        In pixels of the upright photo.
    sample : Sample
        What an enrolment learns from.
    likeness : float or None
        Mean similarity to the other faces of its group, in [-1, 1]; None for a face that is alone.
    unsure : str or None
        Why it may be somebody else: ``unlike`` if its likeness is below the threshold, ``same-photo`` if a
        face that is more like the group is on the same photo, which is right only on a collage.
    picture : bytes
        A small picture of it, as JPEG; empty unless asked for.
    """

    photo: str
    number: int
    face: Face
    sample: Sample = field(repr=False)
    likeness: float | None = None
    unsure: str | None = None
    picture: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Similar:
    """A group that may show the same person as another.

    Attributes
    ----------
    tag : str
    similarity : float
        Mean similarity of all pairs of faces across, in [-1, 1]; below the threshold.
    """

    tag: str
    similarity: float


@dataclass(frozen=True, slots=True)
class KnownAs:
    """The enrolled person whom more than half of a group's faces match.

    Attributes
    ----------
    name : str
    faces : int
        Number of faces that match.
    """

    name: str
    faces: int


@dataclass(frozen=True, slots=True, eq=False)
class FaceGroup:
    """Faces that are most likely of one person.

    Attributes
    ----------
    tag : str
        Its name, made from the contents of its photos: a group of other faces has another one.
    faces : tuple of GroupedFace
        In the order of the photos.
    tightness : float
        Mean similarity of all pairs of its faces, in [-1, 1].
    similar : Similar or None
        The group most like it, if it may show the same person.
    known : KnownAs or None
        None also if nobody asked.
    """

    tag: str
    faces: tuple[GroupedFace, ...] = field(repr=False)
    tightness: float
    similar: Similar | None = None
    known: KnownAs | None = None

    @property
    def photos(self) -> int:
        """Number of photos that it is on."""
        return len({face.photo for face in self.faces})

    @property
    def unsure(self) -> int:
        """Number of faces that may be somebody else."""
        return sum(face.unsure is not None for face in self.faces)

    @property
    def samples(self) -> tuple[Sample, ...]:
        """What an enrolment learns from: of two faces on one photo, the one more like the group."""
        return tuple(face.sample for face in self.faces if face.unsure != "same-photo")


@dataclass(frozen=True, slots=True, eq=False)
class Grouping:
    """The faces of a folder by person.

    Attributes
    ----------
    groups : tuple of FaceGroup
        The largest first, then in the order of the photos.
    alone : tuple of GroupedFace
        Faces that resemble nobody else.
    faces_left_out : tuple of LeftOut
        Faces that were found but are too small, too dark or too blurred to compare.
    left_out : tuple of LeftOut
        Photos that could not be read.
    photos : int
        Number of photos looked at.
    duplicates : int
        Photos dropped because an earlier file had the same content.
    skipped : int
        Files that are not photos.
    threshold : float
        Lowest mean similarity at which two groups are joined.
    own_threshold : bool
        Whether the caller chose it.
    calibration : Calibration
        Where the model's threshold for two single photos comes from.
    identity : ModelIdentity
        The model that made the embeddings.
    enrolled : tuple of EnrolmentOutcome
        What came of the groups that were named.
    """

    groups: tuple[FaceGroup, ...]
    alone: tuple[GroupedFace, ...] = field(repr=False)
    faces_left_out: tuple[LeftOut, ...]
    left_out: tuple[LeftOut, ...]
    photos: int
    duplicates: int
    skipped: int
    threshold: float
    own_threshold: bool
    calibration: Calibration = field(repr=False)
    identity: ModelIdentity
    enrolled: tuple[EnrolmentOutcome, ...] = ()

    @property
    def faces(self) -> int:
        """Number of faces that were compared."""
        return sum(len(one.faces) for one in self.groups) + len(self.alone)


def group(
    workspace: Workspace,
    folder: PhotoPath,
    *,
    threshold: float | None = None,
    known: bool = False,
    names: Mapping[str, str] | None = None,
    add: bool = False,
    even_so: bool = False,
    pictures: bool = False,
    track: Track = untracked,
) -> Grouping:
    """Group the faces of a folder by person; enroll the groups that are named, all of them or none.

    A group is named by its tag, which is made from what is on its photos. If the folder changed so that the
    group is another one, nobody is enrolled.

    Parameters
    ----------
    workspace : Workspace
        Its gallery knows people, and stores the groups that are named.
    folder : path
        Searched at any depth. Photos with the same content count once.
    threshold : float, optional
        Used instead of the model's for two single photos, in [-1, 1].
    known : bool
        Say whom of the people enrolled a group matches, face by face as `identify` does.
    names : mapping of str to str, optional
        The person of a group, by its tag. Groups of the same name are one person.
    add : bool
        Add the photos to people who are enrolled already, and enroll the others.
    even_so : bool
        Enroll people even if somebody enrolled under another name has the same face.
    pictures : bool
        Keep a small picture of each face.
    track : callable
        Shows progress over the photos.

    Raises
    ------
    PhotoError
        ``photo-not-found`` if there are no photos; ``no-face``; `NoneUsableError` if no photo can be read,
        or no face compared.
    GalleryError
        ``unknown-group`` if a group is not there, or is no longer the same; ``already-enrolled`` without
        `add`; ``nobody-enrolled`` or ``model-mismatch`` with `known`; ``bad-name``.
    EnrolmentError
        As for `faceunlock.tasks.enroll.enroll`; the message begins with the person.
    SettingsError
        ``usage`` for a threshold out of range.
    """
    check_threshold(threshold)
    plan = Naming(workspace, names or {}, add=add, even_so=even_so)
    if known and not len(workspace.gallery.crowd()):
        raise GalleryError("nobody-enrolled")
    source = as_path(folder)
    listing = find_photos([source])
    if not listing.photos:
        raise nothing_found([source], listing.others)
    acquisition, identity = workspace.choice.acquisition(
        fetch=True, photos=len(listing.photos), small_faces=True, access=known or bool(names)
    )
    plan.check(identity)
    found = _Found(quality_gates(workspace, identity), pictures=pictures or workspace.keep_faces)
    outcomes = acquisition.faces(listing.photos, keep_crops=found.pictures)
    for outcome in track(outcomes, len(listing.photos), "photos"):
        found.add(outcome)
    found.require_faces()
    calibration = workspace.choice.pair_calibration(identity)
    limit = calibration.threshold if threshold is None else threshold
    vectors = np.stack([face.sample.embedding for face in found.faces])
    labels = cluster(vectors, limit)
    groups = _groups(found.faces, describe(vectors, labels), limit)
    if known:
        groups = _with_known(workspace, groups, identity)
    return Grouping(
        groups=groups,
        alone=tuple(found.faces[one] for one in _alone(labels)),
        faces_left_out=tuple(found.faces_left_out),
        left_out=tuple(found.left_out),
        photos=len(listing.photos),
        duplicates=found.duplicates,
        skipped=listing.skipped,
        threshold=limit,
        own_threshold=threshold is not None,
        calibration=calibration,
        identity=identity,
        enrolled=plan.enroll({one.tag: one.samples for one in groups}, identity),
    )


class _Found:
    """The faces of a folder, as they come."""

    def __init__(self, gates: Gates, *, pictures: bool) -> None:
        self._gates, self.pictures = gates, pictures
        self.faces: list[GroupedFace] = []
        self.faces_left_out: list[LeftOut] = []
        self.left_out: list[LeftOut] = []
        self.duplicates = self._read = 0
        self._seen: set[bytes] = set()

    def add(self, outcome: PhotoFaces | LeftOut) -> None:
        """Take the faces of a photo, unless its content was seen before."""
        if isinstance(outcome, LeftOut):
            self.left_out.append(outcome)
            return
        self._read += 1
        if outcome.digest in self._seen:
            self.duplicates += 1
            return
        self._seen.add(outcome.digest)
        for number, found in enumerate(outcome.faces, start=1):
            if found.embedding is None or found.quality is None:
                reason = found.reason or "face-too-small"
                detail = f"face {number} is {int(found.face.size)} pixels wide"
                self.faces_left_out.append(LeftOut(outcome.photo, reason, detail))
                continue
            fault = self._gates.fault(found.quality)
            if fault is not None:
                self.faces_left_out.append(
                    LeftOut(outcome.photo, fault.slug, f"face {number}: {fault.message}")
                )
                continue
            sample = Sample(outcome.photo, outcome.digest, found.quality, found.embedding)
            (picture,) = small_faces([found.crop]) or (b"",)
            self.faces.append(GroupedFace(outcome.photo, number, found.face, sample, picture=picture))

    def require_faces(self) -> None:
        """Raise the error for a folder without a face that can be compared."""
        if self.faces:
            return
        if not self._read:
            raise NoneUsableError(self.left_out)
        if self.faces_left_out:
            raise NoneUsableError(self.faces_left_out)
        raise PhotoError(
            "no-face",
            f"no face was found on {self._read:,} photo{'s' * (self._read != 1)}",
            hint="Name a folder with photos of people.",
        )


def _groups(
    faces: Sequence[GroupedFace], clusters: Sequence[Cluster], threshold: float
) -> tuple[FaceGroup, ...]:
    """Return the groups with their tags, and what is unsure about them."""
    members = [_judged(faces, one, threshold) for one in clusters]
    tags = [tag_of([(face.sample.digest, face.number) for face in group]) for group in members]
    maybe = threshold - UNLIKE_MARGIN * (1.0 - threshold)
    return tuple(
        FaceGroup(
            tag,
            group,
            one.tightness,
            Similar(tags[one.nearest], one.nearest_similarity)
            if one.nearest is not None and one.nearest_similarity >= maybe
            else None,
        )
        for tag, group, one in zip(tags, members, clusters, strict=True)
    )


def _judged(faces: Sequence[GroupedFace], one: Cluster, threshold: float) -> tuple[GroupedFace, ...]:
    """Return the faces of a group, each with its likeness and whether it may be somebody else."""
    best: dict[str, float] = {}
    for member, likeness in zip(one.members, one.likeness, strict=True):
        photo = faces[member].photo
        best[photo] = max(best.get(photo, -np.inf), float(likeness))
    judged = []
    for member, likeness in zip(one.members, one.likeness, strict=True):
        face, value = faces[member], float(likeness)
        unsure = "unlike" if value < threshold else "same-photo" if value < best[face.photo] else None
        judged.append(replace(face, likeness=value, unsure=unsure))
    return tuple(judged)


def _alone(labels: NDArray[np.int64]) -> list[int]:
    """Return the faces that are in no group."""
    _, first, count = np.unique(labels, return_index=True, return_counts=True)
    return sorted(map(int, first[count == 1]))


def _with_known(
    workspace: Workspace, groups: tuple[FaceGroup, ...], identity: ModelIdentity
) -> tuple[FaceGroup, ...]:
    """Return the groups, each with the person enrolled whom most of its faces match."""
    enrolled = workspace.choice.comparable(workspace.gallery.crowd(), identity)
    calibration = deciding_calibration(workspace, identity, None, None, "relaxed")
    _, threshold = operating_point(calibration, len(enrolled), None)
    faces = [(place, face.sample.embedding) for place, one in enumerate(groups) for face in one.faces]
    votes: list[Counter[str]] = [Counter() for _ in groups]
    step = max(1, PROBES // len(enrolled))
    for start in range(0, len(faces), step):
        some = faces[start : start + step]
        probes = np.stack([vector for _, vector in some])
        near = enrolled.near(probes, threshold)
        scores = near.best_looks(probes)
        for (place, _), row in zip(some, scores, strict=True):
            best = int(np.argmax(row))
            if row[best] >= threshold:
                votes[place][near.names[best]] += 1
    return tuple(
        replace(one, known=_majority(found, len(one.faces))) for one, found in zip(groups, votes, strict=True)
    )


def _majority(votes: Counter[str], faces: int) -> KnownAs | None:
    for name, count in votes.most_common(1):
        if 2 * count > faces:
            return KnownAs(name, count)
    return None
