"""Run long experiments that can be stopped and continued: each run is one line of a file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Return the rows that the file has so far; none if it does not exist."""
    lines = path.read_text().splitlines() if path.exists() else []
    return [json.loads(line) for line in lines]


def run_missing(
    path: Path, entries: Iterable[dict[str, Any]], run: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    """Do the runs that have no line yet, and append one for each.

    Parameters
    ----------
    path : Path
        The file; read again before every run, since another process may be writing to it.
    entries : iterable of dict
        The runs to do.
    run : callable
        Does the run of an entry and returns its row, which repeats the entry.
    """
    for entry in entries:
        if any(entry.items() <= row.items() for row in read_rows(path)):
            continue
        row = run(entry)
        with path.open("a") as file:
            file.write(json.dumps(row) + "\n")
        print(json.dumps(row), flush=True)
