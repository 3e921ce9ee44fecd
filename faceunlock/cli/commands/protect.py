"""``faceunlock protect``: seal the gallery, unseal it, or replace its key."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from faceunlock.cli.options import command, default_command
from faceunlock.cli.session import Session

if TYPE_CHECKING:
    from faceunlock.gallery.cipher import Place


class KeyChoice(StrEnum):
    """Where a key is kept."""

    keyring = "keyring"
    file = "file"


Key = Annotated[
    KeyChoice | None,
    typer.Option(
        "--key",
        help="Where to keep the key. Default: where it is now, or else the keyring if there is one.",
        show_default=False,
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    group = typer.Typer()
    app.add_typer(group, name="protect", help="Encrypt the gallery, or see whether it is encrypted.")
    default_command(group)(show)
    command(group, "on")(turn_on)
    command(group, "off")(turn_off)
    command(group, "rotate")(rotate)


def show(session: Session) -> None:
    """Encrypt the gallery, or see whether it is encrypted."""
    from faceunlock.cli.answers import protect as answers

    with session.unlock() as unlock:
        state = unlock.protection()
    session.console.answer(answers.sentence(state), answers.document(state))


def turn_on(session: Session, key: Key = None) -> None:
    """Encrypt the gallery under a new key."""
    from faceunlock.cli.answers import protect as answers

    with session.unlock() as unlock:
        changed = unlock.protect(_place(key))
        state = unlock.protection()
    session.console.answer(answers.turned_on(state, changed), answers.outcome(state, changed))


def turn_off(session: Session) -> None:
    """Decrypt the gallery and delete its key."""
    from faceunlock.cli.answers import protect as answers

    with session.unlock() as unlock:
        changed = unlock.unprotect()
        state = unlock.protection()
    session.console.answer(answers.turned_off(changed), answers.outcome(state, changed))


def rotate(session: Session, key: Key = None) -> None:
    """Encrypt the gallery under a new key and delete the old one."""
    from faceunlock.cli.answers import protect as answers

    with session.unlock() as unlock:
        unlock.rotate(_place(key))
        state = unlock.protection()
    session.console.answer(answers.rotated(state), answers.outcome(state, changed=True))


def _place(key: KeyChoice | None) -> Place | None:
    if key is None:
        return None
    return "keyring" if key is KeyChoice.keyring else "file"
