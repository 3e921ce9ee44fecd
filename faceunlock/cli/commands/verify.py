"""``faceunlock verify``: yes or no."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from faceunlock.cli.exits import EXIT_COULD_NOT, EXIT_NO
from faceunlock.cli.options import Camera, Faces, FacesChoice, Security, Threshold, command
from faceunlock.cli.plain_verify import run_verify
from faceunlock.cli.session import Session
from faceunlock.errors import SettingsError

if TYPE_CHECKING:
    from faceunlock.settings import Security as Level
    from faceunlock.tasks.verify_each import VerifiedPhoto, VerifyEachOptions

_LOGIN = ("PAM_SERVICE", "PAM_TYPE", "PAM_USER")
"""Variables of a login, where every attempt is counted."""


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    command(app, "verify")(verify)


def verify(
    session: Session,
    photos: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PHOTOS",
            help="Photos, or folders of photos; - reads standard input. With --camera: the camera.",
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
    no_count: Annotated[
        bool,
        typer.Option("--no-count", help="Try out your own gallery: count and log no attempt."),
    ] = False,
) -> None:
    """Answer whether a photo shows an enrolled person.

    Exits 0 for yes, 1 for no, 2 if it cannot be decided; for several photos 0 only if all are a yes. Without
    --as, the photo is compared with everybody enrolled, at the threshold that keeps the target false match
    rate for that many people. Shows the evidence with --verbose.
    """
    given = photos or []
    if not given and not camera:
        raise SettingsError("usage", "Missing argument 'PHOTOS' (or --camera instead)")
    if camera and len(given) > 1:
        raise SettingsError("usage", "--camera takes one camera and no photos")
    if no_count and any(name in os.environ for name in _LOGIN):
        raise SettingsError("usage", "--no-count is not for logins: every attempt counts there")
    level: Level | None = None if security is None else security.value
    if camera or (len(given) == 1 and not Path(given[0]).is_dir()):
        matched = run_verify(
            session,
            given[0] if given else None,
            name,
            camera=camera,
            threshold=threshold,
            security=level,
            faces=faces.value,
            require_live=require_live,
            count=not no_count,
        )
        if not matched:
            raise typer.Exit(EXIT_NO)
        return
    if require_live:
        raise SettingsError("usage", "--require-live needs --camera, and no photos")
    if "-" in given:
        raise SettingsError("usage", "standard input is one photo; give - alone")
    _each(
        session,
        given,
        name,
        {"threshold": threshold, "security": level, "faces": faces.value, "count": not no_count},
    )


def _each(session: Session, photos: list[str], name: str | None, options: VerifyEachOptions) -> None:
    """Verify several photos, with a line for each."""
    from faceunlock.cli.answers import verify as answers

    console = session.console
    shorter = "" if console.verbose else _common_folder(photos)

    def tell(found: VerifiedPhoto) -> None:
        console.part(answers.photo_text(found, str(found.photo).removeprefix(shorter)))

    with session.unlock() as unlock:
        outcome = unlock.verify_each(photos, name, tell=tell, **options)
    console.answer((), answers.each_document(outcome))
    for note in answers.each_notes(outcome, verbose=console.verbose):
        console.note(note)
    if not outcome.match:
        raise typer.Exit(EXIT_COULD_NOT if outcome.match is None else EXIT_NO)


def _common_folder(photos: list[str]) -> str:
    """Return what the paths of all photos begin with, so that a line can leave it out."""
    folders = {photo if Path(photo).is_dir() else os.path.dirname(photo) for photo in photos}  # noqa: PTH120
    try:
        common = os.path.commonpath(folders)
    except ValueError:  # a relative and an absolute path
        return ""
    return f"{common.rstrip(os.sep)}{os.sep}" if common else ""
