"""``faceunlock export`` and ``faceunlock import``: the gallery as one file, encrypted with a passphrase."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from faceunlock.cli.options import command
from faceunlock.cli.session import Session
from faceunlock.errors import SettingsError

PASSPHRASE_VARIABLE = "FACEUNLOCK_PASSPHRASE"  # noqa: S105 - the name of a variable

PassphraseFile = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file",
        metavar="FILE",
        help=f"Read the passphrase from the first line of this file; else {PASSPHRASE_VARIABLE} or a prompt.",
        show_default=False,
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    command(app, "export")(export_file)
    command(app, "import")(import_file)


def export_file(
    session: Session,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="File to write.", show_default=False)],
    passphrase_file: PassphraseFile = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing file.")] = False,
) -> None:
    """Write the whole gallery to one encrypted file."""
    from faceunlock.cli.answers import export as answers

    with session.unlock() as unlock:
        passphrase = _passphrase(passphrase_file, twice=True)
        summary = unlock.export_to(file, passphrase, overwrite=overwrite)
    session.console.answer(answers.exported(summary), answers.exported_document(summary))


def import_file(
    session: Session,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="File to read.", show_default=False)],
    passphrase_file: PassphraseFile = None,
    skip_existing: Annotated[
        bool, typer.Option("--skip-existing", help="Leave people who are enrolled here unchanged.")
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace people enrolled here with those in the file.")
    ] = False,
    even_so: Annotated[
        bool, typer.Option("--even-so", help="Import people who match somebody here under another name.")
    ] = False,
) -> None:
    """Add the people in an encrypted file to the gallery."""
    from faceunlock.cli.answers import export as answers

    if skip_existing and replace:
        raise SettingsError("usage", "--skip-existing and --replace cannot be combined")
    on_conflict: Literal["refuse", "skip", "replace"] = (
        "skip" if skip_existing else "replace" if replace else "refuse"
    )
    with session.unlock() as unlock:
        passphrase = _passphrase(passphrase_file)
        summary = unlock.import_from(file, passphrase, on_conflict=on_conflict, even_so=even_so)
    session.console.answer(answers.imported(summary), answers.imported_document(summary))


def _passphrase(file: Path | None, *, twice: bool = False) -> str:
    if file is not None:
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError("usage", f"{file} cannot be read as text") from error
        return lines[0] if lines else ""
    if PASSPHRASE_VARIABLE in os.environ:
        return os.environ[PASSPHRASE_VARIABLE]
    if not sys.stdin.isatty():
        raise SettingsError(
            "usage",
            "no passphrase, and no terminal to ask for one",
            hint=f"Use --passphrase-file FILE or set {PASSPHRASE_VARIABLE}.",
        )
    answer: str = typer.prompt("Passphrase", hide_input=True, confirmation_prompt=twice, err=True)
    return answer
