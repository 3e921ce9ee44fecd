"""Classifying photos: folders to a head, photos to names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from faceunlock.acquisition import Acquisition
from faceunlock.classification import Head, HeldOut, Naming, learn_head
from faceunlock.collection import Collector, Track
from faceunlock.errors import CalibrationError
from faceunlock.faces import SubjectRule
from faceunlock.head_file import KeptHead, check_identity
from faceunlock.samples import LeftOut, Sample
from faceunlock.templates import ModelIdentity


@dataclass(frozen=True, slots=True)
class LearnedHead:
    """A head, what held-out photos said, and what it was learned from.

    Attributes
    ----------
    head : Head
    held_out : HeldOut
    identity : ModelIdentity
        Of the embeddings.
    photos : tuple of int
        Usable photos of each person.
    left_out : tuple of LeftOut
        Photos that gave no embedding.
    duplicates, skipped : int
        Photos with a content that came before; files that are no photos.
    """

    head: Head
    held_out: HeldOut
    identity: ModelIdentity
    photos: tuple[int, ...]
    left_out: tuple[LeftOut, ...] = field(repr=False)
    duplicates: int
    skipped: int


def learn(
    folder: Path,
    acquisition: Acquisition,
    identity: ModelIdentity,
    *,
    strangers: float,
    seed: int,
    rule: SubjectRule,
    track: Track,
) -> LearnedHead:
    """Learn a head from a folder with one sub-folder per person.

    Parameters
    ----------
    folder : Path
    acquisition : Acquisition
    identity : ModelIdentity
        Of its embeddings.
    strangers : float
        Share of strangers who may be named, in [0, 1).
    seed : int
        Of the folds.
    rule : {"dominant", "largest", "central"}
        Which face a photo is about.
    track : callable
        Shows progress.

    Raises
    ------
    CalibrationError
        ``bad-folder`` with fewer than two people, or a person with fewer than two usable photos.
    PhotoError
        ``photo-not-found``.
    """
    found = Collector(acquisition, rule, (), track).people(folder)
    counts = Counter(found.person)
    names = tuple(dict.fromkeys((*found.person, *found.failed_person)))
    scarce = [name for name in names if counts[name] < 2]
    if scarce:
        raise CalibrationError(
            "bad-folder",
            f"{folder}: {scarce[0]} has {counts[scarce[0]] or 'no'} usable photo"
            f"{'' if counts[scarce[0]] else 's'}; a classifier needs two of each person",
            hint="Add photos of them, or take their folder out.",
        )
    embeddings = np.stack([sample.embedding for sample in found.samples])
    person = np.array([names.index(name) for name in found.person], dtype=np.intp)
    head, held_out = learn_head(embeddings, person, names, strangers=strangers, seed=seed)
    return LearnedHead(
        head,
        held_out,
        identity,
        tuple(counts[name] for name in names),
        found.failures,
        found.duplicates,
        found.skipped,
    )


def name_photos(
    photos: Sequence[Path],
    kept: KeptHead,
    acquisition: Acquisition,
    identity: ModelIdentity,
    *,
    rule: SubjectRule,
    track: Track,
) -> list[tuple[str, Naming] | LeftOut]:
    """Say who is on each photo, in order; a photo without a usable face gives the reason.

    Raises
    ------
    ModelError
        ``model-mismatch`` if the head was trained over other embeddings.
    """
    check_identity(kept, identity)
    outcomes: Iterable[Sample | LeftOut] = track(acquisition.samples(photos, rule), len(photos), "photos")
    return [
        outcome if isinstance(outcome, LeftOut) else (outcome.photo, kept.head.name(outcome.embedding))
        for outcome in outcomes
    ]
