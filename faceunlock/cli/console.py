"""Terminal output: the answer goes to stdout, everything else to stderr; JSON on request."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import math
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

from faceunlock.errors import FaceUnlockError, SettingsError
from faceunlock.files.text import Table, at_home, harmless, printable

if TYPE_CHECKING:
    from pathlib import Path

    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

    from faceunlock.pipeline.samples import LeftOut

SCHEMA = 1
"""Version of the JSON documents; field names never change within a version."""

T = TypeVar("T")


class _Notices(logging.Handler):
    """A log handler that prints the library's log on a console."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._console.say(printable(at_home(self.format(record), self._console.home)))
        except OSError:
            self.handleError(record)


class Console:
    """The output of one command.

    Parameters
    ----------
    json : bool
        Print one JSON document on stdout instead of text.
    quiet : bool
        Print only errors on stderr.
    verbose : bool
        Also print internal details on stderr.
    command : str
        Name of the command, for the JSON document.
    home : path, optional
        The home directory, which the commands in hints and notes name.
    """

    def __init__(
        self,
        *,
        json: bool = False,
        quiet: bool = False,
        verbose: bool = False,
        command: str = "",
        home: Path | None = None,
    ) -> None:
        self.json, self.quiet, self.verbose, self.command = json, quiet, verbose, command
        self.home = home

    def write(self, text: str) -> None:
        """Write lines to stdout; a terminal shows everything in them and acts on nothing.

        Raises
        ------
        BrokenPipeError, SettingsError
            As `put`.
        """
        self.put(harmless(text))

    def say(self, text: str) -> None:
        """Write lines to stderr; a terminal shows everything in them and acts on nothing."""
        self.put_beside(harmless(text))

    def ring(self) -> None:
        """Ring the terminal's bell, if stderr is a terminal."""
        if sys.stderr.isatty():
            print("\a", end="", file=sys.stderr, flush=True)

    def put(self, text: str) -> None:
        """Write lines as they are to stdout and flush at once, so that a failed write is noticed in time.

        Raises
        ------
        BrokenPipeError
            If the reader has closed the pipe.
        SettingsError
            ``file-unwritable`` if stdout cannot be written for another reason.
        """
        try:
            print(text, flush=True)
        except BrokenPipeError:
            raise
        except OSError as error:
            abandon(sys.stdout)
            raise SettingsError("file-unwritable", f"standard output: {error.strerror}") from error

    def put_beside(self, text: str) -> None:
        """Write lines as they are to stderr; if they cannot be written, the answer still counts."""
        try:
            print(text, file=sys.stderr, flush=True)
        except OSError:
            abandon(sys.stderr)

    def listen(self) -> None:
        """Print the library's log: warnings by default, everything if verbose, only errors if quiet."""
        logger = logging.getLogger("faceunlock")
        logger.handlers = [_Notices(self)]
        logger.setLevel(logging.ERROR if self.quiet else logging.DEBUG if self.verbose else logging.WARNING)

    def answer(self, text: str | Table | Sequence[str | Table], data: dict[str, Any]) -> None:
        """Print the command's answer: text and tables, or the data as JSON."""
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
        """Print one part of a long answer as soon as it is known; with JSON, print nothing."""
        if not self.json:
            self.write(text)

    def note(self, text: str) -> None:
        """Print a note on stderr, unless quiet."""
        if not self.quiet:
            self.say(at_home(text, self.home))

    def ask(self, question: str) -> bool:
        """Ask on stderr, read a line from stdin, and return True only for ``y`` or ``yes``."""
        # Not Typer's prompt, which writes to stdout.
        try:
            print(f"{printable(question)} [y/N]: ", end="", file=sys.stderr, flush=True)
        except OSError:  # a question that nobody saw has no answer
            abandon(sys.stderr)
            return False
        return sys.stdin.readline().strip().lower() in {"y", "yes"}

    def ask_for(self, question: str) -> str:
        """Ask on stderr for a text, and return the line read from stdin without the blanks around it.

        Raises
        ------
        SettingsError
            ``aborted`` where stdin ends, or the question cannot be shown.
        """
        try:
            print(f"{printable(question)}: ", end="", file=sys.stderr, flush=True)
        except OSError as error:
            abandon(sys.stderr)
            raise SettingsError("aborted", "the question cannot be shown") from error
        line = sys.stdin.readline()
        if not line:
            raise SettingsError("aborted", "there was no answer")
        return line.strip()

    def left_out(self, photos: Iterable[LeftOut]) -> None:
        """Print each photo that was left out, with the reason."""
        for photo in photos:
            detail = photo.detail.removeprefix(f"{photo.photo}: ")
            self.note(f"{printable(photo.photo)}: {photo.reason}: {printable(detail)}")

    def error(self, error: FaceUnlockError) -> None:
        """Print an error and its hint on stderr; with JSON, also print the error document on stdout."""
        self.say(f"faceunlock: {printable(error.message)} [{error.slug}]")
        hint = at_home(error.hint, self.home)
        if hint:
            self.say(f"  {printable(hint)}")
        if self.json:
            details = {
                "code": error.slug,
                "message": error.message,
                "hint": hint,
                "retryable": error.retryable,
            }
            if error.seconds_left is not None:
                details["seconds_left"] = math.ceil(error.seconds_left)
            if error.groups:
                details["groups"] = error.groups
            document = {"schema": SCHEMA, "command": self.command, "ok": False, "error": details}
            self.write(_encoded(document))

    @contextmanager
    def progress(self) -> Iterator[Progress]:
        """Yield a `Progress` that draws on stderr if that is a terminal and the console is not quiet."""
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

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Clear the bars away while the user is asked something."""
        if self._display is not None:
            self._display.stop()
        yield
        if self._display is not None:
            self._display.start()

    def track(self, items: Iterable[T], total: int, label: str) -> Iterable[T]:
        """Yield the items while showing how many are done, the rate and the time left."""
        if self._display is None:
            yield from items
            return
        for done in self._finished:  # otherwise one bar per training epoch would pile up
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
        """Show the progress of a download; `done` and `total` are in bytes."""
        if self._display is None:
            return
        if self._download is None:
            self._download = self._display.add_task("download", total=total, done="")
        self._display.update(self._download, completed=done, total=total, done=f"{done / 1e6:.0f} MB")


def abandon(stream: TextIO) -> None:
    """Discard what a stream still buffers, so that Python does not fail again on exit."""
    with contextlib.suppress(OSError):  # no descriptor is left; then nothing can be done
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def _encoded(document: dict[str, Any]) -> str:
    # ASCII is valid in any encoding of stdout, and JSON escapes control characters.
    return json.dumps(_plain(document), allow_nan=False)


def _drawn(part: Table) -> str:
    """Return a table as text: aligned on a terminal, separated by tabs elsewhere."""
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
    laid_out.add_column(last, overflow="fold")  # wraps where there is no room
    for row in part.rows:
        # Folded, not cut: the end of a path matters most.
        laid_out.add_row(*(Text(cell, overflow="fold") for cell in row))
    # Only laid out here; `Console.write` does the writing and handles its errors.
    paper = io.TextIOWrapper(io.BytesIO(), encoding=sys.stdout.encoding, errors="backslashreplace")
    RichConsole(file=paper, highlight=False).print(laid_out)
    paper.seek(0)
    return "\n".join(line.rstrip() for line in paper.read().splitlines())


def _plain(value: Any) -> Any:
    """Return the value with NaN and infinities, which JSON lacks, replaced by None."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
