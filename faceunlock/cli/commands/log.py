"""``faceunlock log`` and ``faceunlock unlock-attempts``: past attempts, and the end of a lockout."""

from __future__ import annotations

from typing import Annotated

import typer

from faceunlock.cli.options import command
from faceunlock.cli.session import Session
from faceunlock.errors import SettingsError


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    command(app, "log")(log)
    command(app, "unlock-attempts")(unlock_attempts)


def log(
    session: Session,
    name: Annotated[
        str | None,
        typer.Option("--as", metavar="NAME", help="Only entries about this person.", show_default=False),
    ] = None,
    clear: Annotated[
        bool, typer.Option("--clear", help="Delete the entries instead of showing them.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="With --clear: do not ask for confirmation.")
    ] = False,
) -> None:
    """Show every verification attempt, oldest first."""
    from faceunlock.cli.answers import log as answers

    if clear and not yes:
        what = "the whole log" if name is None else f"everything in the log about {name}"
        session.console.confirm(
            f"Delete {what}?", doing=f"deleting {what}", declined=f"{what} was not deleted"
        )
    with session.unlock() as unlock:
        if clear:
            count = unlock.clear_log(name)
            session.console.answer(answers.cleared(count), answers.cleared_document(name, count))
        else:
            entries = unlock.attempts_log(name)
            session.console.answer(answers.entries(entries), answers.document(entries))


def unlock_attempts(
    session: Session,
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="An enrolled person.", show_default=False)
    ] = None,
    everybody: Annotated[bool, typer.Option("--all", help="Let everybody try again.")] = False,
) -> None:
    """Let a person who failed too often try again at once."""
    from faceunlock.cli.answers import log as answers

    if (name is None) == (not everybody):
        raise SettingsError("usage", "give either a NAME or --all")
    with session.unlock() as unlock:
        forgiven = unlock.unlock_attempts(name)
    session.console.answer(answers.released(name, forgiven), {"name": name, "forgiven": forgiven})
