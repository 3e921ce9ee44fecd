"""``faceunlock audit``: error rates and spread for each group of people."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from faceunlock.cli.options import DataFacesChoice, Overwrite, command
from faceunlock.cli.session import Session
from faceunlock.errors import SettingsError


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    command(app, "audit")(audit)


def audit(
    session: Session,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder of photos.", show_default=False)],
    by: Annotated[
        str,
        typer.Option(
            "--by",
            metavar="GROUPING",
            help="How to group photos: folders (each first-level folder is a group), pattern:REGEX with a "
            "part (?P<group>...) for file names, or a CSV file with the columns photo, person, group.",
        ),
    ] = "folders",
    label: Annotated[
        list[str] | None,
        typer.Option(
            "--label",
            metavar="GROUP=NAME",
            help="A readable name for a group, such as 0_1='young men'; may be given several times.",
            show_default=False,
        ),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option("--threshold", help="Use this threshold instead of the model's.", show_default=False),
    ] = None,
    faces: Annotated[
        DataFacesChoice,
        typer.Option("--faces", help="Which face counts; central suits data sets cropped around a face."),
    ] = DataFacesChoice.dominant,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Write an HTML page to this file.", show_default=False
        ),
    ] = None,
    png: Annotated[
        Path | None,
        typer.Option(
            "--png", metavar="DIR", help="Write the figures to this folder, as PNG.", show_default=False
        ),
    ] = None,
    no_faces: Annotated[
        bool, typer.Option("--no-faces", help="Show no faces on the page of -o, for a page to share.")
    ] = False,
    overwrite: Overwrite = False,
    permutations: Annotated[
        int,
        typer.Option("--permutations", min=99, max=1_000_000, help="Permutations of people for each test."),
    ] = 9_999,
    seed: Annotated[
        int, typer.Option("--seed", min=0, help="Seed of the permutations and the resampling.")
    ] = 0,
    crop: Annotated[
        int | None,
        typer.Option(
            "--crop",
            metavar="PIXELS",
            help="Side of the crop, for models that take a box with a margin; needs --margin.",
            show_default=False,
        ),
    ] = None,
    margin: Annotated[
        int | None,
        typer.Option(
            "--margin", metavar="PIXELS", help="Margin in that crop, both sides added up.", show_default=False
        ),
    ] = None,
) -> None:
    """Compare error rates between groups of people.

    Shows the failures, false matches, false non-matches and spread of each group, and whether the
    differences could be chance.
    """
    if (crop is None) != (margin is None):
        raise SettingsError("usage", "--crop and --margin must be given together")
    if no_faces and output is None:
        raise SettingsError("usage", "--no-faces needs --output")
    if overwrite and output is None and png is None:
        raise SettingsError("usage", "--overwrite needs --output or --png")

    from faceunlock.cli.answers import audit as answers
    from faceunlock.files.outputs import check_destination, never_replace
    from faceunlock.files.packages import own_version
    from faceunlock.files.text import printable
    from faceunlock.photos.photo import find_photos
    from faceunlock.reports.audit_figures import FIGURES, draw_figures
    from faceunlock.reports.audit_words import page
    from faceunlock.reports.page import check_pictures, write_page, write_pictures

    if Path(by).is_file():
        never_replace(Path(by))
    sources = find_photos([folder]).photos if overwrite else ()
    if output is not None:
        check_destination(output, overwrite=overwrite, never=sources)
    if png is not None:
        check_pictures(png, FIGURES, overwrite=overwrite, never=sources)
    console = session.console
    with console.progress() as progress, session.unlock(progress) as unlock:
        report = unlock.audit(
            folder,
            by,
            threshold=threshold,
            faces=faces.value,
            permutations=permutations,
            seed=seed,
            labels=_labels(label or ()),
            show_faces=output is not None and not no_faces,
            crop=None if crop is None or margin is None else (crop, margin),
            track=progress.track,
        )
    console.left_out(report.failures if console.verbose else ())
    pictures: tuple[Path, ...] = ()
    if output is not None or png is not None:
        figures = draw_figures(report)
        if png is not None:
            pictures = write_pictures(png, list(figures.values()), overwrite=overwrite)
        if output is not None:
            content = page(report, figures, own_version())
            write_page(output, content, overwrite=overwrite)
    console.answer(answers.text(report), answers.document(report, output, pictures))
    for written in (*([] if output is None else [output]), *pictures):
        console.note(f"Wrote {printable(written)}")


def _labels(given: Sequence[str]) -> dict[str, str]:
    """Return the names of groups from GROUP=NAME."""
    labels: dict[str, str] = {}
    for one in given:
        group, sign, name = one.partition("=")
        if not sign or not group or not name.strip():
            raise SettingsError("usage", f"--label takes GROUP=NAME, not {one!r}")
        if group in labels:
            raise SettingsError("usage", f"--label names the group {group} twice")
        labels[group] = name.strip()
    return labels
