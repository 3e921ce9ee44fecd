"""Verification: decide whether a photo shows an enrolled person; every attempt is counted and logged."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypedDict

from faceunlock.errors import GalleryError
from faceunlock.matching.similarity import decide
from faceunlock.photos.capture import Capture
from faceunlock.photos.photo import PhotoFile, load_photo
from faceunlock.tasks.workspace import (
    PhotoPath,
    Workspace,
    as_path,
    check_threshold,
    deciding_calibration,
    examiner,
    operating_point,
    quality_gates,
)

if TYPE_CHECKING:
    from faceunlock.liveness.gate import LivenessGate, PassedCheck
    from faceunlock.matching.calibration import Calibration, OperatingPoint
    from faceunlock.matching.similarity import Decision, Label, Vector
    from faceunlock.matching.templates import ModelIdentity
    from faceunlock.photos.face import Quality, RGBImage, SubjectRule
    from faceunlock.settings import Security

Probe = PhotoPath | BinaryIO | PhotoFile | Capture
"""The accepted sources of a probe photo."""


class VerifyOptions(TypedDict, total=False):
    """Options of `verify`."""

    threshold: float | None
    security: Security | None
    faces: SubjectRule
    source: str | None
    require_live: bool


class TakeOptions(TypedDict, total=False):
    """Options of `take`."""

    faces: SubjectRule
    require_live: bool


@dataclass(frozen=True, slots=True)
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
    liveness : tuple of PassedCheck, or None
        The checks for presentation attacks that were passed; None if they were not requested.
    people : int or None
        How many people were compared, each with all their looks; None: one for each template.
    """

    decision: Decision
    identity: ModelIdentity
    calibration: Calibration
    point: OperatingPoint | None
    quality: Quality
    not_compared: tuple[str, ...] = ()
    locked_out: tuple[str, ...] = ()
    liveness: tuple[PassedCheck, ...] | None = None
    people: int | None = None


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
) -> Verification:
    """Decide whether a photo shows an enrolled person; counts and logs the attempt.

    Parameters
    ----------
    workspace : Workspace
        Provides the enrolled people and counts the attempts.
    photo : path, binary file, or a photo from `take`
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
        Refuse photos that the measured checks take for an attack; see `faceunlock.liveness`.

    Raises
    ------
    LockoutError
        ``locked-out`` after too many failures in a row; see `faceunlock.gallery.attempts`.
    PhotoError
        The photo cannot be read or has no clear subject, or is ``not-live``.
    GalleryError
        ``pad-not-measured``, ``nobody-enrolled``, ``not-enrolled``, ``model-mismatch``; also if the gallery
        cannot be trusted.
    ModelError
        ``not-measured`` if a level was chosen and no threshold was measured for the model.
    SettingsError
        ``usage`` for a threshold out of range, or with a level of security.
    """
    check_threshold(threshold, security)
    taken: Path | BinaryIO | PhotoFile
    clip: tuple[RGBImage, ...] = ()
    if isinstance(photo, Capture):
        taken, clip = photo.photo, photo.clip
    else:
        taken = as_path(photo)
    gate = _gate(workspace, camera=bool(clip)) if require_live else None
    with workspace.attempts.attempt(source or _source(taken)) as attempt:
        people = [workspace.gallery.get(name)] if name is not None else list(workspace.gallery.people())
        if not people:
            raise GalleryError("nobody-enrolled")
        # First of all: someone who is locked out must learn nothing about a photo.
        attempt.admit([person.name for person in people], named=name is not None)
        # Read before any network is loaded, so that a missing photo fails at once.
        probe = load_photo(taken, max_pixels=workspace.settings.max_pixels)
        acquisition, identity = workspace.choice.acquisition(people[0] if name is not None else None)
        comparable = [person for person in people if person.template.identity == identity]
        if not comparable:
            raise workspace.choice.mismatch(people[0], identity.model)
        sample = acquisition.sample(probe, faces)
        passed = None if gate is None else gate.admit(acquisition, probe, clip, faces)
        calibration = deciding_calibration(workspace, identity, threshold, security)

        def answer(admitted: Collection[str]) -> Verification:
            there = [person for person in comparable if person.name in admitted]
            centroids: dict[Label, Vector] = {
                (person.name, look): template.centroid
                for person in there
                for look, template in person.templates
            }
            point, limit = operating_point(calibration, len(centroids), threshold)
            return Verification(
                decision=decide(sample.embedding, centroids, limit),
                identity=identity,
                calibration=calibration,
                point=point,
                quality=sample.quality,
                not_compared=tuple(person.name for person in people if person not in comparable),
                locked_out=tuple(p.name for p in comparable if p.name not in admitted),
                liveness=passed,
                people=len(there),
            )

        return attempt.settle([person.name for person in comparable], answer)


def take(
    workspace: Workspace,
    device: str | None = None,
    name: str | None = None,
    *,
    faces: SubjectRule = "dominant",
    require_live: bool = False,
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
    require_live : bool
        Also take the frames of the next seconds, for the checks of `verify`.

    Raises
    ------
    LockoutError
        ``locked-out``; the camera is then not opened.
    CameraError
        The camera cannot be used.
    PhotoError
        No good face within ``camera_seconds`` (a setting); the slug is the most frequent reason.
    """
    from faceunlock.photos.camera import open_camera
    from faceunlock.photos.capture import one_good

    settings = workspace.settings
    device = settings.camera if device is None else device
    if require_live:
        _gate(workspace, camera=True)
    with workspace.attempts.attempt(f"camera {device}") as attempt:
        person = None if name is None else workspace.gallery.get(name)
        people = workspace.gallery.people() if person is None else (person,)
        if not people:
            raise GalleryError("nobody-enrolled")
        # Nobody should sit for the camera if the attempt would be refused.
        attempt.admit([somebody.name for somebody in people], named=person is not None)
        with open_camera(device, films=settings.camera_films != "never") as camera:
            acquisition, identity = workspace.choice.acquisition(person)
            gates = quality_gates(workspace, identity)
            look = examiner(acquisition, gates, settings.max_pixels, faces)
            return one_good(camera.frames(settings.camera_seconds), look, clip=require_live)


def prepare(workspace: Workspace) -> None:
    """Load the networks that `verify` will need, so that its first answer is faster."""
    if workspace.gallery.people():
        workspace.choice.acquisition()


def _gate(workspace: Workspace, *, camera: bool) -> LivenessGate:
    from faceunlock.liveness.gate import open_gate

    return open_gate(workspace.locations.data, camera=camera)


def _source(photo: Path | BinaryIO | PhotoFile) -> str:
    """Return where a photo comes from, for the log."""
    if isinstance(photo, PhotoFile):
        return photo.name
    if isinstance(photo, Path):
        return str(photo.absolute())
    name = getattr(photo, "name", None)
    return "stdin" if name == "<stdin>" else name if isinstance(name, str) else "stream"
