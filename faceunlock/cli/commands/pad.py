"""``faceunlock pad-test``: measure what stops presentation attacks, and record what to measure it on."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from faceunlock.cli.options import command, default_command
from faceunlock.cli.session import Session
from faceunlock.errors import SettingsError

HELP = "Measure what --require-live stops."


class KindChoice(StrEnum):
    """What is before the camera."""

    live = "live"
    attack = "attack"


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    group = typer.Typer()
    app.add_typer(group, name="pad-test", help=HELP)
    default_command(group)(pad_test)
    command(group, "record")(record)


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

    if live is None or attack is None:
        missing = "--live" if live is None else "--attack"
        raise SettingsError("usage", f"pad-test needs the option {missing}")
    console = session.console
    with console.progress() as progress, session.unlock(progress) as unlock:
        report = unlock.measure_pad(
            live, attack, pictures=pictures, overwrite=overwrite, dry_run=dry_run, track=progress.track
        )
    console.answer(answers.report(report), answers.document(report))
    console.left_out(report.left_out)


def record(
    session: Session,
    kind: Annotated[
        KindChoice,
        typer.Argument(metavar="KIND", help="live: a person; attack: anything else.", show_default=False),
    ],
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="The person, or the attack's species, such as print.")
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="FOLDER", help="Where recordings are kept.", show_default=False
        ),
    ],
    shows: Annotated[
        str, typer.Option("--shows", metavar="PERSON", help="Whom an attack shows.")
    ] = "somebody",
    camera: Annotated[
        str | None,
        typer.Option(
            "--camera",
            metavar="DEVICE",
            help="The camera: its number, device or video file; the setting camera if omitted.",
            show_default=False,
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Keep the frames without asking.")] = False,
) -> None:
    """Record turns of the head, or an attack, for pad-test.

    Asks for the turns that --require-live asks for, then whether to keep the frames. Nothing leaves this
    machine, and without a yes nothing is written.
    """
    from faceunlock.cli.answers import pad as answers
    from faceunlock.cli.plain_verify import teller
    from faceunlock.liveness.recording import place

    console = session.console
    place(output, kind.value, name, shows)  # a bad name is said before anybody sits for the camera
    with session.unlock() as unlock:
        recording = unlock.record(camera, tell=teller(session))
        agreed = yes or console.ask(answers.question(recording, kind.value, name))
        if agreed is None:
            raise SettingsError("aborted", "nothing was kept, because nobody answered")
        kept = unlock.keep_recording(recording, output, kind.value, name, shows=shows) if agreed else None
    console.answer(answers.recorded(recording, kept), answers.recorded_document(recording, kept))
