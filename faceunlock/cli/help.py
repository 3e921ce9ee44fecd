"""How help looks: commands in groups, a command's own options before the common ones, and an example."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from typer.core import TyperCommand, TyperGroup

COMMON_OPTIONS = "Common options"
"""Title of the options that every command takes; an option belongs there by its ``rich_help_panel``."""

LONGEST_CHOICES = 26
"""Characters of choices that still stand beside an option's name; more of them go below."""

WIDEST = 120
"""Columns that help uses at most; longer lines are hard to read."""

GROUPS = {
    "Start": ("init", "demo", "status"),
    "Every day": ("enroll", "verify", "identify", "compare", "people", "serve"),
    "Look closer": ("report", "explain", "group", "log"),
    "Login": ("pam", "protect", "agent", "camera", "unlock-attempts"),
    "Lab": (
        *("calibrate", "strangers", "audit", "pad-test", "bench"),
        *("train", "classify", "crop", "models"),
    ),
    "Move": ("export", "import", "gallery"),
}
"""The commands by what they are for, in the order of ``faceunlock --help``."""

EXAMPLES = {
    "": "faceunlock enroll Ada ~/Pictures/ada",
    "init": "faceunlock init",
    "demo": "faceunlock demo",
    "status": "faceunlock status",
    "enroll": "faceunlock enroll Ada ~/Pictures/ada",
    "verify": "faceunlock verify selfie.jpg --as Ada",
    "identify": "faceunlock identify party.jpg -o named",
    "compare": "faceunlock compare one.jpg two.jpg",
    "people": "faceunlock people",
    "people show": "faceunlock people show Ada",
    "people rename": "faceunlock people rename Ada 'Ada Lovelace'",
    "people forget": "faceunlock people forget Ada",
    "serve": "faceunlock serve --open",
    "report": "faceunlock report ~/Pictures/people -o report.html",
    "explain": "faceunlock explain selfie.jpg --as Ada",
    "group": "faceunlock group ~/Pictures -o groups.html",
    "log": "faceunlock log --as Ada",
    "unlock-attempts": "faceunlock unlock-attempts Ada",
    "pam": "faceunlock pam",
    "pam print": "faceunlock pam print swaylock",
    "pam check": "faceunlock pam check swaylock",
    "pam undo": "faceunlock pam undo swaylock",
    "protect": "faceunlock protect on",
    "protect on": "faceunlock protect on",
    "protect off": "faceunlock protect off",
    "protect rotate": "faceunlock protect rotate",
    "protect status": "faceunlock protect status",
    "agent": "faceunlock agent start",
    "agent run": "faceunlock agent run",
    "agent start": "faceunlock agent start",
    "agent stop": "faceunlock agent stop",
    "agent status": "faceunlock agent status",
    "agent install": "faceunlock agent install --dry-run",
    "camera": "faceunlock camera list",
    "camera list": "faceunlock camera list",
    "camera test": "faceunlock camera test",
    "camera choose": "faceunlock camera choose 0",
    "calibrate": "faceunlock calibrate ~/Pictures/people --target-fmr 1e-3",
    "strangers": "faceunlock strangers",
    "strangers pull": "faceunlock strangers pull lfw",
    "strangers add": "faceunlock strangers add ~/Pictures/others",
    "strangers list": "faceunlock strangers list",
    "strangers forget": "faceunlock strangers forget lfw",
    "audit": "faceunlock audit ~/Pictures/groups -o audit.html",
    "pad-test": "faceunlock pad-test --live live --attack attacks",
    "pad-test record": "faceunlock pad-test record live Ada -o live",
    "bench": "faceunlock bench",
    "train": "faceunlock train ~/Pictures/people -o mymodel --loss arcface",
    "classify": "faceunlock classify name photo.jpg --head myhead",
    "classify train": "faceunlock classify train ~/Pictures/people -o myhead",
    "classify name": "faceunlock classify name photo.jpg --head myhead",
    "crop": "faceunlock crop ~/Pictures/people -o faces",
    "models": "faceunlock models",
    "models pull": "faceunlock models pull vggface2",
    "models verify": "faceunlock models verify",
    "models prepare": "faceunlock models prepare",
    "export": "faceunlock export gallery.fu",
    "import": "faceunlock import gallery.fu",
    "gallery": "faceunlock gallery",
    "gallery setup": "faceunlock gallery setup --print",
    "gallery index": "faceunlock gallery index",
    "gallery copy": "faceunlock gallery copy local postgresql://ada@localhost/faces",
}
"""One example for each command, by its words without the program's name."""

INSTEAD = {
    "add": ("enroll NAME PHOTOS --add", "add photos of somebody"),
    "cluster": ("group FOLDER", "group the faces of a folder by person"),
    "config": ("status", "see the settings and where their file is"),
    "delete": ("people forget NAME", "delete what is stored about somebody"),
    "doctor": ("status", "see what is wrong"),
    "forget": ("people forget NAME", "delete what is stored about somebody"),
    "help": ("--help", "see all commands"),
    "info": ("status", "see what is set up"),
    "list": ("people", "list who is enrolled"),
    "ls": ("people", "list who is enrolled"),
    "people add": ("enroll NAME PHOTOS --add", "add photos of somebody"),
    "people delete": ("people forget NAME", "delete what is stored about somebody"),
    "people list": ("people", "list who is enrolled"),
    "people remove": ("people forget NAME", "delete what is stored about somebody"),
    "models list": ("models", "list the models"),
    "recognise": ("identify PHOTOS", "name the people in photos"),
    "recognize": ("identify PHOTOS", "name the people in photos"),
    "register": ("enroll NAME PHOTOS", "enroll somebody"),
    "remove": ("people forget NAME", "delete what is stored about somebody"),
    "rm": ("people forget NAME", "delete what is stored about somebody"),
    "rename": ("people rename NAME NEW_NAME", "rename somebody"),
    "settings": ("status", "see the settings and where their file is"),
    "setup": ("init", "set up face unlock"),
    "show": ("people show NAME", "see what is stored about somebody"),
    "test": ("demo", "check the installation"),
    "unlock": ("verify PHOTO", "ask whether a photo shows somebody enrolled"),
    "version": ("--version", "see the version"),
}
"""Commands that people type and that have another name here: which one, and what it is for."""


class CommandHelp(TyperCommand):
    """A command whose help lists its own options first."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return what follows the command's name in the first line of its help."""
        return _usage(self, ctx)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write arguments, the command's own options and the common ones, in this order."""
        _write_parameters(self, ctx, formatter)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write an example."""
        _write_example(ctx, formatter)


class GroupHelp(TyperGroup):
    """A command with subcommands; its help lists them before the options."""

    command_class = CommandHelp

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return what follows the command's name in the first line of its help."""
        return [*_usage(self, ctx), "[COMMAND]" if self.invoke_without_command else "COMMAND"]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the commands, then the options."""
        self.format_commands(ctx, formatter)
        _write_parameters(self, ctx, formatter)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write an example, and what the exit codes mean."""
        _write_example(ctx, formatter)
        super().format_epilog(ctx, formatter)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the commands, those of the program in their groups."""
        if ctx.parent is not None:
            super().format_commands(ctx, formatter)
            return
        widest = max(map(len, self.commands))
        for title, names in GROUPS.items():
            here = [name for name in names if name in self.commands]
            with formatter.section(title):
                formatter.write_dl([(f"{name:{widest}}", self._short(name, formatter)) for name in here])

    def _short(self, name: str, formatter: Any) -> str:
        return self.commands[name].get_short_help_str(formatter.width)


def command_name(context: Any) -> str:
    """Return a command's words without the program's name, such as ``people show``."""
    names: list[str] = []
    level = context
    while level is not None and level.parent is not None:
        names.insert(0, level.info_name or "")
        level = level.parent
    return " ".join(names)


def _write_example(ctx: Any, formatter: Any) -> None:
    example = EXAMPLES.get(command_name(ctx))
    if example is not None:
        formatter.write(f"\nExample: {example}\n")  # on one line, so that it can be copied


def _usage(command: Any, ctx: Any) -> list[str]:
    arguments = [one for one in command.get_params(ctx) if one.param_type_name == "argument"]
    needed = [
        f"--{one.name.replace('_', '-')} {_value(one)}"
        for one in command.get_params(ctx)
        if one.param_type_name == "option" and one.required
    ]
    return [*map(_argument, arguments), *needed, "[OPTIONS]"]


def _argument(argument: Any) -> str:
    name = str(argument.metavar or argument.name.upper()) + ("..." if argument.nargs != 1 else "")
    return name if argument.required else f"[{name}]"


def _write_parameters(command: Any, ctx: Any, formatter: Any) -> None:
    parameters = [one for one in command.get_params(ctx) if not one.hidden]
    arguments = [one for one in parameters if one.param_type_name == "argument"]
    options = [one for one in parameters if one.param_type_name == "option"]
    common = [one for one in options if one.name == "help" or one.rich_help_panel == COMMON_OPTIONS]
    own = [one for one in options if one not in common]
    for title, some in (("Arguments", arguments), ("Options", own), (COMMON_OPTIONS, common)):
        if some:
            with formatter.section(title):
                formatter.write_dl([(_name(one), _meaning(one, ctx)) for one in some])


def _name(parameter: Any) -> str:
    """Return what an option or argument is called, and the word for its value."""
    if parameter.param_type_name == "argument":
        return str(parameter.metavar or parameter.name.upper())
    names = ", ".join(sorted(parameter.opts, key=len))
    if parameter.secondary_opts:
        names += f" / {', '.join(parameter.secondary_opts)}"
    return names if parameter.is_flag else f"{names} {_value(parameter)}"


def _value(option: Any) -> str:
    """Return the word for an option's value: its own, its choices, or what kind of value it takes."""
    kind = option.type_descriptor
    if option.metavar is not None:
        return str(option.metavar)
    if kind.is_choice:
        choices = "|".join(_choices(option))
        return choices if len(choices) <= LONGEST_CHOICES else str(option.name).upper()
    if kind.annotation in (int, float) or kind.is_ranged:
        return "N"
    return "PATH" if kind.is_path else "TEXT"


def _meaning(parameter: Any, ctx: Any) -> str:
    """Return the help of an option or argument, with the values it takes and its default."""
    said = []
    if parameter.type_descriptor.is_choice and "|" not in _value(parameter):
        said.append(_either(_choices(parameter)))
    limits = between(getattr(parameter, "min", None), getattr(parameter, "max", None))
    if limits:
        said.append(limits)
    record = parameter.get_help_record(ctx)
    written = record[1] if record is not None else ""
    _, found, default = written.rpartition("[default: ")
    if found:
        said.append(f"default {default.partition(']')[0].partition(';')[0]}")
    if parameter.param_type_name == "option" and parameter.required:
        said.append("required")
    text = parameter.help or ""
    return f"{text} [{'; '.join(said)}]" if said else text


def between(low: float | None, high: float | None) -> str:
    """Return in words which numbers an option takes; nothing if it takes all.

    Examples
    --------
    >>> between(-1, 1), between(2, None), between(None, None)
    ('-1 to 1', 'at least 2', '')
    """
    if low is not None and high is not None:
        return f"{low:,} to {high:,}"
    if low is not None:
        return f"at least {low:,}"
    return "" if high is None else f"at most {high:,}"


def expected(parameter: Any) -> str:
    """Return in words what an option or argument takes, for the message about a value that it does not."""
    kind = parameter.type_descriptor
    if kind.is_choice:
        return _either(_choices(parameter))
    number = {int: "a whole number", float: "a number"}.get(kind.annotation)
    number = number or (f"a {'whole ' * (kind.ranged_type_name == 'int')}number" if kind.is_ranged else None)
    if number is None:
        return "a path" if kind.is_path else "a value of this kind"
    limits = between(getattr(parameter, "min", None), getattr(parameter, "max", None))
    return f"{number} {'from ' if ' to ' in limits else 'of '}{limits}" if limits else number


def _choices(parameter: Any) -> list[str]:
    return [str(getattr(choice, "value", choice)) for choice in parameter.type_descriptor.choices]


def _either(choices: Iterable[str]) -> str:
    *most, last = choices
    return f"{', '.join(most)} or {last}" if most else last


def instead(words: str) -> str | None:
    """Return what to type instead of a command that does not exist; None if nothing is known.

    Examples
    --------
    >>> instead("list")
    'To list who is enrolled: faceunlock people'
    """
    known = INSTEAD.get(words)
    return None if known is None else f"To {known[1]}: faceunlock {known[0]}"
