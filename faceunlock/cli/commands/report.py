"""``faceunlock report``: a page to look at."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from faceunlock.cli.options import DataFacesChoice, command
from faceunlock.cli.session import Session


class MapChoice(StrEnum):
    """How embeddings are laid out in the plane."""

    pca = "pca"
    umap = "umap"


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    command(app, "report")(report)


def report(
    session: Session,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="One sub-folder per person.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="The HTML file to write.")],
    png: Annotated[
        Path | None,
        typer.Option("--png", metavar="DIR", help="Also write each figure as PNG.", show_default=False),
    ] = None,
    no_faces: Annotated[bool, typer.Option("--no-faces", help="Show no face, for sharing.")] = False,
    faces: Annotated[
        DataFacesChoice,
        typer.Option("--faces", help="Which face counts; central suits photos cropped like LFW."),
    ] = DataFacesChoice.dominant,
    map_: Annotated[
        MapChoice, typer.Option("--map", help="How the map is made; umap needs umap-learn.")
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
            "--threshold", help="Threshold for photo against photo, from -1 to 1.", show_default=False
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing files.")] = False,
) -> None:
    """Write a page that shows how alike people look.

    One self-contained HTML file that opens offline: heatmap, map, score histograms, DET curve, the worst
    pairs and a table of people. Changes nothing else.
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
