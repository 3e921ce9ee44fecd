"""Text that is safe to show in a terminal, and plain tables of it."""

from __future__ import annotations

import re
import shlex
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from faceunlock.files.invisible import belongs, is_invisible


def printable(text: object) -> str:
    r"""Return the text as one line, with what a terminal would act on, or not show, escaped.

    File names and records may hold escape sequences, signs that turn the direction of text, and invisible
    characters that make two names look alike. Joiners inside words and emoji stay.

    Examples
    --------
    >>> print(printable("a" + chr(27) + "[2J"))
    a\x1b[2J
    """
    text = str(text)
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        char if _is_shown(text, at) else char.encode("unicode_escape").decode()
        for at, char in enumerate(text)
    )


def harmless(text: str) -> str:
    r"""Return lines of text with everything escaped that `printable` escapes, but line ends and tabs.

    Examples
    --------
    >>> print(harmless("one" + chr(27) + "\ntwo"))
    one\x1b
    two
    """
    return "\n".join("\t".join(map(printable, line.split("\t"))) for line in text.split("\n"))


def encodable(text: object) -> str:
    r"""Return a text as it is, but with bytes of a file's name that are no text escaped: any stream takes it.

    Examples
    --------
    >>> print(encodable("caf\udce9.jpg"))
    caf\udce9.jpg
    """
    return str(text).encode("utf-8", "backslashreplace").decode()


def quoted(name: object) -> str:
    """Return a name as one word for a shell, always in quotes; unlike `repr`, with its joiners as they are.

    Examples
    --------
    >>> print(quoted("Ada"), quoted("O'Neil"))
    'Ada' 'O'"'"'Neil'
    """
    return "'" + str(name).replace("'", "'\"'\"'") + "'"


_COMMAND = re.compile(r": faceunlock (?=[a-z])(?!.*--help)")


def at_home(text: str, home: object, gallery: str | None = None) -> str:
    """Return a text whose commands of faceunlock name the home directory and the gallery that were named.

    A command that somebody copies from a message must work on the gallery that the message is about.

    Examples
    --------
    >>> at_home("Run: faceunlock people", "/srv/faces")
    'Run: faceunlock --home /srv/faces people'
    """
    if "--gallery" in text:  # another one
        gallery = None
    given = {"--home": home, "--gallery": gallery}
    words = "".join(
        f"{name} {shlex.quote(str(value))} " for name, value in given.items() if value is not None
    )
    return _COMMAND.sub(lambda _: f": faceunlock {words}", text) if words else text


def _is_shown(text: str, at: int) -> bool:
    char = text[at]
    return char.isprintable() if char.isascii() or not is_invisible(char) else belongs(text, at)


def fits_a_line(text: str) -> bool:
    r"""Return whether a text can stand in a line of a file that other programs read.

    It cannot with a line break or another control character, which could begin a line of its own, or with a
    byte that is not UTF-8.

    Examples
    --------
    >>> fits_a_line("/home/Zoë/my photos"), fits_a_line("/tmp/x" + chr(10) + "ExecStart=/bin/sh")
    (True, False)
    """
    return not any(unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") for char in text)


@dataclass(frozen=True, slots=True)
class Table:
    """A table of plain text.

    Attributes
    ----------
    columns : tuple of str
        The titles of the columns.
    rows : tuple of tuple of str
        One cell per column, already `printable`.
    paths : tuple of str
        Titles of the columns that hold paths of files, of which a terminal shows only the end.
    details : tuple of str
        Titles of the columns that a narrow terminal shows only on request.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    paths: tuple[str, ...] = ()
    details: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """An answer: yes, no or neither, and what was decided; a terminal shows its first word in colour.

    Attributes
    ----------
    match : bool or None
        None if it could not be decided.
    words : str
        The rest of the line.

    Examples
    --------
    >>> print(Verdict(True, "Ada  0.978 (needs 0.918)"))
    yes  Ada  0.978 (needs 0.918)
    >>> print(Verdict(False, "not Ada  0.763 (needs 0.918)"))
    no   not Ada  0.763 (needs 0.918)
    """

    match: bool | None
    words: str

    @property
    def word(self) -> str:
        """The first word, as wide for a yes as for a no, so that lines below each other are aligned."""
        return "could not" if self.match is None else "yes" if self.match else "no "

    def __str__(self) -> str:
        return f"{self.word}  {self.words}"


def table(
    *columns: str, rows: Iterable[Sequence[object]], paths: Sequence[str] = (), details: Sequence[str] = ()
) -> Table:
    """Return a table of any objects, each as `printable` text; see `Table` for `paths` and `details`."""
    cells = tuple(tuple(printable(cell) for cell in row) for row in rows)
    return Table(columns, cells, tuple(paths), tuple(details))


def local_time(moment: str) -> str:
    """Return a stored time, ISO 8601 in UTC, as the clock on the wall shows it, to the minute.

    Examples
    --------
    >>> len(local_time("2025-01-31T09:30:00Z"))
    16
    """
    from datetime import datetime

    return datetime.fromisoformat(moment).astimezone().strftime("%Y-%m-%d %H:%M")
