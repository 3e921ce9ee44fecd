"""``faceunlock status``: where data is stored, the settings in use, and problems."""

from __future__ import annotations

import typer

from faceunlock.cli.options import command
from faceunlock.cli.session import Session


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    command(app, "status")(status)


def status(session: Session) -> None:
    """Show where data is stored, the settings, and problems."""
    from faceunlock.cli.answers import status as answers

    with session.unlock() as unlock:
        state = unlock.status()
    session.console.answer(answers.text(state), answers.document(state))
