"""Pages: fill templates with data and write one private HTML file that needs nothing else."""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from faceunlock.errors import ReportError
from faceunlock.files.outputs import check_destination, write_output
from faceunlock.files.private import make_private_directories

if TYPE_CHECKING:
    from jinja2 import Environment

    from faceunlock.reports.figures import Figure


def render_page(template: str, **data: Any) -> str:
    """Return a page from a template of ``faceunlock/reports/templates``; everything in `data` is escaped.

    Templates extend ``base.html`` and use the macros of ``parts.html``.

    Parameters
    ----------
    template : str
        Name of its file.
    **data
        The variables of the template; a missing variable is an error.
    """
    return _environment().get_template(template).render(**data)


def shown_pair(
    similarity: float, threshold: float, photos: Iterable[tuple[str, str, bytes | None]]
) -> dict[str, Any]:
    """Return two faces as the macro ``pairs`` of ``parts.html`` shows them.

    Parameters
    ----------
    similarity, threshold : float
        The pair matches if its similarity reaches the threshold.
    photos : iterable of (str, str, bytes or None)
        Who is on each photo, its file, and the face as JPEG.
    """
    return {
        "similarity": f"{similarity:.4f}",
        "verdict": "match" if similarity >= threshold else "no match",
        "photos": [
            {"person": person, "file": file, "face": "" if face is None else b64encode(face).decode()}
            for person, file, face in photos
        ],
    }


def write_page(file: Path, page: str, *, overwrite: bool = False) -> None:
    """Write a page to a file of mode 0600, all or nothing; who is on which photo is private.

    Raises
    ------
    ReportError
        ``file-exists`` unless `overwrite`; ``file-unwritable``.
    """
    write_output(file, page.encode("utf-8", "backslashreplace"), overwrite=overwrite)


def check_pictures(
    folder: Path, names: Sequence[str], *, overwrite: bool = False, never: Sequence[Path] = ()
) -> None:
    """Check that figures with these names can be written to a folder, and replace none of some files.

    Raises
    ------
    ReportError
        ``file-exists`` if one of the files exists, unless `overwrite`; ``file-unwritable`` if the folder is
        a file.
    """
    if os.path.lexists(folder) and not folder.is_dir():
        raise ReportError("file-unwritable", f"{folder} is not a folder")
    for name in names:
        check_destination(_picture(folder, name), overwrite=overwrite, in_new_folder=True, never=never)


def write_pictures(folder: Path, figures: Sequence[Figure], *, overwrite: bool = False) -> tuple[Path, ...]:
    """Write each figure to a PNG file of mode 0600 in a folder, which is created if necessary.

    Returns
    -------
    tuple of Path
        The files, in the order of the figures.

    Raises
    ------
    ReportError
        ``file-exists`` unless `overwrite`; ``file-unwritable``.
    """
    try:
        make_private_directories(folder)
    except OSError as error:
        raise ReportError(
            "file-unwritable", f"{folder} cannot be written: {error.strerror or error}"
        ) from error
    files = tuple(_picture(folder, figure.name) for figure in figures)
    for file, figure in zip(files, figures, strict=True):
        write_output(file, figure.png, overwrite=overwrite)
    return files


def _picture(folder: Path, name: str) -> Path:
    return folder / f"{name}.png"


@cache
def templates_of(package: str) -> Environment:
    """Return the templates of a package: everything they show is escaped, a missing variable is an error."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader(package),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _environment() -> Environment:
    environment = templates_of("faceunlock.reports")
    environment.filters["count"] = lambda number: f"{number:,}"
    # A non-breaking space, so that no line begins with a percent sign.
    environment.finalize = lambda value: value.replace(" %", "\u00a0%") if type(value) is str else value
    return environment
