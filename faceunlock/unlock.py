"""FaceUnlock: wires the rooms together; what the command line and a Python caller use."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, Self, TypeVar

from faceunlock.errors import GalleryError, ModelError, SettingsError
from faceunlock.files.private import problems
from faceunlock.gallery.attempt_log import LogEntry
from faceunlock.gallery.attempts import Attempts
from faceunlock.gallery.gallery import Gallery
from faceunlock.gallery.lockout import Limits
from faceunlock.matching.people import Person
from faceunlock.outcomes import Capture, EnrolmentOutcome, ModelState, Status, Verification
from faceunlock.pipeline.runtime import NVIDIA_DRIVER
from faceunlock.settings import Locations, Settings, load_settings, locate
from faceunlock.tasks.models import AUTO, Models

if TYPE_CHECKING:
    from faceunlock.gallery.export import ExportSummary, ImportSummary, OnConflict
    from faceunlock.gallery.guard import ProtectionState
    from faceunlock.gallery.seal import Place
    from faceunlock.identification import Identification
    from faceunlock.liveness.presentations import PadReport
    from faceunlock.matching.calibration import Calibration
    from faceunlock.photos.face import SubjectRule
    from faceunlock.photos.photo import PhotoFile
    from faceunlock.pipeline.acquisition import Acquisition
    from faceunlock.pipeline.detection import Detector
    from faceunlock.pipeline.embedding import Embedder
    from faceunlock.pipeline.models.architecture import Architecture
    from faceunlock.pipeline.samples import LeftOut
    from faceunlock.studies.calibration_report import CalibrationReport
    from faceunlock.studies.collection import Track
    from faceunlock.studies.projection import Method
    from faceunlock.tasks.audit import AuditReport
    from faceunlock.tasks.bench import Timing
    from faceunlock.tasks.calibrate import Calibrator
    from faceunlock.tasks.classify import LearnedHead, NamedPhoto
    from faceunlock.tasks.compare import PairComparison
    from faceunlock.tasks.crop import CropOutcome
    from faceunlock.tasks.enroll import Enroller
    from faceunlock.tasks.report import ReportOutcome
    from faceunlock.tasks.verify import Verifier
    from faceunlock.training.recipe import TrainingRecipe
    from faceunlock.training.run import Observer, TrainingOutcome

__all__ = ["EnrolmentOutcome", "FaceUnlock", "ModelState", "Status", "Verification"]

PhotoPath = str | os.PathLike[str]


Photo = TypeVar("Photo")


def _path(photo: str | os.PathLike[str] | Photo) -> Path | Photo:
    return Path(photo) if isinstance(photo, str | os.PathLike) else photo


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
        self._gallery = Gallery(
            self.locations.data,
            busy_timeout=self.settings.busy_seconds,
            keys=self.locations.keys,
            keyring_timeout=self.settings.keyring_seconds,
        )
        self._attempts = Attempts(
            self.locations.data,
            Limits(
                before_wait=self.settings.failures_before_wait,
                wait_seconds=self.settings.wait_seconds,
                before_lock=self.settings.failures_before_lock,
            ),
            log_entries=self.settings.log_entries,
            busy_timeout=self.settings.busy_seconds,
        )
        self._named = model or self.settings.model
        self._given = embedder
        self._device = device or self.settings.device

        def models(name: str) -> Models:
            return Models(
                self._gallery,
                self.locations,
                self.settings,
                model=name,
                device=self._device,
                detector=detector,
                embedder=embedder,
                on_download=on_download,
            )

        self._models_named = models
        self._models = models(self._named)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the gallery's files."""
        self._gallery.close()
        self._attempts.close()

    # enrolment

    def enroll(
        self,
        name: str,
        photos: PhotoPath | Sequence[PhotoPath | PhotoFile],
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
            Photos, and folders that are searched for photos; also what `take_several` yields.
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
        given = [photos] if isinstance(photos, str | os.PathLike) else photos
        return self._enroller().enrol(
            name,
            [_path(photo) for photo in given],
            add=add,
            replace=replace,
            min_photos=min_photos,
            dry_run=dry_run,
            track=track or _untracked,
        )

    def _enroller(self) -> Enroller:
        from faceunlock.tasks.enroll import Enroller

        return Enroller(self._gallery, self._models, self.settings)

    # verification

    def verify(
        self,
        photo: PhotoPath | BinaryIO | PhotoFile | Capture,
        name: str | None = None,
        *,
        threshold: float | None = None,
        faces: SubjectRule = "dominant",
        source: str | None = None,
        require_live: bool = False,
    ) -> Verification:
        """Answer whether a photo shows an enrolled person; counts and logs the attempt.

        Parameters
        ----------
        photo : path, binary file, or what `take` took
        name : str, optional
            The claimed person; without it the answer is for the best of everybody enrolled, at the
            threshold that keeps the target for that many.
        threshold : float, optional
            Used instead, in [-1, 1].
        faces : {"dominant", "largest", "central"}
            Which face the photo is about.
        source : str, optional
            Where the photo comes from, for the log; its name, ``stdin`` or ``stream`` when omitted.
        require_live : bool
            Refuse what the measured checks take for an attack; see `faceunlock.liveness`.

        Raises
        ------
        LockoutError
            ``locked-out`` after too many failures in a row; see `faceunlock.gallery.attempts`.
        PhotoError
            The photo cannot be read or has no clear subject, or is ``not-live``.
        GalleryError
            ``pad-not-measured``, ``nobody-enrolled``, ``not-enrolled``, ``model-mismatch``, and everything
            that keeps the gallery from being trusted.
        """
        return self._verifier().verify(
            _path(photo),
            name,
            threshold=threshold,
            faces=faces,
            source=source,
            require_live=require_live,
        )

    def _verifier(self) -> Verifier:
        from faceunlock.tasks.verify import Verifier

        return Verifier(self._gallery, self._attempts, self._models, self.settings, self.locations.data)

    # attempts

    def attempts_log(self, name: str | None = None) -> tuple[LogEntry, ...]:
        """Return what was asked and answered, oldest first; see `faceunlock.gallery.attempt_log.AttemptLog`."""
        return self._attempts.log.entries(name)

    def clear_log(self, name: str | None = None) -> int:
        """Delete the log and return how many entries that were; see `faceunlock.gallery.attempt_log.AttemptLog`."""
        return self._attempts.log.clear(name)

    def unlock_attempts(self, name: str | None = None) -> int:
        """Let a person, or everybody, try again at once; see `faceunlock.gallery.attempts.Attempts.release`."""
        return self._attempts.release(None if name is None else self._gallery.get(name).name)

    def identify(
        self,
        photos: PhotoPath | Sequence[PhotoPath],
        *,
        threshold: float | None = None,
        destination: PhotoPath | None = None,
        overwrite: bool = False,
        track: Track | None = None,
    ) -> Identification:
        """Name every face on photos; see `faceunlock.tasks.identify.identify`."""
        from faceunlock.tasks.identify import identify

        given = [photos] if isinstance(photos, str | os.PathLike) else photos
        return identify(
            self._gallery,
            self._models,
            self.settings,
            [Path(photo) for photo in given],
            threshold=threshold,
            destination=None if destination is None else Path(destination),
            overwrite=overwrite,
            track=track or _untracked,
        )

    # without an enrolment

    def compare(
        self,
        photo: PhotoPath | BinaryIO,
        other: PhotoPath,
        *,
        threshold: float | None = None,
        faces: SubjectRule = "dominant",
        track: Track | None = None,
    ) -> PairComparison:
        """Compare a photo with another, or with all of a folder; see `faceunlock.tasks.compare.compare`."""
        from faceunlock.tasks.compare import compare

        source = Path(photo) if isinstance(photo, str | os.PathLike) else photo
        return compare(
            self._models,
            self.settings,
            source,
            Path(other),
            threshold=threshold,
            rule=faces,
            track=track or _untracked,
        )

    # cameras

    def take(
        self,
        device: str | None = None,
        name: str | None = None,
        *,
        faces: SubjectRule = "dominant",
        require_live: bool = False,
    ) -> Capture:
        """Take a photo of a good face, to verify it; see `faceunlock.photos.camera` and `faceunlock.photos.capture`.

        Parameters
        ----------
        device : str, optional
            A number, a device file or a video file; the setting ``camera`` when omitted.
        name : str, optional
            The claimed person, who must be enrolled: otherwise the camera is not even opened.
        faces : {"dominant", "largest", "central"}
            Which face a frame is about.
        require_live : bool
            Take the frames of the next seconds, too, for the checks of `verify`.

        Raises
        ------
        LockoutError
            ``locked-out``; the camera is not opened then.
        CameraError
            The camera cannot be used.
        PhotoError
            No good face within the setting ``camera_seconds``; the slug is the most frequent reason.
        """
        device = self.settings.camera if device is None else device
        return self._verifier().take(device, name, faces=faces, require_live=require_live)

    def take_several(
        self, name: str, device: str | None = None, *, add: bool = False, replace: bool = False
    ) -> Iterator[PhotoFile]:
        """Yield photos of good faces that differ, to enrol a person; as `take` otherwise.

        As many as the setting ``camera_photos`` says, or as come in the time. `add` and `replace` as for
        `enroll`, so that nobody sits for what would be refused.
        """
        device = self.settings.camera if device is None else device
        return self._enroller().sit(name, device, add=add, replace=replace)

    def crop(
        self,
        folder: PhotoPath,
        destination: PhotoPath,
        *,
        faces: SubjectRule = "dominant",
        overwrite: bool = False,
        track: Track | None = None,
    ) -> CropOutcome:
        """Cut faces out as the network sees them; see `faceunlock.tasks.crop.crop_folder`."""
        from faceunlock.tasks.crop import crop_folder

        return crop_folder(
            self._models,
            Path(folder),
            Path(destination),
            rule=faces,
            overwrite=overwrite,
            track=track or _untracked,
        )

    # presentation attacks

    def measure_pad(
        self,
        live: PhotoPath,
        attack: PhotoPath,
        *,
        target_bpcer: float = 0.1,
        seed: int = 0,
        dry_run: bool = False,
        track: Track | None = None,
    ) -> PadReport:
        """Measure the checks for presentation attacks; see `faceunlock.liveness.presentations`.

        `target_bpcer` in (0, 1) is shared by the checks; with `dry_run` the thresholds are not used.
        """
        from faceunlock.liveness.presentations import PadReport, measure_folders
        from faceunlock.liveness.record import save
        from faceunlock.tasks.enroll import examiner, quality_gates

        if not 0.0 < target_bpcer < 1.0:
            raise SettingsError("usage", f"a target is a number between 0 and 1, not {target_bpcer}")
        acquisition, identity = self._models.acquisition()
        gates = quality_gates(self._models, self.settings, identity)
        measurement, left_out = measure_folders(
            acquisition,
            lambda: examiner(acquisition, gates, self.settings),
            Path(live),
            Path(attack),
            target_bpcer=target_bpcer,
            seed=seed,
            seconds=self.settings.camera_seconds,
            max_pixels=self.settings.max_pixels,
            track=track or _untracked,
        )
        if not dry_run:
            save(self.locations.data, measurement)
        return PadReport(measurement, left_out, saved=not dry_run)

    def prepare(self) -> None:
        """Load the networks that `verify` will need, so that its first answer comes sooner."""
        if self.people():
            self._models.acquisition()

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
        save_scores: PhotoPath | None = None,
        overwrite: bool = False,
        track: Track | None = None,
    ) -> CalibrationReport:
        """Find the threshold for a false match rate, without using it yet.

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
        save_scores : path, optional
            Keep the comparisons in this file, for `judge_scores`; whether they support the target or not.
        overwrite : bool
            Whether that file may replace another.
        track : callable, optional
            Shows progress.

        Raises
        ------
        CalibrationError
            ``bad-folder`` or ``insufficient-data``; ``file-exists`` or ``file-unwritable`` for `save_scores`.
        """
        return self._calibrator().calibrate(
            Path(folder),
            self.settings.target_fmr if target_fmr is None else target_fmr,
            split=split,
            impostors=None if impostors is None else Path(impostors),
            seed=seed,
            faces=faces,
            save_scores=None if save_scores is None else Path(save_scores),
            overwrite=overwrite,
            track=track or _untracked,
        )

    def judge_scores(self, file: PhotoPath, *, target_fmr: float | None = None) -> CalibrationReport:
        """Find the threshold from kept comparisons; see `faceunlock.tasks.calibrate.Calibrator.judge_scores`."""
        target = self.settings.target_fmr if target_fmr is None else target_fmr
        return self._calibrator().judge_scores(Path(file), target)

    def save_calibration(self, report: CalibrationReport, *, allow_lower: bool = False) -> Calibration:
        """Use a measured threshold from now on; see `faceunlock.tasks.calibrate.Calibrator.save`."""
        return self._calibrator().save(report, allow_lower=allow_lower)

    def _calibrator(self) -> Calibrator:
        from faceunlock.tasks.calibrate import Calibrator

        return Calibrator(self._gallery, self._models, self._models.named)

    # training

    def train(
        self,
        folder: PhotoPath,
        output: PhotoPath,
        recipe: TrainingRecipe,
        observer: Observer,
        *,
        start: str | None = None,
        **options: Any,
    ) -> TrainingOutcome:
        """Train a model from a folder of people; see `faceunlock.training.run.train`.

        `start` is a model's folder or an id; see `faceunlock.training.first_weights.first_weights`.
        """
        from faceunlock.pipeline.runtime.torch_runtime import resolve_device
        from faceunlock.training.face_set import AlignedCrops
        from faceunlock.training.first_weights import first_weights
        from faceunlock.training.run import train

        def finder(architecture: Architecture, photos: int) -> Acquisition:
            return self._models.cropping(AlignedCrops(architecture), photos=photos)

        size, cache = recipe.architecture.input_size, self.locations.cache
        first = None if start is None else first_weights(start, size, cache)
        teacher = None if recipe.teacher is None else self._models_named(recipe.teacher)
        return train(
            Path(folder),
            Path(output),
            recipe,
            acquisition=finder if recipe.faces == "detect" else None,
            teacher=None if teacher is None else teacher.embedder(fetch=True, photos=1 << 20),
            device=resolve_device(self._device),
            max_pixels=self.settings.max_pixels,
            observer=observer,
            start=first,
            **options,
        )

    def learn_classifier(
        self,
        folder: PhotoPath,
        output: PhotoPath,
        *,
        strangers: float = 0.01,
        seed: int = 0,
        faces: SubjectRule = "dominant",
        overwrite: bool = False,
        track: Track | None = None,
    ) -> LearnedHead:
        """Learn to name the people of a folder; see `faceunlock.tasks.classify.learn`."""
        from faceunlock.pipeline.models.folder import names_folder
        from faceunlock.studies.collection import labelled_photos
        from faceunlock.tasks.classify import learn
        from faceunlock.training.head_file import check_destination, write_head

        found = labelled_photos(Path(folder))
        check_destination(Path(output), overwrite=overwrite)
        acquisition, identity = self._models.acquisition(fetch=True, photos=found.count)
        learned = learn(
            Path(folder),
            acquisition,
            identity,
            strangers=strangers,
            seed=seed,
            rule=faces,
            track=track or _untracked,
        )
        folder_of_model = str(Path(self._named).absolute()) if names_folder(self._named) else identity.model
        write_head(
            Path(output), learned.head, learned.held_out, identity, folder_of_model, overwrite=overwrite
        )
        return learned

    def classify(
        self,
        photos: PhotoPath | Sequence[PhotoPath],
        head: PhotoPath,
        *,
        faces: SubjectRule | Literal["all"] = "dominant",
        destination: PhotoPath | None = None,
        overwrite: bool = False,
        track: Track | None = None,
    ) -> list[NamedPhoto | LeftOut]:
        """Name whose face is on photos, with a head; see `faceunlock.tasks.classify.name_photos`.

        With ``all`` every face; see `faceunlock.tasks.classify.name_every_face`. Then copies of the photos, with
        names drawn on them, go to the folder `destination`.
        """
        from faceunlock.reports.annotated_copies import photos_to_annotate, plan_copies
        from faceunlock.tasks.classify import name_every_face, name_photos
        from faceunlock.training.head_file import read_head

        kept = read_head(Path(head))
        sources = [Path(one) for one in ([photos] if isinstance(photos, str | os.PathLike) else photos)]
        folder = None if destination is None else Path(destination)
        listing = photos_to_annotate(sources, folder).photos
        copies = plan_copies(listing, sources, folder, overwrite=overwrite)
        models = self._models_named(kept.model) if self._named == AUTO else self._models
        track = track or _untracked
        acquisition, identity = models.acquisition(
            fetch=True, photos=len(listing), small_faces=faces == "all"
        )
        if faces != "all":
            return name_photos(listing, kept, acquisition, identity, rule=faces, track=track)
        return name_every_face(
            {photo: copies.get(photo) for photo in listing},
            kept,
            acquisition,
            identity,
            max_pixels=self.settings.max_pixels,
            overwrite=overwrite,
            track=track,
        )

    # looking

    def report(
        self,
        folder: PhotoPath,
        page: PhotoPath,
        *,
        png: PhotoPath | None = None,
        show_faces: bool = True,
        faces: SubjectRule = "dominant",
        map_method: Method = "pca",
        by: str | None = None,
        threshold: float | None = None,
        overwrite: bool = False,
        track: Track | None = None,
    ) -> ReportOutcome:
        """Write a page about the photos of a folder; see `faceunlock.tasks.report.report_folder`.

        Parameters
        ----------
        folder : path
            One sub-folder per person.
        page : path
            The HTML file to write.
        png : path, optional
            A folder for the figures as PNG files.
        show_faces : bool
            Whether small pictures of the faces are on the page.
        faces : {"dominant", "largest", "central"}
            Which face a photo is about.
        map_method : {"pca", "umap"}
            How the map is made.
        by : str, optional
            Groups of people, which the map then shows instead of people; as for `audit`.
        threshold : float, optional
            For photos against photos, in [-1, 1], in the place of the model's.
        overwrite : bool
            Whether files may be replaced.
        track : callable, optional
            Shows progress.
        """
        from faceunlock.tasks.report import report_folder

        return report_folder(
            self._models,
            Path(folder),
            Path(page),
            pictures=None if png is None else Path(png),
            faces=show_faces,
            rule=faces,
            threshold=threshold,
            method=map_method,
            by=by,
            overwrite=overwrite,
            track=track or _untracked,
        )

    # audit

    def audit(
        self,
        folder: PhotoPath,
        by: str = "folders",
        *,
        threshold: float | None = None,
        faces: SubjectRule = "dominant",
        permutations: int = 9_999,
        seed: int = 0,
        crop: tuple[int, int] | None = None,
        track: Track | None = None,
    ) -> AuditReport:
        """Compare groups of people; see `faceunlock.tasks.audit.audit_folder`."""
        from faceunlock.tasks.audit import audit_folder

        return audit_folder(
            self._models,
            Path(folder),
            by,
            threshold=threshold,
            faces=faces,
            permutations=permutations,
            seed=seed,
            crop=crop,
            track=track or _untracked,
        )

    # speed

    def bench(
        self,
        photos: PhotoPath | Sequence[PhotoPath] = (),
        *,
        runs: int = 7,
        track: Track | None = None,
    ) -> Timing:
        """Measure how fast this machine is with the model; see `faceunlock.tasks.bench.time_photos`.

        Without `photos`, those of the demonstration are looked at; `runs` from 1 to 1000.
        """
        from faceunlock.tasks.bench import time_photos

        def fresh(model: str | None) -> Models:
            # What ``auto`` stands for is chosen once.
            return self._models_named(model if model is not None and self._named == AUTO else self._named)

        given = [photos] if isinstance(photos, str | os.PathLike) else photos
        return time_photos(
            fresh,
            [Path(photo) for photo in given],
            runs=runs,
            max_pixels=self.settings.max_pixels,
            track=track or _untracked,
        )

    # people

    def people(self) -> tuple[Person, ...]:
        """Return everybody who is enrolled, sorted by name."""
        return self._gallery.people()

    def person(self, name: str) -> Person:
        """Return one person; ``not-enrolled`` otherwise."""
        return self._gallery.get(name)

    def rename(self, name: str, new_name: str) -> Person:
        """Give a person another name."""
        self._gallery.get(name)  # a name that is not enrolled must not create a gallery
        with self._gallery.transaction():
            person = self._gallery.rename(name, new_name)
            # Before the gallery changes: the count must never be lost on the way.
            self._attempts.copy(name, person.name)
        self._attempts.renamed(name, person.name)
        return person

    def forget(self, name: str) -> None:
        """Delete what is stored of a person, for good."""
        self._attempts.check()
        self._gallery.forget(name)
        self._attempts.forget(name)

    def forget_all(self) -> int:
        """Delete what is stored of everybody and return how many people that were."""
        self._attempts.check()
        count = self._gallery.forget_all()
        self._attempts.forget_all()
        return count

    # protection

    def protection(self) -> ProtectionState:
        """Return whether the gallery is sealed and where its key is; needs no key."""
        return self._gallery.protection()

    def protect(self, place: Place | None = None) -> bool:
        """Encrypt the gallery; see `faceunlock.gallery.guard.Guard.seal`."""
        return self._gallery.seal(place)

    def rotate_key(self, place: Place | None = None) -> None:
        """Encrypt the gallery with a new key; see `faceunlock.gallery.guard.Guard.rotate`."""
        self._gallery.rotate(place)

    def unprotect(self) -> bool:
        """Decrypt the gallery; see `faceunlock.gallery.guard.Guard.unseal`."""
        return self._gallery.unseal()

    # moving

    def export_to(self, file: PhotoPath, passphrase: str, *, overwrite: bool = False) -> ExportSummary:
        """Write the gallery to one encrypted file; see `faceunlock.gallery.export.export_gallery`."""
        from faceunlock.gallery.export import export_gallery

        return export_gallery(self._gallery, Path(file), passphrase, overwrite=overwrite)

    def import_from(
        self, file: PhotoPath, passphrase: str, *, on_conflict: OnConflict = "refuse"
    ) -> ImportSummary:
        """Add the people of an encrypted file; see `faceunlock.gallery.export.import_gallery`."""
        from faceunlock.gallery.export import import_gallery

        return import_gallery(self._gallery, Path(file), passphrase, on_conflict=on_conflict)

    # models

    def models(self) -> tuple[ModelState, ...]:
        """Return every model, whether its weights are here, and its threshold; reads no weights."""
        return self._models.states()

    def pull(self, model: str, *, file: PhotoPath | None = None, force: bool = False) -> ModelState:
        """Fetch the weights of a model; see `faceunlock.pipeline.weights.pull.pull`."""
        return self._models.pull(model, file=None if file is None else Path(file), force=force)

    def verify_models(self, model: str | None = None) -> tuple[ModelState, ...]:
        """Compute the checksums of weights again; see `faceunlock.tasks.models.Models.verify`."""
        return self._models.verify(model)

    def status(self) -> Status:
        """Return where everything is and what is wrong; changes nothing and asks no network."""
        found = [*problems(self.locations.data), *self._gallery.problems()]
        names: tuple[str, ...] = ()
        model = None
        protection = None
        try:
            protection = self._gallery.protection()
            names = tuple(person.name for person in self.people())
            found += self._attempts.problems(names)
            chosen = self._models.local()
            model = self._models.state(chosen, check=True) if chosen is not None else None
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
            protection=protection,
            problems=tuple(dict.fromkeys(found)),
        )
