"""``faceunlock calibrate``: find the threshold from a test folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from faceunlock.cli.options import DataFacesChoice, command
from faceunlock.cli.session import Session
from faceunlock.errors import CalibrationError, SettingsError

if TYPE_CHECKING:
    from faceunlock.tasks.calibrate import Needs


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    command(app, "calibrate")(calibrate)


def calibrate(
    session: Session,
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="FOLDER",
            help="Folder with a sub-folder per person; if omitted, enrolled people are compared with the "
            "bank of strangers.",
            show_default=False,
        ),
    ] = None,
    target_fmr: Annotated[
        float | None,
        typer.Option(
            "--target-fmr", help="False match rate to stay below; default 0.001.", show_default=False
        ),
    ] = None,
    split: Annotated[
        int | None,
        typer.Option(
            "--split",
            metavar="K",
            min=1,
            help="Build centroids from K photos of each person instead of using enrolled people; "
            "default 3 when nobody is enrolled.",
            show_default=False,
        ),
    ] = None,
    impostors: Annotated[
        Path | None,
        typer.Option(
            "--impostors", metavar="FOLDER", help="Folder of strangers' photos.", show_default=False
        ),
    ] = None,
    strangers: Annotated[
        bool | None,
        typer.Option(
            "--strangers/--no-strangers",
            help="Use the bank of strangers, or leave it out; by default it is used if there is one. "
            "Without FOLDER, --strangers compares the strangers with each other.",
            show_default=False,
        ),
    ] = None,
    allow_lower: Annotated[
        bool, typer.Option("--allow-lower", help="Save a threshold even if it is below the shipped one.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Measure, but save no threshold.")] = False,
    seed: Annotated[
        int | None,
        typer.Option(
            "--seed", min=0, help="Seed of the split and the bootstrap; default 0.", show_default=False
        ),
    ] = None,
    faces: Annotated[
        DataFacesChoice | None,
        typer.Option(
            "--faces",
            help="Which face counts; default dominant; central suits data sets cropped like LFW.",
            show_default=False,
        ),
    ] = None,
    save_scores: Annotated[
        Path | None,
        typer.Option(
            "--save-scores", metavar="FILE", help="Save the comparisons for --scores.", show_default=False
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Let --save-scores replace an existing file.")
    ] = False,
    scores: Annotated[
        Path | None,
        typer.Option(
            "--scores", metavar="FILE", help="Use saved comparisons instead of a folder.", show_default=False
        ),
    ] = None,
) -> None:
    """Find the threshold for a false match rate.

    The threshold is measured on test photos of known people and on the bank of strangers, see
    faceunlock strangers. It is saved only if the one-sided 95 % upper bound of its false match rate is at
    most the target; otherwise the command says what is missing and exits 2.
    """
    from faceunlock.cli.answers import calibrate as answers

    if overwrite and save_scores is None:
        raise SettingsError("usage", "--overwrite needs --save-scores")
    photo_options = {
        "FOLDER": folder,
        "--split": split,
        "--impostors": impostors,
        "--strangers": strangers,
        "--seed": seed,
        "--faces": faces,
        "--save-scores": save_scores,
    }
    given = [name for name, value in photo_options.items() if value is not None]
    if scores is not None and given:
        raise SettingsError(
            "usage", f"--scores cannot be combined with {given[0]}: its file fixes what was compared"
        )

    console = session.console

    def tell(needs: Needs) -> None:
        if console.verbose or not needs.enough:
            console.note(answers.needs(needs))

    with console.progress() as progress, session.unlock(progress) as unlock:
        if scores is not None:
            report = unlock.judge_scores(scores, target_fmr=target_fmr)
        else:
            report = unlock.calibrate(
                folder,
                target_fmr=target_fmr,
                split=split,
                impostors=impostors,
                strangers=strangers,
                tell=tell,
                seed=seed or 0,
                faces=(faces or DataFacesChoice.dominant).value,
                save_scores=save_scores,
                overwrite=overwrite,
                track=progress.track,
            )
        if save_scores is not None:
            console.note(answers.scores_kept(save_scores))
        console.left_out(report.failures if console.verbose else ())
        if not report.supported:
            for part in answers.text(report):
                console.note(part)
            raise report.insufficient()
        if not dry_run:
            try:
                unlock.save_calibration(report, allow_lower=allow_lower)
            except CalibrationError:
                for part in answers.text(report):
                    console.note(part)
                raise
    saved = not dry_run
    console.answer(answers.text(report, saved=saved), answers.document(report, saved=saved))
