"""Score the photos, sequences and films in folders of live and attack presentations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from faceunlock.errors import CalibrationError, CameraError, PhotoError
from faceunlock.files.text import encodable
from faceunlock.liveness.dialogue import FRONTAL_FRAMES
from faceunlock.liveness.measuring import PadMeasurement, Presentation, measure
from faceunlock.liveness.texture import Texture
from faceunlock.liveness.turning import FRONTAL, excursions, offset_of
from faceunlock.matching.people import now
from faceunlock.photos.camera import VIDEO_SUFFIXES, open_camera
from faceunlock.photos.face import Face, SubjectRule
from faceunlock.photos.folders import PHOTO_SUFFIXES, find_files, status_of
from faceunlock.photos.photo import Photo, PhotoFile, load_photo
from faceunlock.pipeline.acquisition import Acquisition
from faceunlock.pipeline.samples import LeftOut, Track

INTERVAL = 0.1
"""Seconds between the frames of a film that are looked at."""

ASKED = "turn"
"""The name of a live clip begins with this if the person was asked to turn the head to both sides."""


@dataclass(frozen=True, slots=True)
class Source:
    """The files of one presentation.

    Attributes
    ----------
    files : tuple of Path
        A photo, a film, or the frames of a sequence in order.
    person : str
        The sub-folder that it is in, or the file's name without its suffix.
    species : str or None
        Species of the attack; None for a live person.
    name : str
        The photo, the film, or the sequence's folder.
    clip : bool
        Whether it is a film or a sequence.
    """

    files: tuple[Path, ...]
    person: str
    species: str | None
    name: Path
    clip: bool

    @property
    def asked(self) -> bool:
        """Whether a live person was asked to turn."""
        return self.species is None and self.clip and self.name.name.startswith(ASKED)


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
        Whether it is kept for `status`.
    used : tuple of str
        The measured stages that ``verify --camera --require-live`` uses on this machine.
    pictures : tuple of Path
        Pictures of the scores that were written.
    """

    measurement: PadMeasurement
    left_out: tuple[LeftOut, ...]
    saved: bool
    used: tuple[str, ...] = ()
    pictures: tuple[Path, ...] = field(default=())


def find_sources(live: Path, attack: Path) -> tuple[Source, ...]:
    """Return the presentations of live people and of attacks.

    Photos and films lie in the folder of their person. A folder inside that one is a sequence: its photos, in
    natural order, are the frames of one clip.

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
        ``bad-folder`` for an attack outside a species' folder, for a folder without photos and films, and for
        a file that is in both folders.
    """
    sources = list(_sources(live, _files(live), None))
    attacks = _files(attack)
    for file in attacks:
        if len(file.parts) == 1:
            raise CalibrationError(
                "bad-folder",
                f"{attack / file}: an attack must be in the sub-folder of its species",
                hint="Use one sub-folder per kind of attack, such as print, screen or film.",
            )
    for species in dict.fromkeys(file.parts[0] for file in attacks):
        files = [file for file in attacks if file.parts[0] == species]
        sources += _sources(attack / species, [file.relative_to(species) for file in files], species)
    for folder, what in ((live, "live presentations"), (attack, "attacks")):
        if not any(folder in source.name.parents for source in sources):
            raise CalibrationError(
                "bad-folder", f"{folder} contains no {what}", hint="Put photos or films into it."
            )
    _refuse_both(sources)
    return tuple(sources)


def _sources(folder: Path, files: Sequence[Path], species: str | None) -> Iterator[Source]:
    """Yield the presentations among files, which are relative to the folder of the people."""
    by_folder: dict[Path, list[Path]] = {}
    for file in files:
        by_folder.setdefault(file.parent, []).append(file)
    for parent, known in by_folder.items():
        frames = [file for file in known if file.suffix.lower() in PHOTO_SUFFIXES]
        sequence = len(parent.parts) > 1
        if sequence and frames:
            name = folder / parent
            yield Source(tuple(folder / file for file in frames), parent.parts[0], species, name, clip=True)
        for file in known:
            film = file not in frames
            if film or not sequence:
                person = file.parts[0] if len(file.parts) > 1 else file.stem
                yield Source((folder / file,), person, species, folder / file, clip=film)


def _refuse_both(sources: Sequence[Source]) -> None:
    """Raise an error if a file is to be a live person and an attack, by whatever path."""
    live: set[tuple[int, int]] = set()
    for source in sources:  # the live ones come first
        for file in source.files:
            status = status_of(file)
            identity = status.st_dev, status.st_ino
            if source.species is None:
                live.add(identity)
            elif identity in live:
                raise CalibrationError(
                    "bad-folder",
                    f"{file} is among the live people and among the attacks",
                    hint="Give --live and --attack different folders, neither inside the other.",
                )


def measure_folders(
    acquisition: Acquisition,
    texture: Texture | None,
    live: Path,
    attack: Path,
    *,
    seconds: float,
    max_pixels: int,
    track: Track,
) -> tuple[PadMeasurement, tuple[LeftOut, ...], tuple[Presentation, ...]]:
    """Score every presentation; return the measurement, what was left out, and the presentations.

    Parameters
    ----------
    acquisition : Acquisition
        Finds the faces.
    texture : Texture or None
        MiniFASNet; None without its weights.
    live, attack : Path
        As for `find_sources`.
    seconds : float
        Seconds of a film that are looked at.
    max_pixels : int
        Larger photos are left out.
    track : callable
        Shows progress.

    Raises
    ------
    CameraError
        ``camera-support-missing`` if there are films but OpenCV is not installed.
    CalibrationError
        ``bad-folder`` or ``insufficient-data``.
    """
    sources = find_sources(live, attack)
    presentations: list[Presentation] = []
    left_out: list[LeftOut] = []
    silent = {True: 0, False: 0}

    def outcomes() -> Iterator[Presentation | LeftOut]:
        for source in sources:
            yield _outcome(source, acquisition, texture, seconds, max_pixels)

    for source, outcome in zip(sources, track(outcomes(), len(sources), "presentations"), strict=True):
        if isinstance(outcome, LeftOut):
            left_out.append(outcome)
            silent[source.species is None] += 1
        else:
            presentations.append(outcome)
    measurement = measure(
        presentations,
        created=now(),
        data=f"live {live}, attacks {attack}",
        no_response_live=silent[True],
        no_response_attacks=silent[False],
    )
    return measurement, tuple(left_out), tuple(presentations)


def _outcome(
    source: Source, acquisition: Acquisition, texture: Texture | None, seconds: float, max_pixels: int
) -> Presentation | LeftOut:
    name = encodable(source.name)
    try:
        return present(source, acquisition.subject, texture, _pictures(source, seconds, max_pixels))
    except (PhotoError, CameraError) as error:
        if error.slug == "camera-support-missing":
            raise
        return LeftOut(name, error.slug, error.message.removeprefix(f"{name}: "), error.hint)


def present(
    source: Source,
    subject: Callable[[PhotoFile, SubjectRule], tuple[Photo, Face]],
    texture: Texture | None,
    pictures: Iterable[PhotoFile],
) -> Presentation:
    """Return the scores of one presentation.

    Parameters
    ----------
    source : Source
        Whose it is.
    subject : callable
        `Acquisition.subject`.
    texture : Texture or None
        MiniFASNet.
    pictures : iterable of PhotoFile
        The photo, or the frames of the clip in order.

    Raises
    ------
    PhotoError
        If no picture has a face: the reason for the last one.
    """
    offsets: list[float | None] = []
    scores: list[float] = []
    reason = PhotoError("no-face", f"{source.name}: there is no picture in it")
    for picture in pictures:
        try:
            photo, face = subject(picture, "largest")
        except PhotoError as error:
            reason = error
            continue
        offset = offset_of(face)
        offsets.append(offset)
        frontal = offset is not None and abs(offset) <= FRONTAL
        if texture is not None and len(scores) < FRONTAL_FRAMES and (frontal or not source.clip):
            scores.append(texture.score(photo.image, face))
    if not offsets:
        raise reason
    return Presentation(
        person=source.person,
        species=source.species,
        clip=source.clip,
        asked=source.asked,
        turned=excursions(offsets) if source.clip else None,
        texture=sum(scores) / len(scores) if scores else None,
    )


def _pictures(source: Source, seconds: float, max_pixels: int) -> Iterator[PhotoFile]:
    """Yield the pictures of a presentation, one at a time."""
    (first, *_) = source.files
    if first.suffix.lower() not in VIDEO_SUFFIXES:
        for file in source.files:
            yield load_photo(file, name=encodable(file), max_pixels=max_pixels)
        return
    with open_camera(str(first)) as camera:
        due = 0.0
        for frame in camera.frames(seconds):
            if frame.seconds >= due - 1e-6:
                due = frame.seconds + INTERVAL
                yield frame.photo(max_pixels)


def _files(folder: Path) -> list[Path]:
    """Return photos and films below a folder, relative to it and in order."""
    if folder.exists() and not folder.is_dir():
        raise PhotoError("photo-not-found", f"{folder}: is not a folder")
    found = find_files([folder], PHOTO_SUFFIXES | VIDEO_SUFFIXES)
    return [path.relative_to(folder) for path in found.photos]
