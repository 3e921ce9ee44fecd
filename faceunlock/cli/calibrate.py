"""``faceunlock calibrate``: find the threshold from a test folder."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from faceunlock.cli.options import Session, command
from faceunlock.errors import CalibrationError


class FacesChoice(StrEnum):
    """Which face a photo is about."""

    dominant = "dominant"
    largest = "largest"
    central = "central"


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    command(app, "calibrate")(calibrate)


def calibrate(
    session: Session,
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="One sub-folder per person.", show_default=False)
    ],
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
        typer.Option("--impostors", metavar="FOLDER", help="Photos of strangers.", show_default=False),
    ] = None,
    allow_lower: Annotated[
        bool, typer.Option("--allow-lower", help="Save a threshold below the shipped one, too.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Measure, save nothing.")] = False,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the split and the bootstrap.")] = 0,
    faces: Annotated[
        FacesChoice,
        typer.Option("--faces", help="Which face counts; central suits data sets cropped like LFW."),
    ] = FacesChoice.dominant,
) -> None:
    """Find the threshold for a false match rate from test photos.

    The threshold is saved only if the one-sided 95 % upper bound of its false match rate is at most
    the target; otherwise the command says what is missing and exits 2.
    """
    from faceunlock.cli import documents, words

    console = session.console
    with console.progress() as progress, session.unlock(progress) as unlock:
        report = unlock.calibrate(
            folder,
            target_fmr=target_fmr,
            split=split,
            impostors=impostors,
            seed=seed,
            faces=faces.value,
            track=progress.track,
        )
        console.left_out(report.failures if console.verbose else ())
        if not report.supported:
            console.note(words.calibration(report))
            raise report.insufficient()
        if not dry_run:
            try:
                unlock.save_calibration(report, allow_lower=allow_lower)
            except CalibrationError:
                console.note(words.calibration(report))
                raise
    saved = not dry_run
    console.answer(words.calibration(report, saved=saved), documents.calibration(report, saved=saved))
