"""``faceunlock report``: write a page about the photos of a folder."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from faceunlock.cli.options import DataFacesChoice, Overwrite, command
from faceunlock.cli.session import Session


class MapChoice(StrEnum):
    """How embeddings are projected onto the plane."""

    pca = "pca"
    umap = "umap"


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    command(app, "report")(report)


def report(
    session: Session,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder with a sub-folder per person.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="The HTML file to write.")],
    png: Annotated[
        Path | None,
        typer.Option(
            "--png", metavar="DIR", help="Also write each figure to this folder, as PNG.", show_default=False
        ),
    ] = None,
    no_faces: Annotated[bool, typer.Option("--no-faces", help="Show no faces, for a page to share.")] = False,
    faces: Annotated[
        DataFacesChoice,
        typer.Option("--faces", help="Which face counts; central suits photos cropped like LFW."),
    ] = DataFacesChoice.dominant,
    map_: Annotated[
        MapChoice, typer.Option("--map", help="How to project the map; umap needs umap-learn.")
    ] = MapChoice.pca,
    by: Annotated[
        str | None,
        typer.Option(
            "--by",
            metavar="GROUPING",
            help="Show groups of people on the map: folders, pattern:REGEX or a CSV file, as for audit.",
            show_default=False,
        ),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            "--threshold", help="Threshold for comparing two photos, from -1 to 1.", show_default=False
        ),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Write a page that shows how alike people look.

    The page is one self-contained HTML file that opens offline: heatmap, map, score histograms, DET curve,
    the worst pairs and a table of people. Nothing else is changed.
    """
    from faceunlock.cli.answers import report as answers

    console = session.console
    with console.progress() as progress, session.unlock(progress) as unlock:
        outcome = unlock.report(
            folder,
            output,
            png=png,
            show_faces=not no_faces,
            faces=faces.value,
            map_method=map_.value,
            by=by,
            threshold=threshold,
            overwrite=overwrite,
            track=progress.track,
        )
    console.left_out(outcome.report.study.samples.failures if console.verbose else ())
    console.answer(answers.summary(outcome), answers.document(outcome))
