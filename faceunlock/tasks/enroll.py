"""Enrolments of one gallery: photos in, a stored template out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from faceunlock.errors import GalleryError, SettingsError
from faceunlock.gallery.gallery import Gallery
from faceunlock.matching.people import Person, name_key, normalise_name
from faceunlock.matching.templates import ModelIdentity, Template
from faceunlock.outcomes import EnrolmentOutcome
from faceunlock.photos.camera import open_camera
from faceunlock.photos.capture import Look, several_good
from faceunlock.photos.face import SubjectRule
from faceunlock.photos.photo import PhotoFile, find_photos
from faceunlock.pipeline.acquisition import Acquisition
from faceunlock.pipeline.enrolment import Enrolment, Gates, enrol
from faceunlock.pipeline.samples import LeftOut, Sample
from faceunlock.settings import Settings
from faceunlock.studies.collection import Track
from faceunlock.tasks.models import Models


class Enroller:
    """Learns people from photos.

    Parameters
    ----------
    gallery : Gallery
        Where templates are stored.
    models : Models
        Its models.
    settings : Settings
        Limits of quality and numbers.
    """

    def __init__(self, gallery: Gallery, models: Models, settings: Settings) -> None:
        self._gallery, self._models, self._settings = gallery, models, settings

    def enrol(
        self,
        name: str,
        photos: Sequence[Path | PhotoFile],
        *,
        add: bool,
        replace: bool,
        min_photos: int | None,
        dry_run: bool,
        track: Track,
    ) -> EnrolmentOutcome:
        """Learn a person; see `faceunlock.unlock.FaceUnlock.enroll`."""
        if add and replace:
            raise SettingsError("usage", "add and replace exclude each other")
        name = normalise_name(name)
        known = self._known(name, add=add, replace=replace)
        listing = find_photos([photo for photo in photos if isinstance(photo, Path)])
        taken = [photo for photo in photos if isinstance(photo, PhotoFile)]
        sources: list[Path | PhotoFile] = [*taken, *listing.photos]
        acquisition, identity = self._models.acquisition(known, fetch=True, photos=len(sources))
        gates = quality_gates(self._models, self._settings, identity, min_photos)
        samples, failures = _acquire(acquisition, sources, track)

        def learn(template: Template | None) -> Enrolment:
            return enrol(samples, identity, gates, known=template, failures=failures)

        enrolment = learn(known.template if known else None)
        if not dry_run:
            if known is not None:

                def merge(stored: Template) -> Template:
                    # The template may have grown since it was read: judge against what is there now.
                    nonlocal enrolment
                    enrolment = learn(stored)
                    return enrolment.template

                name = self._gallery.update(name, merge).name
            elif replace:
                self._gallery.replace(name, enrolment.template)
            else:
                self._gallery.add(name, enrolment.template)
        return EnrolmentOutcome(name, enrolment, len(sources), listing.skipped, not dry_run)

    def sit(self, name: str, device: str, *, add: bool, replace: bool) -> Iterator[PhotoFile]:
        """Yield photos from a camera; see `faceunlock.unlock.FaceUnlock.take_several`."""
        known = self._known(normalise_name(name), add=add, replace=replace)
        with open_camera(device) as camera:
            acquisition, identity = self._models.acquisition(known, fetch=True)
            look = examiner(
                acquisition, quality_gates(self._models, self._settings, identity), self._settings
            )
            frames = camera.frames(self._settings.camera_seconds)
            yield from several_good(frames, look, self._settings.camera_photos)

    def _known(self, name: str, *, add: bool, replace: bool) -> Person | None:
        """Return the person to add to; complain early rather than after minutes of work."""
        if add:
            return self._gallery.get(name)
        if not replace and any(name_key(name) == name_key(person.name) for person in self._gallery.people()):
            raise GalleryError("already-enrolled", f"{name} is already enrolled")
        return None


def quality_gates(
    models: Models, settings: Settings, identity: ModelIdentity, min_photos: int | None = None
) -> Gates:
    """Return what a photo must fulfil to be enrolled with a model.

    Parameters
    ----------
    models : Models
        Knows the threshold of the model.
    settings : Settings
        Limits of quality.
    identity : ModelIdentity
        The model.
    min_photos : int, optional
        Fewest usable photos; the setting when omitted.
    """
    return Gates(
        min_sharpness=settings.min_sharpness,
        min_brightness=settings.min_brightness,
        min_similarity=models.calibration(identity).threshold,
        min_photos=min_photos or settings.min_photos,
    )


def examiner(
    acquisition: Acquisition, gates: Gates, settings: Settings, rule: SubjectRule = "dominant"
) -> Look:
    """Return what takes only frames with a face that is good enough to be enrolled.

    Parameters
    ----------
    acquisition : Acquisition
        Finds the face and measures its quality.
    gates : Gates
        What is good enough.
    settings : Settings
        How large a frame may be.
    rule : {"dominant", "largest", "central"}
        Which face a frame is about.
    """

    def examine(photo: PhotoFile) -> None:
        fault = gates.fault(acquisition.look(photo, rule))
        if fault is not None:
            raise fault

    return Look(examine, settings.max_pixels)


def _acquire(
    acquisition: Acquisition, photos: Sequence[Path | PhotoFile], track: Track
) -> tuple[list[Sample], list[LeftOut]]:
    samples: list[Sample] = []
    failures: list[LeftOut] = []
    for outcome in track(acquisition.samples(photos), len(photos), "photos"):
        if isinstance(outcome, LeftOut):
            failures.append(outcome)
        else:
            samples.append(outcome)
    return samples, failures
