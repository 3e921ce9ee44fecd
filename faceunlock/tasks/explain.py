"""Explain what the network sees on a photo, how good the photo is, and whom it resembles."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypedDict

import numpy as np
from numpy.typing import NDArray

from faceunlock.errors import PhotoError
from faceunlock.matching.similarity import cosine
from faceunlock.photos.face import Face, Place, Quality, SubjectRule
from faceunlock.photos.measures import Limits, Measure, measures
from faceunlock.photos.photo import load_photo
from faceunlock.tasks.pictures import as_photo
from faceunlock.tasks.strangers import nearest_to
from faceunlock.tasks.workspace import PhotoPath, Workspace, deciding_calibration, operating_point

if TYPE_CHECKING:
    from faceunlock.matching.people import Person
    from faceunlock.matching.strangers import NearStranger
    from faceunlock.matching.templates import ModelIdentity
    from faceunlock.photos.in_memory import Picture
    from faceunlock.photos.photo import PhotoFile
    from faceunlock.pipeline.acquisition import Acquisition
    from faceunlock.pipeline.samples import Crop
    from faceunlock.settings import Security


class ExplainOptions(TypedDict, total=False):
    """Options of `explain`."""

    security: Security | None
    faces: SubjectRule | Place


@dataclass(frozen=True, slots=True)
class LookScore:
    """One template of a person, and how similar the photo is to it.

    Attributes
    ----------
    look : str or None
        None for the person's own template.
    similarity : float
        Cosine, in [-1, 1].
    photos : int
        Number of photos in the template.
    """

    look: str | None
    similarity: float
    photos: int


@dataclass(frozen=True, slots=True)
class Resembled:
    """The person a photo was compared with.

    Attributes
    ----------
    name : str
        The claimed person; without a claim, the most similar of those enrolled.
    claimed : bool
    looks : tuple of LookScore
        The most similar first.
    threshold : float
        What ``verify`` would need for the same question.
    next : tuple of str and float, or None
        The next most similar person enrolled, and the similarity; None if there is nobody else.
    near_miss : bool
        As in `faceunlock.tasks.verify.Verification`.
    """

    name: str
    claimed: bool
    looks: tuple[LookScore, ...]
    threshold: float
    next: tuple[str, float] | None
    near_miss: bool

    @property
    def match(self) -> bool:
        """Whether ``verify`` would say yes."""
        return self.looks[0].similarity >= self.threshold


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """What is known about one photo.

    Attributes
    ----------
    photo : str
        Its name.
    several : bool
        Whether no face dominates, so that ``verify`` refuses the photo; the largest face is explained.
    face : Face
        In pixels of the upright photo.
    quality : Quality
    measures : tuple of Measure
        Each with its limit, the most serious fault first.
    crop : ndarray of uint8, shape (side, side, 3)
        The face as the network sees it, sRGB.
    embedding : ndarray of float32, shape (dimension,)
        What the network makes of it, a unit vector.
    resembled : Resembled or None
        None if nobody is enrolled with this model.
    stranger : NearStranger or None
        The stranger of the bank most similar to this photo; None without a bank.
    identity : ModelIdentity
        The model that made the embedding.
    """

    photo: str
    several: bool
    face: Face
    quality: Quality
    measures: tuple[Measure, ...]
    crop: NDArray[np.uint8] = field(repr=False)
    embedding: NDArray[np.float32] = field(repr=False)
    resembled: Resembled | None
    stranger: NearStranger | None
    identity: ModelIdentity

    @property
    def faults(self) -> tuple[str, ...]:
        """Slugs of what is wrong with the photo, the most serious first."""
        found = tuple(one.fault for one in self.measures if not one.good)
        return ("several-faces", *found) if self.several else found


def explain(
    workspace: Workspace,
    photo: PhotoPath | Picture | PhotoFile,
    name: str | None = None,
    *,
    security: Security | None = None,
    faces: SubjectRule | Place = "dominant",
) -> Explanation:
    """Explain a photo; nothing is counted, logged or changed, and nobody is let in.

    Parameters
    ----------
    workspace : Workspace
        Its limits, people and bank of strangers are used.
    photo : path, NumPy array, PIL image, or a file that was read already
    name : str, optional
        The person it should show; without it, the most similar person enrolled.
    security : {"relaxed", "normal", "strict"}, optional
        As for `faceunlock.tasks.verify.verify`.
    faces : {"dominant", "largest", "central"}, or tuple of two float
        Which face is explained; where ``dominant`` finds none, the largest is, and the result says so. A
        place chooses the face nearest to it, of all that ``identify`` finds.

    Raises
    ------
    PhotoError
        The photo cannot be read, or ``no-face``. A face that is small, or one of several, is explained.
    GalleryError
        ``not-enrolled``, ``model-mismatch``; also if the gallery cannot be trusted.
    ModelError
        The weights or the device cannot be used; ``not-measured``.
    """
    settings = workspace.settings
    person = None if name is None else workspace.gallery.get(name)
    file = load_photo(as_photo(photo), max_pixels=settings.max_pixels)
    every = not isinstance(faces, str)
    acquisition, identity = workspace.choice.acquisition(person, fetch=True, small_faces=every, access=False)
    crop, face, several = _subject(acquisition, file, faces)
    embedding = acquisition.embedder.embed(crop.pixels[None])[0]
    limits = Limits(settings.min_face_pixels, settings.min_sharpness, settings.min_brightness)
    return Explanation(
        photo=file.name,
        several=several,
        face=face,
        quality=crop.quality,
        measures=measures(crop.quality, limits),
        crop=crop.pixels,
        embedding=embedding,
        resembled=_resembled(workspace, identity, embedding, person, security),
        stranger=nearest_to(workspace, identity, embedding, name=None if person is None else person.name),
        identity=identity,
    )


def _subject(acquisition: Acquisition, file: PhotoFile, rule: SubjectRule | Place) -> tuple[Crop, Face, bool]:
    """Return the subject of a photo, and whether it was chosen among several."""
    if not isinstance(rule, str):
        return *acquisition.inspect_at(file, rule), False
    try:
        return *acquisition.inspect(file, rule), False
    except PhotoError as error:
        if error.slug != "several-faces":
            raise
    return *acquisition.inspect(file, "largest"), True


def _resembled(
    workspace: Workspace,
    identity: ModelIdentity,
    embedding: NDArray[np.float32],
    claimed: Person | None,
    security: Security | None,
) -> Resembled | None:
    enrolled = workspace.gallery.crowd().made_by(identity)
    if enrolled is None:
        return None
    person = claimed or workspace.gallery.get(enrolled.decide(embedding, 1.0).name)
    searched = len(enrolled) if claimed is None else len(person.templates)
    calibration = deciding_calibration(workspace, identity, None, security)
    _, threshold = operating_point(calibration, searched, None)
    looks = _looks(person, embedding)
    others = enrolled.without([person.name])
    following = others.decide(embedding, 1.0) if len(others) else None
    near = workspace.choice.pair_threshold(identity)
    return Resembled(
        name=person.name,
        claimed=claimed is not None,
        looks=looks,
        threshold=threshold,
        next=None if following is None else (following.name, following.similarity),
        near_miss=near is not None and near <= looks[0].similarity < threshold,
    )


def _looks(person: Person, embedding: NDArray[np.float32]) -> tuple[LookScore, ...]:
    found = [
        LookScore(look, cosine(embedding, template.centroid), template.count)
        for look, template in person.templates
    ]
    return tuple(sorted(found, key=lambda one: one.similarity, reverse=True))
