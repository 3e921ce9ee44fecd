"""Verification: decide whether a photo shows an enrolled person; every attempt is counted and logged."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypedDict

import numpy as np

from faceunlock.errors import GalleryError, PhotoError
from faceunlock.matching.crowd import Crowd
from faceunlock.matching.people import in_order
from faceunlock.matching.wording import needed
from faceunlock.photos.capture import Capture
from faceunlock.photos.in_memory import InMemory, Picture
from faceunlock.photos.photo import PhotoFile, Source, load_photo
from faceunlock.tasks.pictures import as_photo, small_faces
from faceunlock.tasks.workspace import (
    PhotoPath,
    Workspace,
    apart_camera,
    check_threshold,
    deciding_calibration,
    examiner,
    is_apart,
    open_camera,
    operating_point,
    quality_gates,
)

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from faceunlock.gallery.attempts import Admitted, Attempt
    from faceunlock.liveness.dialogue import Turned
    from faceunlock.matching.calibration import Calibration, OperatingPoint
    from faceunlock.matching.candidates import Everybody
    from faceunlock.matching.people import Person
    from faceunlock.matching.similarity import Decision
    from faceunlock.matching.templates import ModelIdentity
    from faceunlock.photos.face import Quality, RGBImage, SubjectRule
    from faceunlock.pipeline.acquisition import Acquisition
    from faceunlock.settings import Security
    from faceunlock.tasks.apart import ApartAcquisition

Probe = PhotoPath | Picture | BinaryIO | Source | Capture
"""The accepted sources of a probe photo."""


class VerifyOptions(TypedDict, total=False):
    """Options of `verify`."""

    threshold: float | None
    security: Security | None
    faces: SubjectRule
    source: str | None
    require_live: bool
    count: bool


class TakeOptions(TypedDict, total=False):
    """Options of `take`."""

    faces: SubjectRule
    count: bool


@dataclass(frozen=True, slots=True, repr=False)
class Verification:
    """A decision and its evidence.

    Attributes
    ----------
    decision : Decision
        Match or no match, with name, similarity and threshold.
    identity : ModelIdentity
        The model that made the embeddings.
    calibration : Calibration
        Where the threshold comes from.
    point : OperatingPoint or None
        What the threshold means for this number of candidates; None if the caller chose the threshold.
    quality : Quality
        Quality of the probe's face.
    not_compared : tuple of str
        People whose templates were made by a different model.
    locked_out : tuple of str
        People who were not compared because of failed attempts.
    liveness : Turned or None
        How the head turned; None if nobody was asked to turn it.
    people : int or None
        How many people were compared, each with all their looks; None: one for each template.
    named : bool
        Whether a person was claimed.
    near_miss : bool
        Whether a no is so close that two single photos this similar would match.
    counted : bool
        Whether the attempt was counted and logged.
    approximate : bool
        Whether an index searched that may miss the most similar template, so a no may be wrong more often.
    face : tuple of bytes
        A small picture of the face, as JPEG; empty unless the workspace keeps faces.
    """

    decision: Decision
    identity: ModelIdentity
    calibration: Calibration
    point: OperatingPoint | None
    quality: Quality
    not_compared: tuple[str, ...] = ()
    locked_out: tuple[str, ...] = ()
    liveness: Turned | None = None
    people: int | None = None
    named: bool = False
    near_miss: bool = False
    counted: bool = True
    approximate: bool = False
    face: tuple[bytes, ...] = field(default=(), repr=False)

    def __repr__(self) -> str:
        return f"<Verification: {self._answer}>"

    def _repr_html_(self) -> str:
        """Return the answer for a notebook, with the face if the workspace keeps faces."""
        from faceunlock.reports.notebook import Line, as_html

        return as_html([Line(self.decision.match, self._answer, self.face)])

    @property
    def _answer(self) -> str:
        found = self.decision
        whom = "" if found.match else "not " if self.named else "closest "
        score = needed(found.similarity, found.threshold)
        end = ", a near miss" if self.near_miss else ""
        return f"{'yes' if found.match else 'no'}, {whom}{found.name} {score}{end}"


def verify(
    workspace: Workspace,
    photo: Probe,
    name: str | None = None,
    *,
    threshold: float | None = None,
    security: Security | None = None,
    faces: SubjectRule = "dominant",
    source: str | None = None,
    require_live: bool = False,
    count: bool = True,
) -> Verification:
    """Decide whether a photo shows an enrolled person; counts and logs the attempt.

    Parameters
    ----------
    workspace : Workspace
        Provides the enrolled people and counts the attempts.
    photo : path, NumPy array, PIL image, binary file, or a photo from `take`
        An array holds uint8: gray, RGB or RGBA; see `faceunlock.photos.in_memory`.
    name : str, optional
        The claimed person. Without a name, everyone enrolled is compared and the best match is judged, at
        the threshold that keeps the target for that number of templates. Of a person with several looks, the
        most similar one counts.
    threshold : float, optional
        Used instead of the calibrated threshold, in [-1, 1].
    security : {"relaxed", "normal", "strict"}, optional
        Level of the shipped threshold; the setting when omitted, or without one ``normal``. A calibration of
        the gallery's own wins over every level.
    faces : {"dominant", "largest", "central"}
        Which face in the photo counts as its subject.
    source : str, optional
        Where the photo comes from, for the log; its name, ``stdin`` or ``stream`` when omitted.
    require_live : bool
        Refuse: a photo cannot show that somebody is there. `faceunlock.tasks.live.verify_live` can.
    count : bool
        False to try something out on a gallery of one's own: see `faceunlock.gallery.attempts`. Never do so
        to let anybody in.

    Raises
    ------
    LockoutError
        ``locked-out`` after too many failures in a row; see `faceunlock.gallery.attempts`.
    PhotoError
        The photo cannot be read or has no clear subject; ``no-living-person``.
    GalleryError
        ``nobody-enrolled``, ``not-enrolled``, ``model-mismatch``; also if the gallery
        cannot be trusted.
    ModelError
        ``not-measured`` if a level was chosen and no threshold was measured for the model.
    SettingsError
        ``usage`` for a threshold out of range, or with a level of security; without `count`, if the gallery
        belongs to another user.
    """
    check_threshold(threshold, security)
    if require_live:
        raise PhotoError("no-living-person")
    taken: Source | BinaryIO = photo.photo if isinstance(photo, Capture) else as_photo(photo)
    with workspace.attempts.attempt(source or _source(taken), count=count) as attempt:
        # First of all: someone who is locked out must learn nothing about a photo.
        people = candidates(workspace, attempt, name)
        # Read before any network is loaded, so that a missing photo fails at once.
        probe = load_photo(taken, max_pixels=workspace.settings.max_pixels)
        if is_apart(workspace):
            sample = people.load_apart(threshold, security).sample_of(photo, probe, faces)
        else:
            acquisition = people.load(threshold, security)
            sample = acquisition.sample(probe, faces, keep_crop=workspace.keep_faces)
        answer = people.answering(sample.embedding, sample.quality, counted=attempt.counted, crop=sample.crop)
        return attempt.settle(people.names, answer)


def candidates(workspace: Workspace, attempt: Attempt, name: str | None) -> Candidates:
    """Return the people that an attempt may find.

    Raises
    ------
    LockoutError
        If all of them are locked out.
    GalleryError
        ``nobody-enrolled``, ``not-enrolled``; also if the gallery cannot be trusted.
    """
    person = None if name is None else workspace.gallery.get(name)
    crowd: Everybody = workspace.gallery.crowd() if person is None else Crowd.of([person])
    if not len(crowd):
        raise GalleryError("nobody-enrolled")
    attempt.admit(crowd.names(), named=person is not None)
    return Candidates(workspace, crowd, person)


class Candidates:
    """The people that an attempt may find, and how it decides.

    Parameters
    ----------
    workspace : Workspace
    crowd : Everybody
        The claimed person, or everybody.
    person : Person or None
        The claimed person.

    Attributes
    ----------
    person : Person or None
        The claimed person.
    identity : ModelIdentity
        The model that makes the embeddings, once `load` was called.
    """

    identity: ModelIdentity

    def __init__(self, workspace: Workspace, crowd: Everybody, person: Person | None) -> None:
        self.person = person
        self._workspace, self._crowd = workspace, crowd

    def load(self, threshold: float | None, security: Security | None) -> Acquisition:
        """Return what turns photos into embeddings, and find the threshold; parameters as for `verify`.

        Raises
        ------
        GalleryError
            ``model-mismatch``.
        ModelError
            The weights or the device cannot be used; ``not-measured``.
        """
        acquisition, identity = self._workspace.choice.acquisition(self.person)
        self._judge_by(identity, threshold, security)
        return acquisition

    def load_apart(self, threshold: float | None, security: Security | None) -> ApartAcquisition:
        """Return what turns photos into embeddings in a process without rights; otherwise as `load`."""
        from faceunlock.tasks.apart import apart_acquisition

        reader, identity = apart_acquisition(self._workspace, self.person)
        self._judge_by(identity, threshold, security)
        return reader

    def _judge_by(self, identity: ModelIdentity, threshold: float | None, security: Security | None) -> None:
        choice = self._workspace.choice
        self.identity = identity
        self._comparable = choice.comparable(self._crowd, identity)
        self._calibration = deciding_calibration(self._workspace, identity, threshold, security)
        self._near = choice.pair_threshold(identity)
        self._threshold = threshold

    @property
    def names(self) -> Collection[str]:
        """The people who can be compared."""
        return self._comparable.names

    def decision(self, embedding: ArrayLike, *, only: str | None = None) -> Decision:
        """Return what an embedding says; with `only`, of that person at the threshold for all of them."""
        everybody = self._comparable
        _, limit = operating_point(self._calibration, len(everybody), self._threshold)
        return (everybody if only is None else everybody.only([only])).decide(embedding, limit)

    def answering(
        self,
        embedding: ArrayLike,
        quality: Quality,
        turned: Turned | None = None,
        *,
        counted: bool = True,
        crop: RGBImage | None = None,
    ) -> Callable[[Admitted], Verification]:
        """Return the function that decides among the people who are not locked out.

        Who is near is found now: a server may search for a second, and other attempts wait for the function.
        """
        face = small_faces([crop])
        near = self._comparable.near(np.asarray(embedding)[None, :], math.inf)

        def answer(admitted: Admitted) -> Verification:
            there = self._comparable.without(admitted.locked)
            point, limit = operating_point(self._calibration, len(there), self._threshold)
            deciding = there if admitted.locked else near
            decision = replace(deciding.decide(embedding, limit), candidates=len(there))
            return Verification(
                decision=decision,
                identity=self.identity,
                calibration=self._calibration,
                point=point,
                quality=quality,
                not_compared=self._crowd.others(self.identity),
                locked_out=in_order(admitted.locked),
                liveness=turned,
                people=len(there.names),
                named=self.person is not None,
                near_miss=self._near is not None and self._near <= decision.similarity < limit,
                counted=counted,
                approximate=there.approximate,
                face=face,
            )

        return answer


def take(
    workspace: Workspace,
    device: str | None = None,
    name: str | None = None,
    *,
    faces: SubjectRule = "dominant",
    count: bool = True,
) -> Capture:
    """Take a photo of a good face with a camera, to verify it.

    Parameters
    ----------
    workspace : Workspace
        Its settings hold the limits of the camera.
    device : str, optional
        A number, a device file or a video file; the setting ``camera`` when omitted.
    name : str, optional
        The claimed person; the camera is opened only if that person is enrolled.
    faces : {"dominant", "largest", "central"}
        Which face in a frame counts as its subject.
    count : bool
        As for `verify`.

    Raises
    ------
    LockoutError
        ``locked-out``; the camera is then not opened.
    CameraError
        The camera cannot be used.
    PhotoError
        No good face within ``camera_seconds`` (a setting); the slug is the most frequent reason.
    """
    from faceunlock.photos.capture import one_good

    settings = workspace.settings
    device = settings.camera if device is None else device
    with workspace.attempts.attempt(f"camera {device}", count=count) as attempt:
        # Nobody should sit for the camera if the attempt would be refused.
        person = candidates(workspace, attempt, name).person
        if is_apart(workspace):
            from faceunlock.tasks.apart import apart_acquisition

            device = apart_camera(workspace, device)
            reader, identity = apart_acquisition(workspace, person)
            return reader.take(device, quality_gates(workspace, identity), faces)
        with open_camera(workspace, device) as camera:
            acquisition, identity = workspace.choice.acquisition(person)
            gates = quality_gates(workspace, identity)
            look = examiner(acquisition, gates, settings.max_pixels, faces)
            return one_good(camera.frames(settings.camera_seconds), look)


def prepare(workspace: Workspace) -> None:
    """Load the networks that `verify` will need, so that its first answer is faster."""
    if not len(workspace.gallery.crowd()):
        return
    if is_apart(workspace):
        from faceunlock.tasks.apart import apart_acquisition

        apart_acquisition(workspace)
    else:
        workspace.choice.acquisition()


def _source(photo: Source | BinaryIO) -> str:
    """Return where a photo comes from, for the log."""
    if isinstance(photo, PhotoFile | InMemory):
        return photo.name
    if isinstance(photo, Path):
        return str(photo.absolute())
    name = getattr(photo, "name", None)
    return "stdin" if name == "<stdin>" else name if isinstance(name, str) else "stream"
