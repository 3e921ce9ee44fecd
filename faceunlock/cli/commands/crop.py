"""``faceunlock crop``: cut out faces as the network sees them."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from faceunlock.cli.options import Overwrite, command
from faceunlock.cli.session import Session


class CropFacesChoice(StrEnum):
    """Which faces of a photo are cut out."""

    dominant = "dominant"
    largest = "largest"
    central = "central"
    all = "all"


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    command(app, "crop")(crop)


def crop(
    session: Session,
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER",
            help="Folder with a sub-folder per person, or with photos of one person.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="FOLDER", help="Folder to write the faces to.", show_default=False
        ),
    ],
    overwrite: Overwrite = False,
    faces: Annotated[
        CropFacesChoice,
        typer.Option(
            "--faces",
            help="Which face counts: central suits data sets cropped like LFW; all cuts out every face.",
        ),
    ] = CropFacesChoice.dominant,
    before: Annotated[
        bool, typer.Option("--before", help="Also draw the photos beside their faces: before-after.png.")
    ] = False,
) -> None:
    """Cut out faces as the network sees them.

    Writes one folder per person, and a contact sheet. Photos without a clear face are left out and named.
    """
    from faceunlock.cli.answers import crop as answers

    console = session.console
    with console.progress() as progress, session.unlock(progress) as unlock, console.naming_left_out():
        outcome = unlock.crop(
            folder,
            output,
            faces=faces.value,
            before=before,
            overwrite=overwrite,
            track=progress.track,
        )
    console.answer(answers.text(outcome), answers.document(outcome))
    console.left_out(outcome.left_out)
