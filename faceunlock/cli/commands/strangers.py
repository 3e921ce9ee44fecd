"""``faceunlock strangers``: the bank of strangers that enrolled people are compared with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from faceunlock.cli.options import DataFacesChoice, command, default_command
from faceunlock.cli.session import Session
from faceunlock.errors import SettingsError


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    group = typer.Typer()
    app.add_typer(group, name="strangers", help="Keep a bank of strangers, to measure false matches with.")
    default_command(group)(list_strangers)
    command(group, "pull")(pull)
    command(group, "add")(add)
    command(group, "list")(list_strangers)
    command(group, "forget")(forget)


def list_strangers(session: Session) -> None:
    """Show how many strangers are in the bank of each model."""
    from faceunlock.cli.answers import strangers as answers

    with session.unlock() as unlock:
        banks = unlock.strangers()
    session.console.answer(answers.banks(banks), answers.banks_document(banks))


def pull(
    session: Session,
    name: Annotated[
        str,
        typer.Argument(
            metavar="ARCHIVE",
            help="lfw: Labeled Faces in the Wild, 5,749 people, about 240 MB.",
            show_default=False,
        ),
    ],
    file: Annotated[
        Path | None,
        typer.Option(
            "--from", metavar="FILE", help="Use an archive that you downloaded yourself.", show_default=False
        ),
    ] = None,
) -> None:
    """Download photos of strangers and keep their embeddings.

    The archive is checked, read without unpacking it, and removed. If the command is interrupted, run it
    again: it goes on where it stopped.
    """
    from faceunlock.cli.answers import strangers as answers

    console = session.console
    with console.progress() as progress, session.unlock(progress) as unlock:
        filled = unlock.pull_strangers(name, file=file, track=progress.track)
    console.left_out(filled.failures if console.verbose else ())
    console.answer(answers.filled(filled), answers.filled_document(filled))


def add(
    session: Session,
    folder: Annotated[
        Path,
        typer.Argument(metavar="FOLDER", help="Folder with a sub-folder per stranger.", show_default=False),
    ],
    faces: Annotated[
        DataFacesChoice,
        typer.Option(
            "--faces", help="Which face counts; central suits data sets cropped like LFW.", show_default=True
        ),
    ] = DataFacesChoice.dominant,
) -> None:
    """Keep the embeddings of strangers from photos of your own.

    No photo is kept. If the command is interrupted, run it again: it goes on where it stopped.
    """
    from faceunlock.cli.answers import strangers as answers

    console = session.console
    with console.progress() as progress, session.unlock(progress) as unlock:
        filled = unlock.add_strangers(folder, faces=faces.value, track=progress.track)
    console.left_out(filled.failures if console.verbose else ())
    console.answer(answers.filled(filled), answers.filled_document(filled))


def forget(
    session: Session,
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME", help="A source or a stranger, as lists and reports name them.", show_default=False
        ),
    ] = None,
    everybody: Annotated[bool, typer.Option("--all", help="Forget all strangers.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
) -> None:
    """Delete strangers from the banks of all models, for good."""
    from faceunlock.cli.answers import strangers as answers

    if (name is None) == (not everybody):
        raise SettingsError("usage", "give either a NAME or --all")
    if everybody and not yes:
        session.console.confirm(
            "Forget all strangers for good?",
            doing="forgetting all strangers",
            declined="no stranger was forgotten",
        )
    with session.unlock() as unlock:
        photos = unlock.forget_strangers(name)
    session.console.answer(answers.forgotten(name, photos), answers.forgotten_document(name, photos))
