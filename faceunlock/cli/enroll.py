"""``faceunlock enroll``: learn a person from photos."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from faceunlock.cli.options import Session, command
from faceunlock.errors import SettingsError


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    command(app, "enroll")(enroll)


def enroll(
    session: Session,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Who it is.", show_default=False)],
    photos: Annotated[
        list[Path],
        typer.Argument(
            metavar="PHOTOS", help="Photos of this person, or folders of them.", show_default=False
        ),
    ],
    add: Annotated[bool, typer.Option("--add", help="Add photos to an enrolled person.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Forget what was enrolled before.")] = False,
    min_photos: Annotated[
        int | None,
        typer.Option("--min-photos", min=2, help="Fewest usable photos; default 3.", show_default=False),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Look at the photos, save nothing.")] = False,
) -> None:
    """Learn a person from photos.

    At least 3 usable photos are needed; 5 or more, with different light and expression, are better.
    Photos without a clear face, and photos that do not look like the others, are left out and named.
    """
    from faceunlock.cli import documents, words
    from faceunlock.enrolment import TooFewPhotosError

    if add and replace:
        raise SettingsError("usage", "--add and --replace exclude each other")
    console = session.console
    with console.progress() as progress, session.unlock(progress) as unlock:
        try:
            outcome = unlock.enroll(
                name,
                photos,
                add=add,
                replace=replace,
                min_photos=min_photos,
                dry_run=dry_run,
                track=progress.track,
            )
        except TooFewPhotosError as error:
            console.left_out(error.left_out)
            raise
    console.left_out(outcome.enrolment.left_out)
    console.answer(words.enrolment(outcome), documents.enrolment(outcome))
