"""Samples of photos of known people: which are usable, which are dropped, and why."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from faceunlock.errors import CalibrationError
from faceunlock.matching.error_rates import failures_to_acquire
from faceunlock.matching.people import name_key
from faceunlock.matching.rate import Rate
from faceunlock.matching.templates import Template, photo_hash
from faceunlock.photos.face import SubjectRule
from faceunlock.photos.photo import PersonFolders, person_folders
from faceunlock.pipeline.acquisition import Acquisition
from faceunlock.pipeline.samples import LeftOut, Sample, Track, untracked

THUMBNAIL_SIDE = 80
"""Longer side in pixels. A thumbnail is about 2.5 kB of JPEG, so 10,000 faces take 25 MB."""

THUMBNAIL_QUALITY = 82

STRANGER = "stranger/"
"""Begins the names of strangers, so that they differ from the names of the people."""

_Kept = TypeVar("_Kept")
_Owner = TypeVar("_Owner")


@dataclass(frozen=True, slots=True, eq=False)
class LabelledSamples:
    """The usable photos of known people, as an embedding and perhaps a thumbnail of each; holds no photo.

    Attributes
    ----------
    embeddings : ndarray of float32, shape (n, dimension)
        Unit vectors of the usable photos, in the order given; shape (0, 0) without any.
    photo : tuple of str
        Name of each usable photo, as in `Sample.photo`.
    person : tuple of str
        Person on each usable photo.
    failures : tuple of LeftOut
        Photos that gave no embedding.
    failed_person : tuple of str
        Person on each failed photo.
    photos : int
        Number of photos examined.
    duplicates : int
        Photos dropped because an earlier file had the same content.
    own_photos : int
        Photos dropped because one of the templates compared with was built from them.
    skipped : int
        Files that are not photos or belong to nobody.
    thumbnails : tuple of bytes
        The faces as the network sees them, as JPEG of at most `THUMBNAIL_SIDE` pixels; empty if not
        requested.
    group : tuple of str
        Group of each usable photo; empty if there are no groups.
    """

    embeddings: NDArray[np.float32] = field(repr=False)
    photo: tuple[str, ...] = ()
    person: tuple[str, ...] = ()
    failures: tuple[LeftOut, ...] = ()
    failed_person: tuple[str, ...] = ()
    photos: int = 0
    duplicates: int = 0
    own_photos: int = 0
    skipped: int = 0
    thumbnails: tuple[bytes, ...] = field(default=(), repr=False)
    group: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.photo)

    @classmethod
    def none(cls) -> LabelledSamples:
        """Return an empty collection."""
        return cls(np.empty((0, 0), dtype=np.float32))

    @property
    def people(self) -> tuple[str, ...]:
        """The people with a usable photo, in the order of the photos."""
        return tuple(dict.fromkeys(self.person))

    @property
    def everybody(self) -> frozenset[str]:
        """The people who have a photo, usable or not."""
        return frozenset((*self.person, *self.failed_person))

    @property
    def person_index(self) -> NDArray[np.int32]:
        """Position in `people` of the person on each usable photo, shape (n,)."""
        position = {person: index for index, person in enumerate(self.people)}
        return np.array([position[person] for person in self.person], dtype=np.int32)

    @property
    def colours(self) -> tuple[str, ...]:
        """Colour label of each usable photo in a figure: its group if there are groups, else its person."""
        return self.group or self.person

    @property
    def failures_to_acquire(self) -> Rate:
        """Rate of photos that gave no embedding, among those that were not dropped as duplicates."""
        return failures_to_acquire(self.person, self.failed_person)


@dataclass(frozen=True, slots=True, eq=False)
class Sorted(Generic[_Kept, _Owner]):
    """Photos sorted into usable ones, failures and duplicates.

    Attributes
    ----------
    kept : tuple
        The part of each usable photo that was kept, in order.
    owner : tuple
        Owner of each usable photo.
    failures : tuple of LeftOut
        Photos that could not be used.
    failed_owner : tuple
        Owner of each failed photo.
    duplicates : int
        Photos dropped because an earlier file had the same content.
    """

    kept: tuple[_Kept, ...]
    owner: tuple[_Owner, ...]
    failures: tuple[LeftOut, ...]
    failed_owner: tuple[_Owner, ...]
    duplicates: int


def sort_out(
    outcomes: Iterable[Any],
    owners: Iterable[_Owner],
    keep: Callable[[Any, _Owner], _Kept | None],
    *,
    seen: set[bytes] | None = None,
    distinct: bool = True,
) -> Sorted[_Kept, _Owner]:
    """Keep a part of each usable photo, drop the duplicates, and list the failures with their reasons.

    Parameters
    ----------
    outcomes : iterable of LeftOut or anything with a ``digest``
        Result of acquisition for each photo.
    owners : iterable
        Owner of each photo, in the same order.
    keep : callable
        Takes a usable outcome and its owner, and returns the part to keep. None keeps nothing, and then the
        content does not count as seen.
    seen : set of bytes, optional
        Digests of earlier photos; the function adds to it.
    distinct : bool
        Whether to drop content that was seen before.
    """
    seen = set() if seen is None else seen
    kept: list[tuple[_Kept, _Owner]] = []
    failed: list[tuple[LeftOut, _Owner]] = []
    duplicates = 0
    for outcome, owner in zip(outcomes, owners, strict=True):
        if isinstance(outcome, LeftOut):
            failed.append((outcome, owner))
        elif distinct and outcome.digest in seen:
            duplicates += 1
        elif (wanted := keep(outcome, owner)) is not None:
            seen.add(outcome.digest)
            kept.append((wanted, owner))
    return Sorted(
        kept=tuple(item for item, _ in kept),
        owner=tuple(owner for _, owner in kept),
        failures=tuple(failure for failure, _ in failed),
        failed_owner=tuple(owner for _, owner in failed),
        duplicates=duplicates,
    )


def collect(
    photos: Sequence[tuple[Path, str]],
    acquisition: Acquisition,
    rule: SubjectRule,
    *,
    thumbnails: bool = False,
    groups: Mapping[str, str] | None = None,
    templates: Sequence[Template] = (),
    seen: set[bytes] | None = None,
    skipped: int = 0,
    track: Track = untracked,
    label: str = "photos",
) -> LabelledSamples:
    """Embed photos of known people.

    Parameters
    ----------
    photos : sequence of (Path, str)
        Each photo with the person on it. Repeated file content is dropped.
    acquisition : Acquisition
        Turns photos into samples.
    rule : {"dominant", "largest", "central"}
        Rule that picks the subject's face in a photo.
    thumbnails : bool
        Whether to keep small pictures of the faces.
    groups : mapping of str to str, optional
        Each person's group.
    templates : sequence of Template
        A photo is dropped if one of these was built from it.
    seen : set of bytes, optional
        Digests of photos collected before, which count as duplicates; the function adds to it.
    skipped : int
        Number of files skipped when the photos were listed.
    track : callable
        Shows progress.
    label : str
        Name of the progress display.
    """
    own_photos = 0

    def keep(sample: Sample, _person: str) -> tuple[NDArray[np.float32], str, bytes] | None:
        nonlocal own_photos
        if any(photo_hash(one.photo_key, sample.digest) in one.photo_hashes for one in templates):
            own_photos += 1
            return None
        return sample.embedding, sample.photo, b"" if sample.crop is None else thumbnail(sample.crop)

    outcomes = acquisition.samples((path for path, _ in photos), rule, keep_crops=thumbnails)
    found = sort_out(track(outcomes, len(photos), label), (person for _, person in photos), keep, seen=seen)
    rows = [embedding for embedding, _, _ in found.kept]
    return LabelledSamples(
        embeddings=np.stack(rows) if rows else np.empty((0, 0), dtype=np.float32),
        photo=tuple(name for _, name, _ in found.kept),
        person=found.owner,
        failures=found.failures,
        failed_person=found.failed_owner,
        photos=len(photos),
        duplicates=found.duplicates,
        own_photos=own_photos,
        skipped=skipped,
        thumbnails=tuple(face for _, _, face in found.kept) if thumbnails else (),
        group=tuple(groups[person] for person in found.owner) if groups else (),
    )


def labelled_photos(folder: Path) -> PersonFolders:
    """Return the photos of a folder with one sub-folder per person; reads no photo.

    Raises
    ------
    CalibrationError
        ``bad-folder`` if the folder has photos of fewer than two people.
    PhotoError
        ``photo-not-found`` if there is no such folder.
    """
    found = person_folders(folder)
    people = {name_key(person) for person, photos in found.people.items() if photos}
    if len(people) < 2:
        count = "photos of one person only" if people else "no photos"
        raise CalibrationError(
            "bad-folder",
            f"{folder} has {count} in its sub-folders; at least two people are needed{found.others}",
        )
    return found


def own_photos_of(folder: Path) -> tuple[list[tuple[Path, str]], int]:
    """Return the photos of a folder with one sub-folder per person, each with its person.

    Returns
    -------
    photos : list of (Path, str)
    skipped : int
        Files that are not photos or belong to nobody.

    Raises
    ------
    CalibrationError
        ``bad-folder`` if the folder has photos of fewer than two people.
    PhotoError
        ``photo-not-found`` if there is no such folder.
    """
    found = labelled_photos(folder)
    return found.labelled, found.skipped + len(found.loose)


def strangers_of(folder: Path, known: Iterable[str]) -> tuple[list[tuple[Path, str]], int]:
    """Return photos of strangers: each sub-folder is one person, each loose photo is a different person.

    Sub-folders with the name of somebody `known` are skipped, because they do not show strangers.

    Returns
    -------
    photos : list of (Path, str)
        Each photo with its person. A stranger's name contains a slash, which a folder's name cannot, so it
        never clashes with another name.
    skipped : int
        Files that are not photos, and photos of people who are known.

    Raises
    ------
    PhotoError
        ``photo-not-found`` if there is no such folder.
    """
    found = person_folders(folder)
    taken = {name_key(name) for name in known}
    strange = {person: paths for person, paths in found.people.items() if name_key(person) not in taken}
    photos = [(path, STRANGER + person) for person, paths in strange.items() for path in paths]
    photos += [(path, f"{STRANGER}/{number}") for number, path in enumerate(found.loose)]
    known_photos = sum(len(paths) for person, paths in found.people.items() if person not in strange)
    return photos, found.skipped + known_photos


def thumbnail(crop: NDArray[np.uint8], side: int = THUMBNAIL_SIDE) -> bytes:
    """Return a crop as a small JPEG without any metadata.

    Parameters
    ----------
    crop : ndarray of uint8, shape (height, width, 3)
        sRGB.
    side : int
        Longer side of the result in pixels; a smaller crop keeps its size.
    """
    from PIL import Image

    picture = Image.fromarray(crop)
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    content = io.BytesIO()
    picture.save(content, format="JPEG", quality=THUMBNAIL_QUALITY)
    return content.getvalue()
