"""``faceunlock enroll``: enroll a person from photos, or everyone of a folder."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from faceunlock.cli.exits import EXIT_COULD_NOT
from faceunlock.cli.options import Camera, command
from faceunlock.cli.session import Session
from faceunlock.errors import SettingsError

if TYPE_CHECKING:
    from faceunlock.cli.console import Console, Progress
    from faceunlock.errors import FaceUnlockError
    from faceunlock.photos.photo import PhotoFile
    from faceunlock.pipeline.enrolment import RefusedPhotosError
    from faceunlock.tasks.enroll import EnrollOptions, Resemblance
    from faceunlock.tasks.enroll_each import EachOptions, PersonOutcome


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    command(app, "enroll")(enroll)


def enroll(
    session: Session,
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Name of the person.", show_default=False)
    ] = None,
    photos: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="PHOTOS",
            help="Photos of this person, or folders of photos. With --camera: the camera.",
            show_default=False,
        ),
    ] = None,
    camera: Camera = False,
    each: Annotated[
        Path | None,
        typer.Option(
            "--each",
            metavar="FOLDER",
            help="Enroll one person from each sub-folder of FOLDER; who is enrolled already is skipped.",
            show_default=False,
        ),
    ] = None,
    ray: Annotated[
        str | None,
        typer.Option(
            "--ray",
            metavar="HOST:PORT|local",
            help="With --each: look at the photos on a Ray cluster, or on one made on this machine.",
            show_default=False,
        ),
    ] = None,
    look: Annotated[
        str | None,
        typer.Option(
            "--look",
            metavar="LOOK",
            help="Enroll another look of an enrolled person, such as glasses.",
            show_default=False,
        ),
    ] = None,
    accept: Annotated[
        bool,
        typer.Option("--accept", help="With --add or --look: ask about photos that resemble too little."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="With --accept: do not ask.")] = False,
    add: Annotated[bool, typer.Option("--add", help="Add photos to an enrolled person.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Replace the earlier enrolment.")] = False,
    min_photos: Annotated[
        int | None,
        typer.Option("--min-photos", min=2, help="Minimum of usable photos; default 3.", show_default=False),
    ] = None,
    even_so: Annotated[
        bool, typer.Option("--even-so", help="Enroll even if the face is enrolled under another name.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check the photos, but save nothing.")] = False,
) -> None:
    """Enroll a person from photos.

    At least 3 usable photos are needed; 5 or more, with different light and expression, are better.
    Photos without a clear face, and photos that do not look like the others, are left out and named.
    Photos of several people are refused. For a folder with one sub-folder per person, use --each FOLDER.
    """
    if add and replace:
        raise SettingsError("usage", "--add and --replace cannot be combined")
    if accept and look is None and not add:
        raise SettingsError("usage", "--accept needs --add or --look")
    if yes and not accept:
        raise SettingsError("usage", "--yes needs --accept")
    if ray is not None and each is None:
        raise SettingsError("usage", "--ray needs --each FOLDER")
    if each is not None:
        if name is not None or photos or camera or look is not None:
            raise SettingsError("usage", "--each takes one folder, and no NAME, PHOTOS, --look or --camera")
        _everyone(
            session,
            each,
            {
                "add": add,
                "replace": replace,
                "min_photos": min_photos,
                "even_so": even_so,
                "dry_run": dry_run,
                "ray": ray,
            },
        )
        return
    if name is None:
        raise SettingsError("usage", "Missing argument 'NAME' (or --each FOLDER instead)")
    if camera and photos and len(photos) > 1:
        raise SettingsError("usage", "--camera takes one camera and no photos")
    if not camera and not photos:
        raise SettingsError("usage", "Missing argument 'PHOTOS' (or --camera instead)")
    options: EnrollOptions = {
        "look": look,
        "add": add,
        "replace": replace,
        "min_photos": min_photos,
        "even_so": even_so,
        "dry_run": dry_run,
    }
    _one(session, name, photos or [], options, camera=camera, accept=accept, sure=yes)


def _one(
    session: Session,
    name: str,
    photos: list[Path],
    options: EnrollOptions,
    *,
    camera: bool,
    accept: bool,
    sure: bool,
) -> None:
    """Enroll one person, or one look; with `accept`, what is unlike is asked about unless `sure`."""
    from faceunlock.cli.answers import enroll as answers
    from faceunlock.pipeline.enrolment import RefusedPhotosError

    console = session.console
    with console.progress() as progress, session.unlock(progress) as unlock:
        sources: list[Path | PhotoFile] = list(photos)
        if camera:
            console.note("Look at the camera and turn your head a little in all directions.")
            device = str(photos[0]) if photos else None
            taken = unlock.take_several(
                name,
                device,
                look=options["look"],
                add=options["add"],
                replace=options["replace"],
                mirror=lambda found: console.note(answers.MIRROR[found]),
                guide=lambda said: console.note(answers.guide(said)),
            )
            sources = list(progress.track(taken, session.settings.camera_photos, "frames"))
        options["track"] = progress.track
        if accept:
            options["accept"] = lambda found: sure or _asked(console, progress, name, found)
        try:
            outcome = unlock.enroll(name, sources, **options)
        except RefusedPhotosError as error:
            explain(console, error)
            if camera and error.slug == "too-few-photos" and not error.left_out:
                error.hint = "The picture hardly changed. Turn your head a little in all directions."
            raise
    console.answer(answers.text(outcome), answers.document(outcome))
    console.left_out(outcome.enrolment.left_out)
    for note in answers.notes(outcome):
        console.note(note)


def _asked(console: Console, progress: Progress, name: str, found: Resemblance) -> bool:
    """Ask whether photos that do not resemble a person, or not enough, show this person."""
    what = f"similarity {found.similarity:.4f}, at least {found.threshold:.4f} expected"
    question = f"The photos do not resemble {name} ({what}). Do they show this person?"
    declined = "the look was not enrolled"
    if found.photos:
        question = f"A near miss ({what}): {', '.join(found.photos)}. Is this certainly {name}?"
        declined = f"nothing was added to {name}"
    if not sys.stdin.isatty():
        raise SettingsError("aborted", f"{declined} ({what}), and there is no terminal to ask on")
    with progress.paused():
        if not console.ask(question):
            raise SettingsError("aborted", declined, hint="Nothing was changed.")
    return True


def _everyone(session: Session, folder: Path, options: EachOptions) -> None:
    """Enroll everyone of a folder of people; what is wrong is told at once, and all of it in a table."""
    from faceunlock.cli.answers import enroll as answers
    from faceunlock.files.text import printable

    console = session.console
    done: list[PersonOutcome] = []

    def tell(person: PersonOutcome) -> None:
        done.append(person)
        console.left_out(answers.below(folder, person.left_out))
        _tell_people(console, person.error, folder)

    with console.progress() as progress, session.unlock(progress) as unlock:
        options["track"] = progress.track
        try:
            outcome = unlock.enroll_each(folder, tell=tell, **options)
        except KeyboardInterrupt:
            kept = sum(person.outcome is not None and person.outcome.saved for person in done)
            if kept:
                console.note(f"{kept:,} enrolled so far. The same command again does the rest.")
            raise
    if outcome.loose:
        console.note(f"Photos in the folder itself, which belong to nobody: {len(outcome.loose)}")
    console.answer(answers.each_text(outcome), answers.each_document(outcome))
    for hint in answers.each_hints(outcome):
        console.note(printable(hint))
    if not outcome.complete:
        raise typer.Exit(EXIT_COULD_NOT)


def explain(console: Console, error: RefusedPhotosError) -> None:
    """Print why each photo of a refused enrolment was left out, and whom they show if they show several."""
    console.left_out(error.left_out)
    _tell_people(console, error)


def _tell_people(console: Console, error: FaceUnlockError | None, folder: Path | None = None) -> None:
    """Print each photo's person if photos show several."""
    from faceunlock.cli.answers import enroll as answers
    from faceunlock.pipeline.samples import LeftOut

    console.left_out(
        LeftOut(answers.shown_below(folder, photo), "several-people", f"person {number}")
        for number, group in enumerate(() if error is None else error.groups, start=1)
        for photo in group
    )
