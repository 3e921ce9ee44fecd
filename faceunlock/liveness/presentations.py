"""Score the photos and videos in folders of live and attack presentations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from faceunlock.errors import CalibrationError, CameraError, PhotoError
from faceunlock.files.text import encodable
from faceunlock.liveness.checks import scores
from faceunlock.liveness.measuring import PadMeasurement, Presentation, measure
from faceunlock.matching.people import now
from faceunlock.photos.camera import VIDEO_SUFFIXES, open_camera
from faceunlock.photos.capture import Look, one_good
from faceunlock.photos.folders import PHOTO_SUFFIXES, find_files
from faceunlock.photos.photo import load_photo
from faceunlock.pipeline.acquisition import Acquisition
from faceunlock.pipeline.samples import LeftOut, Track


@dataclass(frozen=True, slots=True)
class Source:
    """A file with a presentation.

    Attributes
    ----------
    path : Path
        The photo or video.
    person : str
        The sub-folder that the file is in, or the file's name without its suffix.
    species : str or None
        Species of the attack; None for a live person.
    """

    path: Path
    person: str
    species: str | None


@dataclass(frozen=True, slots=True)
class PadReport:
    """A measurement and the presentations left out of it.

    Attributes
    ----------
    measurement : PadMeasurement
        The measurement.
    left_out : tuple of LeftOut
        Presentations without a usable face.
    saved : bool
        Whether ``verify --require-live`` uses it from now on.
    """

    measurement: PadMeasurement
    left_out: tuple[LeftOut, ...]
    saved: bool


def find_sources(live: Path, attack: Path) -> tuple[Source, ...]:
    """Return the photos and videos of live people and of attacks.

    Parameters
    ----------
    live : Path
        ``PERSON/...``, or files that each show a different person.
    attack : Path
        ``SPECIES/PERSON/...`` or ``SPECIES/...``.

    Raises
    ------
    PhotoError
        ``photo-not-found`` or ``unreadable-photo`` if a folder is missing or cannot be read.
    CalibrationError
        ``bad-folder`` for an attack outside a species' folder, or for a folder without photos and videos.
    """
    sources = [Source(live / file, _person(file.parts), None) for file in _files(live)]
    for file in _files(attack):
        if len(file.parts) == 1:
            raise CalibrationError(
                "bad-folder",
                f"{attack / file}: an attack must be in the sub-folder of its species",
                hint="Use one sub-folder per kind of attack, such as print, phone or tablet.",
            )
        sources.append(Source(attack / file, _person(file.parts[1:]), file.parts[0]))
    for folder, what in ((live, "live presentations"), (attack, "attacks")):
        if not any(folder in source.path.parents for source in sources):
            raise CalibrationError(
                "bad-folder", f"{folder} contains no {what}", hint="Put photos or videos into it."
            )
    return tuple(sources)


def measure_folders(
    acquisition: Acquisition,
    examine: Callable[[], Look],
    live: Path,
    attack: Path,
    *,
    target_bpcer: float,
    seed: int,
    seconds: float,
    max_pixels: int,
    track: Track,
) -> tuple[PadMeasurement, tuple[LeftOut, ...]]:
    """Score every presentation; return the measurement of the checks and the presentations left out.

    Parameters
    ----------
    acquisition : Acquisition
        Finds the faces.
    examine : callable
        Returns a new `Look`, which examines the frames of one video.
    live, attack : Path
        As for `find_sources`.
    target_bpcer, seed
        As for `faceunlock.liveness.measuring.measure`.
    seconds : float
        Time limit for finding a good face in a video.
    max_pixels : int
        Larger photos are left out.
    track : callable
        Shows progress.

    Raises
    ------
    CameraError
        ``camera-support-missing`` if there are videos but OpenCV is not installed.
    CalibrationError
        ``bad-folder`` or ``insufficient-data``.
    """
    sources = find_sources(live, attack)
    presentations: list[Presentation] = []
    left_out: list[LeftOut] = []
    silent = {True: 0, False: 0}

    def outcomes() -> Iterator[Presentation | LeftOut]:
        for source in sources:
            yield _present(source, acquisition, examine, seconds, max_pixels)

    for source, outcome in zip(sources, track(outcomes(), len(sources), "presentations"), strict=True):
        if isinstance(outcome, LeftOut):
            left_out.append(outcome)
            silent[source.species is None] += 1
        else:
            presentations.append(outcome)
    measurement = measure(
        presentations,
        target_bpcer=target_bpcer,
        seed=seed,
        created=now(),
        data=f"live {live}, attacks {attack}",
        no_response_live=silent[True],
        no_response_attacks=silent[False],
    )
    return measurement, tuple(left_out)


def _present(
    source: Source, acquisition: Acquisition, examine: Callable[[], Look], seconds: float, max_pixels: int
) -> Presentation | LeftOut:
    name = encodable(source.path)
    try:
        if source.path.suffix.lower() in VIDEO_SUFFIXES:
            with open_camera(str(source.path)) as camera:
                capture = one_good(camera.frames(seconds), examine(), clip=True)
            photo, clip = capture.photo, capture.clip
        else:
            photo, clip = load_photo(source.path, name=name, max_pixels=max_pixels), ()
        whole, face = acquisition.subject(photo)
    except (PhotoError, CameraError) as error:
        if error.slug == "camera-support-missing":
            raise
        return LeftOut(name, error.slug, error.message.removeprefix(f"{name}: "), error.hint)
    return Presentation(source.person, source.species, scores(whole.image, face, clip))


def _person(parts: tuple[str, ...]) -> str:
    return parts[0] if len(parts) > 1 else Path(parts[0]).stem


def _files(folder: Path) -> list[Path]:
    """Return photos and videos below a folder, relative to it and in order."""
    if folder.exists() and not folder.is_dir():
        raise PhotoError("photo-not-found", f"{folder}: is not a folder")
    found = find_files([folder], PHOTO_SUFFIXES | VIDEO_SUFFIXES)
    return [path.relative_to(folder) for path in found.photos]
