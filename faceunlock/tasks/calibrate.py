"""Calibrations of one gallery: photos or kept scores in, a report out, a threshold saved."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from faceunlock.errors import CalibrationError, SettingsError
from faceunlock.gallery.gallery import Gallery
from faceunlock.tasks.models import AUTO, Models

if TYPE_CHECKING:
    from faceunlock.matching.calibration import Calibration
    from faceunlock.photos.face import SubjectRule
    from faceunlock.studies.calibration_report import CalibrationReport
    from faceunlock.studies.collection import Track


@dataclass(frozen=True, slots=True)
class Calibrator:
    """Finds thresholds with the models of a gallery, and saves them in it.

    Attributes
    ----------
    gallery : Gallery
        Whose people are probed, and where thresholds go.
    models : Models
        Of that gallery.
    named : str
        The model that the user named, or ``auto``.
    """

    gallery: Gallery
    models: Models
    named: str

    def calibrate(
        self,
        folder: Path,
        target: float,
        *,
        split: int | None,
        impostors: Path | None,
        seed: int,
        faces: SubjectRule,
        save_scores: Path | None,
        overwrite: bool,
        track: Track,
    ) -> CalibrationReport:
        """Compare photos, keep the comparisons if asked to, and judge them.

        The parameters are those of `faceunlock.unlock.FaceUnlock.calibrate`.

        Raises
        ------
        CalibrationError
            ``bad-folder``, ``insufficient-data``, ``file-exists``, ``file-unwritable``.
        SettingsError
            ``usage`` for a number out of range.
        """
        from faceunlock.photos.photo import person_folders
        from faceunlock.studies.calibration_report import judge
        from faceunlock.studies.collection import labelled_photos
        from faceunlock.studies.comparisons import Plan
        from faceunlock.studies.score_file import check_destination, write_scores
        from faceunlock.studies.trial import DEFAULT_SPLIT, compare_photos

        _check_target(target)
        if (split is not None and split < 1) or seed < 0:
            raise SettingsError(
                "usage", f"a split is at least 1 and a seed at least 0, not {split} and {seed}"
            )
        # Looked at before any network is loaded: a wrong folder or file needs none.
        found = [labelled_photos(folder)]
        if impostors is not None:
            found.append(person_folders(impostors))
        if save_scores is not None:
            check_destination(save_scores, overwrite=overwrite)
        photos = sum(len(paths) for part in found for paths in (*part.people.values(), part.loose))
        acquisition, identity = self.models.acquisition(fetch=True, photos=photos)
        enrolled = {
            person.name: person.template
            for person in self.gallery.people()
            if person.template.identity == identity
        }
        plan = Plan(split if split or enrolled else DEFAULT_SPLIT, seed, faces)
        comparisons = compare_photos(
            folder, acquisition, identity, plan, enrolled=enrolled, impostors=impostors, track=track
        )
        if save_scores is not None:
            write_scores(comparisons, save_scores, overwrite=overwrite)
        return judge(comparisons, target)

    def judge_scores(self, file: Path, target: float) -> CalibrationReport:
        """Find the threshold for a target from kept comparisons; reads no photo and loads no network.

        The report is what `calibrate` would have given for that target. The seed stays that of the
        comparisons: one that could be chosen again after a look at the scores would be chosen until a bound
        fits.

        Parameters
        ----------
        file : Path
            What ``save_scores`` wrote.
        target : float
            In (0, 1).

        Raises
        ------
        CalibrationError
            ``file-unreadable``, ``scores-damaged``; ``model-mismatch`` if a model is named, and another one
            made the scores.
        SettingsError
            ``usage`` for a target out of range.
        """
        from faceunlock.studies.calibration_report import judge
        from faceunlock.studies.score_file import read_scores

        _check_target(target)
        comparisons = read_scores(file)
        made_by = comparisons.identity.model
        if self.named not in (AUTO, made_by):
            raise CalibrationError(
                "model-mismatch",
                f"{file} holds scores of {made_by}, not of {self.named}",
                hint=f"To calibrate {made_by}, say --model auto.",
            )
        return judge(comparisons, target)

    def save(self, report: CalibrationReport, *, allow_lower: bool = False) -> Calibration:
        """Use a measured threshold from now on, for the model that made its scores.

        Raises
        ------
        CalibrationError
            ``insufficient-data`` if the data do not support it; ``lower-threshold`` if it is below
            the shipped one and `allow_lower` is not set; ``model-mismatch`` if its scores are of a model,
            of weights or of a preprocessing that are not here.
        """
        calibration = report.calibration
        if not self.models.is_here(report.identity):
            raise CalibrationError(
                "model-mismatch",
                f"the scores were made by {calibration.model} with weights or a preprocessing that are not "
                "here; no threshold was saved",
                hint="Compare the photos again: faceunlock calibrate FOLDER",
            )
        shipped = self.models.uncalibrated(calibration.model)
        if calibration.threshold < shipped.threshold and not allow_lower:
            raise CalibrationError(
                "lower-threshold",
                f"the measured threshold {calibration.threshold:.4f} is below the shipped one, "
                f"{shipped.threshold:.4f}; no threshold was saved",
            )
        self.gallery.save_calibration(report.identity, calibration.to_dict())
        return calibration


def _check_target(target: float) -> None:
    if not 0.0 < target < 1.0:
        raise SettingsError("usage", f"a target FMR is between 0 and 1, not {target}")
