"""The workspace every task uses: data locations, settings, gallery, attempts and models."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from faceunlock.errors import ModelError, PhotoError, SettingsError
from faceunlock.files.dependencies import write_only_below
from faceunlock.files.outputs import never_replace
from faceunlock.files.reading import local_path
from faceunlock.gallery.attempts import FILE_NAME as ATTEMPTS
from faceunlock.gallery.file import FILE_NAME as GALLERY
from faceunlock.gallery.journal import FILE_NAME as JOURNAL
from faceunlock.liveness import CAMERAS, MEASUREMENT
from faceunlock.matching.security import LEVELS
from faceunlock.pipeline.runtime.kept import Told, untold
from faceunlock.settings import Locations, Security, Settings, load_settings, locate
from faceunlock.tasks.galleries import open_attempts, open_gallery
from faceunlock.tasks.models import ModelChoice

if TYPE_CHECKING:
    from faceunlock.matching.calibration import Calibration, OperatingPoint
    from faceunlock.matching.templates import ModelIdentity
    from faceunlock.photos.camera import Camera
    from faceunlock.photos.capture import Look
    from faceunlock.photos.face import SubjectRule
    from faceunlock.photos.photo import PhotoFile
    from faceunlock.pipeline.acquisition import Acquisition
    from faceunlock.pipeline.detection import Detector
    from faceunlock.pipeline.embedding import Embedder
    from faceunlock.pipeline.enrolment import Gates

PhotoPath = str | os.PathLike[str]
"""The path of a photo, a folder or another file."""

_Other = TypeVar("_Other")


class Workspace:
    """A gallery and everything tasks need to work with it; a context manager.

    Parameters
    ----------
    home : path, optional
        Directory for gallery, cache and config; ``FACEUNLOCK_HOME`` or the platform's per-user directories
        when omitted.
    model : str, optional
        Id of a model; the setting ``model`` when omitted.
    device : {"auto", "cpu", "cuda"}, optional
        The setting ``device`` when omitted.
    locations, settings : optional
        Used instead of the values from `home`, the config file and the environment.
    detector, embedder : optional
        Used instead of those that `model` and `device` select.
    on_download : callable, optional
        Called with the bytes done and the bytes in total while weights are downloaded.
    on_prepare : callable, optional
        Called with a network's name, the steps done and the steps in total while it is made at first use;
        from several threads.
    keep_faces : bool
        Keep a small picture of each face in the results, so that a notebook shows it. A notebook saves what
        it shows, so nothing is kept unless asked for; the command line, the resident process and PAM never
        ask.

    Attributes
    ----------
    locations : Locations
    settings : Settings
    gallery : Gallery
    attempts : Attempts
    named : str
        The requested model: an id, a folder or ``auto``.
    device : str
        The requested device.
    on_download : callable or None
        Called with the bytes done and the bytes in total of a download.
    keep_faces : bool
        Whether results keep a small picture of each face.
    choice : ModelChoice
        Selects the requested model for the gallery.
    readers : dict
        What reads photos in a process without rights, by model; see `faceunlock.tasks.apart`.
    readers_ahead : bool
        Whether the process for the next photo is started as soon as one was read.
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
        on_prepare: Told = untold,
        keep_faces: bool = False,
    ) -> None:
        self.locations = locations or locate(home)
        write_only_below(self.locations.cache)
        self.settings = settings or load_settings(self.locations.config)
        self.gallery = open_gallery(self.settings.gallery, self.locations, self.settings)
        self.attempts = open_attempts(self.locations, self.settings)
        never_replace(
            self.locations.data / GALLERY,
            self.locations.data / ATTEMPTS,
            self.locations.data / JOURNAL,
            self.locations.data / MEASUREMENT,
            self.locations.data / CAMERAS,
            self.locations.config,
            self.locations.keys,
            self.locations.cache,
        )
        self.named = model or self.settings.model
        self.device = device or self.settings.device
        self._given = detector, embedder
        self.on_download, self._on_prepare = on_download, on_prepare
        self.keep_faces = keep_faces
        self.choice = self.choose(self.named)
        self.readers: dict[tuple[str, bool], Any] = {}  # an `ApartAcquisition` each, which knows workspaces
        self.readers_ahead = False

    def choose(self, model: str) -> ModelChoice:
        """Return the choice that selects this model for the gallery; loads no network yet."""
        detector, embedder = self._given
        return ModelChoice(
            self.gallery,
            self.locations,
            self.settings,
            model=model,
            device=self.device,
            detector=detector,
            embedder=embedder,
            on_download=self.on_download,
            on_prepare=self._on_prepare,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the files of the gallery and of the attempts, or the connections to them."""
        self.gallery.close()
        self.attempts.close()


def as_path(photo: PhotoPath | _Other) -> Path | _Other:
    """Return a path, or the path of a ``file:`` address, as a `Path`, and anything else unchanged.

    Raises
    ------
    PhotoError
        ``photo-not-found`` for an empty path, which `Path` would take for the current folder.
    SettingsError
        ``usage`` for an address on another machine.

    Examples
    --------
    >>> as_path("a.jpg").name, as_path("file:///photos/me%20at%20home.jpg").name
    ('a.jpg', 'me at home.jpg')
    """
    if photo == "":
        raise PhotoError("photo-not-found", "the path is empty")
    return local_path(photo) if isinstance(photo, str | os.PathLike) else photo


def as_paths(photos: PhotoPath | Sequence[PhotoPath | _Other]) -> list[Path | _Other]:
    """Return one or several photos as a list, each converted by `as_path`.

    Examples
    --------
    >>> [path.name for path in as_paths("a.jpg")]
    ['a.jpg']
    """
    given = [photos] if isinstance(photos, str | os.PathLike) else photos
    return [as_path(photo) for photo in given]


def check_threshold(threshold: float | None, security: Security | None = None) -> None:
    """Check that a threshold is None or in the range of a cosine, and security None or one of the levels.

    Raises
    ------
    SettingsError
        ``usage`` unless the threshold is None or a number from -1 to 1; also for an unknown level of
        security, or for both at once.
    """
    if threshold is not None and not -1.0 <= threshold <= 1.0:
        raise SettingsError("usage", f"the threshold must be a number from -1 to 1, not {threshold}")
    if security is not None and security not in LEVELS:
        raise SettingsError("usage", f"security must be one of {', '.join(LEVELS)}, not {security!r}")
    if threshold is not None and security is not None:
        raise SettingsError("usage", "threshold and security cannot be combined")


def deciding_calibration(
    workspace: Workspace,
    identity: ModelIdentity,
    threshold: float | None,
    security: Security | None,
    usual: Security = "normal",
) -> Calibration:
    """Return the calibration that decides about photos, unless the caller has a threshold.

    Parameters
    ----------
    workspace : Workspace
        Its gallery may hold a calibration of its own, which wins over every level.
    identity : ModelIdentity
        What made the embeddings.
    threshold : float or None
        The caller's own threshold; then no level is needed.
    security : {"relaxed", "normal", "strict"} or None
        The caller's level.
    usual : {"relaxed", "normal", "strict"}
        The level if neither the caller nor the settings choose one.

    Raises
    ------
    ModelError
        ``not-measured`` if somebody chose a level, and no threshold was measured for the model.
    """
    settings = workspace.settings
    found = workspace.choice.calibration(identity, security or settings.level(usual))
    chosen = security or (None if settings.security == "auto" else settings.security)
    if threshold is None and chosen is not None and found.status == "not-calibrated":
        raise ModelError(
            "not-measured", f"no threshold was measured for {identity.model}, so none can be {chosen}"
        )
    return found


def operating_point(
    calibration: Calibration, candidates: int, threshold: float | None
) -> tuple[OperatingPoint | None, float]:
    """Return the threshold for a number of people, and before it what the threshold is known to mean.

    Parameters
    ----------
    calibration : Calibration
        Calibration of the model in use.
    candidates : int
        Number of templates a face is compared with: those of all people, with their looks.
    threshold : float, optional
        The caller's own threshold. Nothing is known about it, so its point is None.
    """
    if threshold is not None:
        return None, threshold
    point = calibration.threshold_for(candidates)
    return point, point.threshold


def quality_gates(workspace: Workspace, identity: ModelIdentity, min_photos: int | None = None) -> Gates:
    """Return the requirements that photos must meet for an enrolment.

    Parameters
    ----------
    workspace : Workspace
        Its settings hold the limits of quality.
    identity : ModelIdentity
        The model; its threshold at the level ``normal`` is the lowest similarity allowed, and its threshold
        for two photos is what tells one person from several. What a template is made of does not depend on
        how strictly it is used.
    min_photos : int, optional
        Minimum number of usable photos; the setting when omitted.
    """
    from faceunlock.pipeline.enrolment import Gates

    settings = workspace.settings
    return Gates(
        min_sharpness=settings.min_sharpness,
        min_brightness=settings.min_brightness,
        min_similarity=workspace.choice.calibration(identity, "normal").threshold,
        min_photos=min_photos or settings.min_photos,
        pair_similarity=workspace.choice.pair_threshold(identity),
    )


def is_apart(workspace: Workspace, *, root: bool = False) -> bool:
    """Return whether photos are read by a process without rights; see `faceunlock.tasks.apart`.

    Parameters
    ----------
    workspace : Workspace
        Its setting ``decode_apart`` may ask for it; networks of the caller's own cannot be passed on.
    root : bool
        Whether the task wants it for root, whatever the setting.
    """
    return not workspace.choice.loader.is_own and needs_apart(workspace.settings, root=root)


def needs_apart(settings: Settings, *, root: bool = False) -> bool:
    """Return whether photos must be read by a process without rights; `root` as for `is_apart`."""
    if sys.platform != "linux":
        return False
    return settings.decode_apart == "always" or (root and is_root())


def is_root() -> bool:
    """Return whether this process has root's rights."""
    return os.geteuid() == 0


def open_camera(workspace: Workspace, device: str) -> Camera:
    """Open a camera, or a film where the setting ``camera_films`` allows films.

    Parameters
    ----------
    workspace : Workspace
        Its settings decide about films.
    device : str
        As for `faceunlock.photos.camera.open_camera`, which also raises.
    """
    from faceunlock.photos.camera import open_camera

    return open_camera(device, films=workspace.settings.camera_films != "never")


def device_file(device: str) -> str:
    """Return the device file of a camera that is named by its number; any other name unchanged.

    Examples
    --------
    >>> device_file("0"), device_file("/dev/video2")
    ('/dev/video0', '/dev/video2')
    """
    return f"/dev/video{int(device)}" if device.isdecimal() else device


def apart_camera(workspace: Workspace, device: str) -> str:
    """Return the name of a camera that a process without rights will open, or refuse it at once.

    Raises as `faceunlock.photos.camera.open_camera` does; a relative path is made absolute.
    """
    from faceunlock.photos.camera import require_camera

    path = require_camera(device, films=workspace.settings.camera_films != "never")
    return device if path is None or device.isdecimal() else str(path.absolute())


def examiner(acquisition: Acquisition, gates: Gates, max_pixels: int, rule: SubjectRule = "dominant") -> Look:
    """Return a `Look` that accepts only frames with a face good enough for an enrolment.

    Parameters
    ----------
    acquisition : Acquisition
        Finds the face and measures its quality.
    gates : Gates
        The requirements.
    max_pixels : int
        Maximum size of a frame.
    rule : {"dominant", "largest", "central"}
        Which face in a frame counts as its subject.
    """
    from faceunlock.photos.capture import Look

    def examine(photo: PhotoFile) -> None:
        fault = gates.fault(acquisition.look(photo, rule))
        if fault is not None:
            raise fault

    return Look(examine, max_pixels)
