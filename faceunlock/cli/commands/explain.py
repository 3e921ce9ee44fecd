"""``faceunlock explain``: what does the network see on this photo?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from faceunlock.cli.options import OverwriteOutput, Security, check_overwrite, command
from faceunlock.cli.session import Session


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    command(app, "explain")(explain)


def explain(
    session: Session,
    photo: Annotated[Path, typer.Argument(metavar="PHOTO", help="A photo.", show_default=False)],
    name: Annotated[
        str | None,
        typer.Option(
            "--as",
            metavar="NAME",
            help="Person it should show; the most similar one if omitted.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Also write a page with the face as the network sees it.",
            show_default=False,
        ),
    ] = None,
    overwrite: OverwriteOutput = False,
    security: Security = None,
) -> None:
    """Explain why a photo is a yes or a no.

    Shows what to do better, what is measured of the face beside the limits of a good photo, the similarity to
    each look of the person, and the nearest stranger. Counts no attempt and lets nobody in. Exits 0 if there
    is a face.
    """
    from faceunlock.cli.answers import explain as answers

    check_overwrite(overwrite, output)
    if output is not None:
        from faceunlock.files.outputs import check_destination

        check_destination(output, overwrite=overwrite, never=[photo])
    with session.unlock() as unlock:
        found = unlock.explain(photo, name, security=None if security is None else security.value)
    console = session.console
    if output is not None:
        from faceunlock.files.packages import own_version
        from faceunlock.matching.people import now
        from faceunlock.reports.page import write_page

        write_page(output, answers.page(found, own_version(), now()), overwrite=overwrite)
    console.answer(answers.text(found), answers.document(found, output))
    for note in answers.notes(found, str(photo), output):
        console.note(note)
