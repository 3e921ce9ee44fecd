"""Compare a photo with another photo or with a folder: how similar, and is it the same person?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypedDict

import numpy as np
from numpy.typing import NDArray

from faceunlock.errors import PhotoError
from faceunlock.matching.similarity import cosine, unit
from faceunlock.matching.wording import needed
from faceunlock.photos.face import Quality, SubjectRule
from faceunlock.photos.photo import PhotoFile, Source, find_photos, load_photo, nothing_found
from faceunlock.pipeline.samples import LeftOut, NoneUsableError, Sample, Track, untracked
from faceunlock.studies.collection import sort_out
from faceunlock.tasks.pictures import as_photo, small_faces
from faceunlock.tasks.workspace import PhotoPath, Workspace, check_threshold, operating_point

if TYPE_CHECKING:
    from faceunlock.matching.calibration import Calibration, OperatingPoint
    from faceunlock.matching.templates import ModelIdentity
    from faceunlock.photos.in_memory import Picture
    from faceunlock.pipeline.acquisition import Acquisition


class CompareOptions(TypedDict, total=False):
    """Options of `compare`."""

    threshold: float | None
    faces: SubjectRule
    track: Track


@dataclass(frozen=True, slots=True)
class ComparedPhoto:
    """A photo that was compared with the probe.

    Attributes
    ----------
    photo : str
        Its name.
    similarity : float
        Cosine of the two embeddings, in [-1, 1].
    distance : float
        Euclidean distance of the two unit vectors, sqrt(2 - 2 similarity), in [0, 2].
    match : bool
        Whether the similarity is at or above the threshold.
    quality : Quality
        Quality of its face.
    """

    photo: str
    similarity: float
    distance: float
    match: bool
    quality: Quality


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PairComparison:
    """A photo (the probe) compared with one or more others.

    Attributes
    ----------
    photo : str
        Name of the probe.
    quality : Quality
        Quality of its face.
    others : tuple of ComparedPhoto
        Sorted by similarity, highest first; ties keep the order of the folder.
    left_out : tuple of LeftOut
        Photos of the folder that could not be compared.
    skipped : int
        Files of the folder that are not photos.
    is_folder : bool
        Whether the probe was compared with a folder.
    identical : bool
        Whether two single photos with the same content were given, so there was nothing to compare.
    threshold : float
        Lowest similarity at which two photos match.
    calibration : Calibration
        Where the threshold comes from.
    point : OperatingPoint or None
        What the threshold is known to mean; None if the caller chose it.
    identity : ModelIdentity
        The model that made the embeddings.
    crops : tuple of two ndarray of uint8, shape (side, side, 3)
        The face of the probe and the most similar one, as the network sees them.
    faces : tuple of bytes
        The same two as small pictures, as JPEG; empty unless the workspace keeps faces.
    """

    photo: str
    quality: Quality
    others: tuple[ComparedPhoto, ...]
    left_out: tuple[LeftOut, ...]
    skipped: int
    is_folder: bool
    identical: bool
    threshold: float
    calibration: Calibration
    point: OperatingPoint | None
    identity: ModelIdentity
    crops: tuple[NDArray[np.uint8], ...] = field(repr=False)
    faces: tuple[bytes, ...] = field(default=(), repr=False)

    def __repr__(self) -> str:
        best = self.others[0]
        if not self.is_folder:
            return f"<PairComparison: {self.photo} and {best.photo}: {self._said(best)}>"
        counts = f"{self.matches} of {len(self.others)} photos match"
        return f"<PairComparison: {self.photo}: {counts}, best {best.photo}: {self._said(best)}>"

    def _repr_html_(self) -> str:
        """Return the comparison for a notebook, best first; two faces if the workspace keeps faces."""
        from faceunlock.reports.notebook import Line, as_html

        best = self.others[0]
        return as_html(
            [
                Line(None, self.photo, self.faces[:1]),
                Line(best.match, f"{best.photo}: {self._said(best)}", self.faces[1:]),
                *(Line(one.match, f"{one.photo}: {self._said(one)}") for one in self.others[1:]),
            ]
        )

    def _said(self, other: ComparedPhoto) -> str:
        return f"{'match' if other.match else 'no match'} {needed(other.similarity, self.threshold)}"

    @property
    def matches(self) -> int:
        """Number of the others that match."""
        return sum(other.match for other in self.others)

    @property
    def undecided(self) -> bool:
        """Whether nothing matches although some photos could not be compared."""
        return not self.matches and any(photo.reason != "duplicate" for photo in self.left_out)

    @property
    def false_match_bound(self) -> float | None:
        """Upper bound on the chance of any match if all others are strangers: union bound over the photos.

        None if nothing is known about the threshold.
        """
        if self.point is None or self.point.fmr is None:
            return None
        return min(1.0, len(self.others) * self.point.fmr)


def alike(one: Sample, other: Sample) -> float:
    """Return the cosine of the embeddings of two photos, in [-1, 1]."""
    return cosine(unit(one.embedding), unit(other.embedding))


def distance(similarity: float) -> float:
    """Return the Euclidean distance of two unit vectors from their cosine.

    Parameters
    ----------
    similarity : float
        In [-1, 1].

    Examples
    --------
    >>> distance(1.0), distance(0.5), distance(-1.0)
    (0.0, 1.0, 2.0)
    """
    return float(np.sqrt(2.0 - 2.0 * similarity))


def compare(
    workspace: Workspace,
    photo: PhotoPath | Picture | BinaryIO | PhotoFile,
    other: PhotoPath | Picture | PhotoFile,
    *,
    threshold: float | None = None,
    faces: SubjectRule = "dominant",
    track: Track = untracked,
) -> PairComparison:
    """Compare a photo with another, or with every photo of a folder.

    Parameters
    ----------
    workspace : Workspace
        Its model is used, with the threshold for two photos.
    photo : path, NumPy array, PIL image, binary file, or a file that was read already
        An array holds uint8: gray, RGB or RGBA; see `faceunlock.photos.in_memory`.
    other : path, NumPy array, PIL image, or a file that was read already
        A photo, or a folder that is searched at any depth.
    threshold : float, optional
        Used instead of the model's, in [-1, 1].
    faces : {"dominant", "largest", "central"}
        Which face in a photo counts as its subject.
    track : callable
        Shows progress over the photos of a folder.

    Raises
    ------
    PhotoError
        A single photo cannot be used; `NoneUsableError` if no photo of a folder can be used;
        ``photo-not-found`` for a folder without photos other than `photo` itself.
    SettingsError
        ``usage`` for a threshold out of range.
    ModelError
        The weights or the device cannot be used.
    """
    check_threshold(threshold)
    max_pixels = workspace.settings.max_pixels
    # Read before any network is loaded, so that a missing photo fails at once.
    first: Source | BinaryIO = as_photo(photo)
    beside: Source = as_photo(other)
    probe = load_photo(first, max_pixels=max_pixels)
    is_folder = isinstance(beside, Path) and beside.is_dir()
    photos, skipped = _beside(first, beside)
    second = None if is_folder else load_photo(photos[0], max_pixels=max_pixels)
    acquisition, identity = workspace.choice.acquisition(fetch=True, photos=1 + len(photos), access=False)
    calibration = workspace.choice.pair_calibration(identity)
    point, limit = operating_point(calibration, 1, threshold)
    sample = acquisition.sample(probe, faces, keep_crop=True)
    outcomes: Iterable[Sample | LeftOut] = (
        [acquisition.sample(second, faces, keep_crop=True)]
        if second is not None
        else _others(sample, acquisition, photos, faces, track)
    )
    crops = [sample.crop, None]
    best = -np.inf

    def compared(outcome: Sample, _index: int) -> ComparedPhoto:
        nonlocal best
        similarity = alike(sample, outcome)
        if similarity > best:
            best, crops[1] = similarity, outcome.crop
        match = similarity >= limit
        return ComparedPhoto(outcome.photo, similarity, distance(similarity), match, outcome.quality)

    found = sort_out(outcomes, range(len(photos)), compared, distinct=False)
    if not found.kept:
        raise NoneUsableError(found.failures)
    return PairComparison(
        photo=sample.photo,
        quality=sample.quality,
        others=tuple(sorted(found.kept, key=lambda one: one.similarity, reverse=True)),
        left_out=found.failures,
        skipped=skipped,
        is_folder=is_folder,
        identical=second is not None and second.digest == probe.digest,
        threshold=limit,
        calibration=calibration,
        point=point,
        identity=identity,
        crops=tuple(crop for crop in crops if crop is not None),
        faces=small_faces(crops) if workspace.keep_faces else (),
    )


def _beside(photo: Source | BinaryIO, beside: Source) -> tuple[tuple[Source, ...], int]:
    """Return the photos to compare with, and how many files of a folder are not photos."""
    if not isinstance(beside, Path):
        return (beside,), 0
    listing = find_photos([beside])
    if not listing.photos:
        raise nothing_found([beside], listing.others)
    if not beside.is_dir():
        return listing.photos, 0
    photos = tuple(file for file in listing.photos if not _same_file(photo, file))
    if not photos:
        raise PhotoError("photo-not-found", f"{beside} contains no photo but {photo} itself")
    return photos, listing.skipped


def _same_file(photo: Source | BinaryIO, other: Path) -> bool:
    """Return whether two paths lead to one file, which nothing can be learnt from."""
    try:
        return isinstance(photo, Path) and photo.samefile(other)
    except OSError:  # gone, or unreadable; who reads it will say so
        return False


def _others(
    probe: Sample,
    acquisition: Acquisition,
    photos: tuple[Source, ...],
    rule: SubjectRule,
    track: Track,
) -> Iterator[Sample | LeftOut]:
    """Yield the samples of a folder; a copy of the probe is left out, because it proves nothing."""
    for outcome in track(acquisition.samples(photos, rule, keep_crops=True), len(photos), "photos"):
        if isinstance(outcome, Sample) and outcome.digest == probe.digest:
            yield LeftOut(outcome.photo, "duplicate", f"the same file content as {probe.photo}")
        else:
            yield outcome
