"""`FaceUnlock`: every task as a method, for the command line and for Python callers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Unpack

from faceunlock.tasks.workspace import PhotoPath, Workspace, as_path

if TYPE_CHECKING:
    from faceunlock.gallery.attempt_log import LogEntry
    from faceunlock.gallery.bank import BankState
    from faceunlock.gallery.cipher import Place
    from faceunlock.gallery.copying import Copied
    from faceunlock.gallery.export import ExportSummary, ImportSummary
    from faceunlock.gallery.guard import ProtectionState
    from faceunlock.liveness.asking import Word
    from faceunlock.liveness.presentations import PadReport
    from faceunlock.liveness.recording import Kind, Recording
    from faceunlock.matching.calibration import Calibration
    from faceunlock.matching.likeness import Likeness
    from faceunlock.matching.people import Person, Summary
    from faceunlock.matching.templates import ModelIdentity
    from faceunlock.photos.capture import Capture
    from faceunlock.photos.devices import CameraDevice
    from faceunlock.photos.in_memory import Picture
    from faceunlock.photos.photo import PhotoFile
    from faceunlock.pipeline.samples import LeftOut, Track
    from faceunlock.studies.audit import AuditReport
    from faceunlock.studies.calibration_report import CalibrationReport
    from faceunlock.tasks.audit import AuditOptions
    from faceunlock.tasks.bench import BenchOptions, Timing
    from faceunlock.tasks.calibrate import CalibrateOptions
    from faceunlock.tasks.camera import CameraTrial
    from faceunlock.tasks.classify import ClassifyOptions, LearnedHead, LearnOptions, NamedPhoto
    from faceunlock.tasks.compare import CompareOptions, PairComparison
    from faceunlock.tasks.crop import CropOptions, CropOutcome
    from faceunlock.tasks.enroll import EnrollOptions, EnrolmentOutcome, TakeSeveralOptions
    from faceunlock.tasks.enroll_each import EachOptions, EachOutcome, PersonOutcome
    from faceunlock.tasks.explain import ExplainOptions, Explanation
    from faceunlock.tasks.export import ImportOptions
    from faceunlock.tasks.group import Grouping, GroupOptions
    from faceunlock.tasks.identify import Identification, IdentifyOptions
    from faceunlock.tasks.init import FirstEnrolment, InitOptions
    from faceunlock.tasks.live import LiveOptions
    from faceunlock.tasks.models import ModelState
    from faceunlock.tasks.pad import PadOptions
    from faceunlock.tasks.pairs import PairsOptions, PairsOutcome
    from faceunlock.tasks.pictures import Photos
    from faceunlock.tasks.report import ReportOptions, ReportOutcome
    from faceunlock.tasks.server import GalleryState, IndexState, SetUp
    from faceunlock.tasks.status import Status
    from faceunlock.tasks.strangers import AddOptions, Filled, PullOptions
    from faceunlock.tasks.train import TrainOptions
    from faceunlock.tasks.verify import (
        Probe,
        TakeOptions,
        Verification,
        VerifyOptions,
    )
    from faceunlock.tasks.verify_each import VerifiedPhoto, VerifiedPhotos, VerifyEachOptions
    from faceunlock.training.recipe import TrainingRecipe
    from faceunlock.training.run import Observer, TrainingOutcome


class FaceUnlock(Workspace):
    """Every task of the command line as a method: enroll people, verify photos, find thresholds and more.

    Use it as a context manager, or call `close`. Every method raises `FaceUnlockError` with a stable slug for
    every error a user can cause. A method's parameters, options and errors are documented with its task. The
    parameters of the class are those of `faceunlock.tasks.workspace.Workspace`.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as home, FaceUnlock(home) as unlock:
    ...     unlock.people()
    ()
    """

    # enrolment and verification

    def enroll(self, name: str, photos: Photos, **options: Unpack[EnrollOptions]) -> EnrolmentOutcome:
        """Enroll a person from photos; see `faceunlock.tasks.enroll.enroll`."""
        from faceunlock.tasks.enroll import enroll

        return enroll(self, name, photos, **options)

    def init(self, name: str, photos: Photos, **options: Unpack[InitOptions]) -> FirstEnrolment:
        """Enroll a person from all photos but one, to verify that one; see `faceunlock.tasks.init.init`."""
        from faceunlock.tasks.init import init

        return init(self, name, photos, **options)

    def enroll_each(
        self,
        folder: PhotoPath,
        *,
        tell: Callable[[PersonOutcome], None] = lambda _: None,
        **options: Unpack[EachOptions],
    ) -> EachOutcome:
        """Enroll everyone of a folder of people; see `faceunlock.tasks.enroll_each.enroll_each`."""
        from faceunlock.tasks.enroll_each import enroll_each

        return enroll_each(self, folder, tell=tell, **options)

    def verify(self, photo: Probe, name: str | None = None, **options: Unpack[VerifyOptions]) -> Verification:
        """Decide whether a photo shows an enrolled person; see `faceunlock.tasks.verify.verify`."""
        from faceunlock.tasks.verify import verify

        return verify(self, photo, name, **options)

    def verify_each(
        self,
        photos: PhotoPath | Sequence[PhotoPath],
        name: str | None = None,
        *,
        tell: Callable[[VerifiedPhoto], None] = lambda _: None,
        **options: Unpack[VerifyEachOptions],
    ) -> VerifiedPhotos:
        """Decide about each of several photos; see `faceunlock.tasks.verify_each.verify_each`."""
        from faceunlock.tasks.verify_each import verify_each

        return verify_each(self, photos, name, tell=tell, **options)

    def prepare(self) -> None:
        """Load what `verify` needs; see `faceunlock.tasks.verify.prepare`."""
        from faceunlock.tasks.verify import prepare

        prepare(self)

    def take(
        self, device: str | None = None, name: str | None = None, **options: Unpack[TakeOptions]
    ) -> Capture:
        """Take a photo with a camera, to verify it; see `faceunlock.tasks.verify.take`."""
        from faceunlock.tasks.verify import take

        return take(self, device, name, **options)

    def verify_live(
        self, device: str | None = None, name: str | None = None, **options: Unpack[LiveOptions]
    ) -> Verification:
        """Decide whether somebody enrolled is there and turns; see `faceunlock.tasks.live.verify_live`."""
        from faceunlock.tasks.live import verify_live

        return verify_live(self, device, name, **options)

    def take_several(
        self, name: str, device: str | None = None, **options: Unpack[TakeSeveralOptions]
    ) -> Iterator[PhotoFile]:
        """Yield photos from a camera, to enroll a person; see `faceunlock.tasks.enroll.take_several`."""
        from faceunlock.tasks.enroll import take_several

        return take_several(self, name, device, **options)

    def identify(self, photos: Photos, **options: Unpack[IdentifyOptions]) -> Identification:
        """Name every face in photos; see `faceunlock.tasks.identify.identify`."""
        from faceunlock.tasks.identify import identify

        return identify(self, photos, **options)

    def group(self, folder: PhotoPath, **options: Unpack[GroupOptions]) -> Grouping:
        """Group the faces of a folder by person; see `faceunlock.tasks.group.group`."""
        from faceunlock.tasks.group import group

        return group(self, folder, **options)

    def explain(
        self,
        photo: PhotoPath | Picture | PhotoFile,
        name: str | None = None,
        **options: Unpack[ExplainOptions],
    ) -> Explanation:
        """Explain what is seen on a photo and whom it resembles; see `faceunlock.tasks.explain.explain`."""
        from faceunlock.tasks.explain import explain

        return explain(self, photo, name, **options)

    def compare(
        self,
        photo: PhotoPath | Picture | BinaryIO | PhotoFile,
        other: PhotoPath | Picture | PhotoFile,
        **options: Unpack[CompareOptions],
    ) -> PairComparison:
        """Compare a photo with another, or with those of a folder; see `faceunlock.tasks.compare.compare`."""
        from faceunlock.tasks.compare import compare

        return compare(self, photo, other, **options)

    def compare_pairs(self, folder: PhotoPath, count: int, **options: Unpack[PairsOptions]) -> PairsOutcome:
        """Compare random pairs of photos in a folder; see `faceunlock.tasks.pairs.compare_pairs`."""
        from faceunlock.tasks.pairs import compare_pairs

        return compare_pairs(self, folder, count, **options)

    def crop(self, folder: PhotoPath, destination: PhotoPath, **options: Unpack[CropOptions]) -> CropOutcome:
        """Crop faces as the network sees them; see `faceunlock.tasks.crop.crop`."""
        from faceunlock.tasks.crop import crop

        return crop(self, folder, destination, **options)

    # thresholds

    def calibrate(
        self, folder: PhotoPath | None = None, **options: Unpack[CalibrateOptions]
    ) -> CalibrationReport:
        """Find the threshold for a false match rate; see `faceunlock.tasks.calibrate.calibrate`."""
        from faceunlock.tasks.calibrate import calibrate

        return calibrate(self, folder, **options)

    def judge_scores(self, file: PhotoPath, *, target_fmr: float | None = None) -> CalibrationReport:
        """Find the threshold from saved comparisons; see `faceunlock.tasks.calibrate.judge_scores`."""
        from faceunlock.tasks.calibrate import judge_scores

        return judge_scores(self, file, target_fmr=target_fmr)

    def save_calibration(self, report: CalibrationReport, *, allow_lower: bool = False) -> Calibration:
        """Use a measured threshold from now on; see `faceunlock.tasks.calibrate.save_calibration`."""
        from faceunlock.tasks.calibrate import save_calibration

        return save_calibration(self, report, allow_lower=allow_lower)

    def measure_pad(self, live: PhotoPath, attack: PhotoPath, **options: Unpack[PadOptions]) -> PadReport:
        """Measure what --require-live stops; see `faceunlock.tasks.pad.measure_pad`."""
        from faceunlock.tasks.pad import measure_pad

        return measure_pad(self, live, attack, **options)

    def record(
        self, device: str | None = None, *, tell: Callable[[Word], None] = lambda _: None
    ) -> Recording:
        """Record three turns with a camera; see `faceunlock.tasks.recording.record`."""
        from faceunlock.tasks.recording import record

        return record(self, device, tell=tell)

    def keep_recording(
        self, recording: Recording, folder: PhotoPath, kind: Kind, name: str, *, shows: str = "somebody"
    ) -> Path:
        """Write a recording's frames for `measure_pad`; see `faceunlock.tasks.recording.keep_recording`."""
        from faceunlock.tasks.recording import keep_recording

        return keep_recording(recording, folder, kind, name, shows=shows)

    # strangers to compare with

    def strangers(self) -> tuple[BankState, ...]:
        """Return how many strangers are in the bank of each model."""
        return self.gallery.strangers.states()

    def add_strangers(self, folder: PhotoPath, **options: Unpack[AddOptions]) -> Filled:
        """Add the people of a folder to the bank of strangers; see `faceunlock.tasks.strangers.add`."""
        from faceunlock.tasks.strangers import add

        return add(self, folder, **options)

    def pull_strangers(self, name: str, **options: Unpack[PullOptions]) -> Filled:
        """Download an archive of strangers; see `faceunlock.tasks.strangers.pull`."""
        from faceunlock.tasks.strangers import pull

        return pull(self, name, **options)

    def forget_strangers(self, name: str | None = None) -> int:
        """Forget a source, a stranger or everything; see `faceunlock.tasks.strangers.forget`."""
        from faceunlock.tasks.strangers import forget

        return forget(self, name)

    # training

    def train(
        self,
        folder: PhotoPath,
        output: PhotoPath,
        recipe: TrainingRecipe,
        observer: Observer,
        *,
        start: str | None = None,
        **options: Unpack[TrainOptions],
    ) -> TrainingOutcome:
        """Train a model from a folder of people; see `faceunlock.tasks.train.train`."""
        from faceunlock.tasks.train import train

        return train(self, folder, output, recipe, observer, start=start, **options)

    def learn_classifier(
        self, folder: PhotoPath, output: PhotoPath, **options: Unpack[LearnOptions]
    ) -> LearnedHead:
        """Train a classifier on the people of a folder; see `faceunlock.tasks.classify.learn_classifier`."""
        from faceunlock.tasks.classify import learn_classifier

        return learn_classifier(self, folder, output, **options)

    def classify(
        self,
        photos: Photos,
        head: PhotoPath,
        **options: Unpack[ClassifyOptions],
    ) -> list[NamedPhoto | LeftOut]:
        """Name the people in photos with a trained head; see `faceunlock.tasks.classify.classify`."""
        from faceunlock.tasks.classify import classify

        return classify(self, photos, head, **options)

    # looking closer

    def report(self, folder: PhotoPath, page: PhotoPath, **options: Unpack[ReportOptions]) -> ReportOutcome:
        """Write a page about the photos of a folder; see `faceunlock.tasks.report.report`."""
        from faceunlock.tasks.report import report

        return report(self, folder, page, **options)

    def audit(self, folder: PhotoPath, by: str = "folders", **options: Unpack[AuditOptions]) -> AuditReport:
        """Compare groups of people; see `faceunlock.tasks.audit.audit`."""
        from faceunlock.tasks.audit import audit

        return audit(self, folder, by, **options)

    def bench(self, photos: PhotoPath | Sequence[PhotoPath] = (), **options: Unpack[BenchOptions]) -> Timing:
        """Measure how fast this machine runs the model; see `faceunlock.tasks.bench.bench`."""
        from faceunlock.tasks.bench import bench

        return bench(self, photos, **options)

    def status(self) -> Status:
        """Return where everything is and what is wrong; see `faceunlock.tasks.status.status`."""
        from faceunlock.tasks.status import status

        return status(self)

    def cameras(self) -> tuple[CameraDevice, ...]:
        """Return the cameras of this machine; see `faceunlock.tasks.camera.cameras`."""
        from faceunlock.tasks.camera import cameras

        return cameras()

    def try_camera(self, device: str | None = None) -> CameraTrial:
        """Watch a camera for a few seconds; see `faceunlock.tasks.camera.try_camera`."""
        from faceunlock.tasks.camera import try_camera

        return try_camera(self, device)

    def choose_camera(self, device: str) -> str:
        """Make a camera the one that is used; see `faceunlock.tasks.camera.choose_camera`."""
        from faceunlock.tasks.camera import choose_camera

        return choose_camera(self, device)

    # people and their attempts

    def people(self, *, marks: bool = True) -> tuple[Person, ...]:
        """Return everybody who is enrolled, sorted by name.

        Without `marks`, faster: the templates then have no `photo_key` and no `photo_hashes`.
        """
        return self.gallery.people(marks=marks)

    def summaries(self) -> tuple[Summary, ...]:
        """Return what is listed of everybody who is enrolled, sorted by name: no vectors, and so faster."""
        return self.gallery.summaries()

    def person(self, name: str) -> Person:
        """Return one person; raise ``not-enrolled`` if nobody has this name."""
        return self.gallery.get(name)

    def rename(self, name: str, new_name: str) -> Person:
        """Rename a person; see `faceunlock.tasks.people.rename`."""
        from faceunlock.tasks.people import rename

        return rename(self, name, new_name)

    def forget(self, name: str) -> str:
        """Delete all that is stored about a person, return the name; see `faceunlock.tasks.people.forget`."""
        from faceunlock.tasks.people import forget

        return forget(self, name)

    def forget_look(self, name: str, look: str) -> Person:
        """Delete one look of a person, for good; see `faceunlock.tasks.people.forget_look`."""
        from faceunlock.tasks.people import forget_look

        return forget_look(self, name, look)

    def forget_all(self) -> int:
        """Delete everything stored about everybody; see `faceunlock.tasks.people.forget_all`."""
        from faceunlock.tasks.people import forget_all

        return forget_all(self)

    def likeness(self, identity: ModelIdentity) -> Likeness | None:
        """Return how alike the people enrolled are; see `faceunlock.tasks.people.likeness`."""
        from faceunlock.tasks.people import likeness

        return likeness(self, identity)

    def attempts_log(self, name: str | None = None) -> tuple[LogEntry, ...]:
        """Return the log of attempts, oldest first; see `faceunlock.gallery.attempt_log`."""
        return self.attempts.log.entries(name)

    def clear_log(self, name: str | None = None) -> int:
        """Delete the log, or its entries about one person, and return how many entries were deleted."""
        return self.attempts.log.clear(name)

    def unlock_attempts(self, name: str | None = None) -> int:
        """Let a person, or everybody, try again at once; see `faceunlock.tasks.people.unlock_attempts`."""
        from faceunlock.tasks.people import unlock_attempts

        return unlock_attempts(self, name)

    # the gallery

    def protection(self) -> ProtectionState:
        """Return whether the gallery is sealed and where its key is; needs no key."""
        return self.gallery.protection()

    def protect(self, place: Place | None = None) -> bool:
        """Encrypt the gallery; see `faceunlock.tasks.networks.protect`."""
        from faceunlock.tasks.networks import protect

        return protect(self, place)

    def rotate(self, place: Place | None = None) -> None:
        """Encrypt the gallery with a new key; see `faceunlock.tasks.networks.rotate`."""
        from faceunlock.tasks.networks import rotate

        rotate(self, place)

    rotate_key = rotate  # its former name

    def unprotect(self) -> bool:
        """Decrypt the gallery; see `faceunlock.gallery.guard.Guard.unprotect`."""
        return self.gallery.unprotect()

    def gallery_state(self) -> GalleryState:
        """Return where the gallery is and how it is searched; see `faceunlock.tasks.server.state`."""
        from faceunlock.tasks.server import state

        return state(self)

    def set_up_gallery(self) -> SetUp:
        """Make or migrate the tables on a server; see `faceunlock.tasks.server.set_up`."""
        from faceunlock.tasks.server import set_up_gallery

        return set_up_gallery(self)

    def build_index(self, *, memory: int = 512, probes: int = 200) -> tuple[IndexState, ...]:
        """Build and measure an index on a server; see `faceunlock.tasks.server.build_index`."""
        from faceunlock.tasks.server import build_index

        return build_index(self, memory=memory, probes=probes)

    def drop_index(self) -> int:
        """Delete every index on a server; see `faceunlock.tasks.server.drop_index`."""
        from faceunlock.tasks.server import drop_index

        return drop_index(self)

    def copy_gallery(self, source: str, target: str, track: Track | None = None) -> Copied:
        """Copy a gallery into another; see `faceunlock.tasks.server.copy`."""
        from faceunlock.tasks.server import copy

        return copy(self, source, target, track)

    def export_to(self, file: PhotoPath, passphrase: str, *, overwrite: bool = False) -> ExportSummary:
        """Write the gallery to one encrypted file; see `faceunlock.gallery.export.export_gallery`."""
        from faceunlock.gallery.export import export_gallery

        return export_gallery(self.gallery, Path(file), passphrase, overwrite=overwrite)

    def import_from(
        self, file: PhotoPath, passphrase: str, **options: Unpack[ImportOptions]
    ) -> ImportSummary:
        """Add the people of an encrypted file; see `faceunlock.tasks.export.import_from`."""
        from faceunlock.tasks.export import import_from

        return import_from(self, file, passphrase, **options)

    # models

    def models(self) -> tuple[ModelState, ...]:
        """Return every model, with its threshold and whether its weights are here; reads no weights."""
        return self.choice.states()

    def pull(self, model: str, *, file: PhotoPath | None = None, force: bool = False) -> ModelState:
        """Fetch the weights of a model; see `faceunlock.tasks.networks.pull_model`."""
        from faceunlock.tasks.networks import pull_model

        return pull_model(self, model, file=None if file is None else as_path(file), force=force)

    def prepare_models(self, model: str | None = None, *, force: bool = False) -> dict[str, tuple[str, ...]]:
        """Prepare networks ahead of time; see `faceunlock.tasks.networks.prepare_models`."""
        from faceunlock.tasks.networks import prepare_models

        return prepare_models(self, model, force=force)

    def verify_models(self, model: str | None = None) -> tuple[ModelState, ...]:
        """Check weights and prepared networks; see `faceunlock.tasks.networks.verify_models`."""
        from faceunlock.tasks.networks import verify_models

        return verify_models(self, model)
