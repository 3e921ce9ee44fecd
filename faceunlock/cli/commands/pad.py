"""``faceunlock pad-test``: measure the checks for presentation attacks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from faceunlock.cli.options import command
from faceunlock.cli.session import Session


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    command(app, "pad-test")(pad_test)


def pad_test(
    session: Session,
    live: Annotated[
        Path,
        typer.Option(
            "--live", metavar="FOLDER", help="Photos and videos of live people, a sub-folder per person."
        ),
    ],
    attack: Annotated[
        Path,
        typer.Option(
            "--attack", metavar="FOLDER", help="Attacks: a sub-folder per species, each with one per person."
        ),
    ],
    target_bpcer: Annotated[
        float,
        typer.Option(
            "--target-bpcer", min=0.001, max=0.5, help="Share of live presentations that may be refused."
        ),
    ] = 0.1,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the split.")] = 0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Measure, but save no threshold.")] = False,
) -> None:
    """Measure the checks for presentation attacks.

    verify --require-live uses the result. It promises nothing about other kinds of attack or about a
    good print: passive liveness on one photo does not stop a good print.
    """
    from faceunlock.cli.answers import pad as answers

    console = session.console
    with console.progress() as progress, session.unlock(progress) as unlock:
        report = unlock.measure_pad(
            live, attack, target_bpcer=target_bpcer, seed=seed, dry_run=dry_run, track=progress.track
        )
    console.left_out(report.left_out)
    console.answer(answers.report(report), answers.document(report))
