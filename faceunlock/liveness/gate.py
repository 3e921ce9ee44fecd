"""The gate of ``verify --require-live``: only measured checks, at their measured thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan, nan
from pathlib import Path

from faceunlock.errors import GalleryError, PhotoError
from faceunlock.liveness.checks import CHECKS, scores
from faceunlock.liveness.measuring import MeasuredCheck
from faceunlock.liveness.record import load
from faceunlock.photos.face import RGBImage, SubjectRule
from faceunlock.photos.photo import PhotoFile
from faceunlock.pipeline.acquisition import Acquisition


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
class LivenessGate:
    """The checks that a presentation must pass.

    Attributes
    ----------
    checks : tuple of MeasuredCheck
        The checks, at least one.
    """

    checks: tuple[MeasuredCheck, ...]

    @property
    def of_clip(self) -> bool:
        """Whether camera frames are needed."""
        return any(CHECKS[one.check].of_clip for one in self.checks)

    def admit(
        self, acquisition: Acquisition, photo: PhotoFile, clip: Sequence[RGBImage], rule: SubjectRule
    ) -> tuple[PassedCheck, ...]:
        """Return the checks that the presentation passed, if it passed all of them.

        Raises
        ------
        PhotoError
            ``not-live`` if a check failed or could not be run.
        """
        whole, face = acquisition.subject(photo, rule)
        found = scores(whole.image, face, clip)
        for one in self.checks:
            score = found.get(one.check, nan)
            if not one.passes(score):
                reason = (
                    "could not be run"
                    if isnan(score)
                    else f"score {score:.4g}, at least {one.threshold:.4g} needed"
                )
                raise PhotoError("not-live", f"{photo.name}: check {one.check}: {reason}")
        return tuple(PassedCheck(one.check, found[one.check], one.threshold) for one in self.checks)


def open_gate(directory: Path, *, camera: bool) -> LivenessGate:
    """Return the gate for photos or for a camera.

    Raises
    ------
    GalleryError
        ``pad-not-measured`` if no check that applies was measured and stopped enough attacks. A check that
        has changed since does not count. Also the errors of `faceunlock.liveness.record.load`.
    """
    measurement = load(directory)
    if measurement is None:
        raise GalleryError("pad-not-measured", "--require-live needs a measurement first")
    useful = [
        one
        for one in measurement.checks
        if one.useful and one.check in CHECKS and one.version == CHECKS[one.check].version
    ]
    usable = tuple(one for one in useful if camera or not CHECKS[one.check].of_clip)
    if not usable and useful:
        raise GalleryError(
            "pad-not-measured",
            "only video checks stopped enough attacks in the measurement",
            hint="Use a camera: faceunlock verify --camera --require-live",
        )
    if not usable:
        raise GalleryError("pad-not-measured", "no check stopped enough attacks in the measurement")
    return LivenessGate(usable)
