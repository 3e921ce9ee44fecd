"""A report from beginning to end: a folder and the models of a gallery in, a page and pictures out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from faceunlock.errors import ReportError, SettingsError
from faceunlock.photos.photo import person_folders
from faceunlock.reports.page import check_page, check_pictures, write_page, write_pictures
from faceunlock.studies.projection import Method, check_method

if TYPE_CHECKING:
    from faceunlock.photos.face import SubjectRule
    from faceunlock.reports.report import Report
    from faceunlock.studies.collection import Track
    from faceunlock.tasks.models import Models


@dataclass(frozen=True, slots=True)
class ReportOutcome:
    """A report that was written.

    Attributes
    ----------
    report : Report
        What it says.
    page : Path
        The HTML file.
    pictures : tuple of Path
        PNG files of the figures, if they were wanted.
    """

    report: Report
    page: Path
    pictures: tuple[Path, ...]


def report_folder(
    models: Models,
    folder: Path,
    page: Path,
    *,
    pictures: Path | None,
    faces: bool,
    rule: SubjectRule,
    threshold: float | None,
    method: Method,
    by: str | None,
    overwrite: bool,
    track: Track,
) -> ReportOutcome:
    """Look at the photos of a folder and write a page about them; no template or threshold is changed.

    The parameters are those of `faceunlock.unlock.FaceUnlock.report`.

    Raises
    ------
    ReportError
        ``file-exists``, ``file-unwritable``, ``package-missing``; ``bad-folder`` without photos in
        sub-folders; ``insufficient-data`` if none of them is usable.
    PhotoError
        ``photo-not-found`` if there is no such folder.
    SettingsError
        ``usage`` for a threshold out of range.
    AuditError
        ``bad-grouping``; see `faceunlock.studies.groupings.read_grouping`.
    """
    if threshold is not None and not -1.0 <= threshold <= 1.0:
        raise SettingsError("usage", f"a threshold is a number from -1 to 1, not {threshold}")
    # Looked at before any network is loaded: a wrong folder or file needs none.
    check_method(method)
    found = _labelled(folder) if by is None else _grouped(folder, by)
    check_page(page, overwrite=overwrite)

    from faceunlock import __version__
    from faceunlock.matching.people import now
    from faceunlock.reports.report import FIGURES, Report, compose, draw
    from faceunlock.studies.gathering import gather
    from faceunlock.studies.overview import study

    if pictures is not None:
        check_pictures(pictures, FIGURES, overwrite=overwrite)
    acquisition, identity = models.acquisition(fetch=True, photos=len(found.photos))
    gathered = gather(
        found.photos,
        acquisition,
        rule,
        thumbnails=faces,
        track=track,
        label=folder.name,
        groups=found.groups,
    )
    if not len(gathered):
        raise ReportError(
            "insufficient-data",
            f"{folder}: none of {gathered.photos} photos is usable, the first because of "
            f"{gathered.failures[0].reason}",
            hint="--verbose says why for each; --faces central suits photos cropped around one face.",
        )
    results = study(
        gathered,
        models.pair_calibration(identity),
        models.calibration(identity),
        threshold=threshold,
        method=method,
    )
    data, created = folder.resolve().name or str(folder), now()
    report = Report(
        folder=str(folder),
        data=data,
        created=created,
        identity=identity,
        skipped=found.skipped,
        own_threshold=threshold is not None,
        study=results,
        figures=draw(results, data, created, identity),
    )
    content = compose(report, __version__)
    files = (
        ()
        if pictures is None
        else write_pictures(pictures, list(report.figures.values()), overwrite=overwrite)
    )
    write_page(page, content, overwrite=overwrite)
    return ReportOutcome(report, page, files)


@dataclass(frozen=True, slots=True)
class _Found:
    """The photos to look at.

    Attributes
    ----------
    photos : tuple of (Path, str)
        Each with the person on it.
    skipped : int
        Files that are no photos, or belong to nobody.
    groups : dict of str to str
        Each person's group; empty without groups.
    """

    photos: tuple[tuple[Path, str], ...]
    skipped: int
    groups: dict[str, str]


def _labelled(folder: Path) -> _Found:
    found = person_folders(folder)
    photos = tuple((path, person) for person, paths in found.people.items() for path in paths)
    if not photos:
        loose = f", only {len(found.loose)} outside" if found.loose else ""
        raise ReportError(
            "bad-folder",
            f"{folder} has no photos in sub-folders{loose}",
            hint="Use one sub-folder per person.",
        )
    return _Found(photos, found.skipped + len(found.loose), {})


def _grouped(folder: Path, by: str) -> _Found:
    from faceunlock.studies.groupings import read_grouping

    grouping = read_grouping(folder, by)
    # Where nobody is named, photos stand for people, and the folder's own path says nothing about them.
    people = [photo.person.removeprefix(f"{folder}/") for photo in grouping.photos]
    return _Found(
        tuple((photo.path, person) for photo, person in zip(grouping.photos, people, strict=True)),
        grouping.skipped + len(grouping.ungrouped),
        {person: photo.group for photo, person in zip(grouping.photos, people, strict=True)},
    )
