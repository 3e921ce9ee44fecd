"""Audit: compare the error rates of groups of people on the photos of a folder."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TypedDict

from faceunlock.errors import AuditError
from faceunlock.matching.people import now
from faceunlock.matching.wording import counted
from faceunlock.photos.face import SubjectRule
from faceunlock.pipeline.samples import Track, untracked
from faceunlock.studies.audit import (
    MOST_PHOTOS,
    AuditReport,
    arrange,
    audit_groups,
)
from faceunlock.studies.collection import collect
from faceunlock.studies.groupings import read_grouping
from faceunlock.tasks.workspace import PhotoPath, Workspace, as_path, check_threshold

NO_LABELS: Mapping[str, str] = MappingProxyType({})


class AuditOptions(TypedDict, total=False):
    """Options of `audit`."""

    threshold: float | None
    faces: SubjectRule
    permutations: int
    seed: int
    crop: tuple[int, int] | None
    labels: Mapping[str, str]
    show_faces: bool
    track: Track


def audit(
    workspace: Workspace,
    folder: PhotoPath,
    by: str = "folders",
    *,
    threshold: float | None = None,
    faces: SubjectRule = "dominant",
    permutations: int = 9_999,
    seed: int = 0,
    crop: tuple[int, int] | None = None,
    labels: Mapping[str, str] = NO_LABELS,
    show_faces: bool = False,
    track: Track = untracked,
) -> AuditReport:
    """Audit the groups of people on the photos of a folder.

    Parameters
    ----------
    workspace : Workspace
        Its model and threshold are used.
    folder : path
    by : str
        See `faceunlock.studies.groupings.read_grouping`.
    threshold : float, optional
        Lowest similarity at which two photos match, in [-1, 1]; the model's own when omitted.
    faces : {"dominant", "largest", "central"}
        Which face in a photo counts as its subject.
    permutations, seed : int
        See `faceunlock.studies.audit.audit_groups`.
    crop : tuple of int, optional
        Size and margin of a crop to use instead of the model's own.
    labels : mapping of str to str
        Other names for groups, by the names that the grouping gives them.
    show_faces : bool
        Whether the report keeps small pictures of the faces.
    track : callable
        Shows progress.

    Raises
    ------
    AuditError
        ``bad-grouping``, also for more than `MOST_PHOTOS` photos; ``insufficient-data`` if none is usable.
    PhotoError
        ``photo-not-found`` if there is no such folder.
    SettingsError
        ``usage`` for a number out of range, a label of an unknown group or a crop that the model does not
        support; ``file-unreadable``.
    """
    check_threshold(threshold)
    folder = as_path(folder)
    grouping = read_grouping(folder, by).labelled(labels)
    count = len(grouping.photos)
    if count > MOST_PHOTOS:
        raise AuditError(
            "bad-grouping",
            f"{folder} has {count:,} photos; at most {MOST_PHOTOS:,} can be audited together",
            hint="Choose fewer photos with a CSV file.",
        )
    acquisition, identity = workspace.choice.acquisition(fetch=True, photos=count, crop=crop, access=False)
    photos = [(photo.path, photo.person) for photo in grouping.photos]
    samples = collect(photos, acquisition, faces, thumbnails=show_faces, track=track)
    if not len(samples):
        slugs = ", ".join(sorted({failure.reason for failure in samples.failures}))
        raise AuditError(
            "insufficient-data",
            f"{folder}: none of {counted(count, 'photo')} in a group is usable ({slugs})",
            hint="See every reason with --verbose. Use --faces central for photos cropped around one face.",
        )
    calibration = workspace.choice.pair_calibration(identity)
    material = arrange(samples, grouping)
    return AuditReport(
        folder=folder.resolve().name or str(folder),
        path=str(folder),
        source=grouping.source,
        people_known=grouping.people_known,
        identity=identity,
        calibration=calibration if threshold is None else None,
        created=now(),
        photos=samples.photos,
        duplicates=samples.duplicates,
        ungrouped=len(grouping.ungrouped),
        skipped=grouping.skipped,
        failures=samples.failures,
        audit=audit_groups(
            material,
            calibration.threshold if threshold is None else threshold,
            permutations=permutations,
            seed=seed,
        ),
        material=material,
    )
