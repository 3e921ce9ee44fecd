"""The command line: one module per command; words, tables and JSON in `faceunlock.cli.console`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from faceunlock.cli import calibrate, demo, enroll, models, people, status, transfer, verify
from faceunlock.cli.console import Console
from faceunlock.cli.options import COMMON, Device, Home, Json, Model, Quiet, Verbose, common_values
from faceunlock.errors import FaceUnlockError, SettingsError

EXIT_DONE, EXIT_NO, EXIT_COULD_NOT = 0, 1, 2

app = typer.Typer(
    name="faceunlock",
    help="Face unlock for your own photos: enroll a person, verify a selfie, calibrate the threshold.",
    epilog="Exit codes: 0 yes or done, 1 no, 2 could not decide or could not do it.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for module in (enroll, verify, calibrate, people, models, status, demo, transfer):
    module.register(app)


def _print_version(wanted: bool) -> None:
    if wanted:
        from faceunlock import __version__

        typer.echo(f"faceunlock {__version__}")
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    json: Json = None,
    quiet: Quiet = None,
    verbose: Verbose = None,
    home: Home = None,
    device: Device = None,
    model: Model = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Face unlock for your own photos: enroll a person, verify a selfie, calibrate the threshold."""
    context.obj = common_values(dict(zip(COMMON, (json, quiet, verbose, home, device, model), strict=True)))


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code.

    Parameters
    ----------
    arguments : sequence of str
        The command line without the program's name.

    Returns
    -------
    int
        0 yes or done, 1 no, 2 could not decide or could not do it, 130 interrupted.
    """
    for stream in (sys.stdout, sys.stderr):
        # File names may hold bytes that are no text; they must not end in a traceback.
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    before_separator = list(arguments)[: list(arguments).index("--")] if "--" in arguments else arguments
    command = next((word for word in arguments if not word.startswith("-")), "")
    console = Console(json="--json" in before_separator, command=command)
    try:
        return int(app(list(arguments), standalone_mode=False) or EXIT_DONE)
    except FaceUnlockError as error:
        console.error(error)
        return EXIT_COULD_NOT
    except typer.TyperException as error:
        if not arguments:  # no_args_is_help: the help is the message
            typer.echo(error.format_message(), err=True)
            return EXIT_COULD_NOT
        console.error(SettingsError("usage", error.format_message()))
        return EXIT_COULD_NOT
    except (KeyboardInterrupt, typer.Abort):
        console.error(SettingsError("interrupted"))
        return 130
    except BrokenPipeError:
        # The reader has gone, as in `faceunlock people | head -1`: nobody is left to tell.
        sys.stdout = None
        return EXIT_COULD_NOT
