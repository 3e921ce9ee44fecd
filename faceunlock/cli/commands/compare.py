"""``faceunlock compare``: are these two photos of the same person?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from faceunlock.cli.options import Faces, FacesChoice, OverwriteOutput, Threshold, check_overwrite, command
from faceunlock.cli.session import Session
from faceunlock.errors import SettingsError


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    command(app, "compare")(compare)


def compare(
    session: Session,
    photo: Annotated[
        str,
        typer.Argument(
            metavar="PHOTO",
            help="A photo; - reads standard input. With --pairs, a folder of photos.",
            show_default=False,
        ),
    ],
    other: Annotated[
        Path | None,
        typer.Argument(metavar="OTHER", help="Another photo, or a folder of photos.", show_default=False),
    ] = None,
    pairs: Annotated[
        int | None,
        typer.Option(
            "--pairs",
            metavar="N",
            help="Compare N random pairs of photos in one folder instead; -o draws them on a sheet.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option("--seed", min=0, help="Which pairs --pairs draws.", show_default=False)
    ] = 0,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Draw both faces (with --pairs, all pairs) side by side, as the network sees them.",
            show_default=False,
        ),
    ] = None,
    overwrite: OverwriteOutput = False,
    top: Annotated[
        int,
        typer.Option("--top", min=0, help="Photos of a folder to list, the most alike first; 0 lists all."),
    ] = 10,
    threshold: Threshold = None,
    faces: Faces = FacesChoice.dominant,
) -> None:
    """Answer whether two photos show the same person.

    Nobody needs to be enrolled. Exits 0 if they do (for a folder: if any of its photos does), 1 if
    not, 2 if it cannot be decided. Shows the evidence with --verbose.
    """
    from faceunlock.cli.answers import compare as answers

    check_overwrite(overwrite, output)
    if pairs is not None:
        if other is not None:
            raise SettingsError("usage", "--pairs takes one folder")
        _pairs(session, Path(photo), pairs, seed, output, overwrite, threshold, faces)
        return
    if other is None:
        raise SettingsError(
            "usage",
            "compare needs two photos, or a photo and a folder",
            hint="To compare random pairs of one folder: faceunlock compare --pairs 10 FOLDER",
        )
    if seed:
        raise SettingsError("usage", "--seed needs --pairs")
    if output is not None:
        from faceunlock.files.outputs import check_picture
        from faceunlock.photos.folders import photos_in

        sources = photos_in(Path("/dev/stdin" if photo == "-" else photo), other)
        check_picture(output, overwrite=overwrite, never=sources)
    console = session.console
    source = sys.stdin.buffer if photo == "-" else photo
    with console.progress() as progress, session.unlock(progress) as unlock, console.naming_left_out():
        comparison = unlock.compare(
            source, other, threshold=threshold, faces=faces.value, track=progress.track
        )
    if output is not None:
        from faceunlock.cli.answers.compare import pair_picture
        from faceunlock.files.outputs import write_picture

        write_picture(output, pair_picture(comparison), overwrite=overwrite)
    console.answer(answers.text(comparison, top), answers.document(comparison, output))
    console.left_out(comparison.left_out)
    if console.verbose:
        for note in answers.details(comparison):
            console.note(note)
    for note in answers.notes(comparison, output):
        console.note(note)
    if not comparison.matches:
        raise typer.Exit(2 if comparison.undecided else 1)


def _pairs(
    session: Session,
    folder: Path,
    count: int,
    seed: int,
    output: Path | None,
    overwrite: bool,
    threshold: float | None,
    faces: FacesChoice,
) -> None:
    """Compare random pairs of a folder."""
    from faceunlock.cli.answers import pairs as answers
    from faceunlock.files.outputs import check_picture, write_picture
    from faceunlock.photos.folders import photos_in

    if output is not None:
        check_picture(output, overwrite=overwrite, never=photos_in(folder))
    console = session.console
    with console.progress() as progress, session.unlock(progress) as unlock, console.naming_left_out():
        outcome = unlock.compare_pairs(
            folder, count, threshold=threshold, faces=faces.value, seed=seed, track=progress.track
        )
    console.left_out(outcome.left_out)
    if output is not None:
        write_picture(output, answers.picture(outcome), overwrite=overwrite)
    console.answer(answers.text(outcome, output), answers.document(outcome, output))
    if len(outcome.pairs) < count:
        console.note(f"There are only {len(outcome.pairs):,} pairs that can be compared.")
