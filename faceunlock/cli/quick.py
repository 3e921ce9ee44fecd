"""Convert simple command-line values without Pydantic.

Typer passes the value of every parameter, given or not, to Pydantic, whose import takes longer than all
the rest of a small command. Absent values, switches, plain texts, paths and numbers do not need it.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from math import isfinite
from pathlib import Path
from typing import Any

from faceunlock.files.reading import local_path

_NAMES = ("name", "new_name")
"""Arguments that name a person."""

_PATHS = ("photo", "photos", "model", "by")
"""Parameters that take a path, or else the id of a model, a camera, or another text."""


def quicken(command: Any) -> None:
    """Make the parameters of a command and its subcommands skip needless conversions.

    Parameters
    ----------
    command : typer.core.TyperCommand or typer.core.TyperGroup
        A command as `typer.main.get_command` returns it. A parameter that does not declare its type is
        converted by Typer as before.
    """
    all_parameters = command.get_params

    def get_params(context: Any) -> list[Any]:
        # Done here, not up front, because --help is only created when it is requested.
        parameters: list[Any] = all_parameters(context)
        for parameter in parameters:
            if "process_value" not in vars(parameter):
                parameter.process_value = _shortcut(parameter)
        return parameters

    command.get_params = get_params
    for below in getattr(command, "commands", {}).values():
        quicken(below)


def _shortcut(parameter: Any) -> Callable[[Any, Any], Any]:
    convert = parameter.process_value
    annotation = getattr(getattr(parameter, "type_descriptor", None), "annotation", None)

    single = not parameter.multiple and parameter.nargs == 1
    optional = single and not parameter.required

    takes_path = parameter.name in _PATHS or annotation in (Path, list[Path])

    def process_value(context: Any, value: Any) -> Any:
        _refuse_empty(context, parameter, value)
        if takes_path:
            value = _local(context, value)
        if value is None or isinstance(value, bool):
            plain = optional
        elif isinstance(value, str):
            plain = single and annotation is not None and _makes(annotation, value, parameter)
            value = annotation(value) if annotation is not None and plain else value
        else:
            plain = single and type(value) is annotation  # a default that already has its final type
        if not plain:
            return _converted(context, parameter, convert, value)
        return value if parameter.callback is None else parameter.callback(context, parameter, value)

    return process_value


def _converted(context: Any, parameter: Any, convert: Callable[[Any, Any], Any], value: Any) -> Any:
    """Return a value as Typer converts it; what it refuses is told in our words, not in Pydantic's."""
    from typer import BadParameter

    try:
        return convert(context, value)
    except BadParameter as error:
        if not isinstance(value, str):  # missing, or one of several
            raise
        from faceunlock.cli.help import expected

        raise BadParameter(f"{value!r} is not {expected(parameter)}", ctx=context, param=parameter) from error


def _refuse_empty(context: Any, parameter: Any, value: Any) -> None:
    """Refuse an empty text: as a path it would be the current folder, as ``--as`` everybody.

    It usually comes from a shell variable that is not set. An empty name of a person has a slug of its own.
    """
    names_person = parameter.name in _NAMES and parameter.param_type_name == "argument"
    values = value if isinstance(value, list | tuple) else (value,)
    if any(isinstance(text, str) and not text for text in values) and not names_person:
        from typer import BadParameter

        raise BadParameter("it is empty; is a variable not set?", ctx=context, param=parameter)


def _local(context: Any, value: Any) -> Any:
    """Return the paths that the ``file:`` addresses among the values lead to; everything else unchanged."""
    if isinstance(value, list | tuple):
        return type(value)(_local(context, one) for one in value)
    if not isinstance(value, str) or not value.casefold().startswith("file:"):
        return value
    from faceunlock.cli.help import command_name

    context.ensure_object(dict)["command"] = command_name(context)  # for the error
    return str(local_path(value))


def _makes(annotation: Any, text: str, parameter: Any) -> bool:
    """Return whether calling the type converts a text; if not, Typer converts or refuses it."""
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return text in [choice.value for choice in annotation]
    if annotation is float:
        try:
            value = float(text)
        except ValueError:
            return False
        low, high = (getattr(parameter, bound, None) for bound in ("min", "max"))
        return (low is None or value >= low) and (high is None or value <= high) and isfinite(value)
    return annotation in (str, Path)
