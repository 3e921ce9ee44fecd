"""``faceunlock identify``: who is in these photos?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from faceunlock.cli.options import OverwriteCopies, Security, Threshold, check_overwrite, command
from faceunlock.cli.session import Session


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    command(app, "identify")(identify)


def identify(
    session: Session,
    photos: Annotated[
        list[Path],
        typer.Argument(metavar="PHOTOS", help="Photos, or folders to search for photos.", show_default=False),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FOLDER",
            help="Write copies of the photos to this folder, with names drawn on them.",
            show_default=False,
        ),
    ] = None,
    overwrite: OverwriteCopies = False,
    threshold: Threshold = None,
    security: Security = None,
) -> None:
    """Name the enrolled people in photos.

    Finds every face, even small ones, and gives each person to at most one face in a photo. The threshold
    keeps the target false match rate for the number of people enrolled. Exits 0 if somebody was
    identified, 1 if nobody was, 2 if it cannot be decided. Shows the error rates with --verbose.
    """
    from faceunlock.cli.answers import identify as answers

    check_overwrite(overwrite, output)
    console = session.console
    with console.progress() as progress, session.unlock(progress) as unlock, console.naming_left_out():
        found = unlock.identify(
            photos,
            threshold=threshold,
            security=None if security is None else security.value,
            destination=output,
            overwrite=overwrite,
            track=progress.track,
        )
    console.answer(answers.text(found), answers.document(found))
    console.left_out(found.left_out)
    if console.verbose:
        console.note(answers.meaning(found))
    for note in answers.notes(found, output):
        console.note(note)
    if not found.names:
        raise typer.Exit(2 if found.left_out else 1)
