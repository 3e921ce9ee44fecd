"""``faceunlock init``: a guided set-up, from the first photo to the first answer."""

from __future__ import annotations

import shlex
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from faceunlock.cli.exits import EXIT_COULD_NOT, EXIT_NO
from faceunlock.cli.options import Camera, command
from faceunlock.cli.session import Session
from faceunlock.errors import (
    CameraError,
    EnrolmentError,
    FaceUnlockError,
    GalleryError,
    PhotoError,
    SettingsError,
)

if TYPE_CHECKING:
    from faceunlock.cli.answers.init import Setup
    from faceunlock.tasks.init import FirstEnrolment
    from faceunlock.unlock import FaceUnlock


TRY_IT = "To try it: faceunlock verify PHOTO"
"""What somebody can do who is enrolled already."""


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    command(app, "init")(init)


@dataclass(frozen=True, slots=True)
class _Source:
    """Where the photos come from: a camera, or files and folders."""

    photos: list[Path]
    camera: bool = False

    @property
    def device(self) -> str | None:
        """The camera; None for the default one."""
        return str(self.photos[0]) if self.photos else None


def init(
    session: Session,
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="Your name; asked for if omitted.", show_default=False),
    ] = None,
    photos: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="PHOTOS",
            help="Photos of you, or a folder of them; asked for if omitted. With --camera: the camera.",
            show_default=False,
        ),
    ] = None,
    camera: Camera = False,
    replace: Annotated[bool, typer.Option("--replace", help="Learn the face anew.")] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Ask nothing; your login name if NAME is omitted.")
    ] = False,
) -> None:
    """Set up face unlock: learn your face, and try it at once.

    Asks for what is not on the command line. With a camera, it says how to sit. From a folder, one photo is
    kept back to be verified. Exits 0 if that is a yes, 1 for a no, 2 if it cannot be decided.
    """
    from faceunlock.cli.answers import init as answers

    if camera and photos and len(photos) > 1:
        raise SettingsError("usage", "--camera takes one camera and no photos")
    if name is not None and not photos and not camera and Path(name).is_dir():
        raise SettingsError(
            "usage",
            f"{name} is a folder, but the name of the person comes first",
            hint=f"Run: faceunlock init NAME {shlex.quote(name)}",
        )
    console = session.console
    asking = not yes and not console.json and sys.stdin.isatty()
    source = _Source(photos or [], camera) if camera or photos else None
    if not asking and (source is None or (name is None and not yes)):
        raise SettingsError(
            "aborted",
            "there is no photo and no camera to learn from" if source is None else "there is no name",
            hint="Run: faceunlock init NAME FOLDER --yes — or: faceunlock init NAME --camera --yes",
        )
    console.note(answers.WELCOME)
    if name is None:
        name = _asked_name(session) if asking else _login_name()
    replace = replace or _wants_again(session, name, asking=asking)
    setup = _set_up(session, name, source, replace=replace, asking=asking)
    console.answer(answers.text(setup, console.home), answers.document(setup, console.home))
    if setup.error is not None:
        raise typer.Exit(EXIT_COULD_NOT)
    if setup.verification is not None and not setup.verification.decision.match:
        raise typer.Exit(EXIT_NO)


def _login_name() -> str:
    """Return the name of the user who is logged in; "me" if the system has none."""
    import getpass  # --help of all commands imports this module

    with suppress(OSError, KeyError):
        return getpass.getuser()
    return "me"


def _asked_name(session: Session) -> str:
    """Ask for a name that can be used; Enter takes the login name."""
    from faceunlock.matching.people import normalise_name

    usual = _login_name()
    while True:
        try:
            return normalise_name(session.console.ask_for(f"Your name, or Enter for {usual}") or usual)
        except GalleryError as error:
            session.console.error(error)


def _wants_again(session: Session, name: str, *, asking: bool) -> bool:
    """Return whether somebody who is enrolled wants to start again; False for a new name."""
    from faceunlock.matching.people import name_key, normalise_name

    name = normalise_name(name)
    with session.unlock() as unlock:
        there = [
            person.name for person in unlock.people(marks=False) if name_key(person.name) == name_key(name)
        ]
    if not there:
        return False
    if asking:
        if session.console.ask(f"{there[0]} is enrolled already. Learn the face anew?"):
            return True
        raise SettingsError("aborted", f"{there[0]} stays enrolled as before", hint=TRY_IT)
    raise GalleryError(
        "already-enrolled", f"{there[0]} is already enrolled", hint=f"{TRY_IT} — or learn anew: --replace"
    )


def _set_up(session: Session, name: str, source: _Source | None, *, replace: bool, asking: bool) -> Setup:
    """Enroll and test; where the source was asked for, ask again if nothing can be learned from it."""
    from faceunlock.pipeline.enrolment import RefusedPhotosError

    while True:
        chosen = source or _asked_source(session)
        try:
            return _learned(session, name, chosen, replace=replace)
        except (PhotoError, EnrolmentError, CameraError) as error:
            if isinstance(error, RefusedPhotosError):
                from faceunlock.cli.commands.enroll import explain

                explain(session.console, error)
            if isinstance(error, CameraError):
                error.hint = f"{error.hint} Without a camera: faceunlock init {shlex.quote(name)} FOLDER"
            if source is not None or not asking:
                raise
            session.console.error(error)


def _asked_source(session: Session) -> _Source:
    """Ask for a folder; Enter means the camera, where there is one."""
    from faceunlock.photos.camera import seems_there

    device = session.settings.camera
    there = seems_there(device)
    words = "Folder with 5 or more photos of you" + (", or Enter for the camera" if there else "")
    while True:
        given = session.console.ask_for(words)
        if given:
            # A file dropped onto a terminal comes in quotes.
            return _Source([Path(given.strip("\"'")).expanduser()])
        if there:
            return _Source([], camera=True)


def _learned(session: Session, name: str, source: _Source, *, replace: bool) -> Setup:
    """Enroll from a source, and verify at once."""
    from faceunlock.cli.answers import enroll as words
    from faceunlock.cli.answers import init as answers

    console = session.console
    with console.progress() as progress, session.unlock(progress) as unlock:
        if source.camera:
            console.note(answers.SITTING)
            taken = unlock.take_several(
                name,
                source.device,
                replace=replace,
                mirror=lambda found: console.note(words.MIRROR[found]),
                guide=lambda said: console.note(words.guide(said)),
            )
            first = unlock.init(name, list(taken), replace=replace, hold_back=False)
        else:
            first = unlock.init(name, [*source.photos], replace=replace, track=progress.track)
        console.left_out(first.outcome.enrolment.left_out)
        console.part(answers.learned(first))
        setup = _tested(session, unlock, first, source)
    if setup.error is not None:
        console.say(f"The test could not be decided: {setup.error.message} [{setup.error.slug}]")
        console.note(f"  {setup.error.hint}")
    else:
        for part in answers.tested(setup, console.home):
            console.part(part)
    return setup


def _tested(session: Session, unlock: FaceUnlock, first: FirstEnrolment, source: _Source) -> Setup:
    """Verify the photo that was kept back, or a new one from the camera."""
    from faceunlock.cli.answers import init as answers

    name = first.outcome.name
    try:
        if source.camera:
            session.console.note(answers.AGAIN)
            return answers.Setup(first, unlock.verify(unlock.take(source.device, name), name))
        if first.held_back is None:
            return answers.Setup(first, None)
        return answers.Setup(first, unlock.verify(first.held_back, name))
    except FaceUnlockError as error:  # the person is enrolled all the same
        return answers.Setup(first, None, error)
