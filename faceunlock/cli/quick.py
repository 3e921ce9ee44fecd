"""Command lines that are understood at once.

Typer hands every value of every parameter, given or not, to Pydantic, whose import takes longer than all
the rest of a small command. Absent values, switches, plain texts, paths and numbers need none of that.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from math import isfinite
from pathlib import Path
from typing import Any


def quicken(command: Any) -> None:
    """Let the parameters of a command, and of the commands below it, skip needless conversions.

    Parameters
    ----------
    command : typer.core.TyperCommand or typer.core.TyperGroup
        As `typer.main.get_command` returns it. Where a parameter does not say what it converts to, it
        converts as ever.
    """
    all_parameters = command.get_params

    def get_params(context: Any) -> list[Any]:
        # Here, and not at once: --help is only made when it is asked for.
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

    def process_value(context: Any, value: Any) -> Any:
        if value is None or isinstance(value, bool):
            plain = optional
        elif isinstance(value, str):
            plain = single and annotation is not None and _makes(annotation, value, parameter)
            value = annotation(value) if annotation is not None and plain else value
        else:
            plain = single and type(value) is annotation  # a default, in its final form
        if not plain:
            return convert(context, value)
        return value if parameter.callback is None else parameter.callback(context, parameter, value)

    return process_value


def _makes(annotation: Any, text: str, parameter: Any) -> bool:
    """Whether a text becomes a value by calling its type; what is wrong is left to Typer to refuse."""
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
