"""The command line: one module per command; words, tables and JSON in `faceunlock.cli.console`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from faceunlock.cli.console import Console, abandon_stdout
from faceunlock.cli.options import (
    COMMON,
    Device,
    Home,
    Json,
    Model,
    Quiet,
    Verbose,
    command_name,
    take_options,
)
from faceunlock.cli.quick import quicken
from faceunlock.errors import SLUGS, FaceUnlockError, SettingsError

PROGRAM = "faceunlock"
EXIT_DONE, EXIT_NO, EXIT_COULD_NOT, EXIT_INTERRUPTED = 0, 1, 2, 130

MODULES = {
    "enroll": "enroll",
    "verify": "verify",
    "compare": "compare",
    "identify": "identify",
    "crop": "crop",
    "calibrate": "calibrate",
    "pad-test": "pad_test",
    "report": "report",
    "audit": "audit",
    "people": "people",
    "models": "models",
    "train": "train",
    "classify": "classify",
    "status": "status",
    "pam": "pam",
    "log": "log",
    "unlock-attempts": "log",
    "demo": "demo",
    "export": "transfer",
    "import": "transfer",
    "protect": "protect",
    "agent": "agent",
}
"""Each command and the module of this package that it is in."""


def _print_version(wanted: bool) -> None:
    if wanted:
        from faceunlock import __version__

        typer.echo(f"faceunlock {__version__}")
        raise typer.Exit


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
    take_options(context, dict(zip(COMMON, (json, quiet, verbose, home, device, model), strict=True)))


def application(words: Sequence[str] = ()) -> typer.Typer:
    """Return the application with the commands that a command line can mean.

    Parameters
    ----------
    words : sequence of str
        The command line. Commands that are not among its words are not even imported; with none
        among them, as in ``faceunlock --help``, all are there.
    """
    app = typer.Typer(
        name=PROGRAM,
        help="Face unlock for your own photos: enroll a person, verify a selfie, calibrate the threshold.",
        epilog="Exit codes: 0 yes or done, 1 no, 2 could not decide or could not do it, 130 interrupted.",
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(root)
    meant = [MODULES[word] for word in words if word in MODULES] or MODULES.values()
    for module in dict.fromkeys(meant):
        import_module(f"{__name__}.{module}").register(app)
    return app


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
    _prepare_streams()
    try:
        return _run(list(arguments))
    except BrokenPipeError:
        return _reader_gone()
    except SystemExit as stop:
        # The framework ends a broken pipe with code 1, which would mean "no".
        if isinstance(stop.__context__, BrokenPipeError):
            return _reader_gone()
        raise


def _run(arguments: list[str]) -> int:
    understood: dict[str, Any] = {}
    try:
        # Not through the application object, which would install an exception hook of its own.
        program = typer.main.get_command(application(arguments))
        quicken(program)
        code: int | None = program.main(arguments, prog_name=PROGRAM, standalone_mode=False, obj=understood)
        if code == EXIT_INTERRUPTED:  # how the framework tells that Ctrl-C was pressed
            raise KeyboardInterrupt
        return code or EXIT_DONE
    except FaceUnlockError as error:
        if error.hint == SLUGS["usage"].hint:
            error.hint = _help_hint(understood)
        return _report(error, arguments, understood)
    except typer.TyperException as error:
        if not arguments:  # no_args_is_help: the help is the message
            print(error.format_message(), file=sys.stderr)
            return EXIT_COULD_NOT
        context = getattr(error, "ctx", None)
        if context is not None:
            understood["command"] = command_name(context)
        # "Value error" is what the framework's validation library calls it.
        message = error.format_message().replace("Value error, ", "")
        return _report(SettingsError("usage", message, hint=_help_hint(understood)), arguments, understood)
    except (KeyboardInterrupt, typer.Abort):
        _report(SettingsError("interrupted"), arguments, understood)
        return EXIT_INTERRUPTED


def report_interrupt(arguments: Sequence[str]) -> None:
    """Say that the command was interrupted, as text and, if it was asked for, as JSON."""
    _report(SettingsError("interrupted"), list(arguments), {})


def report_unwritable(error: OSError, arguments: Sequence[str]) -> int:
    """Say that the answer could not be written to stdout; return the exit code."""
    abandon_stdout()
    reason = SettingsError("file-unwritable", f"standard output: {error.strerror}")
    return _report(reason, list(arguments), {"command": "verify"})


def _help_hint(understood: dict[str, Any]) -> str:
    words = " ".join(filter(None, (PROGRAM, understood.get("command"))))
    return f"See: {words} --help"


def _report(error: FaceUnlockError, arguments: list[str], understood: dict[str, Any]) -> int:
    # A command line that was not understood may still say how errors are wanted.
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    json = bool(understood.get("json")) or "--json" in options
    Console(json=json, command=understood.get("command", "")).error(error)
    return EXIT_COULD_NOT


def _prepare_streams() -> None:
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # closed by the caller, as with `>&-`
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        # File names may hold bytes that are no text; they must not end in a traceback.
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def _reader_gone() -> int:
    """End quietly when nobody reads the answer, as in ``faceunlock people | head -1``."""
    abandon_stdout()
    return EXIT_COULD_NOT
