"""``faceunlock bench``: how fast this machine runs a model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from faceunlock.cli.options import command
from faceunlock.cli.session import Session


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    command(app, "bench")(bench)


def bench(
    session: Session,
    photos: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="PHOTOS",
            help="Photos, or folders to search for photos; the portraits of demo if omitted.",
            show_default=False,
        ),
    ] = None,
    runs: Annotated[int, typer.Option("--runs", min=1, max=1000, help="Number of timed runs.")] = 7,
) -> None:
    """Measure how fast this machine runs a model.

    Times each part of verify for one photo, and many photos at once as in enroll and calibrate, in a
    warm process. Nobody needs to be enrolled; nothing is stored.
    """
    from faceunlock.cli.answers import bench as answers

    console = session.console
    with console.progress() as progress, session.unlock(progress) as unlock, console.naming_left_out():
        timing = unlock.bench(photos or (), runs=runs, track=progress.track)
    console.left_out(timing.left_out)
    console.answer(answers.text(timing), answers.document(timing))
