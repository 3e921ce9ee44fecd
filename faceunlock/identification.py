"""Who is who among several faces: each person is given to at most one face of a photo."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

if TYPE_CHECKING:
    from faceunlock.matching.calibration import Calibration, OperatingPoint
    from faceunlock.matching.templates import ModelIdentity
    from faceunlock.photos.face import Face
    from faceunlock.pipeline.samples import LeftOut


@dataclass(frozen=True, slots=True)
class NamedFace:
    """A face and who it is.

    Attributes
    ----------
    face : Face
        In pixels of the upright photo.
    name : str or None
        The person it was given to; None if unknown.
    closest : str or None
        The most similar enrolled person; None if the face was not compared.
    similarity : float or None
        To the person it was given to, otherwise to the closest; in [-1, 1].
    reason : str or None
        Slug of the reason why it was not compared.
    """

    face: Face
    name: str | None = None
    closest: str | None = None
    similarity: float | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
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
    """

    photo: str
    faces: tuple[NamedFace, ...]
    annotated: Path | None = None


@dataclass(frozen=True, slots=True)
class Identification:
    """Who is on some photos, and what that is worth.

    Attributes
    ----------
    photos : tuple of IdentifiedPhoto
        Those that could be read.
    left_out : tuple of LeftOut
        Those that could not.
    skipped : int
        Files that are no photos.
    people : int
        How many people each face was compared with.
    threshold : float
        Similarity from which on a face may be given to a person.
    calibration : Calibration
        Where the threshold comes from.
    point : OperatingPoint or None
        What it means for that many people; None where the caller chose it.
    identity : ModelIdentity
        What made the embeddings.
    not_compared : tuple of str
        People whose templates were made by something else.
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

    @property
    def faces(self) -> tuple[NamedFace, ...]:
        """All faces of all photos."""
        return tuple(face for photo in self.photos for face in photo.faces)

    @property
    def compared(self) -> int:
        """How many faces were compared with the people enrolled."""
        return sum(face.closest is not None for face in self.faces)

    @property
    def names(self) -> tuple[str, ...]:
        """Everybody who was identified, in the order of the photos."""
        return tuple(dict.fromkeys(face.name for face in self.faces if face.name is not None))

    @property
    def false_name_bound(self) -> float | None:
        """The chance that any of the faces gets a name by mistake, at most: union bound over the faces.

        None where nothing is known about the threshold.
        """
        if self.point is None or self.point.fmr is None:
            return None
        return min(1.0, self.compared * self.point.fmr)


def assign(similarity: ArrayLike, threshold: float) -> tuple[int | None, ...]:
    """Give each person to at most one face of a photo, and each face to at most one person.

    Pairs below the threshold are out before anything else. Of what remains, the assignment with the largest
    sum of similarity above the threshold is taken: a clear match is not given up for two doubtful ones.
    Solved by SciPy's ``linear_sum_assignment`` (D. F. Crouse, doi:10.1109/TAES.2016.140952).

    Parameters
    ----------
    similarity : array_like, shape (n_faces, n_people)
        Cosines, in [-1, 1].
    threshold : float
        Similarity from which on a face may be given to a person.

    Returns
    -------
    tuple of int or None
        For each face the column of its person; None if it is unknown.

    Examples
    --------
    >>> assign([[0.99, 0.20], [0.97, 0.10]], 0.96)
    (0, None)
    >>> assign([[0.99, 0.98], [0.97, 0.10]], 0.90)
    (1, 0)
    """
    from scipy.optimize import linear_sum_assignment

    scores = np.asarray(similarity, dtype=np.float64)
    given: list[int | None] = [None] * len(scores)
    allowed = scores >= threshold
    # What is exactly at the threshold counts, too.
    gain = np.where(allowed, scores - threshold + 1e-9, 0.0)
    for face, person in zip(*linear_sum_assignment(gain, maximize=True), strict=True):
        if allowed[face, person]:
            given[int(face)] = int(person)
    return tuple(given)
