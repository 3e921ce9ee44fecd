"""``faceunlock camera``: list the cameras, try one, and choose the one that ``--camera`` means."""

from __future__ import annotations

from typing import Annotated

import typer

from faceunlock.cli.options import command, default_command
from faceunlock.cli.session import Session
from faceunlock.errors import CameraError

Device = Annotated[
    str | None,
    typer.Argument(
        metavar="DEVICE",
        help="A camera's number or device file; the chosen one if omitted.",
        show_default=False,
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    group = typer.Typer()
    app.add_typer(group, name="camera", help="List cameras, try one, and choose one.")
    default_command(group)(list_cameras)
    command(group, "list")(list_cameras)
    command(group, "test")(test)
    command(group, "choose")(choose)


def list_cameras(session: Session) -> None:
    """List the cameras, and who may use them; takes no picture."""
    from faceunlock.cli.answers import camera as answers

    with session.unlock() as unlock:
        found = unlock.cameras()
    session.console.answer(answers.cameras(found), answers.cameras_document(found))


def test(session: Session, camera: Device = None) -> None:
    """Watch a camera for 3 seconds: speed, light, and your face.

    Exits 0 if it can be used to recognise somebody, 1 if not.
    """
    from faceunlock.cli.answers import camera as answers

    with session.unlock() as unlock:
        trial = unlock.try_camera(camera)
    settings = session.settings
    problems = trial.problems(sharpness=settings.min_sharpness, brightness=settings.min_brightness)
    session.console.answer(answers.trial(trial, problems), answers.trial_document(trial, problems))
    if problems:
        raise typer.Exit(1)


def choose(session: Session, camera: Device = None) -> None:
    """Make a camera the one that --camera means, in the config file.

    Without DEVICE, the only camera that can be used.
    """
    from faceunlock.cli.answers import camera as answers

    with session.unlock() as unlock:
        if camera is None:
            found = [one for one in unlock.cameras() if one.usable and one.captures is not False]
            if len(found) != 1:
                raise CameraError(
                    "no-camera",
                    f"{len(found)} cameras can be used, so one must be named",
                    hint="See: faceunlock camera list",
                )
            camera = str(found[0].path)
        chosen = unlock.choose_camera(camera)
    session.console.answer(
        answers.chosen(chosen, session.locations.config),
        {"camera": chosen, "config": str(session.locations.config)},
    )
