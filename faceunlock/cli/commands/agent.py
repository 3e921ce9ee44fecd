"""``faceunlock agent``: the resident process, which keeps the models loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from faceunlock.cli.exits import EXIT_INTERRUPTED
from faceunlock.cli.options import command, default_command
from faceunlock.cli.session import Session


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    group = typer.Typer()
    app.add_typer(group, name="agent", help="The resident process that keeps the models loaded.")
    default_command(group)(status)
    command(group, "run")(run)
    command(group, "start")(start)
    command(group, "stop")(stop)
    command(group, "status")(status)
    command(group, "install")(install)


def run(session: Session) -> None:
    """Run the resident process in the foreground.

    It ends when it is stopped or has been idle for too long.
    """
    from faceunlock.agent import control

    control.refuse_other_systems()
    import signal

    from faceunlock.agent.listener import listening
    from faceunlock.agent.server import Server
    from faceunlock.cli.resident import Answerer
    from faceunlock.files.limits import no_core_dump

    no_core_dump()
    received: list[int] = []
    with listening(control.socket_of(session.locations)) as listener:
        server = Server(listener, Answerer(session.locations), session.settings)

        def end(number: int, _frame: object) -> None:
            received.append(number)
            server.stop()

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, end)
        # The system may give a signal to any thread. Python's handlers wait for the main thread, which sleeps
        # until something arrives; so the signal itself must wake it.
        signal.set_wakeup_fd(server.waker, warn_on_full_buffer=False)
        try:
            server.serve()
        finally:
            signal.set_wakeup_fd(-1)
    if signal.SIGINT in received:
        raise typer.Exit(EXIT_INTERRUPTED)


def start(session: Session) -> None:
    """Start the resident process in the background."""
    from faceunlock.agent import control
    from faceunlock.cli.answers import agent as answers

    control.refuse_other_systems()
    socket = control.socket_of(session.locations)
    state, now = control.start(socket, session.locations.home, _known(session.settings.model))
    session.console.answer(answers.started(state, now), answers.state_document(socket, state))


def _known(model: str) -> str | None:
    """Return a model's id or the path of its folder, for another process; None for ``auto``.

    Raises
    ------
    ModelError
        ``unknown-model``; for a folder ``weights-missing``, ``weights-corrupt`` or ``insecure-permissions``.
    """
    from faceunlock.pipeline.models.folder import names_folder, read_model_folder, weights_file
    from faceunlock.pipeline.models.registry import model_spec
    from faceunlock.tasks.models import AUTO

    if names_folder(model):
        return str(weights_file(read_model_folder(Path(model)).spec).parent)
    return None if model == AUTO else model_spec(model).id


def stop(session: Session) -> None:
    """Stop the resident process once its current work is done."""
    from faceunlock.agent import control
    from faceunlock.cli.answers import agent as answers

    last = control.stop(control.socket_of(session.locations))
    session.console.answer(answers.stopped(last), {"stopped": last is not None})


def status(session: Session) -> None:
    """Show whether the resident process is running. Exits 0 if it is, 1 if not."""
    from faceunlock.agent import control
    from faceunlock.cli.answers import agent as answers

    socket = control.socket_of(session.locations)
    state = control.state(socket)
    session.console.answer(answers.state(socket, state), answers.state_document(socket, state))
    if state is None:
        raise typer.Exit(1)


def install(
    session: Session,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the units; write nothing.")] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace different units of the same name.")
    ] = False,
) -> None:
    """Write systemd user units that start it on demand."""
    from faceunlock.agent import control, units
    from faceunlock.cli.answers import agent as answers

    control.refuse_other_systems()
    socket = control.socket_of(session.locations)
    made = units.units(socket, session.locations.home)
    if not dry_run:
        units.write(made, overwrite=overwrite)
    session.console.answer(
        answers.installation(made, written=not dry_run),
        answers.installation_document(made, written=not dry_run),
        as_is=True,
    )
