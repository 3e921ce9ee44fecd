"""Parser for PAM service files: their lines, including those of included files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from faceunlock.errors import PamError

DIRECTORY = Path("/etc/pam.d")


MODULE = "pam_exec.so"


MODULE_OPTIONS = frozenset(
    ("debug", "expose_authtok", "log", "quiet", "quiet_log", "seteuid", "stdout", "type")
)


_LINE = re.compile(r"^-?(?P<type>\w+)\s+(?P<control>\[[^]]*\]|\S+)\s+(?P<module>\S+)\s*(?P<words>.*)$")


_INCLUDE = re.compile(r"^@include\s+(\S+)$")


_MOST_INCLUDES = 50


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a service file.

    Attributes
    ----------
    file : Path
        The file with the line, which may be an included one.
    number : int
        Line number, from 1; that of the first part if the line is continued.
    kind : str
        ``auth``, ``account``, ``password`` or ``session``.
    control : str
        How PAM treats the module's result.
    module : str
        File of the module.
    words : tuple of str
        Arguments of the module.
    """

    file: Path
    number: int
    kind: str
    control: str
    module: str
    words: tuple[str, ...]

    @property
    def is_ours(self) -> bool:
        """Whether it asks faceunlock."""
        # This includes lines that call us in some other way: they are the dangerous ones.
        return Path(self.module).name == MODULE and any("faceunlock" in word for word in self.words)


def module_options(line: Line) -> tuple[str, ...]:
    """Return the words that pam_exec itself takes; the rest is the command."""
    return tuple(takewhile(lambda word: word.partition("=")[0] in MODULE_OPTIONS, line.words))


def read_lines(file: Path, unreadable: list[str] | None = None, depth: int = 0) -> Iterator[Line]:
    """Yield the lines of a service file and of the files it includes, in the order PAM applies them.

    Parameters
    ----------
    file : Path
    unreadable : list of str, optional
        Gets a sentence for each included file that cannot be read; without it, that is an error.
    depth : int
        How many files include this one.

    Raises
    ------
    PamError
        ``file-unreadable``; ``pam-unsuitable`` if a file includes itself.
    """
    if depth > _MOST_INCLUDES:
        raise PamError("pam-unsuitable", f"{file} includes itself")
    try:
        text = file.read_text(encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        if depth and unreadable is not None:
            unreadable.append(f"{file}, which is included, cannot be read: {error.strerror}")
            return
        raise PamError("file-unreadable", f"{file}: {error.strerror}") from error
    for number, content in _joined(text):
        included = _INCLUDE.match(content)
        if included is not None:
            yield from read_lines(_beside(file, included[1]), unreadable, depth + 1)
            continue
        found = _LINE.match(content)
        if found is None:
            continue
        if found["control"] in ("include", "substack"):
            inside = read_lines(_beside(file, found["module"]), unreadable, depth + 1)
            yield from (line for line in inside if line.kind == found["type"].lower())
            continue
        yield Line(
            file,
            number,
            found["type"].lower(),
            found["control"],
            found["module"],
            tuple(_split(found["words"])),
        )


def written(line: Line) -> str:
    """Return a line as it stands in its file, with the lines that continue it.

    Raises
    ------
    PamError
        ``file-unreadable``.
    """
    try:
        text = line.file.read_text(encoding="utf-8", errors="backslashreplace").splitlines()
    except OSError as error:
        raise PamError("file-unreadable", f"{line.file}: {error.strerror}") from error
    last = line.number
    while last < len(text) and text[last - 1].partition("#")[0].rstrip().endswith("\\"):
        last += 1
    return "\n".join(text[line.number - 1 : last])


def _beside(file: Path, name: str) -> Path:
    near = file.parent / name  # an absolute name stays as it is
    return near if near.exists() else DIRECTORY / name


def _joined(text: str) -> Iterator[tuple[int, str]]:
    """Yield lines without comments; continued lines are joined and keep the number of the first."""
    start, parts = 0, []
    for number, line in enumerate(text.splitlines(), start=1):
        content = line.partition("#")[0].strip()
        start = start or number
        if content.endswith("\\"):
            parts.append(content[:-1].strip())
            continue
        joined = " ".join(filter(None, [*parts, content]))
        if joined:
            yield start, joined
        start, parts = 0, []


def _split(text: str) -> Iterator[str]:
    """Yield the arguments of a line; text in brackets counts as one argument."""
    for found in re.finditer(r"\[((?:[^]\\]|\\.)*)\]|(\S+)", text):
        yield found[2] if found[2] is not None else found[1].replace("\\]", "]")


def quoted(word: str) -> str:
    """Return a word quoted so that PAM reads it back unchanged."""
    if any(char.isspace() for char in word) or "[" in word:
        return "[" + word.replace("]", "\\]") + "]"
    return word
