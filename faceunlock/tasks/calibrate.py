"""Calibration: measure a threshold on photos or on stored scores, report on it, and save it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from faceunlock.errors import CalibrationError, GalleryError, SettingsError
from faceunlock.matching.people import name_key
from faceunlock.pipeline.samples import Track, untracked
from faceunlock.tasks.models import AUTO
from faceunlock.tasks.strangers import bank_of, needed_bank
from faceunlock.tasks.workspace import PhotoPath, Workspace, as_path

if TYPE_CHECKING:
    from faceunlock.matching.calibration import Calibration
    from faceunlock.matching.people import Person
    from faceunlock.matching.templates import ModelIdentity
    from faceunlock.photos.face import SubjectRule
    from faceunlock.studies.calibration_report import CalibrationReport
    from faceunlock.studies.comparisons import Comparisons, Plan


class CalibrateOptions(TypedDict, total=False):
    """Options of `calibrate`."""

    target_fmr: float | None
    split: int | None
    impostors: PhotoPath | None
    strangers: bool | None
    tell: Callable[[Needs], None]
    seed: int
    faces: SubjectRule
    save_scores: PhotoPath | None
    overwrite: bool
    track: Track


@dataclass(frozen=True, slots=True)
class Needs:
    """What a target needs, and what there is, before any photo is read.

    Attributes
    ----------
    target : float
        The false match rate to stay below, in (0, 1).
    needed : int
        Number of people who bound it without a single false match; see `people_needed`.
    people : int
        Number of people in the folder or enrolled.
    strangers : int
        Number of strangers, in the bank and in the folder of impostors.
    model : str
        The model whose bank would help.
    """

    target: float
    needed: int
    people: int
    strangers: int
    model: str

    @property
    def enough(self) -> bool:
        """Whether there are as many people as needed."""
        return self.people + self.strangers >= self.needed


def calibrate(
    workspace: Workspace,
    folder: PhotoPath | None = None,
    *,
    target_fmr: float | None = None,
    split: int | None = None,
    impostors: PhotoPath | None = None,
    strangers: bool | None = None,
    tell: Callable[[Needs], None] = lambda _: None,
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
        Provides the enrolled people, the model and the bank of strangers.
    folder : path, optional
        One sub-folder per person, at least two people. When omitted, the templates of enrolled people are
        compared with the bank; with `strangers`, people of the bank are compared with each other.
    target_fmr : float, optional
        Target false match rate, in (0, 1); the setting ``target_fmr`` when omitted.
    split : int, optional
        Build centroids from this many photos of each person. When omitted, enrolled people are compared with
        their own templates; if nobody is enrolled, 3 photos are used.
    impostors : path, optional
        Photos of strangers.
    strangers : bool, optional
        Whether to use the bank of strangers; when omitted, it is used if there is one.
    tell : callable
        Told what the target needs before any photo is read.
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
        ``bad-folder`` or ``insufficient-data``; ``no-strangers`` if a bank is needed and there is none;
        ``file-exists`` or ``file-unwritable`` for `save_scores`.
    GalleryError
        ``nobody-enrolled`` without a folder and without `strangers`.
    SettingsError
        ``usage`` for a number out of range, and for options that need a folder.
    """
    from faceunlock.studies.calibration_report import report_for
    from faceunlock.studies.comparisons import Plan
    from faceunlock.studies.score_file import write_scores

    target = _target(workspace, target_fmr)
    if (split is not None and split < 1) or seed < 0:
        raise SettingsError(
            "usage", f"the split must be at least 1 and the seed at least 0, not {split} and {seed}"
        )
    plan = Plan(split, seed, faces)
    if folder is None:
        if impostors is not None or strangers is False or (split is not None and not strangers):
            raise SettingsError("usage", "split, impostors and no-strangers need a FOLDER")
        _check_scores_file(save_scores, [], overwrite=overwrite)
        compare = _compare_bank if strangers else _compare_enrolled
        comparisons = compare(workspace, plan, target, tell)
    else:
        comparisons = _compare_folder(
            workspace,
            as_path(folder),
            None if impostors is None else as_path(impostors),
            plan,
            partial(_check_scores_file, save_scores, overwrite=overwrite),
            _Aim(target, strangers, tell),
            track,
        )
    if save_scores is not None:
        write_scores(comparisons, Path(save_scores), overwrite=overwrite)
    return report_for(comparisons, target)


@dataclass(frozen=True, slots=True)
class _Aim:
    """What a folder is compared for: the target, whether the bank is wanted, and who is told the needs."""

    target: float
    strangers: bool | None
    tell: Callable[[Needs], None]


def _check_scores_file(file: PhotoPath | None, sources: Iterable[Path], *, overwrite: bool) -> None:
    from faceunlock.files.outputs import check_destination

    if file is not None:
        check_destination(Path(file), overwrite=overwrite, kind=CalibrationError, never=sources)


def _compare_folder(
    workspace: Workspace,
    folder: Path,
    impostors: Path | None,
    plan: Plan,
    check_output: Callable[[Iterable[Path]], None],
    aim: _Aim,
    track: Track,
) -> Comparisons:
    """Compare the photos of a folder with templates, strangers' photos and the bank."""
    from faceunlock.photos.photo import person_folders
    from faceunlock.studies.collection import labelled_photos
    from faceunlock.studies.comparisons import DEFAULT_SPLIT, compare_photos

    # Checked before any network is loaded, so that a wrong folder or file fails at once.
    found = [labelled_photos(folder)]
    if impostors is not None:
        found.append(person_folders(impostors))
    check_output([path for part in found for paths in (*part.people.values(), part.loose) for path in paths])
    photos = sum(part.count for part in found)
    acquisition, identity = workspace.choice.acquisition(fetch=True, photos=photos)
    bank = None
    if aim.strangers is not False:
        bank = (needed_bank if aim.strangers else bank_of)(workspace, identity)
    people = _enrolled(workspace, identity)
    own, *others = found
    known = {*own.people, *(person.name for person in people)}  # whose namesakes are no strangers
    keys = set(map(name_key, known))
    strangers = sum(
        len([name for name, paths in part.people.items() if paths and name_key(name) not in keys])
        + len(part.loose)
        for part in others
    )
    banked = strangers + (bank.apart_from(known).people if bank is not None else 0)
    aim.tell(_needs(aim.target, sum(map(bool, own.people.values())), banked, identity))
    return compare_photos(
        folder,
        acquisition,
        identity,
        replace(plan, split=plan.split if plan.split or people else DEFAULT_SPLIT),
        enrolled={person.name: person.template for person in people},
        looks={person.name: [look.template for look in person.looks] for person in people},
        impostors=impostors,
        bank=bank,
        track=track,
    )


def _compare_enrolled(
    workspace: Workspace, plan: Plan, target: float, tell: Callable[[Needs], None]
) -> Comparisons:
    """Compare the templates of enrolled people with the bank."""
    from faceunlock.studies.comparisons import compare_enrolled

    if workspace.gallery.is_empty():
        raise GalleryError(
            "nobody-enrolled",
            hint="Enroll people, name a FOLDER with a sub-folder per person, or use --strangers.",
        )
    _, identity = workspace.choice.acquisition(fetch=True)
    people = _enrolled(workspace, identity)
    if not people:
        raise GalleryError("nobody-enrolled", f"nobody is enrolled with {identity.model} as it is here")
    bank = needed_bank(workspace, identity)
    tell(_needs(target, len(people), bank.people, identity))
    templates = {person.name: [template for _, template in person.templates] for person in people}
    return compare_enrolled(templates, bank, identity, plan)


def _compare_bank(
    workspace: Workspace, plan: Plan, target: float, tell: Callable[[Needs], None]
) -> Comparisons:
    """Compare the people of the bank with each other."""
    from faceunlock.studies.comparisons import DEFAULT_SPLIT, compare_bank

    _, identity = workspace.choice.acquisition(fetch=True)
    bank = needed_bank(workspace, identity)
    tell(_needs(target, 0, bank.people, identity))
    return compare_bank(bank, identity, replace(plan, split=plan.split or DEFAULT_SPLIT))


def _enrolled(workspace: Workspace, identity: ModelIdentity) -> list[Person]:
    """Return the people enrolled with this model as it is here."""
    return [person for person in workspace.gallery.people() if person.template.identity == identity]


def _needs(target: float, people: int, strangers: int, identity: ModelIdentity) -> Needs:
    from faceunlock.matching.thresholds import people_needed

    return Needs(target, people_needed(target), people, strangers, identity.model)


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

    target = _target(workspace, target_fmr)
    return report_for(_stored(workspace, file), target)


def compared(workspace: Workspace, source: PhotoPath | None = None, track: Track = untracked) -> Comparisons:
    """Return the comparisons that a calibration would judge, to look at them with any threshold.

    Parameters
    ----------
    workspace : Workspace
        As for `calibrate`.
    source : path, optional
        A file written with ``save_scores``, or a folder with one sub-folder per person. When omitted, the
        templates of enrolled people are compared with the bank of strangers.
    track : callable, optional
        Shows progress.

    Raises as `judge_scores` for a file, otherwise as `calibrate`.
    """
    from faceunlock.studies.comparisons import Plan

    plan, target = Plan(None, 0, "dominant"), workspace.settings.target_fmr
    if source is None:
        return _compare_enrolled(workspace, plan, target, lambda _: None)
    path = as_path(source)
    if not path.is_dir():
        return _stored(workspace, path)
    aim = _Aim(target, None, lambda _: None)
    return _compare_folder(workspace, path, None, plan, lambda _: None, aim, track)


def _stored(workspace: Workspace, file: PhotoPath) -> Comparisons:
    """Return the comparisons of a file, made by the model that is named."""
    from faceunlock.studies.score_file import read_scores

    comparisons = read_scores(as_path(file))
    made_by = comparisons.identity.model
    if workspace.choice.named not in (AUTO, made_by):
        raise CalibrationError(
            "model-mismatch",
            f"{file} holds scores of {made_by}, not of {workspace.choice.named}",
            hint=f"To calibrate {made_by}, use --model auto.",
        )
    return comparisons


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
