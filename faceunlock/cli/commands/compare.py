"""``faceunlock compare``: are these two photos of the same person?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from faceunlock.cli.options import Faces, FacesChoice, Threshold, command
from faceunlock.cli.session import Session
from faceunlock.errors import SettingsError


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    command(app, "compare")(compare)


def compare(
    session: Session,
    photo: Annotated[
        str, typer.Argument(metavar="PHOTO", help="A photo; - reads standard input.", show_default=False)
    ],
    other: Annotated[
        Path,
        typer.Argument(metavar="OTHER", help="Another photo, or a folder of photos.", show_default=False),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Draw both faces side by side, as the network sees them.",
            show_default=False,
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Let -o replace an existing file.")] = False,
    top: Annotated[
        int,
        typer.Option("--top", min=0, help="Photos of a folder to list, the most alike first; 0 lists all."),
    ] = 10,
    threshold: Threshold = None,
    faces: Faces = FacesChoice.dominant,
) -> None:
    """Answer whether two photos show the same person.

    Nobody needs to be enrolled. Exits 0 if they do (for a folder: if any of its photos does), 1 if
    not, 2 if it cannot be decided.
    """
    from faceunlock.cli.answers import compare as answers
    from faceunlock.pipeline.samples import NoneUsableError

    if overwrite and output is None:
        raise SettingsError("usage", "--overwrite needs -o")
    if output is not None:
        from faceunlock.files.outputs import check_picture
        from faceunlock.photos.folders import photos_in

        sources = photos_in(Path("/dev/stdin" if photo == "-" else photo), other)
        check_picture(output, overwrite=overwrite, never=sources)
    console = session.console
    source = sys.stdin.buffer if photo == "-" else photo
    with console.progress() as progress, session.unlock(progress) as unlock:
        try:
            comparison = unlock.compare(
                source, other, threshold=threshold, faces=faces.value, track=progress.track
            )
        except NoneUsableError as error:
            console.left_out(error.left_out)
            raise
    if output is not None:
        from faceunlock.cli.answers.compare import pair_picture
        from faceunlock.files.outputs import write_picture

        write_picture(output, pair_picture(comparison), overwrite=overwrite)
    console.answer(answers.text(comparison, top), answers.document(comparison, output))
    console.left_out(comparison.left_out)
    for note in answers.notes(comparison, output):
        console.note(note)
    if not comparison.matches:
        raise typer.Exit(2 if comparison.undecided else 1)
