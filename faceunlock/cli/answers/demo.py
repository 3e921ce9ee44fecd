"""What ``faceunlock demo`` says, and its JSON document."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faceunlock.cli.answers.parts import Document
from faceunlock.files.text import printable


@dataclass(frozen=True, slots=True)
class Step:
    """One command of the demonstration and what came of it.

    Attributes
    ----------
    command : str
        As a user would type it.
    expected, exit_code : int
        The exit code that it must have, and the one that it had.
    answer : str
        What it prints.
    data : dict
        The data of its JSON document.
    """

    command: str
    expected: int
    exit_code: int
    answer: str
    data: dict[str, Any]


def step(done: Step) -> str:
    """Return one command with its answer, as a terminal shows them."""
    return f"$ {done.command}\n{done.answer}\n(exit code {done.exit_code})\n"


def text(model: str, steps: Sequence[Step], photos: Path | None = None) -> str:
    """Return the verdict, every step gave its expected exit code; and what to do next."""
    said = [f"The installation works: model {model}, all {len(steps)} answers as expected."]
    if photos is not None:
        folder = shlex.quote(str(photos / "photos"))
        said.append(f"The pictures are in {printable(photos)}")
        said.append(f"To try them: faceunlock init astronaut {printable(folder)}")
    return "\n".join([*said, "Now your own face: faceunlock init"])


def document(model: str, steps: Sequence[Step], photos: Path | None = None) -> Document:
    """Return the data of ``demo``."""
    return {
        "model": model,
        "photos": None if photos is None else str(photos),
        "steps": [{"command": one.command, "exit_code": one.exit_code, "data": one.data} for one in steps],
    }
