"""The bank of strangers: fill it from photos, list it, and forget strangers again."""

from __future__ import annotations

import logging
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from faceunlock.errors import CalibrationError, GalleryError, PhotoError
from faceunlock.files.text import printable, quoted
from faceunlock.matching.strangers import StrangerPhoto
from faceunlock.matching.templates import photo_hash
from faceunlock.matching.wording import counted
from faceunlock.pipeline.samples import LeftOut, Sample, Track, untracked
from faceunlock.tasks.workspace import PhotoPath, Workspace, as_path

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from faceunlock.gallery.bank import BankState
    from faceunlock.matching.strangers import NearStranger, Strangers
    from faceunlock.matching.templates import ModelIdentity, Template
    from faceunlock.photos.face import SubjectRule
    from faceunlock.photos.photo import PhotoFile
    from faceunlock.pipeline.acquisition import Acquisition

_log = logging.getLogger(__name__)

SAVE_EVERY = 500
"""Photos embedded between two writes of the bank: what a killed command loses at most."""

PULL = "faceunlock strangers pull lfw"
"""The command that fills a bank."""


class AddOptions(TypedDict, total=False):
    """Options of `add`."""

    faces: SubjectRule
    track: Track


class PullOptions(TypedDict, total=False):
    """Options of `pull`."""

    file: PhotoPath | None
    track: Track


@dataclass(frozen=True, slots=True)
class Filled:
    """The result of filling a bank.

    Attributes
    ----------
    source : str
        Where the photos came from.
    photos : int
        Number of photos looked at.
    added : int
        Number of photos that the bank did not have.
    known : int
        Number of photos that it had already.
    failures : tuple of LeftOut
        Photos without a usable face.
    bank : BankState
        What is in the bank now.
    """

    source: str
    photos: int
    added: int
    known: int
    failures: tuple[LeftOut, ...] = field(repr=False)
    bank: BankState


def add(
    workspace: Workspace, folder: PhotoPath, *, faces: SubjectRule = "dominant", track: Track = untracked
) -> Filled:
    """Add the people of a folder to the bank of the model; keeps an embedding of each photo, and no photo.

    What was embedded is kept if the command is interrupted or killed, and another call goes on from there.

    Parameters
    ----------
    workspace : Workspace
        Provides the model and the bank.
    folder : path
        One sub-folder per person. Its name is that of the source.
    faces : {"dominant", "largest", "central"}
        Which face in a photo counts.
    track : callable
        Shows progress.

    Raises
    ------
    CalibrationError
        ``bad-folder`` if no sub-folder holds photos.
    GalleryError
        If the gallery cannot be read or written.
    """
    from faceunlock.photos.photo import load_photo, person_folders

    place = as_path(folder)
    found = person_folders(place)
    if not found.labelled:
        raise CalibrationError(
            "bad-folder",
            f"{folder} has no photos in its sub-folders{found.others}",
            hint="Use one sub-folder per person.",
        )

    def files() -> Iterator[tuple[Path | PhotoFile, str]]:
        for path, person in found.labelled:
            try:
                name = printable(str(path))
                yield load_photo(path, name=name, max_pixels=workspace.settings.max_pixels), person
            except PhotoError:
                yield path, person  # which acquisition reports

    source = printable(place.resolve().name) or "folder"
    return _Filling(workspace, source, len(found.labelled), faces, track).run(files())


def pull(
    workspace: Workspace, name: str, *, file: PhotoPath | None = None, track: Track = untracked
) -> Filled:
    """Download a published archive of people, check it, and add them to the bank of the model.

    The archive is removed when all of it is embedded. Until then it stays in the cache, so that another call
    goes on from there. No photo is unpacked to the disk.

    Parameters
    ----------
    workspace : Workspace
        Provides the model, the bank and the cache; the setting ``weights_mirror`` is the folder to download
        from.
    name : str
        A name in `faceunlock.pipeline.archive.ARCHIVES`.
    file : path, optional
        The archive, downloaded some other way.
    track : callable
        Shows progress.

    Raises
    ------
    CalibrationError
        ``no-strangers`` if there is no such archive; ``file-unreadable`` if `file` is not it.
    ModelError
        ``download-failed``, ``weights-unwritable``.
    GalleryError
        If the gallery cannot be read or written.
    """
    from faceunlock.pipeline.archive import ARCHIVES, fetched, photos_in

    archive = ARCHIVES.get(name)
    if archive is None:
        raise CalibrationError(
            "no-strangers",
            f"there is no archive {quoted(name)} to fetch; there is {', '.join(ARCHIVES)}",
            hint=f"Run: {PULL}",
        )
    filling = _Filling(workspace, archive.name, archive.photos, archive.rule, track)
    with fetched(
        archive,
        workspace.locations.cache / "strangers",
        mirror=workspace.settings.weights_mirror or None,
        file=None if file is None else as_path(file),
        progress=workspace.on_download,
    ) as path:
        return filling.run(photos_in(path, workspace.settings.max_pixels))


def forget(workspace: Workspace, name: str | None = None) -> int:
    """Forget a source, or a person, in the banks of all models, and return the number of photos forgotten.

    Parameters
    ----------
    workspace : Workspace
    name : str, optional
        Name of a source, or of a person; everything when omitted, and then damaged banks are deleted, too.

    Raises
    ------
    CalibrationError
        ``no-strangers`` if neither a source nor a stranger has this name.
    """
    banks = workspace.gallery.strangers
    if name is None:
        return banks.forget_all()
    forgotten = 0
    for state in banks.states():
        after, _ = banks.update(state.identity, lambda bank: bank.without(name))
        forgotten += state.photos - after.photos
    if not forgotten:
        raise CalibrationError(
            "no-strangers",
            f"no source and no stranger has the name {quoted(name)}",
            hint="See: faceunlock strangers list",
        )
    return forgotten


def bank_of(workspace: Workspace, identity: ModelIdentity) -> Strangers | None:
    """Return the bank of a model, or None if there is none."""
    return workspace.gallery.strangers.read(identity)


def needed_bank(workspace: Workspace, identity: ModelIdentity) -> Strangers:
    """Return the bank of a model.

    Raises
    ------
    CalibrationError
        ``no-strangers``, naming the models that have one.
    """
    bank = bank_of(workspace, identity)
    if bank is not None:
        return bank
    states = workspace.gallery.strangers.states()
    others = sorted({state.identity.model for state in states} - {identity.model})
    having = f"; only {', '.join(others)} has one" if others else ""
    raise CalibrationError(
        "no-strangers",
        f"there is no bank of strangers for {identity.model} as it is here{having}",
        hint=f"Run: {PULL} --model {identity.model}",
    )


def nearest_stranger(workspace: Workspace, name: str, template: Template) -> NearStranger | None:
    """Return the stranger most similar to a person; None without a bank, or with one that cannot be read.

    The person may be enrolled already, so a damaged bank is a warning here.
    """
    return nearest_to(workspace, template.identity, template.centroid, name=name)


def nearest_to(
    workspace: Workspace, identity: ModelIdentity, vector: ArrayLike, *, name: str | None
) -> NearStranger | None:
    """Return the stranger most similar to a unit vector of a model; otherwise as `nearest_stranger`."""
    try:
        bank = bank_of(workspace, identity)
    except GalleryError as error:
        _log.warning("No stranger was compared: %s. %s", error.message, error.hint)
        return None
    if bank is None:
        return None
    return bank.nearest(vector, workspace.choice.calibration(identity).threshold, name=name)


class _Filling:
    """One run that embeds photos and saves them now and then.

    Parameters
    ----------
    workspace : Workspace
    source : str
        Where the photos come from.
    total : int
        Number of photos.
    faces : {"dominant", "largest", "central"}
        Which face in a photo counts.
    track : callable
        Shows progress.
    """

    def __init__(
        self, workspace: Workspace, source: str, total: int, faces: SubjectRule, track: Track
    ) -> None:
        self._workspace, self._source, self._total = workspace, source, total
        self._faces, self._track = faces, track
        self._photos = self._known = 0

    def run(self, photos: Iterable[tuple[Path | PhotoFile, str]]) -> Filled:
        """Embed the photos that the bank does not have, and return what is there afterwards."""
        acquisition, identity = self._workspace.choice.acquisition(fetch=True, photos=self._total)
        bank = self._workspace.gallery.strangers.read(identity)
        before = 0 if bank is None else len(bank)
        failures: list[LeftOut] = []
        waiting: list[StrangerPhoto] = []
        try:
            for outcome, person in self._outcomes(acquisition, photos, bank):
                if isinstance(outcome, LeftOut):
                    failures.append(outcome)
                    continue
                waiting.append(StrangerPhoto(self._source, person, outcome.digest, outcome.embedding))
                if len(waiting) >= SAVE_EVERY:
                    self._save(identity, waiting)
        finally:  # also when it is interrupted
            state = self._save(identity, waiting)
            if isinstance(sys.exception(), KeyboardInterrupt) and state.photos > before:
                _log.warning(
                    "%s added so far are kept; the same command goes on from there.",
                    counted(state.photos - before, "photo"),
                )
        return Filled(self._source, self._photos, state.photos - before, self._known, tuple(failures), state)

    def _outcomes(
        self, acquisition: Acquisition, photos: Iterable[tuple[Path | PhotoFile, str]], bank: Strangers | None
    ) -> Iterator[tuple[Sample | LeftOut, str]]:
        """Yield the outcome and the person of each photo that the bank does not have."""
        known = frozenset() if bank is None else frozenset(bank.hashes)
        people: deque[str] = deque()

        def unknown() -> Iterator[Path | PhotoFile]:
            for photo, person in self._track(photos, self._total, self._source):
                self._photos += 1
                if (
                    bank is not None
                    and not isinstance(photo, Path)
                    and photo_hash(bank.photo_key, photo.digest) in known
                ):
                    self._known += 1
                    continue
                people.append(person)
                yield photo

        for outcome in acquisition.samples(unknown(), self._faces):
            yield outcome, people.popleft()

    def _save(self, identity: ModelIdentity, waiting: list[StrangerPhoto]) -> BankState:
        """Write the photos that wait to the bank, and return what is in it now."""
        try:
            state, _ = self._workspace.gallery.strangers.update(
                identity, lambda bank: bank.with_photos(waiting)
            )
        except ValueError as error:
            raise GalleryError("gallery-unwritable", f"the bank cannot take these photos: {error}") from error
        waiting.clear()
        return state
