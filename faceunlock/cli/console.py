"""The terminal: the answer goes to stdout, everything else to stderr, JSON on request."""

from __future__ import annotations

import io
import json
import logging
import math
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from faceunlock.errors import FaceUnlockError, SettingsError
from faceunlock.files.text import Table, printable

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

    from faceunlock.pipeline.samples import LeftOut

SCHEMA = 1
"""Version of the JSON documents; names in them never change within a version."""

T = TypeVar("T")


class _Notices(logging.Handler):
    """What the library logs, said by a console."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._console.say(printable(self.format(record)))
        except OSError:
            self.handleError(record)


class Console:
    """What one command says.

    Parameters
    ----------
    json : bool
        Print one JSON document on stdout instead of text.
    quiet : bool
        On stderr, only errors.
    verbose : bool
        On stderr, also what happens inside.
    command : str
        Name of the command, for the JSON document.
    """

    def __init__(
        self, *, json: bool = False, quiet: bool = False, verbose: bool = False, command: str = ""
    ) -> None:
        self.json, self.quiet, self.verbose, self.command = json, quiet, verbose, command

    def write(self, text: str) -> None:
        """Write lines to stdout; flushed at once: what cannot be written must be noticed in time."""
        try:
            print(text, flush=True)
        except BrokenPipeError:
            raise
        except OSError as error:
            abandon_stdout()
            raise SettingsError("file-unwritable", f"standard output: {error.strerror}") from error

    def say(self, text: str) -> None:
        """Write lines to stderr."""
        print(text, file=sys.stderr)

    def listen(self) -> None:
        """Show what the library logs: notices always, details with ``--verbose``."""
        logger = logging.getLogger("faceunlock")
        logger.handlers = [_Notices(self)]
        logger.setLevel(logging.ERROR if self.quiet else logging.DEBUG if self.verbose else logging.WARNING)

    def answer(self, text: str | Table | Sequence[str | Table], data: dict[str, Any]) -> None:
        """Print the answer of the command: text or tables, or the data as JSON."""
        if self.json:
            document = {"schema": SCHEMA, "command": self.command, "ok": True, "data": data}
            self.write(_encoded(document))
            return
        for part in [text] if isinstance(text, str) or not isinstance(text, Sequence) else text:
            if isinstance(part, str):
                self.write(part)
            else:
                self.write(_drawn(part))

    def part(self, text: str) -> None:
        """Print one part of a long answer as soon as it is known; JSON has no parts."""
        if not self.json:
            self.write(text)

    def note(self, text: str) -> None:
        """Say something that is not the answer."""
        if not self.quiet:
            self.say(text)

    def ask(self, question: str) -> bool:
        """Ask on stderr and wait for a line on stdin; only a clear yes is one."""
        # Not the framework's question, which writes to stdout.
        print(f"{printable(question)} [y/N]: ", end="", file=sys.stderr, flush=True)
        return sys.stdin.readline().strip().lower() in {"y", "yes"}

    def left_out(self, photos: Iterable[LeftOut]) -> None:
        """Name each photo that was not used, with the reason."""
        for photo in photos:
            detail = photo.detail.removeprefix(f"{photo.photo}: ")
            self.note(f"{printable(photo.photo)}: {photo.reason}: {printable(detail)}")

    def error(self, error: FaceUnlockError) -> None:
        """Print an error with its hint; with ``--json`` also the error document on stdout."""
        self.say(f"faceunlock: {printable(error.message)} [{error.slug}]")
        if error.hint:
            self.say(f"  {printable(error.hint)}")
        if self.json:
            details = {
                "code": error.slug,
                "message": error.message,
                "hint": error.hint,
                "retryable": error.retryable,
            }
            if error.seconds_left is not None:
                details["seconds_left"] = math.ceil(error.seconds_left)
            document = {"schema": SCHEMA, "command": self.command, "ok": False, "error": details}
            self.write(_encoded(document))

    @contextmanager
    def progress(self) -> Iterator[Progress]:
        """Give a `Progress` that draws on stderr if somebody is there to see it."""
        if self.quiet or not sys.stderr.isatty():
            yield Progress(None)
            return
        from rich import progress as bars
        from rich.console import Console as RichConsole

        columns = (
            bars.TextColumn("{task.description}", markup=False),
            bars.BarColumn(),
            bars.TaskProgressColumn(),
            bars.TextColumn("{task.fields[done]}", markup=False),
            bars.TimeRemainingColumn(),
        )
        with bars.Progress(*columns, console=RichConsole(stderr=True), transient=True) as display:
            yield Progress(display)


class Progress:
    """Progress bars of one command.

    Parameters
    ----------
    display : rich.progress.Progress or None
        Where to draw; None draws nothing.
    """

    def __init__(self, display: RichProgress | None) -> None:
        self._display = display
        self._download: TaskID | None = None
        self._finished: list[TaskID] = []

    def track(self, items: Iterable[T], total: int, label: str) -> Iterable[T]:
        """Yield the items and show how many are done, at which rate, and the time left."""
        if self._display is None:
            yield from items
            return
        for done in self._finished:  # or the bars of all epochs of a training would pile up
            self._display.remove_task(done)
        self._finished.clear()
        task = self._display.add_task(printable(label), total=total, done=f"0/{total}")
        for number, item in enumerate(items, start=1):
            yield item
            speed = next(t.speed for t in self._display.tasks if t.id == task)
            rate = f", {speed:.1f}/s" if speed else ""
            self._display.update(task, advance=1, done=f"{number}/{total}{rate}")
        self._finished.append(task)

    def download(self, done: int, total: int) -> None:
        """Show how much of a download is there, in bytes."""
        if self._display is None:
            return
        if self._download is None:
            self._download = self._display.add_task("weights", total=total, done="")
        self._display.update(self._download, completed=done, total=total, done=f"{done / 1e6:.0f} MB")


def abandon_stdout() -> None:
    """Send what is still buffered nowhere, so that Python does not fail again when it ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def _encoded(document: dict[str, Any]) -> str:
    # ASCII is valid whatever the encoding of stdout, and carries no control characters.
    return json.dumps(_plain(document), allow_nan=False)


def _drawn(part: Table) -> str:
    """Lay out a table: aligned for a person, separated by tabs for a program."""
    if not sys.stdout.isatty():
        return "\n".join("\t".join(cells) for cells in (part.columns, *part.rows))
    from rich import box
    from rich.console import Console as RichConsole
    from rich.table import Table as RichTable
    from rich.text import Text

    laid_out = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    *others, last = part.columns
    for column in others:
        laid_out.add_column(column, no_wrap=True)
    laid_out.add_column(last, overflow="fold")  # where there is no room, it continues below
    for row in part.rows:
        # Folded, not cut: of a path, the end matters most.
        laid_out.add_row(*(Text(cell, overflow="fold") for cell in row))
    # Only drawn here: writing, and what can go wrong with it, is for `Console.write`.
    paper = io.TextIOWrapper(io.BytesIO(), encoding=sys.stdout.encoding, errors="backslashreplace")
    RichConsole(file=paper, highlight=False).print(laid_out)
    paper.seek(0)
    return "\n".join(line.rstrip() for line in paper.read().splitlines())


def _plain(value: Any) -> Any:
    """Replace NaN and infinities, which JSON does not have, by null."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
