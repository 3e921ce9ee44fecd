"""``faceunlock identify``: who is on these photos?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from faceunlock.cli.options import OverwriteCopies, Threshold, command
from faceunlock.cli.session import Session
from faceunlock.errors import SettingsError


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    command(app, "identify")(identify)


def identify(
    session: Session,
    photos: Annotated[
        list[Path],
        typer.Argument(
            metavar="PHOTOS", help="Photos, or folders that are searched for photos.", show_default=False
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FOLDER",
            help="Write copies of the photos there, with names drawn on them.",
            show_default=False,
        ),
    ] = None,
    overwrite: OverwriteCopies = False,
    threshold: Threshold = None,
) -> None:
    """Name everybody enrolled who is on photos.

    Finds every face, small ones too. Exits 0 if somebody was identified, 1 if nobody, 2 if it cannot be
    decided. Each person is given to at most one face of a photo. The threshold keeps the target for as
    many people as are enrolled.
    """
    from faceunlock.cli.answers import identify as answers
    from faceunlock.pipeline.samples import NoneUsableError

    if overwrite and output is None:
        raise SettingsError("usage", "--overwrite is about the files of -o")
    console = session.console
    with console.progress() as progress, session.unlock(progress) as unlock:
        try:
            found = unlock.identify(
                photos,
                threshold=threshold,
                destination=output,
                overwrite=overwrite,
                track=progress.track,
            )
        except NoneUsableError as error:
            console.left_out(error.left_out)
            raise
    console.left_out(found.left_out)
    console.answer(answers.text(found), answers.document(found))
    for note in answers.notes(found, output):
        console.note(note)
    if not found.names:
        raise typer.Exit(2 if found.left_out else 1)
