"""``faceunlock demo``: check an installation without any photos of the user's own."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import chdir
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from faceunlock.cli.options import command
from faceunlock.cli.session import Session
from faceunlock.errors import FaceUnlockError, ModelError
from faceunlock.files.text import at_home
from faceunlock.pipeline.models.registry import EMBEDDED_DEFAULT

if TYPE_CHECKING:
    from faceunlock.cli.answers.demo import Step
    from faceunlock.unlock import FaceUnlock


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    command(app, "demo")(demo)


def demo(
    session: Session,
    photos: Annotated[
        Path | None,
        typer.Option(
            "--photos",
            metavar="FOLDER",
            help="Leave the pictures in FOLDER, which must be new or empty.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Check the installation with public-domain portraits.

    Enrolls one portrait in a temporary gallery and verifies three pictures: an unseen variation of the
    portrait is a yes, another person is a no, and a picture without a face cannot be decided. Your own
    gallery is not touched.
    """
    from faceunlock.cli.answers import demo as answers
    from faceunlock.files.temporary import temporary_folder
    from faceunlock.tasks.demo import leave_pictures, make_pictures

    settings = session.settings
    if settings.model == "auto":
        # No download, so that the result depends on the installation alone.
        settings = replace(settings, model=EMBEDDED_DEFAULT)
    with temporary_folder("faceunlock-demo-", session.locations.cache) as scratch:
        directory = scratch if photos is None else photos.absolute()
        (make_pictures if photos is None else leave_pictures)(directory)
        locations = replace(session.locations, data=scratch / "gallery")
        steps = []
        shown = replace(session, settings=settings, locations=locations)
        # Inside the directory, so that the printed commands are as short as a user would type them.
        with chdir(directory), shown.unlock() as unlock:
            for text, expected, act in _script(unlock):
                step = _run(text, expected, act)
                steps.append(step)
                session.console.part(answers.step(step))
    wrong = [step for step in steps if step.exit_code != step.expected]
    if wrong:
        raise ModelError(
            "demo-failed",
            f"{wrong[0].command} gave exit code {wrong[0].exit_code}, expected {wrong[0].expected}",
        )
    text = at_home(answers.text(settings.model, steps, photos), session.console.home)
    session.console.answer(text, answers.document(settings.model, steps, photos))


def _script(unlock: FaceUnlock) -> list[tuple[str, int, Callable[[], tuple[int, str, dict[str, Any]]]]]:
    from faceunlock.cli.answers import enroll as enroll_answers
    from faceunlock.cli.answers import verify as verify_answers

    def enroll() -> tuple[int, str, dict[str, Any]]:
        outcome = unlock.enroll("astronaut", "photos")
        return 0, enroll_answers.text(outcome), enroll_answers.document(outcome)

    def verify(photo: str) -> tuple[int, str, dict[str, Any]]:
        answer = unlock.verify(photo)
        text = str(verify_answers.text(answer))
        return int(not answer.decision.match), text, verify_answers.document(answer)

    return [
        ("faceunlock enroll astronaut photos", 0, enroll),
        ("faceunlock verify unseen.jpg", 0, lambda: verify("unseen.jpg")),
        ("faceunlock verify stranger.jpg", 1, lambda: verify("stranger.jpg")),
        ("faceunlock verify flower.jpg", 2, lambda: verify("flower.jpg")),
    ]


def _run(text: str, expected: int, act: Callable[[], tuple[int, str, dict[str, Any]]]) -> Step:
    from faceunlock.cli.answers.demo import Step

    try:
        code, answer, data = act()
    except FaceUnlockError as error:
        if expected != 2:
            raise
        code, answer = 2, f"faceunlock: {error.message} [{error.slug}]"
        data = {"code": error.slug, "message": error.message}
    return Step(text, expected, code, answer, data)
