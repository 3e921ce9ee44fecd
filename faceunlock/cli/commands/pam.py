"""``faceunlock pam``: set up login with a face, and check that it is safe. Edits no file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from faceunlock.cli.options import command, default_command
from faceunlock.cli.session import Session
from faceunlock.errors import SettingsError

File = Annotated[
    Path | None,
    typer.Option(
        "--file",
        metavar="FILE",
        help="Look at this file instead of the one in /etc/pam.d.",
        show_default=False,
    ),
]
Service = Annotated[
    str,
    typer.Argument(metavar="SERVICE", help="Name of a file in /etc/pam.d, such as sudo.", show_default=False),
]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    group = typer.Typer()
    app.add_typer(group, name="pam", help="Set up login with a face, and check it.")
    default_command(group)(list_services)
    command(group, "print")(print_line)
    command(group, "check")(check)
    command(group, "undo")(undo)


def list_services(session: Session) -> None:
    """Set up login with a face; without a subcommand, list the services that ask for one."""
    from faceunlock.cli.answers import pam as answers
    from faceunlock.tasks.pam import services

    found = services()
    session.console.answer(answers.services(found), {"services": list(found)})


def print_line(
    session: Session,
    service: Service,
    camera: Annotated[
        str | None,
        typer.Option(
            "--camera", metavar="DEVICE", help="The camera; the default one if omitted.", show_default=False
        ),
    ] = None,
    capture: Annotated[
        Path | None,
        typer.Option(
            "--capture",
            metavar="PROGRAM",
            help="A program that prints a photo, instead of a camera.",
            show_default=False,
        ),
    ] = None,
    photo: Annotated[
        Path | None,
        typer.Option(
            "--photo",
            metavar="FILE",
            help="A file written by another program, instead of a camera.",
            show_default=False,
        ),
    ] = None,
    timeout: Annotated[
        float | None,
        typer.Option("--timeout", min=1, max=60, help="Give up after this many seconds.", show_default=False),
    ] = None,
    require_live: Annotated[
        bool | None,
        typer.Option(
            "--require-live/--no-require-live",
            help="Ask for turns of the head; with a camera, the default for login and sudo.",
            show_default=False,
        ),
    ] = None,
    ask: Annotated[
        bool | None,
        typer.Option(
            "--ask/--no-ask",
            help="Look only after Enter was pressed instead of a password; the default for login and sudo.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Print the PAM line for a service.

    Also prints what the line does and how to undo it.
    """
    from faceunlock.cli.answers import pam as answers
    from faceunlock.tasks.pam import propose

    given = {"camera": camera, "capture": capture, "photo": photo}
    sources = [f"--{name}={value}" for name, value in given.items() if value is not None]
    if len(sources) > 1:
        raise SettingsError("usage", "--camera, --capture and --photo cannot be combined")
    proposal = propose(
        service,
        *sources,
        home=_chosen_home(session),
        timeout=timeout,
        require_live=require_live,
        ask=ask,
    )
    session.console.answer(answers.proposal(proposal), answers.proposal_document(proposal), as_is=True)
    for problem in proposal.problems:
        session.console.note(f"Not safe yet: {problem}")


def check(
    session: Session,
    service: Service,
    file: File = None,
) -> None:
    """Check that a service file calls faceunlock, and does so safely.

    Exits 0 if it does, 1 if it does not.
    """
    from faceunlock.cli.answers import pam as answers
    from faceunlock.tasks.pam import check as look

    report = look(service, file)
    session.console.answer(answers.report(report), answers.report_document(report))
    if not report.good:
        raise typer.Exit(1)


def undo(session: Session, service: Service, file: File = None) -> None:
    """Show the exact lines to take out of a service file; edits nothing.

    Exits 0 if there are any, 1 if it does not ask for a face.
    """
    from faceunlock.cli.answers import pam as answers
    from faceunlock.tasks.pam import undo as find

    found, jumping = find(service, file)
    text, data = answers.undone(service, found, jumping), answers.undone_document(service, found, jumping)
    session.console.answer(text, data)
    if not found:
        raise typer.Exit(1)


def _chosen_home(session: Session) -> Path | None:
    """Return the home that was chosen on the command line or in the environment."""
    chosen = session.locations.cache
    return session.locations.data if chosen == session.locations.data / "cache" else None
