"""The command line: one module per command in ``commands``, and the text of each answer in ``answers``.

A plain ``verify`` runs without Typer: importing and running Typer would take a tenth of its time.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from faceunlock.cli.console import Console, abandon
from faceunlock.cli.exits import EXIT_COULD_NOT, EXIT_INTERRUPTED, PROGRAM
from faceunlock.errors import SLUGS, FaceUnlockError, SettingsError

_STREAM_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG, errno.EBADF)


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code.

    Parameters
    ----------
    arguments : sequence of str
        The command line without the program's name.

    Returns
    -------
    int
        0 for yes or done, 1 for no, 2 if it could not decide or could not do the work, 130 if interrupted.
    """
    try:
        _prepare_streams()
        return _run(list(arguments))
    except BrokenPipeError:
        # The reader has gone, as in ``faceunlock people | head -1``.
        abandon(sys.stdout)
        return EXIT_COULD_NOT


def _run(arguments: list[str]) -> int:
    understood: dict[str, Any] = {}
    try:
        from faceunlock.cli.plain_verify import verify_plainly

        code = verify_plainly(arguments, understood)
        if code is None:
            from faceunlock.cli.application import execute

            code = execute(arguments, understood)
        return code
    except FaceUnlockError as error:
        if error.hint == SLUGS["usage"].hint:
            error.hint = _help_hint(understood)
        return _report(error, arguments, understood)
    except KeyboardInterrupt:
        _report(_interruption(), arguments, understood)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        raise
    except (MemoryError, OSError, ImportError, RuntimeError) as error:
        from faceunlock.files.limits import reached

        reason = _unwritable(error) or reached(error)
        if reason is None:
            raise
        return _report(reason, arguments, understood)


def report_interrupt(arguments: Sequence[str]) -> None:
    """Report that the command was interrupted, as text and, with ``--json``, as JSON too."""
    if sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty():
        print(file=sys.stderr)  # a question, and the terminal's ^C, may stand on the line
    _report(_interruption(), list(arguments), {})


def _interruption() -> FaceUnlockError:
    """Return what to say after Ctrl-C: what is there already, and how to go on."""
    outputs = sys.modules.get("faceunlock.files.outputs")  # nothing was written if it was never imported
    done = outputs.written.there() if outputs is not None else ()
    if outputs is None or not done:
        return SettingsError("interrupted")
    files = "one file is" if len(done) == 1 else f"{len(done):,} files are"
    return SettingsError(
        "interrupted",
        f"The command was interrupted; {files} written already, the last is {done[-1]}",
        hint=outputs.written.go_on,
    )


def report_unwritable(error: OSError, arguments: Sequence[str]) -> int:
    """Report that the answer could not be written to stdout, and return the exit code."""
    abandon(sys.stdout)
    reason = SettingsError("file-unwritable", f"standard output: {error.strerror}")
    return _report(reason, list(arguments), {"command": "verify"})


def _unwritable(error: BaseException) -> FaceUnlockError | None:
    """Return the error to report if Typer could not write a help text; None for any other error."""
    if not isinstance(error, OSError) or error.errno not in _STREAM_ERRORS or error.filename is not None:
        return None
    abandon(sys.stdout)
    return SettingsError("file-unwritable", f"standard output: {error.strerror}")


def _help_hint(understood: dict[str, Any]) -> str:
    words = " ".join(filter(None, (PROGRAM, understood.get("command"))))
    return f"See: {words} --help"


def _home(understood: dict[str, Any]) -> Path | None:
    from faceunlock.settings import locate

    try:
        return locate(understood.get("home")).home
    except FaceUnlockError:
        return None


def _report(error: FaceUnlockError, arguments: list[str], understood: dict[str, Any]) -> int:
    # Even a command line that was not understood may ask for JSON errors.
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    json = bool(understood.get("json")) or "--json" in options
    console = Console(
        json=json,
        command=understood.get("command", ""),
        home=_home(understood),
        gallery=understood.get("gallery"),
    )
    try:
        console.error(error)
    except SettingsError as unwritable:  # the document; the sentence on stderr is all that can be said
        console.say(f"faceunlock: {unwritable.message} [{unwritable.slug}]")
    return EXIT_COULD_NOT


def _prepare_streams() -> None:
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # closed by the caller, as with `>&-`
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        # A file name may hold bytes that are not text; printing it must not raise.
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
