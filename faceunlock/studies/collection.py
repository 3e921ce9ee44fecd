"""The photos of a calibration: who is on them, which are usable, which are dropped and why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faceunlock.errors import CalibrationError
from faceunlock.matching.people import name_key
from faceunlock.matching.templates import Template
from faceunlock.photos.face import SubjectRule
from faceunlock.photos.photo import PersonFolders, person_folders
from faceunlock.pipeline.acquisition import Acquisition
from faceunlock.pipeline.enrolment import photo_hash
from faceunlock.pipeline.samples import LeftOut, Sample

Track = Callable[[Iterable[Any], int, str], Iterable[Any]]
"""Wraps an iterable to show progress: ``track(items, total, label)``."""


@dataclass(frozen=True, slots=True, eq=False)
class Collection:
    """Samples of a folder, each with the person it belongs to.

    Attributes
    ----------
    samples : tuple of Sample
        Of the usable photos, in the order of the folder.
    person : tuple of str
        Whose each sample is.
    failures : tuple of LeftOut
        Photos that gave no sample.
    failed_person : tuple of str
        Whose each failure is.
    photos : int
        Photos looked at.
    duplicates : int
        Photos dropped because the same file content came before.
    own_photos : int
        Photos dropped because they built one of the templates compared with.
    skipped : int
        Files that are no photos, or belong to nobody.
    """

    samples: tuple[Sample, ...] = ()
    person: tuple[str, ...] = ()
    failures: tuple[LeftOut, ...] = ()
    failed_person: tuple[str, ...] = ()
    photos: int = 0
    duplicates: int = 0
    own_photos: int = 0
    skipped: int = 0

    @property
    def people(self) -> frozenset[str]:
        """Everybody who has a photo, usable or not."""
        return frozenset((*self.person, *self.failed_person))


def labelled_photos(folder: Path) -> PersonFolders:
    """List a folder with one sub-folder per person; reads no photo.

    Raises
    ------
    CalibrationError
        ``bad-folder`` with photos of fewer than two people.
    PhotoError
        ``photo-not-found`` if there is no such folder.
    """
    found = person_folders(folder)
    people = {name_key(person) for person, photos in found.people.items() if photos}
    if len(people) < 2:
        count = "of one person" if people else "of nobody"
        raise CalibrationError(
            "bad-folder", f"{folder} has photos {count} in sub-folders; at least two people are needed"
        )
    return found


class Collector:
    """Collects the samples of one calibration; a file content is used once in all of its folders.

    Parameters
    ----------
    acquisition : Acquisition
        Turns photos into samples.
    rule : {"dominant", "largest", "central"}
        Which face a photo is about.
    templates : sequence of Template
        A photo that built one of them is dropped.
    track : callable
        Shows progress.
    """

    def __init__(
        self, acquisition: Acquisition, rule: SubjectRule, templates: Sequence[Template], track: Track
    ) -> None:
        self._acquisition, self._rule, self._templates, self._track = acquisition, rule, templates, track
        self._seen: set[bytes] = set()

    def people(self, folder: Path) -> Collection:
        """Collect a folder with one sub-folder per person.

        Raises
        ------
        CalibrationError
            ``bad-folder`` with photos of fewer than two people.
        PhotoError
            ``photo-not-found`` if there is no such folder.
        """
        found = labelled_photos(folder)
        owners = [(path, person) for person, paths in found.people.items() for path in paths]
        return self._collect(folder, owners, found.skipped + len(found.loose))

    def strangers(self, folder: Path, known: Iterable[str]) -> Collection:
        """Collect strangers: each sub-folder is one person, each photo outside one is somebody else.

        Sub-folders that bear the name of somebody `known` are skipped: they are no strangers.

        Raises
        ------
        PhotoError
            ``photo-not-found`` if there is no such folder.
        """
        found = person_folders(folder)
        taken = {name_key(name) for name in known}
        strange = {person: paths for person, paths in found.people.items() if name_key(person) not in taken}
        # A slash cannot occur in a folder's name, so strangers never share a name with anybody else.
        owners = [(path, f"stranger/{person}") for person, paths in strange.items() for path in paths]
        owners += [(path, f"stranger//{number}") for number, path in enumerate(found.loose)]
        known_photos = sum(len(paths) for person, paths in found.people.items() if person not in strange)
        return self._collect(folder, owners, found.skipped + known_photos)

    def _collect(self, folder: Path, owners: Sequence[tuple[Path, str]], skipped: int) -> Collection:
        kept: list[tuple[Sample, str]] = []
        failed: list[tuple[LeftOut, str]] = []
        duplicates = own_photos = 0
        outcomes = self._acquisition.samples((path for path, _ in owners), self._rule)
        tracked = self._track(outcomes, len(owners), folder.name)
        for outcome, (_, person) in zip(tracked, owners, strict=True):
            if isinstance(outcome, LeftOut):
                failed.append((outcome, person))
            elif outcome.digest in self._seen:
                duplicates += 1
            elif self._built_a_template(outcome):
                own_photos += 1
            else:
                self._seen.add(outcome.digest)
                kept.append((outcome, person))
        return Collection(
            samples=tuple(sample for sample, _ in kept),
            person=tuple(person for _, person in kept),
            failures=tuple(failure for failure, _ in failed),
            failed_person=tuple(person for _, person in failed),
            photos=len(owners),
            duplicates=duplicates,
            own_photos=own_photos,
            skipped=skipped,
        )

    def _built_a_template(self, sample: Sample) -> bool:
        return any(
            photo_hash(template.photo_key, sample.digest) in template.photo_hashes
            for template in self._templates
        )
