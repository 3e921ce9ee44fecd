"""``faceunlock verify``: yes or no."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from faceunlock.cli.options import Session, command

if TYPE_CHECKING:
    from faceunlock.outcomes import Verification


class FacesChoice(StrEnum):
    """Which face a photo is about."""

    dominant = "dominant"
    largest = "largest"


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    command(app, "verify")(verify)


def verify(
    session: Session,
    photo: Annotated[
        str, typer.Argument(metavar="PHOTO", help="A photo; - reads standard input.", show_default=False)
    ],
    name: Annotated[
        str | None,
        typer.Option(
            "--as",
            metavar="NAME",
            help="Whose face it should be; anyone enrolled if omitted.",
            show_default=False,
        ),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option("--threshold", min=-1, max=1, help="Threshold for this call only.", show_default=False),
    ] = None,
    faces: Annotated[
        FacesChoice,
        typer.Option("--faces", help="dominant refuses a photo of several people; largest does not."),
    ] = FacesChoice.dominant,
) -> None:
    """Answer whether a photo shows an enrolled person.

    Exits 0 for yes, 1 for no, 2 if it cannot be decided. Without --as the photo is compared with
    everybody enrolled, at the threshold that keeps the target for that many people.
    """
    source = sys.stdin.buffer if photo == "-" else Path(photo)
    with session.unlock() as unlock:
        verification = unlock.verify(source, name, threshold=threshold, faces=faces.value)
    if not answer(session, verification):
        raise typer.Exit(1)


def answer(session: Session, verification: Verification) -> bool:
    """Say what a verification found, and return whether it is a yes."""
    from faceunlock.cli import documents, words

    session.console.answer(words.verification(verification), documents.verification(verification))
    settings = session.settings
    for note in words.verification_notes(verification, settings.min_sharpness, settings.min_brightness):
        session.console.note(note)
    return verification.decision.match
