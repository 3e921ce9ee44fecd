"""Report: write a page and pictures about a folder of known people."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from faceunlock.errors import ReportError
from faceunlock.files.outputs import check_destination
from faceunlock.files.packages import own_version
from faceunlock.photos.photo import person_folders
from faceunlock.pipeline.samples import Track, untracked
from faceunlock.reports.page import check_pictures, write_page, write_pictures
from faceunlock.studies.projection import Method, check_method
from faceunlock.tasks.workspace import PhotoPath, Workspace, as_path, check_threshold

if TYPE_CHECKING:
    from faceunlock.matching.templates import ModelIdentity
    from faceunlock.photos.face import SubjectRule
    from faceunlock.reports.report import Report
    from faceunlock.studies.overview import Study


@dataclass(frozen=True, slots=True)
class ReportOutcome:
    """A report and the files it was written to.

    Attributes
    ----------
    report : Report
        The contents.
    page : Path
        The HTML file.
    pictures : tuple of Path
        PNG files of the figures, if they were requested.
    """

    report: Report
    page: Path
    pictures: tuple[Path, ...]


class ReportOptions(TypedDict, total=False):
    """Options of `report`."""

    png: PhotoPath | None
    show_faces: bool
    faces: SubjectRule
    map_method: Method
    by: str | None
    threshold: float | None
    overwrite: bool
    track: Track


def report(
    workspace: Workspace,
    folder: PhotoPath,
    page: PhotoPath,
    *,
    png: PhotoPath | None = None,
    show_faces: bool = True,
    faces: SubjectRule = "dominant",
    map_method: Method = "pca",
    by: str | None = None,
    threshold: float | None = None,
    overwrite: bool = False,
    track: Track = untracked,
) -> ReportOutcome:
    """Write a page about the photos of a folder; changes no template and no threshold.

    Parameters
    ----------
    workspace : Workspace
        Its model and thresholds are used.
    folder : path
        One sub-folder per person.
    page : path
        The HTML file to write.
    png : path, optional
        Folder for the figures as PNG files.
    show_faces : bool
        Whether the page shows small pictures of the faces.
    faces : {"dominant", "largest", "central"}
        Which face in a photo counts as its subject.
    map_method : {"pca", "umap"}
        How the map is made.
    by : str, optional
        Groups of people, as for `audit`; the map then shows groups instead of people.
    threshold : float, optional
        Threshold for photo against photo, in [-1, 1]; the model's when omitted.
    overwrite : bool
        Whether files may be replaced.
    track : callable
        Shows progress.

    Raises
    ------
    ReportError
        ``file-exists``, ``file-unwritable``, ``package-missing``; ``bad-folder`` if no sub-folder has photos;
        ``insufficient-data`` if no photo is usable.
    PhotoError
        ``photo-not-found`` if there is no such folder.
    SettingsError
        ``usage`` for a threshold out of range.
    AuditError
        ``bad-grouping``; see `faceunlock.studies.groupings.read_grouping`.
    """
    check_threshold(threshold)
    source, target = as_path(folder), Path(page)
    pictures = None if png is None else Path(png)
    # Checked before any network is loaded, so that a wrong folder or file fails at once.
    check_method(map_method)
    found = _labelled(source) if by is None else _grouped(source, by)
    sources = [path for path, _ in found.photos]
    check_destination(target, overwrite=overwrite, never=sources)

    from faceunlock.matching.people import now
    from faceunlock.reports.report import FIGURES, Report, compose, draw

    if pictures is not None:
        check_pictures(pictures, FIGURES, overwrite=overwrite, never=sources)
    results, identity = _studied(workspace, source, found, show_faces, faces, map_method, threshold, track)
    data, created = source.resolve().name or str(source), now()
    found_out = Report(
        folder=str(source),
        data=data,
        created=created,
        identity=identity,
        skipped=found.skipped,
        own_threshold=threshold is not None,
        study=results,
        figures=draw(results),
    )
    content = compose(found_out, own_version())
    files = (
        ()
        if pictures is None
        else write_pictures(pictures, list(found_out.figures.values()), overwrite=overwrite)
    )
    write_page(target, content, overwrite=overwrite)
    return ReportOutcome(found_out, target, files)


def studied(workspace: Workspace, folder: PhotoPath, track: Track = untracked) -> Study:
    """Return what `report` would show about the photos of a folder, with a picture of every face.

    Parameters and errors are as for `report`, but nothing is written.
    """
    source = as_path(folder)
    results, _ = _studied(workspace, source, _labelled(source), True, "dominant", "pca", None, track)
    return results


def _studied(
    workspace: Workspace,
    source: Path,
    found: _Found,
    show_faces: bool,
    faces: SubjectRule,
    map_method: Method,
    threshold: float | None,
    track: Track,
) -> tuple[Study, ModelIdentity]:
    from faceunlock.studies.collection import collect
    from faceunlock.studies.overview import study

    acquisition, identity = workspace.choice.acquisition(fetch=True, photos=len(found.photos))
    samples = collect(
        found.photos,
        acquisition,
        faces,
        thumbnails=show_faces,
        track=track,
        label=source.name,
        groups=found.groups,
    )
    if not len(samples):
        raise ReportError(
            "insufficient-data",
            f"{source}: none of the {samples.photos} photos is usable; the reason for the first is "
            f"{samples.failures[0].reason}",
            hint="See every reason with --verbose. Use --faces central for photos cropped around one face.",
        )
    results = study(
        samples,
        workspace.choice.pair_calibration(identity),
        workspace.choice.calibration(identity),
        threshold=threshold,
        method=map_method,
    )
    return results, identity


@dataclass(frozen=True, slots=True)
class _Found:
    """The photos to look at.

    Attributes
    ----------
    photos : tuple of (Path, str)
        Each photo with the person on it.
    skipped : int
        Files that are not photos or belong to no person.
    groups : dict of str to str
        The group of each person; empty without groups.
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
            f"{folder} has no photos in sub-folders{loose}{found.others}",
            hint="Use one sub-folder per person.",
        )
    return _Found(photos, found.skipped + len(found.loose), {})


def _grouped(folder: Path, by: str) -> _Found:
    from faceunlock.studies.groupings import read_grouping

    grouping = read_grouping(folder, by)
    # Without names each photo stands for a person; the path of the folder itself adds nothing to that name.
    people = [photo.person.removeprefix(f"{folder}/") for photo in grouping.photos]
    return _Found(
        tuple((photo.path, person) for photo, person in zip(grouping.photos, people, strict=True)),
        grouping.skipped + len(grouping.ungrouped),
        {person: photo.group for photo, person in zip(grouping.photos, people, strict=True)},
    )
