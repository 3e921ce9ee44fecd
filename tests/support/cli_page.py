"""``docs/cli.md``, taken apart."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "cli.md"


@dataclass(frozen=True)
class Section:
    """The text below a heading, and its tables by the word in the first cell of their heading."""

    text: str

    def rows(self, kind):
        rows, inside = [], False
        for line in self.text.splitlines():
            cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []
            if not cells or set(cells[0]) <= {"-"}:
                inside = inside and bool(cells)
            elif inside:
                rows.append(cells)
            else:
                inside = cells[0] == kind
        return rows

    def first_cells(self, kind):
        return [cells[0].strip("`") for cells in self.rows(kind)]

    def options(self, kind="option"):
        return {name for cells in self.rows(kind) for name in re.findall(r"`(-[^`]+)`", cells[0])}


@cache
def sections():
    parts = re.split(r"^#{2,3} (.+)\n", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {title: Section(text) for title, text in zip(parts[1::2], parts[2::2], strict=True)}


def fields(title):
    return set(sections()[title].first_cells("field"))


def held(data, title):
    """Hold the fields of a document to a table of the page."""
    assert set(data) == fields(title), title
    return data
