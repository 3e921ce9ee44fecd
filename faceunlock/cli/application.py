"""The Typer application with all commands, and the function that runs a command line with it."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated, Any

import typer

from faceunlock.cli.console import Console
from faceunlock.cli.exits import EXIT_COULD_NOT, EXIT_DONE, EXIT_INTERRUPTED, PROGRAM
from faceunlock.cli.help import WIDEST, GroupHelp, command_name, instead
from faceunlock.cli.options import (
    COMMON,
    Device,
    Gallery,
    Home,
    Json,
    Model,
    Quiet,
    Verbose,
    take_options,
)
from faceunlock.cli.quick import quicken
from faceunlock.errors import SettingsError

INSTALL_COMPLETION = "--install-completion"

UNKNOWN_COMMAND = re.compile(r"No such command '(.*?)'")
"""How Typer's message about a command that does not exist begins."""

TOO_MUCH = re.compile(r"Got unexpected extra argument\(s\) \((.*)\)", re.DOTALL)
"""Typer's message about more arguments than a command takes."""

MODULES = {
    "init": "init",
    "enroll": "enroll",
    "verify": "verify",
    "compare": "compare",
    "identify": "identify",
    "group": "group",
    "explain": "explain",
    "crop": "crop",
    "calibrate": "calibrate",
    "strangers": "strangers",
    "pad-test": "pad",
    "report": "report",
    "audit": "audit",
    "bench": "bench",
    "people": "people",
    "serve": "serve",
    "models": "models",
    "train": "train",
    "classify": "classify",
    "status": "status",
    "pam": "pam",
    "camera": "camera",
    "log": "log",
    "unlock-attempts": "log",
    "demo": "demo",
    "export": "export",
    "import": "export",
    "protect": "protect",
    "gallery": "gallery",
    "agent": "agent",
}
"""Each command and its module in `faceunlock.cli.commands`."""


def _print_version(wanted: bool) -> None:
    if wanted:
        from faceunlock.files.packages import own_version

        typer.echo(f"faceunlock {own_version()}")
        raise typer.Exit


def root(
    context: typer.Context,
    json: Json = None,
    quiet: Quiet = None,
    verbose: Verbose = None,
    home: Home = None,
    gallery: Gallery = None,
    device: Device = None,
    model: Model = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Face unlock for your own photos: enroll a person, verify a selfie, calibrate the threshold."""
    given = (json, quiet, verbose, home, gallery, device, model)
    take_options(context, dict(zip(COMMON, given, strict=True)))


def application(words: Sequence[str] = ()) -> typer.Typer:
    """Return the application with the commands that a command line may need.

    Parameters
    ----------
    words : sequence of str
        The command line. Only the commands among its words are imported; if there are none, as in
        ``faceunlock --help``, all are.
    """
    app = typer.Typer(
        name=PROGRAM,
        cls=GroupHelp,
        help="Face unlock for your own photos: enroll a person, verify a selfie, calibrate the threshold.",
        epilog="Exit codes: 0 yes or done, 1 no, 2 could not decide or could not do it, 130 interrupted.",
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": WIDEST},
    )
    app.callback()(root)
    meant = [MODULES[word] for word in words if word in MODULES] or MODULES.values()
    for module in dict.fromkeys(meant):
        import_module(f"faceunlock.cli.commands.{module}").register(app)
    return app


def execute(arguments: list[str], understood: dict[str, Any]) -> int:
    """Run one command line and return its exit code.

    Parameters
    ----------
    arguments : list of str
        The command line without the program's name.
    understood : dict
        Receives the common options and the command, as far as they are understood, for error reports.

    Raises
    ------
    FaceUnlockError
        Any error of the command; ``usage`` if the command line is not understood.
    KeyboardInterrupt
        If the user interrupted the command.
    """
    _name_shell(arguments)
    try:
        # Not by calling the application, which would install its own exception hook.
        program = typer.main.get_command(application(arguments))
        quicken(program)
        code: int | None = program.main(arguments, prog_name=PROGRAM, standalone_mode=False, obj=understood)
    except typer.TyperException as error:
        if not arguments:  # no_args_is_help: the help is the message
            Console().say(error.format_message())
            return EXIT_COULD_NOT
        context = getattr(error, "ctx", None)
        if context is not None:
            understood["command"] = command_name(context)
            given = context.find_root().params  # which nobody has recorded yet if the command does not exist
            understood |= {name: given[name] for name in COMMON if given.get(name) is not None} | understood
        other = _other_command(error, understood)
        raise SettingsError("usage", _in_our_words(error, known=other is not None), hint=other) from error
    except typer.Abort as error:
        raise KeyboardInterrupt from error
    except (OSError, RuntimeError, UnicodeError) as error:
        about_stream = isinstance(error, OSError) and error.filename is None
        if about_stream or not any(word.startswith(INSTALL_COMPLETION) for word in arguments):
            raise
        raise _not_installed(error) from error
    except SystemExit as stop:
        # Typer exits with 1 on a broken pipe, which would mean "no".
        if isinstance(stop.__context__, BrokenPipeError):
            raise stop.__context__ from None
        code = EXIT_DONE if stop.code in (None, EXIT_DONE) else EXIT_COULD_NOT  # its other codes are errors
    if code == EXIT_INTERRUPTED:  # how Typer reports Ctrl-C
        raise KeyboardInterrupt
    return code or EXIT_DONE


def _in_our_words(error: typer.TyperException, *, known: bool) -> str:
    """Return what is wrong with a command line; `known` if the hint has the command that was meant."""
    unknown = UNKNOWN_COMMAND.match(error.message)
    if unknown is not None and known:  # Typer's guess, by the letters, would contradict the hint
        return unknown[0]
    too_much = TOO_MUCH.fullmatch(error.message)
    if too_much is not None:
        return f"This is more than the command takes: {too_much[1]}"
    possible = getattr(error, "possibilities", None)
    if possible:
        return f"{error.message}. Did you mean {' or '.join(sorted(possible))}?"
    message = " ".join(error.format_message().split())  # choices come on lines of their own
    return message.removesuffix(".")


def _other_command(error: typer.TyperException, understood: dict[str, Any]) -> str | None:
    """Return what to type instead of a command that does not exist, if people often type that one."""
    unknown = UNKNOWN_COMMAND.match(error.message)
    if unknown is None:
        return None
    return instead(" ".join(filter(None, (understood.get("command"), unknown[1]))))


def _not_installed(error: OSError | RuntimeError | UnicodeError) -> SettingsError:
    """Return why Typer could not write into the shell's own files in the user's home directory."""
    if isinstance(error, RuntimeError):
        return SettingsError("no-home", hint="Set HOME.")
    if isinstance(error, UnicodeError):
        return SettingsError("file-unreadable", "the shell's own settings are not UTF-8")
    return SettingsError("file-unwritable", f"{error.filename}: {error.strerror}")


def _name_shell(arguments: list[str]) -> None:
    """Let a shell's name follow the options about completion; Typer otherwise takes only the current shell.

    Typer reads the variable while it makes these options, which then need a value.
    """
    for option, following in zip(arguments, [*arguments, ""][1:], strict=True):
        name, given, _ = option.partition("=")
        named = given or (following and not following.startswith("-"))
        if name in ("--show-completion", INSTALL_COMPLETION) and named:
            os.environ["_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION"] = "1"
