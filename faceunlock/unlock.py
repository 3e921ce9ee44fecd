"""FaceUnlock: wires the rooms together; what the command line and a Python caller use."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Self

from faceunlock import weights
from faceunlock.embedders.registry import MODELS, model_spec
from faceunlock.errors import CalibrationError, GalleryError, ModelError, SettingsError
from faceunlock.faces import Quality, SubjectRule
from faceunlock.gallery import Gallery
from faceunlock.matching import Decision, ModelIdentity, Template, decide
from faceunlock.person import Person, name_key, normalise_name
from faceunlock.private_files import problems
from faceunlock.samples import LeftOut, Sample
from faceunlock.settings import Locations, Settings, load_settings, locate

if TYPE_CHECKING:
    from faceunlock.acquisition import Acquisition
    from faceunlock.calibration import Calibration, OperatingPoint
    from faceunlock.collection import Track
    from faceunlock.detectors import Detector
    from faceunlock.embedders import Embedder
    from faceunlock.enrolment import Enrolment, Gates
    from faceunlock.transfer import ExportSummary, ImportSummary, OnConflict
    from faceunlock.trial import CalibrationReport

_log = logging.getLogger(__name__)

AUTO = "auto"
EMBEDDED_DEFAULT = "dlib"
"""The model that works with no network at all."""

NVIDIA_DRIVER = Path("/proc/driver/nvidia/version")

PhotoPath = str | os.PathLike[str]


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
    """

    decision: Decision
    identity: ModelIdentity
    calibration: Calibration
    point: OperatingPoint | None
    quality: Quality
    not_compared: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelState:
    """A model on this machine.

    Attributes
    ----------
    model : str
        Id in the registry.
    weights : WeightsState
        Whether its weights are here.
    calibration : Calibration
        The threshold in use.
    """

    model: str
    weights: weights.WeightsState
    calibration: Calibration


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
    problems : tuple of str
        One sentence for each thing that is wrong.
    """

    locations: Locations
    settings: Settings
    gpu: bool
    model: ModelState | None
    people: tuple[str, ...]
    problems: tuple[str, ...]


def _untracked(items: Iterable[Any], total: int, label: str) -> Iterable[Any]:
    return items


class FaceUnlock:
    """Enrol people, verify photos, calibrate thresholds.

    Use as a context manager, or call `close`. All methods raise `FaceUnlockError` with a stable slug for
    everything a user can cause.

    Parameters
    ----------
    home : path, optional
        Keep gallery, cache and config under this directory; ``FACEUNLOCK_HOME`` or the platform's
        per-user directories when omitted.
    model : str, optional
        Id of a model; the setting ``model`` when omitted.
    device : {"auto", "cpu", "cuda"}, optional
        The setting ``device`` when omitted.
    locations, settings : optional
        Used instead of what `home`, the config file and the environment say.
    detector, embedder : optional
        Used instead of the ones that model and device name.
    on_download : callable, optional
        Told the bytes done and to do while weights are downloaded.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as home, FaceUnlock(home) as unlock:
    ...     unlock.people()
    ()
    """

    def __init__(
        self,
        home: PhotoPath | None = None,
        *,
        model: str | None = None,
        device: str | None = None,
        locations: Locations | None = None,
        settings: Settings | None = None,
        detector: Detector | None = None,
        embedder: Embedder | None = None,
        on_download: Callable[[int, int], None] | None = None,
    ) -> None:
        self.locations = locations or locate(home)
        self.settings = settings or load_settings(self.locations.config)
        self._model = model or self.settings.model
        self._device = device or self.settings.device
        self._detector = detector
        self._embedder = embedder
        self._on_download = on_download
        self._gallery = Gallery(self.locations.data, busy_timeout=self.settings.busy_seconds)
        if self._model != AUTO and embedder is None:
            model_spec(self._model)  # a typing error is reported before anything is done

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the gallery file."""
        self._gallery.close()

    # enrolment

    def enroll(
        self,
        name: str,
        photos: PhotoPath | Sequence[PhotoPath],
        *,
        add: bool = False,
        replace: bool = False,
        min_photos: int | None = None,
        dry_run: bool = False,
        track: Track | None = None,
    ) -> EnrolmentOutcome:
        """Learn a person from photos.

        Parameters
        ----------
        name : str
            Up to 64 printable characters.
        photos : path or sequence of paths
            Photos, and folders that are searched for photos.
        add : bool
            Take the photos into an existing template.
        replace : bool
            Put a new template in the place of an existing one.
        min_photos : int, optional
            Fewest usable photos, at least 2; the setting ``min_photos`` when omitted.
        dry_run : bool
            Save nothing.
        track : callable, optional
            Shows progress: ``track(items, total, label)`` yields the items.

        Raises
        ------
        EnrolmentError
            ``too-few-photos``.
        GalleryError
            ``already-enrolled``, ``not-enrolled`` (with `add`), ``bad-name`` and everything that
            keeps the gallery from being read or written.
        """
        from faceunlock.enrolment import enrol
        from faceunlock.photos import find_photos

        name = normalise_name(name)
        known = self._known(name, add=add, replace=replace)
        paths = [photos] if isinstance(photos, str | os.PathLike) else list(photos)
        listing = find_photos([Path(path) for path in paths])
        acquisition, identity = self._acquisition(known, fetch=True)
        gates = self._gates(identity, min_photos)
        samples, failures = _acquire(acquisition, listing.photos, track or _untracked)

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
        return EnrolmentOutcome(name, enrolment, len(listing.photos), listing.skipped, not dry_run)

    def _known(self, name: str, *, add: bool, replace: bool) -> Person | None:
        """Return the person to add to; complain early rather than after minutes of work."""
        if add:
            return self._gallery.get(name)
        if not replace and any(name_key(name) == name_key(person.name) for person in self.people()):
            raise GalleryError("already-enrolled", f"{name} is already enrolled")
        return None

    def _gates(self, identity: ModelIdentity, min_photos: int | None) -> Gates:
        from faceunlock.enrolment import Gates

        return Gates(
            min_sharpness=self.settings.min_sharpness,
            min_brightness=self.settings.min_brightness,
            min_similarity=self._calibration(identity).threshold,
            min_photos=min_photos or self.settings.min_photos,
        )

    # verification

    def verify(
        self,
        photo: PhotoPath | BinaryIO,
        name: str | None = None,
        *,
        threshold: float | None = None,
        faces: SubjectRule = "dominant",
    ) -> Verification:
        """Answer whether a photo shows an enrolled person.

        Parameters
        ----------
        photo : path or binary file
        name : str, optional
            The claimed person; without it the answer is for the best of everybody enrolled, at the
            threshold that keeps the target for that many.
        threshold : float, optional
            Used instead, in [-1, 1].
        faces : {"dominant", "largest", "central"}
            Which face the photo is about.

        Raises
        ------
        PhotoError
            The photo cannot be read or has no clear subject.
        GalleryError
            ``nobody-enrolled``, ``not-enrolled``, ``model-mismatch``, and everything that keeps the
            gallery from being trusted.
        """
        if threshold is not None and not -1.0 <= threshold <= 1.0:
            raise SettingsError("usage", f"a threshold is a number from -1 to 1, not {threshold}")
        people = [self._gallery.get(name)] if name is not None else list(self._gallery.people())
        if not people:
            raise GalleryError("nobody-enrolled")
        acquisition, identity = self._acquisition(people[0] if name is not None else None)
        comparable = [person for person in people if person.template.identity == identity]
        if not comparable:
            raise _mismatch(people[0], identity.model)
        sample = acquisition.sample(Path(photo) if isinstance(photo, str | os.PathLike) else photo, faces)
        calibration = self._calibration(identity)
        point = calibration.threshold_for(len(comparable)) if threshold is None else None
        centroids = {person.name: person.template.centroid for person in comparable}
        limit = point.threshold if point is not None else float(threshold or 0.0)
        return Verification(
            decision=decide(sample.embedding, centroids, limit),
            identity=identity,
            calibration=calibration,
            point=point,
            quality=sample.quality,
            not_compared=tuple(person.name for person in people if person not in comparable),
        )

    # calibration

    def calibrate(
        self,
        folder: PhotoPath,
        *,
        target_fmr: float | None = None,
        split: int | None = None,
        impostors: PhotoPath | None = None,
        seed: int = 0,
        faces: SubjectRule = "dominant",
        track: Track | None = None,
    ) -> CalibrationReport:
        """Find the threshold for a false match rate; nothing is saved.

        Parameters
        ----------
        folder : path
            One sub-folder per person, at least two people.
        target_fmr : float, optional
            In (0, 1); the setting ``target_fmr`` when omitted.
        split : int, optional
            Build centroids from this many photos of each person; when omitted, enrolled people are
            probed against their own templates, or 3 photos are taken if nobody is enrolled.
        impostors : path, optional
            Photos of strangers.
        seed : int
            Of the choice of photos and of the resampling.
        faces : {"dominant", "largest", "central"}
            Which face a photo is about.
        track : callable, optional
            Shows progress.

        Raises
        ------
        CalibrationError
            ``bad-folder`` or ``insufficient-data``.
        """
        from faceunlock.trial import DEFAULT_SPLIT, Plan, run_trial

        target = self.settings.target_fmr if target_fmr is None else target_fmr
        if not 0.0 < target < 1.0:
            raise SettingsError("usage", f"a target FMR is between 0 and 1, not {target}")
        acquisition, identity = self._acquisition(fetch=True)
        enrolled = {
            person.name: person.template
            for person in self._gallery.people()
            if person.template.identity == identity
        }
        plan = Plan(target, split if split or enrolled else DEFAULT_SPLIT, seed, faces)
        return run_trial(
            Path(folder),
            acquisition,
            identity,
            plan,
            enrolled=enrolled,
            impostors=None if impostors is None else Path(impostors),
            track=track or _untracked,
        )

    def save_calibration(self, report: CalibrationReport, *, allow_lower: bool = False) -> Calibration:
        """Use a measured threshold from now on.

        Raises
        ------
        CalibrationError
            ``insufficient-data`` if the data do not support it; ``lower-threshold`` if it is below
            the shipped one and `allow_lower` is not set.
        """
        from faceunlock.shipped import shipped_calibration

        calibration = report.calibration
        shipped = shipped_calibration(calibration.model)
        if calibration.threshold < shipped.threshold and not allow_lower:
            raise CalibrationError(
                "lower-threshold",
                f"the measured threshold {calibration.threshold:.4f} is below the shipped one, "
                f"{shipped.threshold:.4f}; nothing was saved",
            )
        self._gallery.save_calibration(report.identity, calibration.to_dict())
        return calibration

    def _calibration(self, identity: ModelIdentity) -> Calibration:
        """Return the saved calibration of a model, or the shipped one."""
        from faceunlock.calibration import Calibration
        from faceunlock.shipped import shipped_calibration

        saved = self._gallery.calibration(identity)
        if saved is None:
            return shipped_calibration(identity.model)
        try:
            calibration = Calibration.from_dict(saved)
        except ValueError as error:
            raise GalleryError(
                "gallery-damaged", f"{self._gallery.path}: the calibration of {identity.model}: {error}"
            ) from error
        made_by = (calibration.model, calibration.weights_sha256, calibration.preprocessing)
        if made_by != (identity.model, identity.weights_sha256, identity.preprocessing):
            raise GalleryError(
                "gallery-damaged",
                f"{self._gallery.path}: the calibration of {identity.model} belongs to another model",
            )
        return calibration

    # people

    def people(self) -> tuple[Person, ...]:
        """Return everybody who is enrolled, sorted by name."""
        return self._gallery.people()

    def person(self, name: str) -> Person:
        """Return one person; ``not-enrolled`` otherwise."""
        return self._gallery.get(name)

    def rename(self, name: str, new_name: str) -> Person:
        """Give a person another name."""
        return self._gallery.rename(name, new_name)

    def forget(self, name: str) -> None:
        """Delete what is stored of a person, for good."""
        self._gallery.forget(name)

    def forget_all(self) -> int:
        """Delete what is stored of everybody and return how many people that were."""
        return self._gallery.forget_all()

    # moving

    def export_to(self, file: PhotoPath, passphrase: str, *, overwrite: bool = False) -> ExportSummary:
        """Write the gallery to one encrypted file; see `faceunlock.transfer.export_gallery`."""
        from faceunlock.transfer import export_gallery

        return export_gallery(self._gallery, Path(file), passphrase, overwrite=overwrite)

    def import_from(
        self, file: PhotoPath, passphrase: str, *, on_conflict: OnConflict = "refuse"
    ) -> ImportSummary:
        """Add the people of an encrypted file; see `faceunlock.transfer.import_gallery`."""
        from faceunlock.transfer import import_gallery

        return import_gallery(self._gallery, Path(file), passphrase, on_conflict=on_conflict)

    # models

    def models(self) -> tuple[ModelState, ...]:
        """Return every model, whether its weights are here, and its threshold; reads no weights."""
        return tuple(self._model_state(model) for model in MODELS)

    def pull(self, model: str, *, file: PhotoPath | None = None, force: bool = False) -> ModelState:
        """Fetch the weights of a model; see `faceunlock.weights.pull`."""
        weights.pull(
            model_spec(model),
            self.locations.cache,
            force=force,
            mirror=self.settings.weights_mirror or None,
            file=None if file is None else Path(file),
            progress=self._on_download,
        )
        return self._model_state(model)

    def verify_models(self, model: str | None = None) -> tuple[ModelState, ...]:
        """Compute the checksums of the weights of a model, or of all that are present, again.

        Raises
        ------
        ModelError
            ``weights-corrupt`` or, for a model that was named, ``weights-missing``.
        """
        specs = MODELS.values() if model is None else [model_spec(model)]
        checked = [weights.verify(spec, self.locations.cache) for spec in specs]
        for state in checked:
            if state.status == "corrupt":
                raise ModelError("weights-corrupt", f"{state.model}: {state.problem}")
            if state.status == "absent" and model is not None:
                raise ModelError("weights-missing", f"the weights of {model} are not on this machine")
        return tuple(self._model_state(state.model) for state in checked if state.status == "present")

    def status(self) -> Status:
        """Return where everything is and what is wrong; changes nothing and asks no network."""
        found = [*problems(self.locations.data), *self._gallery.problems()]
        names: tuple[str, ...] = ()
        model = None
        try:
            names = tuple(person.name for person in self.people())
            chosen = self._local_model()
            model = self._model_state(chosen) if chosen is not None else None
        except (GalleryError, ModelError) as error:
            found.append(error.message)
        if model is not None and model.weights.status != "present":
            found.append(model.weights.problem or f"the weights of {model.model} are not on this machine")
        return Status(
            locations=self.locations,
            settings=self.settings,
            gpu=NVIDIA_DRIVER.exists(),
            model=model,
            people=names,
            problems=tuple(dict.fromkeys(found)),
        )

    def _model_state(self, model: str) -> ModelState:
        from faceunlock.shipped import shipped_calibration

        spec = model_spec(model)
        state = weights.find(spec, self.locations.cache)
        sha256 = state.sha256 or spec.sha256
        if sha256 is None:
            return ModelState(model, state, shipped_calibration(model))
        identity = ModelIdentity(model, sha256, spec.preprocessing, spec.dimension)
        return ModelState(model, state, self._calibration(identity))

    def _local_model(self) -> str | None:
        """Return the model in use, or None if that depends on what can be fetched."""
        if self._model != AUTO:
            return self._model
        used = sorted({identity.model for identity in self._gallery.models()})
        if len(used) > 1:
            raise ModelError(
                "model-mismatch",
                f"the gallery holds templates of several models: {', '.join(used)}",
                hint="Say which with --model ID, or re-enroll everybody with one of them.",
            )
        if used:
            return used[0]
        recommended = _recommended()
        return recommended if weights.locate(MODELS[recommended], self.locations.cache) else None

    def _chosen_model(self) -> str:
        """Return the model in use; in an empty gallery the recommended one if it can be had."""
        local = self._local_model()
        if local is not None:
            return local
        recommended = _recommended()
        if weights.can_fetch(MODELS[recommended], self.settings.weights_mirror or None):
            return recommended
        _log.warning(
            "Using the model %s, which needs no download: %s, the recommended one, cannot be fetched now. "
            "To get it: faceunlock models pull %s",
            EMBEDDED_DEFAULT,
            recommended,
            recommended,
        )
        return EMBEDDED_DEFAULT

    def _acquisition(
        self, person: Person | None = None, *, fetch: bool = False
    ) -> tuple[Acquisition, ModelIdentity]:
        """Return what turns photos into samples, and what makes its embeddings.

        With a `person`, ``auto`` means the model of that person's template, and any other model
        is refused before a network is loaded.
        """
        from faceunlock.acquisition import Acquisition

        model = self._embedder.identity.model if self._embedder else None
        if model is None and person is not None and self._model == AUTO:
            model = person.template.identity.model
        model = model or self._chosen_model()
        if person is not None and person.template.identity.model != model:
            raise _mismatch(person, model)
        detector, embedder = self._networks(model, fetch=fetch)
        if person is not None and person.template.identity != embedder.identity:
            raise _mismatch(person, model)
        acquisition = Acquisition(
            detector,
            embedder,
            max_pixels=self.settings.max_pixels,
            min_face_pixels=self.settings.min_face_pixels,
        )
        return acquisition, embedder.identity

    def _networks(self, model: str, *, fetch: bool) -> tuple[Detector, Embedder]:
        from faceunlock.detectors import load_detector
        from faceunlock.embedders import load_embedder

        if self._embedder is None:
            spec = model_spec(model)
            if fetch and weights.find(spec, self.locations.cache).status == "absent":
                _log.warning("Fetching the weights of %s, %.0f MB, once", model, spec.size_bytes / 1e6)
                self.pull(model)
            self._embedder = load_embedder(model, cache=self.locations.cache, device=self._device)
        if self._detector is None:
            self._detector = load_detector(self._device)
        return self._detector, self._embedder


def _recommended() -> str:
    return next(spec.id for spec in MODELS.values() if spec.recommended)


def _mismatch(person: Person, model: str) -> GalleryError:
    made_by = person.template.identity
    other = f"the model {made_by.model}" if made_by.model != model else f"other weights of {model}"
    return GalleryError(
        "model-mismatch",
        f"{person.name} was enrolled with {other}, so {model} cannot compare with that template",
        hint=f"Re-enroll: faceunlock enroll {person.name!r} FOLDER --replace --model {model}",
    )


def _acquire(
    acquisition: Acquisition, photos: Sequence[Path], track: Track
) -> tuple[list[Sample], list[LeftOut]]:
    samples: list[Sample] = []
    failures: list[LeftOut] = []
    for outcome in track(acquisition.samples(photos), len(photos), "photos"):
        if isinstance(outcome, LeftOut):
            failures.append(outcome)
        else:
            samples.append(outcome)
    return samples, failures
