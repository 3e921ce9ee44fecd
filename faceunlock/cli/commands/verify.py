"""``faceunlock verify``: yes or no."""

from __future__ import annotations

from typing import Annotated

import typer

from faceunlock.cli.options import Camera, Faces, FacesChoice, Security, Threshold, command
from faceunlock.cli.plain_verify import run_verify
from faceunlock.cli.session import Session
from faceunlock.errors import SettingsError


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    command(app, "verify")(verify)


def verify(
    session: Session,
    photo: Annotated[
        str | None,
        typer.Argument(
            metavar="PHOTO",
            help="A photo; - reads standard input. With --camera: the camera.",
            show_default=False,
        ),
    ] = None,
    camera: Camera = False,
    name: Annotated[
        str | None,
        typer.Option(
            "--as",
            metavar="NAME",
            help="Person to verify; anyone enrolled if omitted.",
            show_default=False,
        ),
    ] = None,
    threshold: Threshold = None,
    security: Security = None,
    faces: Faces = FacesChoice.dominant,
    require_live: Annotated[
        bool,
        typer.Option("--require-live", help="With --camera: ask for three turns of the head, too."),
    ] = False,
) -> None:
    """Answer whether a photo shows an enrolled person.

    Exits 0 for yes, 1 for no, 2 if it cannot be decided. Without --as, the photo is compared with
    everybody enrolled, at the threshold that keeps the target false match rate for that many people.
    """
    if photo is None and not camera:
        raise SettingsError("usage", "Missing argument 'PHOTO' (or --camera instead)")
    matched = run_verify(
        session,
        photo,
        name,
        camera=camera,
        threshold=threshold,
        security=None if security is None else security.value,
        faces=faces.value,
        require_live=require_live,
    )
    if not matched:
        raise typer.Exit(1)
