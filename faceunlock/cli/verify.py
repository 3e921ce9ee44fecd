"""``faceunlock verify``: yes or no."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from faceunlock.cli.options import Session, command
from faceunlock.errors import SettingsError

if TYPE_CHECKING:
    from faceunlock.outcomes import Capture, Verification


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
        str | None,
        typer.Argument(
            metavar="PHOTO",
            help="A photo; - reads standard input. With --camera, the camera instead.",
            show_default=False,
        ),
    ] = None,
    camera: Annotated[
        bool,
        typer.Option(
            "--camera", help="Look into a camera: its number, device or video file, or the default one."
        ),
    ] = False,
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
    require_live: Annotated[
        bool,
        typer.Option(
            "--require-live", help="Refuse what the checks measured by pad-test take for an attack."
        ),
    ] = False,
) -> None:
    """Answer whether a photo shows an enrolled person.

    Exits 0 for yes, 1 for no, 2 if it cannot be decided. Without --as the photo is compared with
    everybody enrolled, at the threshold that keeps the target for that many people.
    """
    if photo is None and not camera:
        raise SettingsError("usage", "Missing argument 'PHOTO', or --camera instead of it")
    with session.unlock() as unlock:
        source: Path | BinaryIO | Capture
        if camera:
            source = unlock.take(photo, name, faces=faces.value, require_live=require_live)
        else:
            source = sys.stdin.buffer if photo == "-" else Path(str(photo))
        verification = unlock.verify(
            source, name, threshold=threshold, faces=faces.value, require_live=require_live
        )
    if not answer(session, verification):
        raise typer.Exit(1)


def answer(session: Session, verification: Verification) -> bool:
    """Say what a verification found, and return whether it is a yes."""
    from faceunlock.cli import documents, words

    session.console.answer(words.verification(verification), documents.verification(verification))
    settings = session.settings
    for note in words.verification_notes(verification, settings.min_sharpness, settings.min_brightness):
        session.console.note(note)
    if verification.liveness is not None:
        from faceunlock.cli import pad_test_text

        session.console.note(pad_test_text.passed(verification.liveness))
    return verification.decision.match
