"""What every task works with: where data lie, the settings, the gallery, its attempts and its models."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from faceunlock.errors import SettingsError
from faceunlock.gallery.attempts import Attempts
from faceunlock.gallery.gallery import Gallery
from faceunlock.gallery.lockout import Limits
from faceunlock.settings import Locations, Settings, load_settings, locate
from faceunlock.tasks.models import ModelChoice

if TYPE_CHECKING:
    from faceunlock.matching.calibration import Calibration, OperatingPoint
    from faceunlock.matching.templates import ModelIdentity
    from faceunlock.photos.capture import Look
    from faceunlock.photos.face import SubjectRule
    from faceunlock.photos.photo import PhotoFile
    from faceunlock.pipeline.acquisition import Acquisition
    from faceunlock.pipeline.detection import Detector
    from faceunlock.pipeline.embedding import Embedder
    from faceunlock.pipeline.enrolment import Gates

PhotoPath = str | os.PathLike[str]
"""How a caller names a photo, a folder or another file."""

_Other = TypeVar("_Other")


class Workspace:
    """One gallery with all that tasks need around it; a context manager.

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

    Attributes
    ----------
    locations : Locations
    settings : Settings
    gallery : Gallery
    attempts : Attempts
    named : str
        The model that was named: an id, a folder or ``auto``.
    device : str
        The device that was named.
    choice : ModelChoice
        The models of the gallery, of which the named one is used.
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
        self.gallery = Gallery(
            self.locations.data,
            busy_timeout=self.settings.busy_seconds,
            keys=self.locations.keys,
            keyring_timeout=self.settings.keyring_seconds,
        )
        self.attempts = Attempts(
            self.locations.data,
            Limits(
                before_wait=self.settings.failures_before_wait,
                wait_seconds=self.settings.wait_seconds,
                before_lock=self.settings.failures_before_lock,
            ),
            log_entries=self.settings.log_entries,
            busy_timeout=self.settings.busy_seconds,
        )
        self.named = model or self.settings.model
        self.device = device or self.settings.device
        self._given = detector, embedder
        self._on_download = on_download
        self.choice = self.choose(self.named)

    def choose(self, model: str) -> ModelChoice:
        """Return the models of the gallery, of which this one is used; no network is loaded yet."""
        detector, embedder = self._given
        return ModelChoice(
            self.gallery,
            self.locations,
            self.settings,
            model=model,
            device=self.device,
            detector=detector,
            embedder=embedder,
            on_download=self._on_download,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the gallery's files."""
        self.gallery.close()
        self.attempts.close()


def as_path(photo: PhotoPath | _Other) -> Path | _Other:
    """Return a path as a `Path`, and anything else as it is.

    Examples
    --------
    >>> as_path("a.jpg").name
    'a.jpg'
    """
    return Path(photo) if isinstance(photo, str | os.PathLike) else photo


def as_paths(photos: PhotoPath | Sequence[PhotoPath | _Other]) -> list[Path | _Other]:
    """Return one or several photos as a list, as `as_path` does each.

    Examples
    --------
    >>> [path.name for path in as_paths("a.jpg")]
    ['a.jpg']
    """
    given = [photos] if isinstance(photos, str | os.PathLike) else photos
    return [as_path(photo) for photo in given]


def check_threshold(threshold: float | None) -> None:
    """Refuse a threshold that no cosine could be held against.

    Raises
    ------
    SettingsError
        ``usage`` unless it is a number from -1 to 1, or None.
    """
    if threshold is not None and not -1.0 <= threshold <= 1.0:
        raise SettingsError("usage", f"a threshold is a number from -1 to 1, not {threshold}")


def operating_point(
    calibration: Calibration, candidates: int, threshold: float | None
) -> tuple[OperatingPoint | None, float]:
    """Return what a threshold is known to mean for a number of people, and the threshold itself.

    Parameters
    ----------
    calibration : Calibration
        Of the model in use.
    candidates : int
        How many people a face is compared with.
    threshold : float, optional
        The caller's own, of which nothing is known: its point is None.
    """
    if threshold is not None:
        return None, threshold
    point = calibration.threshold_for(candidates)
    return point, point.threshold


def quality_gates(workspace: Workspace, identity: ModelIdentity, min_photos: int | None = None) -> Gates:
    """Return what a photo must fulfil to be enrolled.

    Parameters
    ----------
    workspace : Workspace
        Its settings have the limits of quality.
    identity : ModelIdentity
        The model, whose threshold is the lowest similarity.
    min_photos : int, optional
        Fewest usable photos; the setting when omitted.
    """
    from faceunlock.pipeline.enrolment import Gates

    settings = workspace.settings
    return Gates(
        min_sharpness=settings.min_sharpness,
        min_brightness=settings.min_brightness,
        min_similarity=workspace.choice.calibration(identity).threshold,
        min_photos=min_photos or settings.min_photos,
    )


def examiner(acquisition: Acquisition, gates: Gates, max_pixels: int, rule: SubjectRule = "dominant") -> Look:
    """Return what takes only frames with a face that is good enough to be enrolled.

    Parameters
    ----------
    acquisition : Acquisition
        Finds the face and measures its quality.
    gates : Gates
        What is good enough.
    max_pixels : int
        How large a frame may be.
    rule : {"dominant", "largest", "central"}
        Which face a frame is about.
    """
    from faceunlock.photos.capture import Look

    def examine(photo: PhotoFile) -> None:
        fault = gates.fault(acquisition.look(photo, rule))
        if fault is not None:
            raise fault

    return Look(examine, max_pixels)
