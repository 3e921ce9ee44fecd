"""What Ray may do in this process: print nothing, send nothing, take work from nobody else, end in order."""

from __future__ import annotations

import os
import secrets
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any, Self

from faceunlock.errors import SettingsError

QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
}
"""Nothing is sent to Ray's makers, and nothing is printed between our lines."""


_NATIVE = "ray._raylet"


@cache
def token() -> dict[str, str]:
    """Return what keeps other users of this machine, and of the network, from giving work to a cluster.

    It is the same for the life of this process, since Ray's native part reads it once, when it is loaded.

    Raises
    ------
    SettingsError
        ``usage`` if it was loaded before.
    """
    if _NATIVE in sys.modules:
        raise SettingsError(
            "usage",
            "ray was imported by somebody else, so a cluster on this machine would be open to everybody",
            hint="Import ray later, or start a cluster and give its address.",
        )
    return {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}


@contextmanager
def variables(values: Mapping[str, str]) -> Iterator[None]:
    """Set variables of the environment, and put them back at the end."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


class Interrupts:
    """Lets the first Ctrl-C end what is done here in order: Ray's processes and folder must go, too.

    While Ray starts it is kept for later, since Ray would lose sight of what it has started. The second one
    does what the first would have done without this, which is to exit at once.
    """

    def __init__(self) -> None:
        self._waits, self._came = False, False
        self._before: Any = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._interrupted)
        return self

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Keep a Ctrl-C for the end of the block."""
        self._waits = True
        try:
            yield
        finally:
            self._waits = False
        if self._came:
            raise KeyboardInterrupt

    def _interrupted(self, _number: int, _frame: object) -> None:
        signal.signal(signal.SIGINT, self._before)
        self._came = True
        if not self._waits:
            raise KeyboardInterrupt


@contextmanager
def silent() -> Iterator[None]:
    """Discard what is written to stderr: Ray's native part greets whoever sets how much it may say."""
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
