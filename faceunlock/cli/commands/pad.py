"""``faceunlock pad-test``: measure what stops presentation attacks, and record what to measure it on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from faceunlock.cli.options import command, default_command
from faceunlock.cli.session import Session

HELP = "Measure what --require-live stops."


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    group = typer.Typer()
    app.add_typer(group, name="pad-test", help=HELP)
    default_command(group)(pad_test)


def pad_test(
    session: Session,
    live: Annotated[
        Path | None,
        typer.Option(
            "--live",
            metavar="FOLDER",
            help="Photos, sequences and films of live people, a sub-folder per person.",
            show_default=False,
        ),
    ] = None,
    attack: Annotated[
        Path | None,
        typer.Option(
            "--attack",
            metavar="FOLDER",
            help="Attacks: a sub-folder per species, each with one per person.",
            show_default=False,
        ),
    ] = None,
    pictures: Annotated[
        Path | None,
        typer.Option(
            "--pictures", metavar="FOLDER", help="Draw the scores into this folder.", show_default=False
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace pictures that exist.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Measure, but save nothing.")] = False,
) -> None:
    """Measure what --require-live stops.

    The turns of the head and MiniFASNet are measured on people and on attacks of your own, each species by
    itself. It says nothing about other kinds of attack.
    """
    from faceunlock.cli.answers import pad as answers
    from faceunlock.errors import SettingsError

    if live is None or attack is None:
        missing = "--live" if live is None else "--attack"
        raise SettingsError("usage", f"pad-test needs the option {missing}")
    console = session.console
    with console.progress() as progress, session.unlock(progress) as unlock:
        report = unlock.measure_pad(
            live, attack, pictures=pictures, overwrite=overwrite, dry_run=dry_run, track=progress.track
        )
    console.left_out(report.left_out)
    console.answer(answers.report(report), answers.document(report))
