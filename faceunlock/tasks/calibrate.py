"""Calibration: measure a threshold on photos or on stored scores, report on it, and save it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from faceunlock.errors import CalibrationError, SettingsError
from faceunlock.pipeline.samples import Track, untracked
from faceunlock.tasks.models import AUTO
from faceunlock.tasks.workspace import PhotoPath, Workspace, as_path

if TYPE_CHECKING:
    from faceunlock.matching.calibration import Calibration
    from faceunlock.photos.face import SubjectRule
    from faceunlock.studies.calibration_report import CalibrationReport


class CalibrateOptions(TypedDict, total=False):
    """Options of `calibrate`."""

    target_fmr: float | None
    split: int | None
    impostors: PhotoPath | None
    seed: int
    faces: SubjectRule
    save_scores: PhotoPath | None
    overwrite: bool
    track: Track


def calibrate(
    workspace: Workspace,
    folder: PhotoPath,
    *,
    target_fmr: float | None = None,
    split: int | None = None,
    impostors: PhotoPath | None = None,
    seed: int = 0,
    faces: SubjectRule = "dominant",
    save_scores: PhotoPath | None = None,
    overwrite: bool = False,
    track: Track = untracked,
) -> CalibrationReport:
    """Find the threshold for a target false match rate; does not save it.

    Parameters
    ----------
    workspace : Workspace
        Provides the enrolled people and the model.
    folder : path
        One sub-folder per person, at least two people.
    target_fmr : float, optional
        Target false match rate, in (0, 1); the setting ``target_fmr`` when omitted.
    split : int, optional
        Build centroids from this many photos of each person. When omitted, enrolled people are compared with
        their own templates; if nobody is enrolled, 3 photos are used.
    impostors : path, optional
        Photos of strangers.
    seed : int
        Seed for choosing photos and for resampling.
    faces : {"dominant", "largest", "central"}
        Which face in a photo counts as its subject.
    save_scores : path, optional
        Store the comparisons in this file, for `judge_scores`, even if they do not support the target.
    overwrite : bool
        Whether an existing file of scores may be replaced.
    track : callable, optional
        Shows progress.

    Raises
    ------
    CalibrationError
        ``bad-folder`` or ``insufficient-data``; ``file-exists`` or ``file-unwritable`` for `save_scores`.
    SettingsError
        ``usage`` for a number out of range.
    """
    from faceunlock.files.outputs import check_destination
    from faceunlock.photos.photo import person_folders
    from faceunlock.studies.calibration_report import report_for
    from faceunlock.studies.collection import labelled_photos
    from faceunlock.studies.comparisons import DEFAULT_SPLIT, Plan, compare_photos
    from faceunlock.studies.score_file import write_scores

    target = _target(workspace, target_fmr)
    if (split is not None and split < 1) or seed < 0:
        raise SettingsError(
            "usage", f"the split must be at least 1 and the seed at least 0, not {split} and {seed}"
        )
    # Checked before any network is loaded, so that a wrong folder or file fails at once.
    found = [labelled_photos(as_path(folder))]
    if impostors is not None:
        found.append(person_folders(as_path(impostors)))
    if save_scores is not None:
        sources = [path for part in found for paths in (*part.people.values(), part.loose) for path in paths]
        check_destination(Path(save_scores), overwrite=overwrite, kind=CalibrationError, never=sources)
    photos = sum(len(paths) for part in found for paths in (*part.people.values(), part.loose))
    acquisition, identity = workspace.choice.acquisition(fetch=True, photos=photos)
    enrolled = {
        person.name: person.template
        for person in workspace.gallery.people()
        if person.template.identity == identity
    }
    plan = Plan(split if split or enrolled else DEFAULT_SPLIT, seed, faces)
    comparisons = compare_photos(
        as_path(folder),
        acquisition,
        identity,
        plan,
        enrolled=enrolled,
        impostors=None if impostors is None else as_path(impostors),
        track=track,
    )
    if save_scores is not None:
        write_scores(comparisons, Path(save_scores), overwrite=overwrite)
    return report_for(comparisons, target)


def judge_scores(
    workspace: Workspace, file: PhotoPath, *, target_fmr: float | None = None
) -> CalibrationReport:
    """Find the threshold for a target from stored comparisons; reads no photo and loads no network.

    The report is the one that `calibrate` would have given for that target. The seed of the comparisons is
    kept: if it could be changed after seeing the scores, someone could try seeds until a bound fits.

    Parameters
    ----------
    workspace : Workspace
        Names the model that must have made the scores.
    file : path
        A file written with ``save_scores``.
    target_fmr : float, optional
        Target false match rate, in (0, 1); the setting ``target_fmr`` when omitted.

    Raises
    ------
    CalibrationError
        ``file-unreadable``, ``scores-damaged``; ``model-mismatch`` if a model is named but a different one
        made the scores.
    SettingsError
        ``usage`` for a target out of range.
    """
    from faceunlock.studies.calibration_report import report_for
    from faceunlock.studies.score_file import read_scores

    target = _target(workspace, target_fmr)
    comparisons = read_scores(as_path(file))
    made_by = comparisons.identity.model
    if workspace.choice.named not in (AUTO, made_by):
        raise CalibrationError(
            "model-mismatch",
            f"{file} holds scores of {made_by}, not of {workspace.choice.named}",
            hint=f"To calibrate {made_by}, use --model auto.",
        )
    return report_for(comparisons, target)


def save_calibration(
    workspace: Workspace, report: CalibrationReport, *, allow_lower: bool = False
) -> Calibration:
    """Save the threshold of a report, which is used from now on with the model that made its scores.

    Raises
    ------
    CalibrationError
        ``insufficient-data`` if the data do not support it; ``lower-threshold`` if it is below
        the shipped one and `allow_lower` is not set; ``model-mismatch`` if the model, the weights or the
        preprocessing that made its scores are not on this machine.
    """
    calibration = report.calibration
    if not workspace.choice.is_here(report.identity):
        raise CalibrationError(
            "model-mismatch",
            f"the scores were made by {calibration.model} with weights or a preprocessing that are not on "
            "this machine; no threshold was saved",
            hint="Compare the photos again: faceunlock calibrate FOLDER",
        )
    if not allow_lower:
        refuse_lower(workspace, calibration)
    workspace.gallery.save_calibration(report.identity, calibration.to_dict())
    return calibration


def refuse_lower(workspace: Workspace, calibration: Calibration, hint: str | None = None) -> None:
    """Refuse a threshold below the shipped one of its model.

    Raises
    ------
    CalibrationError
        ``lower-threshold``.
    """
    shipped = workspace.choice.uncalibrated(calibration.model)
    if calibration.threshold < shipped.threshold:
        raise CalibrationError(
            "lower-threshold",
            f"the measured threshold {calibration.threshold:.4f} is below the shipped one, "
            f"{shipped.threshold:.4f}; no threshold was saved",
            hint=hint,
        )


def _target(workspace: Workspace, target_fmr: float | None) -> float:
    """Return the target false match rate, by default from the settings; ``usage`` unless it is in (0, 1)."""
    target = workspace.settings.target_fmr if target_fmr is None else target_fmr
    if not 0.0 < target < 1.0:
        raise SettingsError("usage", f"the target FMR must be between 0 and 1, not {target}")
    return target
