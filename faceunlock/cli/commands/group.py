"""``faceunlock group``: who is on these photos, without names."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from faceunlock.cli.exits import EXIT_COULD_NOT, EXIT_NO
from faceunlock.cli.options import OverwriteOutput, Threshold, check_overwrite, command
from faceunlock.cli.session import Session
from faceunlock.errors import SettingsError


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    command(app, "group")(group)


def group(
    session: Session,
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Folder to search for photos.", show_default=False)
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Also write a page with a row of faces for each group.",
            show_default=False,
        ),
    ] = None,
    overwrite: OverwriteOutput = False,
    known: Annotated[
        bool, typer.Option("--known", help="Say which enrolled person each group matches.")
    ] = False,
    name: Annotated[
        list[str] | None,
        typer.Option(
            "--name",
            metavar="GROUP=NAME",
            help="Enroll a group under a name; give it once for each group.",
            show_default=False,
        ),
    ] = None,
    add: Annotated[
        bool, typer.Option("--add", help="With --name: add photos to people who are enrolled.")
    ] = False,
    even_so: Annotated[
        bool,
        typer.Option(
            "--even-so", help="With --name: enroll even if the face is enrolled under another name."
        ),
    ] = False,
    threshold: Threshold = None,
) -> None:
    """Group the faces in a folder by person.

    Finds every face, and puts those together that are alike on average. Names nobody, and changes nothing
    without --name. A group is called by letters and digits made from its photos: if the folder changed, a
    group of other faces has another name, so no stranger is enrolled by mistake. Exits 0 if there is a
    group, 1 if there is none.
    """
    from faceunlock.cli.answers import group as answers
    from faceunlock.cli.commands.enroll import explain
    from faceunlock.pipeline.enrolment import RefusedPhotosError

    names = _names(name or [])
    if (add or even_so) and not names:
        raise SettingsError("usage", "--add and --even-so need --name")
    if output is not None and names:
        raise SettingsError("usage", "-o and --name cannot be combined: look at the groups, then name them")
    check_overwrite(overwrite, output)
    if output is not None:
        from faceunlock.files.outputs import check_destination
        from faceunlock.photos.folders import photos_in

        check_destination(output, overwrite=overwrite, never=photos_in(folder))
    console = session.console
    with console.progress() as progress, session.unlock(progress) as unlock, console.naming_left_out():
        try:
            found = unlock.group(
                folder,
                threshold=threshold,
                known=known,
                names=names,
                add=add,
                even_so=even_so,
                pictures=output is not None,
                track=progress.track,
            )
        except RefusedPhotosError as error:
            explain(console, error)
            raise
    naming = answers.naming_command(found, folder, session.settings.model)
    if output is not None:
        from faceunlock.files.packages import own_version
        from faceunlock.files.text import at_home
        from faceunlock.matching.people import now
        from faceunlock.reports.page import write_page

        advice = at_home(f"To enroll a group: {naming}", console.home)
        page = answers.page(found, folder, advice, own_version(), now())
        write_page(output, page, overwrite=overwrite)
    console.answer(answers.text(found), answers.document(found, output))
    console.left_out(found.left_out)
    if console.verbose:
        console.left_out(found.faces_left_out)
        console.note(answers.meaning(found))
    for note in answers.notes(found, naming, output):
        console.note(note)
    if not found.groups:
        raise typer.Exit(EXIT_COULD_NOT if found.left_out else EXIT_NO)


def _names(given: list[str]) -> dict[str, str]:
    """Return the name of each group, from words such as ``k7q2m9xd=anna``."""
    names: dict[str, str] = {}
    for word in given:
        tag, equals, name = word.partition("=")
        if not (tag and equals and name):
            raise SettingsError("usage", f"--name takes GROUP=NAME, not {word!r}")
        if names.setdefault(tag, name) != name:
            raise SettingsError("usage", f"the group {tag} has two names: {names[tag]} and {name}")
    return names
