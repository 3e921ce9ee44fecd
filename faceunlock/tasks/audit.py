"""The photos of an audit, acquired and measured: a grouping in, a report out."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from faceunlock.errors import AuditError, SettingsError
from faceunlock.matching.calibration import Calibration
from faceunlock.matching.people import now
from faceunlock.matching.templates import ModelIdentity
from faceunlock.photos.face import SubjectRule
from faceunlock.pipeline.samples import LeftOut
from faceunlock.studies.audit import GroupAudit, GroupedEmbeddings, audit_groups
from faceunlock.studies.collection import Track
from faceunlock.studies.gathering import Gathered, gather
from faceunlock.studies.groupings import Grouping, read_grouping
from faceunlock.tasks.models import Models

MOST_PHOTOS = 8_000
"""Everybody is compared with everybody, so memory grows with the square of the number."""


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What an audit found, and in what.

    Attributes
    ----------
    folder : str
        Its name.
    path : str
        The folder, as it was named.
    source : str
        Where the groups come from, in words.
    people_known : bool
        False if every photo counted as a person of its own.
    identity : ModelIdentity
        What made the embeddings.
    calibration : Calibration or None
        Where the threshold comes from; None for the user's own.
    created : str
        Time in ISO 8601.
    photos : int
        Looked at, usable or not.
    duplicates : int
        Photos dropped because the same file content came before.
    ungrouped : int
        Photos in no group, not looked at.
    skipped : int
        Files that are no photos.
    failures : tuple of LeftOut
    audit : GroupAudit
    material : GroupedEmbeddings
        The embeddings, for pictures.
    """

    folder: str
    path: str
    source: str
    people_known: bool
    identity: ModelIdentity
    calibration: Calibration | None
    created: str
    photos: int
    duplicates: int
    ungrouped: int
    skipped: int
    failures: tuple[LeftOut, ...]
    audit: GroupAudit
    material: GroupedEmbeddings = field(repr=False)


def audit_folder(
    models: Models,
    folder: Path,
    by: str,
    *,
    threshold: float | None,
    faces: SubjectRule,
    permutations: int,
    seed: int,
    crop: tuple[int, int] | None,
    track: Track,
) -> AuditReport:
    """Audit the groups of people on the photos of a folder.

    Parameters
    ----------
    models : Models
        Whose network and threshold are used.
    folder : Path
    by : str
        See `faceunlock.studies.groupings.read_grouping`.
    threshold : float, optional
        Similarity from which on two photos match, in [-1, 1]; the model's own when None.
    faces : {"dominant", "largest", "central"}
        Which face a photo is about.
    permutations, seed : int
        See `faceunlock.studies.audit.audit_groups`.
    crop : tuple of int, optional
        Size and margin of another crop than the model's own.
    track : callable
        Shows progress.

    Raises
    ------
    AuditError
        ``bad-grouping``, also for more than `MOST_PHOTOS` photos; ``insufficient-data`` if none is usable.
    PhotoError
        ``photo-not-found`` if there is no such folder.
    SettingsError
        ``usage`` for a number out of range or a crop that the model cannot have; ``file-unreadable``.
    """
    if threshold is not None and not -1.0 <= threshold <= 1.0:
        raise SettingsError("usage", f"a threshold is a number from -1 to 1, not {threshold}")
    grouping = read_grouping(folder, by)
    count = len(grouping.photos)
    if count > MOST_PHOTOS:
        raise AuditError(
            "bad-grouping",
            f"{folder}: {count:,} photos, at most {MOST_PHOTOS:,} can be audited together",
            hint="Choose fewer photos with a CSV file.",
        )
    acquisition, identity = models.acquisition(fetch=True, photos=count, crop=crop)
    photos = [(photo.path, photo.person) for photo in grouping.photos]
    gathered = gather(photos, acquisition, faces, thumbnails=False, track=track)
    if not len(gathered):
        slugs = ", ".join(sorted({failure.reason for failure in gathered.failures}))
        raise AuditError(
            "insufficient-data",
            f"{folder}: none of the photos in a group, {count:,}, is usable ({slugs})",
            hint="See why with --verbose; --faces central suits photos that are cropped around one face.",
        )
    calibration = models.pair_calibration(identity)
    material = arrange(gathered, grouping)
    return AuditReport(
        folder=folder.resolve().name or str(folder),
        path=str(folder),
        source=grouping.source,
        people_known=grouping.people_known,
        identity=identity,
        calibration=calibration if threshold is None else None,
        created=now(),
        photos=gathered.photos,
        duplicates=gathered.duplicates,
        ungrouped=len(grouping.ungrouped),
        skipped=grouping.skipped,
        failures=gathered.failures,
        audit=audit_groups(
            material,
            calibration.threshold if threshold is None else threshold,
            permutations=permutations,
            seed=seed,
        ),
        material=material,
    )


def arrange(gathered: Gathered, grouping: Grouping) -> GroupedEmbeddings:
    """Sort embeddings by group and person, and number people: those with a usable photo first."""
    groups = grouping.groups
    group_of = {photo.person: groups.index(photo.group) for photo in grouping.photos}
    order = sorted(range(len(gathered)), key=lambda i: (group_of[gathered.person[i]], gathered.person[i]))
    numbers: dict[str, int] = {}
    for person in (*(gathered.person[i] for i in order), *gathered.failed_person):
        numbers.setdefault(person, len(numbers))
    return GroupedEmbeddings(
        embeddings=gathered.embeddings[order],
        files=tuple(gathered.photo[i] for i in order),
        person=np.array([numbers[gathered.person[i]] for i in order]),
        group=np.array([group_of[gathered.person[i]] for i in order]),
        names=groups,
        failed_person=tuple(numbers[person] for person in gathered.failed_person),
        failed_group=tuple(group_of[person] for person in gathered.failed_person),
    )
