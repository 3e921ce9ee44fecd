"""Text that is safe to show in a terminal, and plain tables of it."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


def printable(text: object) -> str:
    r"""Return the text with what a terminal would act on escaped: file names may hold escape sequences.

    Examples
    --------
    >>> print(printable("a" + chr(27) + "[2J"))
    a\x1b[2J
    """
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in str(text)
    )


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
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def table(*columns: str, rows: Iterable[Sequence[object]]) -> Table:
    """Return a table of any objects, each as `printable` text."""
    return Table(columns, tuple(tuple(printable(cell) for cell in row) for row in rows))
