"""A report from beginning to end: a folder and the models of a gallery in, a page and pictures out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from faceunlock.errors import ReportError, SettingsError
from faceunlock.photos import PersonFolders, person_folders
from faceunlock.reports.page import check_page, check_pictures, write_page, write_pictures
from faceunlock.reports.projection import Method, check_method

if TYPE_CHECKING:
    from faceunlock.collection import Track
    from faceunlock.faces import SubjectRule
    from faceunlock.models import Models
    from faceunlock.reports.report import Report


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
    """
    if threshold is not None and not -1.0 <= threshold <= 1.0:
        raise SettingsError("usage", f"a threshold is a number from -1 to 1, not {threshold}")
    # Looked at before any network is loaded: a wrong folder or file needs none.
    check_method(method)
    found = _labelled(folder)
    check_page(page, overwrite=overwrite)

    from faceunlock import __version__
    from faceunlock.person import now
    from faceunlock.reports.gathering import gather
    from faceunlock.reports.report import FIGURES, Report, compose, draw
    from faceunlock.reports.study import study

    if pictures is not None:
        check_pictures(pictures, FIGURES, overwrite=overwrite)
    photos = [(path, person) for person, paths in found.people.items() for path in paths]
    acquisition, identity = models.acquisition(fetch=True, photos=len(photos))
    gathered = gather(photos, acquisition, rule, thumbnails=faces, track=track, label=folder.name)
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
        skipped=found.skipped + len(found.loose),
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


def _labelled(folder: Path) -> PersonFolders:
    found = person_folders(folder)
    if not any(found.people.values()):
        loose = f", only {len(found.loose)} outside" if found.loose else ""
        raise ReportError(
            "bad-folder",
            f"{folder} has no photos in sub-folders{loose}",
            hint="Use one sub-folder per person.",
        )
    return found
