"""How text and tables fit a terminal: words wrap, columns narrow, and nothing is lost.

Elsewhere than on a terminal, lines stay whole and tables are separated by tabs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import PurePath

from faceunlock.files.text import Table

GAP = 2
"""Spaces between columns, and before what continues a line."""

NARROWEST = 16
"""Cells a column keeps at least where a single long word must be cut."""

_NUMBER = re.compile(r"-?[\d,]+(?:\.\d+)?(?:e[+-]?\d+)?(?: (?:%|[kMG]?B))?|-|")
_WORD = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d\S*|\S+")
"""A date stays on one line with its time, since the two are one moment."""

_LABEL = re.compile(r"\s*\S+(?: \S+)*? {2,}(?=\S)")
_COMMAND = re.compile(r" +faceunlock(?: [^\s;()—,]+)+(?<!\.)")
"""A line that is a command and nothing else stays whole, however long: the terminal breaks it, and what is
copied has no line break."""

_UNIT = re.compile(r"(?<=: )faceunlock(?: [^\s;()—,]+)+,?|\S*\d (?:%|kB|MB|s|min|h)(?!\w)\S*|\S+")
"""A command stays on one line, so that it can be copied, and a number with its unit; the rest may wrap."""


def wrapped(text: str, width: int) -> str:
    """Return lines of text wrapped at spaces; what follows a label stays below what the label names.

    Parameters
    ----------
    text : str
        Lines, without tabs.
    width : int
        Columns of the terminal. A longer word, and a command, stay whole.

    Examples
    --------
    >>> print(wrapped("people  Ada, Bob and Zoe", 18))
    people  Ada, Bob
            and Zoe
    """
    return "\n".join(_wrapped_line(line, width) for line in text.split("\n"))


def _wrapped_line(line: str, width: int) -> str:
    if _cells(line) <= width or _COMMAND.fullmatch(line):
        return line
    label = _LABEL.match(line)
    margin = len(line) - len(line.lstrip()) + GAP
    if label is not None and _cells(label.group()) <= width // 2:
        first, rest, margin = label.group(), line[label.end() :], _cells(label.group())
    else:
        first, rest = line[: margin - GAP], line.lstrip()
    units = list(_UNIT.finditer(rest))
    gaps = [unit.start() - before.end() for before, unit in pairwise(units)]
    filled = _filled([unit.group() for unit in units], width - margin, width - _cells(first), [0, *gaps])
    return first + f"\n{' ' * margin}".join(filled)


def _filled(
    words: Sequence[str], width: int, first: int | None = None, gaps: Sequence[int] | None = None
) -> Iterator[str]:
    """Yield lines of words; the first line may have another width, and the gaps before words other sizes."""
    line, room = "", width if first is None else first
    for word, gap in zip(words, gaps or [1] * len(words), strict=True):
        if line and _cells(line) + gap + _cells(word) > room:
            yield line
            line, room = word, width
        else:
            line = f"{line}{' ' * gap}{word}" if line else word
    yield line


def drawn(part: Table, width: int, *, verbose: bool = False) -> str:
    """Return a table as aligned lines, none of them wider than a terminal if the terminal has 20 columns.

    Columns of file names show as much of each path as tells them apart. Details are left out where the
    table would not fit, and a last line names them. What is still too wide wraps. Columns that need no more
    room than numbers get these for titles, with a legend; a table that cannot fit at all becomes a paragraph
    per row.

    Parameters
    ----------
    part : Table
    width : int
        Columns of the terminal.
    verbose : bool
        Show whole paths, and every detail.
    """
    columns = [list(column) for column in zip(part.columns, *part.rows, strict=True)]
    if not verbose:
        columns = [_named(c) if c[0] in part.paths else c for c in columns]
    hidden = [] if verbose or _whole(columns) <= width else [c[0] for c in columns if c[0] in part.details]
    columns = [column for column in columns if column[0] not in hidden]
    lines = _side_by_side(columns, width) or _numbered(columns, width) or _paragraphs(columns, width)
    note = [wrapped(f"(with -v also: {'; '.join(hidden)})", width)] if hidden else []
    return "\n".join([*lines, *note])


def short_names(paths: Sequence[str]) -> list[str]:
    """Return each path's last part, and as many parts before it as tell different paths apart.

    Examples
    --------
    >>> short_names(["/photos/ada/1.jpg", "/photos/ada/2.jpg"])
    ['1.jpg', '2.jpg']
    >>> short_names(["/photos/ada/1.jpg", "/photos/bob/1.jpg", "/photos/bob/2.jpg"])
    ['ada/1.jpg', 'bob/1.jpg', '2.jpg']
    """
    whole = {path: PurePath(path).parts or (path,) for path in paths}
    kept = dict.fromkeys(whole, 1)
    while True:
        shown: dict[tuple[str, ...], list[str]] = {}
        for path, parts in whole.items():
            shown.setdefault(parts[-kept[path] :], []).append(path)
        unclear = [path for same in shown.values() if len(same) > 1 for path in same]
        longer = [path for path in unclear if kept[path] < len(whole[path])]
        if not longer:
            return [str(PurePath(*whole[path][-kept[path] :])) for path in paths]
        for path in longer:
            kept[path] += 1


def _named(column: list[str]) -> list[str]:
    title, *paths = column
    return [title, *short_names(paths)]


def _whole(columns: Sequence[list[str]]) -> int:
    return sum(max(map(_cells, column)) for column in columns) + GAP * (len(columns) - 1)


def _side_by_side(columns: Sequence[list[str]], width: int, gap: int = GAP) -> list[str] | None:
    """Return the lines of a table, or None if the columns cannot stand side by side."""
    widths = _fitting(columns, width - gap * (len(columns) - 1))
    return None if widths is None else list(_aligned(columns, widths, gap))


def _numbered(columns: Sequence[list[str]], width: int) -> list[str] | None:
    """Return the lines of a table of many columns, which have numbers for titles; None if it does not fit."""
    first, *others = columns
    numbered = [[str(number), *column[1:]] for number, column in enumerate(others, start=1)]
    lines = _side_by_side([first, *numbered], width, gap=1)
    if lines is None:
        return None
    room = width - GAP
    named = [f"{number} {column[0]}" for number, column in enumerate(others, start=1)]
    legend = [piece for name in named for piece in _pieces(name, room)]
    return [
        *lines,
        "columns:",
        *(f"{' ' * GAP}{line}" for line in _filled(legend, room, gaps=[GAP] * len(legend))),
    ]


def _fitting(columns: Sequence[list[str]], room: int) -> list[int] | None:
    """Return the width of each column, or None if all together do not have that much room."""
    widths = [max(map(_cells, column)) for column in columns]
    longest = [max(_cells(word) for cell in column for word in _words(cell) or [""]) for column in columns]
    for least in (longest, [min(word, NARROWEST) for word in longest]):
        while sum(widths) > room:
            can = [i for i, size in enumerate(widths) if size > least[i]]
            if not can:
                break
            widest = max(can, key=lambda i: widths[i])
            widths[widest] -= min(sum(widths) - room, max(1, (widths[widest] - least[widest]) // 2))
    return widths if sum(widths) <= room else None


def _aligned(columns: Sequence[list[str]], widths: Sequence[int], gap: int) -> Iterator[str]:
    right = [all(_NUMBER.fullmatch(cell) for cell in column[1:]) for column in columns]
    for number, row in enumerate(zip(*columns, strict=True)):
        cells = [list(_cut(cell, size)) for cell, size in zip(row, widths, strict=True)]
        for line in range(max(map(len, cells))):
            parts = (cell[line] if line < len(cell) else "" for cell in cells)
            yield (" " * gap).join(map(_padded, parts, widths, right)).rstrip()
        if number == 0:
            yield (" " * gap).join("─" * size for size in widths)


def _cut(cell: str, width: int) -> Iterator[str]:
    """Yield a cell's lines; only a word that is too long by itself is cut."""
    if _cells(cell) <= width:
        yield cell
        return
    yield from _filled(_broken(cell, width), width)


def _pieces(word: str, width: int) -> Iterator[str]:
    """Yield the parts of a word that fit; a path is cut between its parts, if that leaves no great gap."""
    piece = ""
    for char in word:
        if piece and _cells(piece + char) > width:
            end = max(*(piece.rfind(mark) + 1 for mark in "/_-"), piece.rfind("."))
            end = end if end > len(piece) // 2 else len(piece)
            yield piece[:end]
            piece = piece[end:]
        piece += char
    yield piece


def _padded(text: str, width: int, right: bool) -> str:
    space = " " * (width - _cells(text))
    return space + text if right else text + space


def _paragraphs(columns: Sequence[list[str]], width: int) -> list[str]:
    """Return a paragraph per row: its first cell, and below it the others, each after its title."""
    titles = [column[0] for column in columns]
    lines: list[str] = []
    for row in zip(*(column[1:] for column in columns), strict=True):
        lines += _filled(_broken(f"{titles[0]} {row[0]}", width), width)
        others = "; ".join(f"{title} {cell}" for title, cell in zip(titles[1:], row[1:], strict=True) if cell)
        lines += _indented(others, width)
    return lines


def _indented(text: str, width: int) -> list[str]:
    room = width - GAP
    return [f"{' ' * GAP}{line}" for line in _filled(_broken(text, room), room)]


def _broken(text: str, width: int) -> list[str]:
    """Return the words of a text, those that are too long in pieces."""
    return [piece for word in _words(text) for piece in _pieces(word, width)]


def _words(text: str) -> list[str]:
    return _WORD.findall(text)


def _cells(text: str) -> int:
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)
