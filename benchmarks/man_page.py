"""Write the man page, docs/faceunlock.1, from what the program says about itself.

    python benchmarks/man_page.py

Run this again when a command, an option or a help text changes; a test compares. To read the page:
man ./docs/faceunlock.1
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer

from faceunlock.cli.application import application
from faceunlock.cli.help import COMMON_OPTIONS
from faceunlock.settings import SETTINGS

PAGE = Path(__file__).resolve().parents[1] / "docs" / "faceunlock.1"

EXIT_CODES = (
    ("0", "yes, or done"),
    ("1", "no: the photo does not show that person, or shows nobody who is enrolled"),
    ("2", "could not decide, or could not do it; standard error says why"),
    ("130", "interrupted"),
)


class Roff:
    """Takes what a command writes as help, as the formatter of a terminal would, and makes roff of it.

    Parameters
    ----------
    without : str
        Title of a section that is left out.
    """

    width = 1 << 16  # roff breaks the lines
    current_indent = 0

    def __init__(self, without: str = "") -> None:
        self._without, self._skipping, self._lines = without, False, list[str]()

    def add(self, *lines: str) -> None:
        """Add lines of roff, unless they belong to the section that is left out."""
        if not self._skipping:
            self._lines += lines

    def text(self) -> str:
        """Return everything that was written."""
        return "\n".join(self._lines)

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        """Write how a command is called."""
        self.add(".P", rf"\fB{escaped(prog)}\fR {escaped(args)}")

    def write(self, string: str) -> None:
        """Write a line as it is: the example."""
        title, _, example = string.strip().partition(": ")
        self.add(".P", f"{escaped(title)}:", ".RS", ".nf", rf"\fB{escaped(example)}\fR", ".fi", ".RE")

    def write_text(self, text: str) -> None:
        """Write paragraphs."""
        for paragraph in re.split(r"\n\s*\n", text):
            self.add(".P", escaped(" ".join(paragraph.split())))

    def write_dl(self, rows: list[tuple[str, str]]) -> None:
        """Write terms, each with its meaning."""
        for term, meaning in rows:
            self.add(".TP", rf"\fB{escaped(term.strip())}\fR", escaped(meaning))

    def write_paragraph(self) -> None:
        """Start a paragraph, which every part here does by itself."""

    @contextmanager
    def section(self, name: str) -> Iterator[None]:
        """Write what follows under a title."""
        self._skipping = name == self._without
        self.add(".P", rf"\fI{escaped(name)}\fR")
        yield
        self._skipping = False

    @contextmanager
    def indentation(self) -> Iterator[None]:
        """Write what follows as it is; a man page indents by itself."""
        yield


def escaped(text: str) -> str:
    """Return text that roff prints as it is: no line of it is a request, and a hyphen can be copied."""
    text = text.replace("\\", r"\e").replace("-", r"\-")
    return rf"\&{text}" if text[:1] in (".", "'") else text


def commands(group: Any, above: Any = None, name: str = "faceunlock") -> Iterator[tuple[Any, Any]]:
    """Yield every command with its context, the program first."""
    context = group.make_context(name, [], parent=above, resilient_parsing=True)
    yield group, context
    for below in group.list_commands(context) if hasattr(group, "list_commands") else ():
        yield from commands(group.commands[below], context, below)


def man_page() -> str:
    """Return the man page: the program, then every command, then exit codes and variables."""
    (program, context), *others = commands(typer.main.get_command(application()))
    purpose = str(program.help).partition(":")[0]
    roff = Roff()
    roff.add('.TH FACEUNLOCK 1 "" faceunlock "User Commands"')
    roff.add(".SH NAME", rf"faceunlock \- {escaped(purpose[:1].lower() + purpose[1:])}")
    roff.add(".SH SYNOPSIS")
    program.format_usage(context, roff)
    roff.add(".SH DESCRIPTION")
    program.format_help_text(context, roff)
    program.format_options(context, roff)
    parts = [roff.text(), ".SH COMMANDS"]
    for command, its_context in others:
        section = Roff(without=COMMON_OPTIONS)
        section.add(f'.SS "{escaped(its_context.command_path.removeprefix("faceunlock "))}"')
        command.format_help(its_context, section)
        parts.append(section.text())
    end = Roff()
    end.add(".SH EXIT STATUS")
    end.write_dl(list(EXIT_CODES))
    end.add(".SH ENVIRONMENT")
    end.write_dl([("FACEUNLOCK_HOME", "The same as --home.")])
    end.write_text("Each setting has a variable; an option wins over it, and it wins over the config file:")
    end.write_dl([(f"FACEUNLOCK_{name.upper()}", setting.meaning) for name, setting in SETTINGS.items()])
    return "\n".join([*parts, end.text(), ""])


def main() -> None:
    """Write the page."""
    PAGE.write_text(man_page(), encoding="utf-8")


if __name__ == "__main__":
    main()
