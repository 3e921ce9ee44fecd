"""Terminal output: the answer goes to stdout, everything else to stderr; JSON on request."""

from __future__ import annotations

import contextlib
import json
import logging
import math
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

from faceunlock.agent.client import wants_colour
from faceunlock.errors import FaceUnlockError, SettingsError
from faceunlock.files.text import Table, Verdict, at_home, harmless, printable

if TYPE_CHECKING:
    from pathlib import Path

    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

    from faceunlock.pipeline.samples import LeftOut

SCHEMA = 1
"""Version of the JSON documents; field names never change within a version."""

Part = str | Table | Verdict
"""What an answer consists of."""

_COLOURS = {True: "\x1b[1;32m{}\x1b[0m", False: "\x1b[1;31m{}\x1b[0m", None: "\x1b[1;33m{}\x1b[0m"}
"""Bold green, red and yellow; the words say the same without them."""

T = TypeVar("T")


class _Notices(logging.Handler):
    """A log handler that prints the library's log on a console."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._console.say(printable(self._console.at_home(self.format(record))))
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
    gallery : str, optional
        The gallery, if the command line names one; these commands then name it, too.
    colour : bool, optional
        Show the first word of an answer in colour; when omitted, what stdout of this process wants.
    """

    def __init__(
        self,
        *,
        json: bool = False,
        quiet: bool = False,
        verbose: bool = False,
        command: str = "",
        home: Path | None = None,
        gallery: str | None = None,
        colour: bool | None = None,
    ) -> None:
        self.json, self.quiet, self.verbose, self.command = json, quiet, verbose, command
        self.home, self.gallery = home, gallery
        self.colour = wants_colour() if colour is None else colour

    def at_home(self, text: str) -> str:
        """Return a text whose commands work on the gallery of this command."""
        return at_home(text, self.home, self.gallery)

    def write(self, text: str) -> None:
        """Write lines to stdout; a terminal shows everything in them and acts on nothing.

        Raises
        ------
        BrokenPipeError, SettingsError
            As `put`.
        """
        self.put(harmless(text))

    def say(self, text: str) -> None:
        """Write lines to stderr, wrapped if that is a terminal; it acts on nothing in them."""
        self.put_beside(_fitted(harmless(text), self.columns(sys.stderr)))

    def columns(self, stream: TextIO) -> int | None:
        """Return how wide the terminal behind a stream is; None if it is not a terminal."""
        if not stream.isatty():
            return None
        import shutil

        return shutil.get_terminal_size().columns

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

    def answer(self, text: Part | Sequence[Part], data: dict[str, Any], *, as_is: bool = False) -> None:
        """Print the command's answer: verdicts, text and tables, or the data as JSON.

        With `as_is`, lines are not wrapped, because they are to be copied into a file.
        """
        if self.json:
            self.write(answer_document(self.command, data))
            return
        for part in [text] if isinstance(text, str) or not isinstance(text, Sequence) else text:
            self._show(part, as_is=as_is)

    def part(self, text: Part) -> None:
        """Print one part of a long answer as soon as it is known; with JSON, print nothing."""
        if not self.json:
            self._show(text)

    def _show(self, part: Part, *, as_is: bool = False) -> None:
        if isinstance(part, Table):
            self.write(self._drawn(part, sys.stdout))
            return
        width = None if as_is else self.columns(sys.stdout)
        if isinstance(part, Verdict):
            line = _fitted(harmless(str(part)), width)
            word = _COLOURS[part.match].format(part.word) if self.colour else part.word
            self.put(f"{word}{line.removeprefix(part.word)}")
        else:
            self.put(_fitted(harmless(self.at_home(part)), width))

    def _drawn(self, part: Table, stream: TextIO) -> str:
        """Return a table as text: fitted to a terminal, separated by tabs elsewhere."""
        width = self.columns(stream)
        if width is None:
            return "\n".join("\t".join(cells) for cells in (part.columns, *part.rows))
        from faceunlock.cli.layout import drawn

        return drawn(part, width, verbose=self.verbose)

    def note(self, note: str | Table) -> None:
        """Print a note on stderr, unless quiet."""
        if self.quiet:
            return
        if isinstance(note, Table):
            self.put_beside(harmless(self._drawn(note, sys.stderr)))
        else:
            self.say(self.at_home(note))

    def ask(self, question: str) -> bool | None:
        """Ask on stderr, read a line from stdin, and return True only for ``y`` or ``yes``.

        None means that stdin has ended, so nobody answers.
        """
        # Not Typer's prompt, which writes to stdout.
        try:
            print(f"{printable(question)} [y/N]: ", end="", file=sys.stderr, flush=True)
        except OSError:  # a question that nobody saw has no answer
            abandon(sys.stderr)
            return False
        line = sys.stdin.readline()
        return line.strip().lower() in {"y", "yes"} if line else None

    def confirm(self, question: str, *, doing: str, declined: str) -> None:
        """Ask, and go on only after a yes.

        Raises
        ------
        SettingsError
            ``aborted``: nobody could be asked about `doing` it, or the answer was no.
        """
        if not sys.stdin.isatty():
            raise SettingsError("aborted", f"{doing} needs a yes, and there is no terminal to ask on")
        if not self.ask(question):
            raise SettingsError("aborted", declined, hint="Nothing was changed.")

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
        """Print each photo that was left out, with the reason; a terminal shows its path if verbose."""
        photos = list(photos)
        names = [photo.photo for photo in photos]
        if self.columns(sys.stderr) is not None and not self.verbose:
            from faceunlock.cli.layout import short_names

            names = short_names(names)
        for name, photo in zip(names, photos, strict=True):
            detail = photo.detail.removeprefix(f"{photo.photo}: ")
            self.note(f"{printable(name)}: {photo.reason}: {printable(detail)}")

    @contextmanager
    def naming_left_out(self) -> Iterator[None]:
        """Print why each photo was left out if a block ends because none of them can be used."""
        from faceunlock.pipeline.samples import NoneUsableError

        try:
            yield
        except NoneUsableError as error:
            self.left_out(error.left_out)
            raise

    def error(self, error: FaceUnlockError) -> None:
        """Print an error and its hint on stderr; with JSON, also print the error document on stdout."""
        self.say(f"faceunlock: {printable(error.message)} [{error.slug}]")
        hint = self.at_home(error.hint)
        if hint:
            self.say(f"  {printable(hint)}")
        if self.json:
            self.write(error_document(self.command, error, self.home, self.gallery))

    @contextmanager
    def progress(self) -> Iterator[Progress]:
        """Yield a `Progress` that draws on stderr if that is a terminal and the console is not quiet."""
        display = None if self.quiet or not sys.stderr.isatty() else _display
        progress = Progress(display)
        try:
            yield progress
        finally:
            progress.end()


def _display() -> RichProgress:
    from rich import progress as bars
    from rich.console import Console as RichConsole

    columns = (
        bars.TextColumn("{task.description}", markup=False),
        bars.BarColumn(),
        bars.TaskProgressColumn(),
        bars.TextColumn("{task.fields[done]}", markup=False),
        bars.TimeRemainingColumn(),
    )
    return bars.Progress(*columns, console=RichConsole(stderr=True), transient=True)


class Progress:
    """Progress bars of one command; nothing is drawn, or imported for it, before there is something to show.

    Parameters
    ----------
    display : callable or None
        Returns where to draw; None draws nothing.
    """

    def __init__(self, display: Callable[[], RichProgress] | None) -> None:
        self._make = display
        self._display: RichProgress | None = None
        self._download: TaskID | None = None
        self._finished: list[TaskID] = []
        self._made: dict[str, tuple[int, int]] = {}
        self._making: TaskID | None = None
        self._lock = threading.RLock()

    def _drawn_on(self) -> RichProgress | None:
        if self._display is None and self._make is not None:
            self._display = self._make()
            self._display.start()
        return self._display

    def end(self) -> None:
        """Clear the bars away for good."""
        with self._lock:
            if self._display is not None:
                self._display.stop()
            self._make = self._display = None

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
        with self._lock:
            display = self._drawn_on()
        if display is None:
            yield from items
            return
        for done in self._finished:  # otherwise one bar per training epoch would pile up
            display.remove_task(done)
        self._finished.clear()
        task = display.add_task(printable(label), total=total, done=f"0/{total}")
        started = time.monotonic()
        for number, item in enumerate(items, start=1):
            yield item
            seconds = time.monotonic() - started
            rate = f", {number / seconds:.1f}/s" if seconds > 1 else ""  # before, it says nothing
            display.update(task, advance=1, done=f"{number}/{total}{rate}")
        self._finished.append(task)

    def download(self, done: int, total: int) -> None:
        """Show the progress of a download; `done` and `total` are in bytes."""
        with self._lock:
            display = self._drawn_on()
            if display is None:
                return
            if self._download is None:
                self._download = display.add_task("download", total=total, done="")
            display.update(self._download, completed=done, total=total, done=f"{done / 1e6:.0f} MB")

    def preparation(self, network: str, done: int, steps: int) -> None:
        """Show how far the networks are that are made at first use; called by the threads that make them."""
        with self._lock:
            display = self._drawn_on()
            if display is None:
                return
            self._made[network] = done, steps
            finished = sum(some == every for some, every in self._made.values())
            if self._making is None:
                self._making = display.add_task("first use: preparing networks", total=steps, done="")
            display.update(
                self._making,
                completed=sum(some for some, _ in self._made.values()),
                total=sum(every for _, every in self._made.values()),
                done=f"{finished} of {len(self._made)} ready",
            )
            if finished == len(self._made):
                display.remove_task(self._making)
                self._making = None


def abandon(stream: TextIO) -> None:
    """Discard what a stream still buffers, so that Python does not fail again on exit."""
    with contextlib.suppress(OSError):  # no descriptor is left; then nothing can be done
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def answer_document(command: str, data: dict[str, Any]) -> str:
    """Return the JSON document of a command that was done."""
    return _encoded({"schema": SCHEMA, "command": command, "ok": True, "data": data})


def error_document(
    command: str, error: FaceUnlockError, home: Path | None, gallery: str | None = None
) -> str:
    """Return the JSON document of a command that was not done; its hint names the home and the gallery."""
    details: dict[str, Any] = {
        "code": error.slug,
        "message": error.message,
        "hint": at_home(error.hint, home, gallery),
        "retryable": error.retryable,
    }
    if error.seconds_left is not None:
        details["seconds_left"] = math.ceil(error.seconds_left)
    if error.groups:
        details["groups"] = error.groups
    if error.usable or error.left_out:
        from faceunlock.cli.answers.parts import left_out

        details["usable"] = error.usable
        details["left_out"] = list(map(left_out, error.left_out))
    return _encoded({"schema": SCHEMA, "command": command, "ok": False, "error": details})


def _encoded(document: dict[str, Any]) -> str:
    # ASCII is valid in any encoding of stdout, and JSON escapes control characters.
    return json.dumps(_plain(document), allow_nan=False)


def _fitted(text: str, width: int | None) -> str:
    """Return lines wrapped for a terminal; elsewhere, and where all lines fit, as they are."""
    # Without the import that wrapping takes, because most answers fit.
    if width is None or (len(text) <= width and text.isascii()):
        return text
    from faceunlock.cli.layout import wrapped

    return wrapped(text, width)


def _plain(value: Any) -> Any:
    """Return the value with NaN and infinities, which JSON lacks, replaced by None."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
