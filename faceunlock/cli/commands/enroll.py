"""``faceunlock enroll``: enroll a person from photos."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from faceunlock.cli.options import command
from faceunlock.cli.session import Session
from faceunlock.errors import SettingsError

if TYPE_CHECKING:
    from faceunlock.photos.photo import PhotoFile


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    command(app, "enroll")(enroll)


def enroll(
    session: Session,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the person.", show_default=False)],
    photos: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="PHOTOS",
            help="Photos of this person, or folders of photos. With --camera: the camera.",
            show_default=False,
        ),
    ] = None,
    camera: Annotated[
        bool,
        typer.Option("--camera", help="Use a camera: its number, device or video file, or the default one."),
    ] = False,
    add: Annotated[bool, typer.Option("--add", help="Add photos to an enrolled person.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Replace the earlier enrolment.")] = False,
    min_photos: Annotated[
        int | None,
        typer.Option("--min-photos", min=2, help="Minimum of usable photos; default 3.", show_default=False),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check the photos, but save nothing.")] = False,
) -> None:
    """Enroll a person from photos.

    At least 3 usable photos are needed; 5 or more, with different light and expression, are better.
    Photos without a clear face, and photos that do not look like the others, are left out and named.
    """
    from faceunlock.cli.answers import enroll as answers
    from faceunlock.pipeline.enrolment import TooFewPhotosError

    if add and replace:
        raise SettingsError("usage", "--add and --replace cannot be combined")
    if camera and photos and len(photos) > 1:
        raise SettingsError("usage", "--camera takes one camera and no photos")
    if not camera and not photos:
        raise SettingsError("usage", "Missing argument 'PHOTOS' (or --camera instead)")
    console = session.console
    with console.progress() as progress, session.unlock(progress) as unlock:
        sources: list[Path | PhotoFile] = list(photos or ())
        if camera:
            console.note("Look at the camera and turn your head a little in all directions.")
            device = str(photos[0]) if photos else None
            taken = unlock.take_several(name, device, add=add, replace=replace)
            sources = list(progress.track(taken, session.settings.camera_photos, "frames"))
        try:
            outcome = unlock.enroll(
                name,
                sources,
                add=add,
                replace=replace,
                min_photos=min_photos,
                dry_run=dry_run,
                track=progress.track,
            )
        except TooFewPhotosError as error:
            console.left_out(error.left_out)
            raise
    console.left_out(outcome.enrolment.left_out)
    console.answer(answers.text(outcome), answers.document(outcome))
    for note in answers.notes(outcome):
        console.note(note)
