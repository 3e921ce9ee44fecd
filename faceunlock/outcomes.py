"""What the commands find out: the results that `faceunlock.unlock.FaceUnlock` returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from faceunlock.gallery.guard import ProtectionState
    from faceunlock.matching.calibration import Calibration, OperatingPoint
    from faceunlock.matching.similarity import Decision
    from faceunlock.matching.templates import ModelIdentity
    from faceunlock.photos.face import Quality, RGBImage
    from faceunlock.photos.photo import PhotoFile
    from faceunlock.pipeline.enrolment import Enrolment
    from faceunlock.pipeline.models.registry import ModelSpec
    from faceunlock.pipeline.weights import WeightsState
    from faceunlock.settings import Locations, Settings


@dataclass(frozen=True, slots=True)
class EnrolmentOutcome:
    """What an enrolment did.

    Attributes
    ----------
    name : str
        As it is stored.
    enrolment : Enrolment
        Template, photos used and photos left out.
    looked_at : int
        Number of photos looked at.
    skipped : int
        Number of files that are no photos.
    saved : bool
        False for a dry run.
    """

    name: str
    enrolment: Enrolment
    looked_at: int
    skipped: int
    saved: bool


@dataclass(frozen=True, slots=True, eq=False)
class Capture:
    """A photo that a camera took, and what came after it.

    Attributes
    ----------
    photo : PhotoFile
        The first frame with a good face.
    clip : tuple of ndarray of uint8, shape (height, width, 3)
        That frame and those of the next seconds, reduced, at short intervals; empty where none was asked for.
    camera : str
        What the camera is called.
    """

    photo: PhotoFile
    clip: tuple[RGBImage, ...] = field(repr=False)
    camera: str


@dataclass(frozen=True, slots=True)
class PassedCheck:
    """A check for presentation attacks that a probe passed.

    Attributes
    ----------
    check : str
        Key of `faceunlock.liveness.checks.CHECKS`.
    score, threshold : float
        The score is at least the threshold.
    """

    check: str
    score: float
    threshold: float


@dataclass(frozen=True, slots=True)
class Verification:
    """A decision and what is behind it.

    Attributes
    ----------
    decision : Decision
        Match or no match, with name, similarity and threshold.
    identity : ModelIdentity
        What made the embeddings.
    calibration : Calibration
        Where the threshold comes from.
    point : OperatingPoint or None
        What the threshold means for that many candidates; None where the caller chose it.
    quality : Quality
        Of the probe's face.
    not_compared : tuple of str
        People whose templates were made by something else.
    locked_out : tuple of str
        People who were not compared because of failed attempts.
    liveness : tuple of PassedCheck, or None
        The checks for presentation attacks that were passed; None where none was asked for.
    """

    decision: Decision
    identity: ModelIdentity
    calibration: Calibration
    point: OperatingPoint | None
    quality: Quality
    not_compared: tuple[str, ...] = ()
    locked_out: tuple[str, ...] = ()
    liveness: tuple[PassedCheck, ...] | None = None


@dataclass(frozen=True, slots=True)
class ModelState:
    """A model on this machine.

    Attributes
    ----------
    spec : ModelSpec
        What is known about it.
    weights : WeightsState
        Whether its weights are here.
    calibration : Calibration
        The threshold in use.
    """

    spec: ModelSpec
    weights: WeightsState
    calibration: Calibration

    @property
    def model(self) -> str:
        """Its id."""
        return self.spec.id


@dataclass(frozen=True, slots=True)
class Status:
    """Where everything is and whether it is in order.

    Attributes
    ----------
    locations : Locations
    settings : Settings
    gpu : bool
        Whether the machine has an NVIDIA driver.
    model : ModelState or None
        The model in use; None where it cannot be told without asking the network.
    people : tuple of str
        Names of enrolled people.
    protection : ProtectionState or None
        Whether the gallery is sealed; None where that cannot be told.
    problems : tuple of str
        One sentence for each thing that is wrong.
    """

    locations: Locations
    settings: Settings
    gpu: bool
    model: ModelState | None
    people: tuple[str, ...]
    protection: ProtectionState | None
    problems: tuple[str, ...]
