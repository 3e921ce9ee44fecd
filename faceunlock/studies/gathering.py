"""The photos of a page: a folder becomes embeddings with names, and small pictures of the faces."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faceunlock.matching.error_rates import rate_over_people
from faceunlock.matching.rate import Rate
from faceunlock.photos.face import SubjectRule
from faceunlock.pipeline.acquisition import Acquisition
from faceunlock.pipeline.samples import LeftOut
from faceunlock.studies.collection import Track

THUMBNAIL_SIDE = 80
"""Pixels; about 2.5 kB of JPEG, so that 10,000 faces take 25 MB."""

THUMBNAIL_QUALITY = 82


@dataclass(frozen=True, slots=True)
class Gathered:
    """What was found on labelled photos.

    Attributes
    ----------
    embeddings : ndarray of float32, shape (n, dimension)
        Unit vectors of the usable photos, in the order given.
    photo : tuple of str
        Their names, as in `Sample.photo`.
    person : tuple of str
        Whose each of them is.
    thumbnails : tuple of bytes
        Their faces as the network sees them, JPEG of at most `THUMBNAIL_SIDE` pixels;
        empty if none were wanted.
    failures : tuple of LeftOut
        Photos that gave no embedding.
    failed_person : tuple of str
        Whose each failure is.
    photos : int
        Photos looked at.
    duplicates : int
        Photos dropped because the same file content came before.
    group : tuple of str
        Which group each usable photo is in; empty if there are no groups.
    """

    embeddings: NDArray[np.float32] = field(repr=False)
    photo: tuple[str, ...]
    person: tuple[str, ...]
    thumbnails: tuple[bytes, ...] = field(repr=False)
    failures: tuple[LeftOut, ...]
    failed_person: tuple[str, ...]
    photos: int
    duplicates: int
    group: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.photo)

    @property
    def people(self) -> tuple[str, ...]:
        """Everybody with a usable photo, in the order of the photos."""
        return tuple(dict.fromkeys(self.person))

    @property
    def person_index(self) -> NDArray[np.int32]:
        """Position in `people` of the person in each usable photo, shape (n,)."""
        position = {person: index for index, person in enumerate(self.people)}
        return np.array([position[person] for person in self.person], dtype=np.int32)

    @property
    def colours(self) -> tuple[str, ...]:
        """What a picture tells apart by colour, of each usable photo: groups if there are any, or people."""
        return self.group or self.person

    @property
    def failures_to_acquire(self) -> Rate:
        """How many photos gave no embedding, of those that were not dropped as duplicates."""
        everyone = (*self.person, *self.failed_person)
        number = {person: index for index, person in enumerate(dict.fromkeys(everyone))}
        failed = [False] * len(self.person) + [True] * len(self.failed_person)
        return rate_over_people(failed, [number[person] for person in everyone])


def gather(
    photos: Sequence[tuple[Path, str]],
    acquisition: Acquisition,
    rule: SubjectRule,
    *,
    thumbnails: bool,
    track: Track = lambda items, total, label: items,
    label: str = "photos",
    groups: Mapping[str, str] | None = None,
) -> Gathered:
    """Embed photos of known people; memory holds an embedding and a thumbnail for each, no photo.

    Parameters
    ----------
    photos : sequence of (Path, str)
        Each photo with the person on it. A file content that occurs again is dropped.
    acquisition : Acquisition
        Turns photos into samples.
    rule : {"dominant", "largest", "central"}
        Which face a photo is about.
    thumbnails : bool
        Whether to keep small pictures of the faces.
    track : callable
        Shows progress.
    label : str
        What the progress is called.
    groups : mapping of str to str, optional
        Each person's group.
    """
    rows: list[NDArray[np.float32]] = []
    names: list[str] = []
    people: list[str] = []
    faces: list[bytes] = []
    failed: list[tuple[LeftOut, str]] = []
    seen: set[bytes] = set()
    duplicates = 0
    outcomes = acquisition.samples((path for path, _ in photos), rule, keep_crops=thumbnails)
    for outcome, (_, person) in zip(track(outcomes, len(photos), label), photos, strict=True):
        if isinstance(outcome, LeftOut):
            failed.append((outcome, person))
        elif outcome.digest in seen:
            duplicates += 1
        else:
            seen.add(outcome.digest)
            rows.append(outcome.embedding)
            names.append(outcome.photo)
            people.append(person)
            if outcome.crop is not None:
                faces.append(thumbnail(outcome.crop))
    return Gathered(
        embeddings=np.stack(rows) if rows else np.empty((0, 0), dtype=np.float32),
        photo=tuple(names),
        person=tuple(people),
        thumbnails=tuple(faces),
        failures=tuple(failure for failure, _ in failed),
        failed_person=tuple(person for _, person in failed),
        photos=len(photos),
        duplicates=duplicates,
        group=tuple(groups[person] for person in people) if groups else (),
    )


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
