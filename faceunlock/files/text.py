"""Text that is safe to show: what a terminal would act on is replaced; plain tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


def printable(text: object) -> str:
    r"""Replace what a terminal would act on: file names may hold escape sequences.

    Examples
    --------
    >>> print(printable("a" + chr(27) + "[2J"))
    a\x1b[2J
    """
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in str(text)
    )


@dataclass(frozen=True, slots=True)
class Table:
    """A table of plain texts.

    Attributes
    ----------
    columns : tuple of str
        Their titles.
    rows : tuple of tuple of str
        A cell per column; what a terminal would act on has been replaced.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def table(*columns: str, rows: Iterable[Sequence[object]]) -> Table:
    """Return a table of anything that can be printed."""
    return Table(columns, tuple(tuple(printable(cell) for cell in row) for row in rows))
