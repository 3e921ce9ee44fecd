"""``faceunlock export`` and ``faceunlock import``: the gallery as one file, encrypted with a passphrase."""

from __future__ import annotations

import os
import sys
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from pathlib import Path
from typing import Annotated, Literal

import typer

from faceunlock.cli.options import command
from faceunlock.cli.session import Session
from faceunlock.errors import SettingsError

PASSPHRASE_VARIABLE = "FACEUNLOCK_PASSPHRASE"  # noqa: S105 - the name of a variable
MOST_BYTES = 1 << 16
"""Most bytes that are read of a passphrase file."""

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
    from faceunlock.files.outputs import never_replace

    with session.unlock() as unlock:
        passphrase = _passphrase(passphrase_file, twice=True)
        if passphrase_file is not None:
            never_replace(passphrase_file)
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
    calibrations: Annotated[
        bool,
        typer.Option("--calibrations", help="Also take thresholds, for models that have none of yours."),
    ] = False,
    allow_lower: Annotated[
        bool, typer.Option("--allow-lower", help="Take a threshold below the shipped one, too.")
    ] = False,
    even_so: Annotated[
        bool, typer.Option("--even-so", help="Import people who match somebody here under another name.")
    ] = False,
) -> None:
    """Add the people in an encrypted file to the gallery."""
    from faceunlock.cli.answers import export as answers

    if skip_existing and replace:
        raise SettingsError("usage", "--skip-existing and --replace cannot be combined")
    if allow_lower and not calibrations:
        raise SettingsError("usage", "--allow-lower needs --calibrations")
    on_conflict: Literal["refuse", "skip", "replace"] = (
        "skip" if skip_existing else "replace" if replace else "refuse"
    )
    from faceunlock.gallery.export import check_export

    check_export(file)  # before anybody types a passphrase for nothing
    with session.unlock() as unlock:
        summary = unlock.import_from(
            file,
            _passphrase(passphrase_file),
            on_conflict=on_conflict,
            calibrations=calibrations,
            allow_lower=allow_lower,
            even_so=even_so,
        )
    session.console.answer(answers.imported(summary), answers.imported_document(summary))


def _passphrase(file: Path | None, *, twice: bool = False) -> str:
    """Return the passphrase from a file, the environment or a prompt: the same whichever way it comes."""
    if file is not None:
        return _one_line(_read_private(file))
    if os.environ.get(PASSPHRASE_VARIABLE):
        return _one_line(os.environ[PASSPHRASE_VARIABLE])
    if not sys.stdin.isatty():
        raise SettingsError(
            "usage",
            "no passphrase, and no terminal to ask for one",
            hint=f"Use --passphrase-file FILE or set {PASSPHRASE_VARIABLE}.",
        )
    answer: str = typer.prompt("Passphrase", hide_input=True, confirmation_prompt=twice, err=True)
    return _one_line(answer)


def _one_line(text: str) -> str:
    """Return the first line without its end and without the mark that some editors put at the beginning."""
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n", 1)[0]


def _read_private(file: Path) -> str:
    """Return the text of a file that only its owner can read; editors on Windows may write UTF-16."""
    from faceunlock.files.reading import given_pipe, open_file
    from faceunlock.files.trust import refuse_if_others_read

    pipe = given_pipe(file)  # such as `<(pass show faceunlock)`
    try:
        with open_file(file) if pipe is None else os.fdopen(os.dup(pipe), "rb") as stream:
            refuse_if_others_read(file, os.fstat(stream.fileno()))
            content = stream.read(MOST_BYTES)
        wide = content.startswith((BOM_UTF16_LE, BOM_UTF16_BE))
        return content.decode("utf-16" if wide else "utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError("usage", f"{file} cannot be read as text") from error
