"""Verifications against one gallery: a photo in, a counted and logged decision out."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from faceunlock.errors import GalleryError, SettingsError
from faceunlock.gallery.attempts import Attempts
from faceunlock.gallery.gallery import Gallery
from faceunlock.matching.similarity import decide
from faceunlock.outcomes import Capture, Verification
from faceunlock.photos.face import SubjectRule
from faceunlock.photos.photo import PhotoFile, load_photo
from faceunlock.settings import Settings
from faceunlock.tasks.models import Models

if TYPE_CHECKING:
    from faceunlock.liveness.gate import LivenessGate

Probe = Path | BinaryIO | PhotoFile | Capture
"""What a photo can come from."""


class Verifier:
    """Decides who is on a photo.

    Parameters
    ----------
    gallery : Gallery
        Who is enrolled.
    attempts : Attempts
        Counts failures and keeps the log.
    models : Models
        Of the gallery.
    settings : Settings
        Limits of photos and of the camera.
    data : Path
        Directory with the measurements of liveness checks.
    """

    def __init__(
        self, gallery: Gallery, attempts: Attempts, models: Models, settings: Settings, data: Path
    ) -> None:
        self._gallery, self._attempts, self._models = gallery, attempts, models
        self._settings, self._data = settings, data

    def verify(
        self,
        photo: Probe,
        name: str | None,
        *,
        threshold: float | None,
        faces: SubjectRule,
        source: str | None,
        require_live: bool,
    ) -> Verification:
        """Decide, count, log; see `faceunlock.unlock.FaceUnlock.verify`."""
        if threshold is not None and not -1.0 <= threshold <= 1.0:
            raise SettingsError("usage", f"a threshold is a number from -1 to 1, not {threshold}")
        photo, clip = (photo.photo, photo.clip) if isinstance(photo, Capture) else (photo, ())
        gate = self._gate(camera=bool(clip)) if require_live else None
        with self._attempts.attempt(source or _source(photo)) as attempt:
            people = [self._gallery.get(name)] if name is not None else list(self._gallery.people())
            if not people:
                raise GalleryError("nobody-enrolled")
            # Before anything else is looked at: whoever is locked out learns nothing about a photo.
            attempt.admit([person.name for person in people], named=name is not None)
            # Read before any network is loaded: a photo that is not there needs none.
            probe = load_photo(photo, max_pixels=self._settings.max_pixels)
            acquisition, identity = self._models.acquisition(people[0] if name is not None else None)
            comparable = [person for person in people if person.template.identity == identity]
            if not comparable:
                raise self._models.mismatch(people[0], identity.model)
            sample = acquisition.sample(probe, faces)
            passed = None if gate is None else gate.admit(acquisition, probe, clip, faces)
            calibration = self._models.calibration(identity)

            def answer(admitted: Collection[str]) -> Verification:
                centroids = {p.name: p.template.centroid for p in comparable if p.name in admitted}
                measured = calibration.threshold_for(len(centroids))
                point, limit = (measured, measured.threshold) if threshold is None else (None, threshold)
                return Verification(
                    decision=decide(sample.embedding, centroids, limit),
                    identity=identity,
                    calibration=calibration,
                    point=point,
                    quality=sample.quality,
                    not_compared=tuple(person.name for person in people if person not in comparable),
                    locked_out=tuple(p.name for p in comparable if p.name not in admitted),
                    liveness=passed,
                )

            return attempt.settle([person.name for person in comparable], answer)

    def take(self, device: str, name: str | None, *, faces: SubjectRule, require_live: bool) -> Capture:
        """Take a photo; see `faceunlock.unlock.FaceUnlock.take`."""
        from faceunlock.photos.camera import open_camera
        from faceunlock.photos.capture import one_good
        from faceunlock.tasks.enroll import examiner, quality_gates

        if require_live:
            self._gate(camera=True)
        with self._attempts.attempt(f"camera {device}") as attempt:
            person = None if name is None else self._gallery.get(name)
            people = self._gallery.people() if person is None else (person,)
            if not people:
                raise GalleryError("nobody-enrolled")
            # Nobody sits for what would be refused.
            attempt.admit([somebody.name for somebody in people], named=person is not None)
            with open_camera(device) as camera:
                acquisition, identity = self._models.acquisition(person)
                gates = quality_gates(self._models, self._settings, identity)
                look = examiner(acquisition, gates, self._settings, faces)
                return one_good(camera.frames(self._settings.camera_seconds), look, clip=require_live)

    def _gate(self, *, camera: bool) -> LivenessGate:
        from faceunlock.liveness.gate import open_gate

        return open_gate(self._data, camera=camera)


def _source(photo: Path | BinaryIO | PhotoFile) -> str:
    """Return what a photo comes from, for the log."""
    if isinstance(photo, PhotoFile):
        return photo.name
    if isinstance(photo, Path):
        return str(photo.absolute())
    name = getattr(photo, "name", None)
    return "stdin" if name == "<stdin>" else name if isinstance(name, str) else "stream"
