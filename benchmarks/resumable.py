"""Long experiments of many runs: each is one line of a file, so that they can be stopped and continued."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Return the lines that are there."""
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
        What is to be run.
    run : callable
        From an entry to its line, which repeats the entry.
    """
    for entry in entries:
        if any(entry.items() <= row.items() for row in read_rows(path)):
            continue
        row = run(entry)
        with path.open("a") as file:
            file.write(json.dumps(row) + "\n")
        print(json.dumps(row), flush=True)
