"""The options that every command shares, and the registration of commands with them."""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from faceunlock.cli.help import COMMON_OPTIONS, CommandHelp, GroupHelp, command_name
from faceunlock.cli.session import open_session
from faceunlock.errors import SettingsError


class DeviceChoice(StrEnum):
    """Where networks run."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


class SecurityChoice(StrEnum):
    """How sure a yes must be."""

    relaxed = "relaxed"
    normal = "normal"
    strict = "strict"


class FacesChoice(StrEnum):
    """Which face of a person's photo is used."""

    dominant = "dominant"
    largest = "largest"


class DataFacesChoice(StrEnum):
    """Which face of a photo in a data set is used."""

    dominant = "dominant"
    largest = "largest"
    central = "central"


Json = Annotated[
    bool | None,
    typer.Option(
        "--json",
        help="Print one JSON document on stdout.",
        rich_help_panel=COMMON_OPTIONS,
        show_default=False,
    ),
]
Quiet = Annotated[
    bool | None,
    typer.Option(
        "--quiet",
        "-q",
        help="Print only errors on stderr.",
        rich_help_panel=COMMON_OPTIONS,
        show_default=False,
    ),
]
Verbose = Annotated[
    bool | None,
    typer.Option(
        "--verbose",
        "-v",
        help="Print more details on stderr.",
        rich_help_panel=COMMON_OPTIONS,
        show_default=False,
    ),
]
Home = Annotated[
    Path | None,
    typer.Option(
        "--home",
        metavar="FOLDER",
        help="Keep gallery, cache and config under this directory.",
        rich_help_panel=COMMON_OPTIONS,
        show_default=False,
    ),
]
Gallery = Annotated[
    str | None,
    typer.Option(
        "--gallery",
        metavar="GALLERY",
        help="local, or postgresql://USER@HOST/DATABASE.",
        rich_help_panel=COMMON_OPTIONS,
        show_default=False,
    ),
]
Device = Annotated[
    DeviceChoice | None,
    typer.Option(
        "--device",
        help="Where to run networks; default auto.",
        rich_help_panel=COMMON_OPTIONS,
        show_default=False,
    ),
]
Camera = Annotated[
    bool, typer.Option("--camera", help="Use a camera: its number, device or video file, or the default one.")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace existing files.")]
OverwriteCopies = Annotated[bool, typer.Option("--overwrite", help="Let -o replace existing files.")]
OverwriteOutput = Annotated[bool, typer.Option("--overwrite", help="Let -o replace an existing file.")]

Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="MODEL",
        help="Model id (see: faceunlock models) or folder of a trained model; default auto.",
        rich_help_panel=COMMON_OPTIONS,
        show_default=False,
    ),
]

Threshold = Annotated[
    float | None,
    typer.Option("--threshold", min=-1, max=1, help="Threshold for this call only.", show_default=False),
]
Security = Annotated[
    SecurityChoice | None,
    typer.Option("--security", help="How sure a yes must be; see docs/cli.md.", show_default=False),
]
Faces = Annotated[
    FacesChoice,
    typer.Option(
        "--faces", help="dominant refuses a photo of several people; largest takes the largest face."
    ),
]

COMMON: dict[str, Any] = {
    "json": Json,
    "quiet": Quiet,
    "verbose": Verbose,
    "home": Home,
    "gallery": Gallery,
    "device": Device,
    "model": Model,
}


def check_overwrite(overwrite: bool, output: Path | None) -> None:
    """Refuse ``--overwrite`` where there is nothing to write.

    Raises
    ------
    SettingsError
        ``usage``.
    """
    if overwrite and output is None:
        raise SettingsError("usage", "--overwrite needs -o")


def take_options(context: typer.Context, values: dict[str, Any]) -> None:
    """Record the common options that were given, and the command, in the context's dict.

    One dict serves the whole run, so an error report knows how much of the command line was understood.
    """
    known = context.ensure_object(dict)
    known.update({name: value for name, value in values.items() if value is not None})
    known["command"] = command_name(context)


def command(app: typer.Typer, name: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator that registers a function as a command with the common options.

    The function's first parameter is a `Session`. A common option may come before or after the command's
    name; if it is given twice, the one after the name wins.
    """

    def register(function: Callable[..., None]) -> Callable[..., None]:
        app.command(name, cls=CommandHelp)(_with_common_options(function))
        return function

    return register


def default_command(app: typer.Typer) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator that registers what a group of commands does when none of them is named."""

    def register(function: Callable[..., None]) -> Callable[..., None]:
        app.callback(invoke_without_command=True, cls=GroupHelp)(_with_common_options(function))
        return function

    return register


def _with_common_options(function: Callable[..., None]) -> Callable[..., None]:
    hints = typing.get_type_hints(function, include_extras=True)
    kind = inspect.Parameter.KEYWORD_ONLY
    own = [
        parameter.replace(annotation=hints[parameter.name], kind=kind)
        for parameter in inspect.signature(function).parameters.values()
        if parameter.name != "session"
    ]
    context_parameter = inspect.Parameter("context", kind, annotation=typer.Context)
    shared = [inspect.Parameter(key, kind, default=None, annotation=COMMON[key]) for key in COMMON]
    parameters = [context_parameter, *own, *shared]

    @functools.wraps(function)
    def run(*, context: typer.Context, **values: Any) -> None:
        take_options(context, {key: values.pop(key) for key in COMMON})
        if context.invoked_subcommand is None:
            function(open_session(context.obj), **values)

    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run
