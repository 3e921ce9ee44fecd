"""``faceunlock classify``: name the people of a closed set."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from faceunlock.cli.options import DataFacesChoice, OverwriteCopies, check_overwrite, command, default_command
from faceunlock.cli.session import Session
from faceunlock.errors import SettingsError, TrainingError
from faceunlock.files.text import printable


class NameFacesChoice(StrEnum):
    """Which faces of a photo are named."""

    dominant = "dominant"
    largest = "largest"
    central = "central"
    all = "all"


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    group = typer.Typer()
    app.add_typer(group, name="classify", help="Name the people of a closed set, or say: none of these.")
    default_command(group)(neither)
    command(group, "train")(learn)
    command(group, "name")(name)


def neither(session: Session) -> None:
    """Name the people of a closed set, or say: none of these."""
    raise SettingsError(
        "usage", "choose one: classify train FOLDER -o HEAD, or classify name PHOTOS --head HEAD"
    )


def learn(
    session: Session,
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER",
            help="Folder with a sub-folder per person, at least two people.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="HEAD", help="Folder to write the classifier to.", show_default=False
        ),
    ],
    strangers: Annotated[
        float,
        typer.Option("--strangers", min=0, max=0.5, help="Largest share of strangers who may be named."),
    ] = 0.01,
    seed: Annotated[int, typer.Option("--seed", min=0, max=4294967295, help="Seed of the folds.")] = 0,
    faces: Annotated[
        DataFacesChoice,
        typer.Option(
            "--faces",
            help="Which face counts; dominant refuses a photo of several people, the others do not.",
        ),
    ] = DataFacesChoice.dominant,
    plot: Annotated[
        Path | None,
        typer.Option(
            "--plot", metavar="FILE", help="Write the confusion matrix as a PNG file.", show_default=False
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an existing classifier or picture.")
    ] = False,
) -> None:
    """Learn to name the people in a folder, with any model, in seconds.

    The figures come from cross-validation: every photo is judged by a classifier that has not seen it.
    """
    from faceunlock.cli.answers import classify as answers
    from faceunlock.files.outputs import check_destination
    from faceunlock.photos.folders import photos_in

    console = session.console
    if plot is not None:
        check_destination(plot, overwrite=overwrite, kind=TrainingError, never=photos_in(folder))
    with console.progress() as progress, session.unlock(progress) as unlock:
        learned = unlock.learn_classifier(
            folder,
            output,
            strangers=strangers,
            seed=seed,
            faces=faces.value,
            overwrite=overwrite,
            track=progress.track,
        )
    if plot is not None:
        answers.write_plot(plot, learned)
    console.answer(answers.learned(learned, output), answers.learned_document(learned, output))
    console.left_out(learned.left_out)
    if plot is not None:
        console.note(f"Wrote {printable(plot)}")


def name(
    session: Session,
    photos: Annotated[
        list[Path],
        typer.Argument(metavar="PHOTOS", help="Photos, or folders to search for photos.", show_default=False),
    ],
    head: Annotated[
        Path,
        typer.Option(
            "--head",
            metavar="HEAD",
            help="Folder that classify train wrote, or a model trained with softmax.",
            show_default=False,
        ),
    ],
    faces: Annotated[
        NameFacesChoice | None,
        typer.Option(
            "--faces",
            help="Which faces to name: dominant, the default, refuses a photo of several people; all, the "
            "default with -o, names every face; largest and central name one.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FOLDER",
            help="Write copies of the photos to this folder, with every face named.",
            show_default=False,
        ),
    ] = None,
    overwrite: OverwriteCopies = False,
) -> None:
    """Name the people in photos, or answer: none of these.

    Exits 0 if every face was named, 1 if a face is none of these, 2 if a photo could not be judged.
    """
    from faceunlock.cli.answers import classify as answers
    from faceunlock.pipeline.samples import LeftOut

    check_overwrite(overwrite, output)
    rule = faces or (NameFacesChoice.dominant if output is None else NameFacesChoice.all)
    if output is not None and rule is not NameFacesChoice.all:
        raise SettingsError("usage", "-o names every face, so --faces must be all")
    console = session.console
    with console.progress() as progress, session.unlock(progress) as unlock:
        outcomes = unlock.classify(
            photos,
            head,
            faces=rule.value,
            destination=output,
            overwrite=overwrite,
            track=progress.track,
        )
    unusable = [answer for answer in outcomes if isinstance(answer, LeftOut)]
    named = [answer for answer in outcomes if not isinstance(answer, LeftOut)]
    console.answer(answers.named(named), answers.named_document(named, unusable))
    console.left_out(unusable)
    for note in answers.notes(named, output):
        console.note(note)
    if unusable or not named:
        raise typer.Exit(2)
    if any(face.name is None for photo in named for face in photo.faces):
        raise typer.Exit(1)
