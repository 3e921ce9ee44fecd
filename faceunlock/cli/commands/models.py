"""``faceunlock models``: list models, fetch weights, check weights."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from faceunlock.cli.options import command, default_command
from faceunlock.cli.session import Session

ModelId = Annotated[str, typer.Argument(metavar="ID", help="A model id.", show_default=False)]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    group = typer.Typer()
    app.add_typer(group, name="models", help="List the models, fetch weights, check weights.")
    default_command(group)(list_models)
    command(group, "pull")(pull)
    command(group, "verify")(verify)
    command(group, "prepare")(prepare)


def list_models(session: Session) -> None:
    """List the models, fetch weights, check weights."""
    from faceunlock.cli.answers import models as answers

    with session.unlock() as unlock:
        states = unlock.models()
    session.console.answer(answers.models(states), answers.models_document(states))


def pull(
    session: Session,
    model_id: ModelId,
    file: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="PATH",
            help="Use a file that you downloaded yourself, or the folder with the files.",
            show_default=False,
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Fetch the weights even if they are already here.")
    ] = False,
) -> None:
    """Fetch the weights of a model and check them."""
    from faceunlock.cli.answers import models as answers

    with session.console.progress() as progress, session.unlock(progress) as unlock:
        state = unlock.pull(model_id, file=file, force=force)
    session.console.answer(answers.pulled(state), answers.model_document(state))


def verify(
    session: Session,
    model_id: Annotated[
        str | None,
        typer.Argument(metavar="ID", help="A model id; if omitted, all models whose weights are here."),
    ] = None,
) -> None:
    """Check the weights, and the networks prepared from them."""
    from faceunlock.cli.answers import models as answers

    with session.unlock() as unlock:
        states = unlock.verify_models(model_id)
    session.console.answer(answers.verified(states), answers.models_document(states))


def prepare(
    session: Session,
    model_id: Annotated[
        str | None,
        typer.Argument(metavar="ID", help="A model id; if omitted, the models that enrolled people need."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Make the networks anew even if they are prepared.")
    ] = False,
) -> None:
    """Prepare networks for a fast start.

    Do so after an update and before a login by face: a login never waits for it.
    """
    from faceunlock.cli.answers import models as answers

    with session.console.progress() as progress, session.unlock(progress) as unlock:
        made = unlock.prepare_models(model_id, force=force)
    session.console.answer(answers.prepared(made), answers.prepared_document(made))
