"""Entry point of ``faceunlock`` and ``python -m faceunlock``."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # as in `typing`; imports nothing that an answer of the resident process makes needless
if TYPE_CHECKING:
    from types import FrameType, TracebackType
    from typing import TextIO

    from faceunlock.agent.client import Answer

COULD_NOT, INTERRUPTED = 2, 130


def main(*, login: bool = False) -> None:
    """Run the command line and exit with its code: 0 yes or done, 1 no, 2 could not.

    Parameters
    ----------
    login : bool
        Whether somebody waits for a login; see `faceunlock.agent.client.ask`.
    """
    sys.excepthook = report_bug
    if not os.environ.get("HOME", "/"):
        del os.environ["HOME"]  # an empty home would be the root of the file system
    if sys.stdout is not None and sys.stderr is not None:  # None if the caller closed it, as with `>&-`
        from faceunlock.agent.client import ask

        answer = ask(sys.argv[1:], login=login)
        if answer is not None:
            os._exit(_pass_on(answer))
    import atexit
    import gc
    import signal

    ending = _Ending()
    atexit.register(ending)  # first in, so it runs after everything else that is registered
    _let_no_library_answer()
    # Imports create many lasting objects. Collecting garbage among them takes a tenth of a short command.
    gc.set_threshold(100_000, 50, 50)
    # NumPy's linear algebra does nothing large here, and its threads spin while they start.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    signal.signal(signal.SIGINT, _interrupted)
    from faceunlock.cli import run

    ending.code = run(sys.argv[1:])
    if ending.code == INTERRUPTED:
        # Exit at once, without waiting for threads. Also, if the interrupt hit an extension module while it
        # was starting, Python would kill itself at the end, whatever the code.
        ending()
    sys.exit(ending.code)


class _Ending:
    """Ends the process with the code of the command; without an answer that was delivered, with 2.

    Python would end with 120 if a stream cannot be flushed.
    """

    def __init__(self) -> None:
        self.code = COULD_NOT

    def __call__(self) -> None:
        delivered = _flushed(sys.stdout)
        _flushed(sys.stderr)  # what is said beside the answer does not change it
        os._exit(self.code if delivered else COULD_NOT)


def _flushed(stream: TextIO | None) -> bool:
    """Return whether a stream holds nothing that could not be written."""
    try:
        if stream is not None:
            stream.flush()
    except (OSError, ValueError):  # full, or closed
        return False
    return True


def _let_no_library_answer() -> None:
    """Make a native library that calls ``exit(1)`` end this process with 2: 1 would mean "no".

    OpenBLAS does so when it gets too little memory. The handler is the system's own ``_exit``, so it needs
    neither Python nor memory.
    """
    import contextlib

    with contextlib.suppress(
        ImportError, OSError, AttributeError
    ):  # a C library without it, such as Windows'
        import ctypes

        library = ctypes.CDLL(None)
        library.__cxa_atexit(ctypes.cast(library._exit, ctypes.c_void_p), ctypes.c_void_p(COULD_NOT), None)


def _pass_on(answer: Answer) -> int:
    """Write the resident process's answer as this process would have, and return the exit code."""
    code, parts = answer
    streams = {"1": sys.stdout, "2": sys.stderr}
    for number, text in parts:
        try:
            streams[number].reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
            streams[number].write(text)
            streams[number].flush()
        except BrokenPipeError:
            if number == "1":
                return COULD_NOT
        except OSError as error:
            if number == "1":
                from faceunlock.cli import report_unwritable

                return report_unwritable(error, sys.argv[1:])
    return code


def _interrupted(_number: int, _frame: FrameType | None) -> None:
    """Exit at once: an exception could get lost or stuck in an extension module or a waiting thread.

    Every file is written in one step, so nothing is left half-done, as after any other kill.
    """
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who presses the keys twice is told once
    if sys.__stderr__ is not None:
        sys.stderr = sys.__stderr__  # a progress bar puts lines elsewhere, and would end up below them
    try:
        cli = sys.modules.get("faceunlock.cli")
        if cli is not None and hasattr(cli, "report_interrupt"):
            cli.report_interrupt(sys.argv[1:])
        if sys.stderr.isatty():
            sys.stderr.write("\x1b[?25h")  # a progress bar may have hidden the cursor
        _flushed(sys.stdout)
        _flushed(sys.stderr)
    finally:
        os._exit(INTERRUPTED)


def report_bug(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Show a traceback and exit with 2; the hook for exceptions that nobody expected."""
    if issubclass(kind, KeyboardInterrupt):  # before our own handler was installed
        os._exit(INTERRUPTED)
    # Python would exit with 1, and 1 means "no": a crash must not look like a decision.
    try:
        sys.__excepthook__(kind, error, trace)
        print(
            "faceunlock: this is a bug in faceunlock; please report it with the lines above", file=sys.stderr
        )
        sys.stderr.flush()
    finally:  # even if that cannot be said
        os._exit(COULD_NOT)


if __name__ == "__main__":
    main()
