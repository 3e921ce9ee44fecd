"""Measure the stages of ``verify --require-live`` on photos and films of people and of attacks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from faceunlock.errors import ReportError
from faceunlock.files.outputs import plan_folder, write_output
from faceunlock.pipeline.samples import Track, untracked
from faceunlock.tasks.liveness import stages, texture
from faceunlock.tasks.workspace import PhotoPath, Workspace, as_path

if TYPE_CHECKING:
    from faceunlock.liveness.presentations import PadReport


class PadOptions(TypedDict, total=False):
    """Options of `measure_pad`."""

    pictures: PhotoPath | None
    overwrite: bool
    dry_run: bool
    track: Track


def measure_pad(
    workspace: Workspace,
    live: PhotoPath,
    attack: PhotoPath,
    *,
    pictures: PhotoPath | None = None,
    overwrite: bool = False,
    dry_run: bool = False,
    track: Track = untracked,
) -> PadReport:
    """Measure the stages of ``verify --require-live``; see `faceunlock.liveness.presentations`.

    Parameters
    ----------
    workspace : Workspace
        Keeps the measurement; its model finds the faces.
    live, attack : path
        Folders with photos, sequences and films of people, and of attacks.
    pictures : path, optional
        Folder for pictures of the scores.
    overwrite : bool
        Whether pictures that exist may be replaced.
    dry_run : bool
        Measure without keeping the measurement.
    track : callable
        Shows progress.

    Raises
    ------
    PhotoError, CalibrationError, ModelError
        A folder, the weights or the device cannot be used.
    ReportError
        ``file-exists`` or ``file-unwritable`` for the pictures, also where they would lie among the photos.
    """
    from faceunlock.liveness.measuring import SCORES
    from faceunlock.liveness.presentations import PadReport, measure_folders
    from faceunlock.liveness.record import save

    planned: tuple[Path, ...] = ()
    if pictures is not None:
        names = [Path(f"{score}.png") for score in SCORES]
        _refuse_among_photos(as_path(pictures), as_path(live), as_path(attack))
        planned = plan_folder(as_path(pictures), names, overwrite=overwrite)
    settings = workspace.settings
    acquisition, _ = workspace.choice.acquisition()
    measurement, left_out, presentations = measure_folders(
        acquisition,
        texture(workspace, switched_off=True),
        as_path(live),
        as_path(attack),
        seconds=settings.camera_seconds,
        max_pixels=settings.max_pixels,
        track=track,
    )
    if not dry_run:
        save(workspace.locations.data, measurement)
    written: list[Path] = []
    if planned:
        from faceunlock.files.private import make_private_directories
        from faceunlock.reports.pad_figures import draw_scores

        make_private_directories(planned[0].parent)
        for score, file in zip(SCORES, planned, strict=True):
            if score in measurement.spreads:
                write_output(file, draw_scores(presentations, score).png, overwrite=overwrite)
                written.append(file)
    active = stages(workspace).active
    return PadReport(
        measurement,
        left_out,
        saved=not dry_run,
        used=tuple(one.stage for one in measurement.stages if one.stage in active),
        pictures=tuple(written),
    )


def _refuse_among_photos(pictures: Path, *photos: Path) -> None:
    """Refuse a folder that is, by whatever link, among the photos that the next measurement reads."""
    for folder in photos:
        if pictures.resolve().is_relative_to(folder.resolve()):
            raise ReportError(
                "file-unwritable",
                f"{pictures} lies among the photos in {folder}",
                hint="Give --pictures a folder outside --live and --attack.",
            )
