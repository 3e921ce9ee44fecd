"""Start, stop and inspect the resident process from outside."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from faceunlock.agent import client, protocol
from faceunlock.errors import AgentError
from faceunlock.files.private import DIRECTORY_MODE
from faceunlock.settings import Locations

START_SECONDS = 30.0
STOP_SECONDS = 15.0
_PAUSE = 0.02


@dataclass(frozen=True, slots=True)
class AgentState:
    """The state of a resident process, as it reports it.

    Attributes
    ----------
    pid : int
        Its process id.
    started : str
        When it started, in ISO 8601, UTC.
    answered, declined : int
        Questions it answered, and questions it left to the clients that asked.
    idle_seconds : int
        Seconds since the last question.
    idle_limit_seconds : int
        Seconds without a question after which it ends.
    """

    pid: int
    started: str
    answered: int
    declined: int
    idle_seconds: int
    idle_limit_seconds: int


def refuse_other_systems() -> None:
    """Check that this system can identify the peer of a socket and pass open files.

    Raises
    ------
    AgentError
        ``agent-unsupported`` if it is not Linux.
    """
    if sys.platform != "linux":
        raise AgentError("agent-unsupported")


def socket_of(locations: Locations) -> Path:
    """Return the path of the socket on which the resident process of a gallery listens."""
    home = None if locations.home is None else str(locations.home)
    return Path(protocol.socket_path(home, os.environ))


def state(path: Path) -> AgentState | None:
    """Return the state of a resident process; None if no process answers."""
    fields = _ask(path, "status")
    if fields is None:
        return None
    said = dict(field.partition("=")[::2] for field in fields)
    numbers = {key: int(said[key]) for key in AgentState.__slots__ if key != "started"}
    return AgentState(started=said["started"], **numbers)


def start(path: Path, home: Path | None, model: str | None = None) -> tuple[AgentState, bool]:
    """Start a resident process unless one is running.

    Parameters
    ----------
    path : Path
        Path of its socket.
    home : Path or None
        The chosen home; None for the user's own directories.
    model : str, optional
        Id or absolute path of the model to load first; None for the model in the settings.

    Returns
    -------
    tuple of AgentState and bool
        Its state, and whether this call started it.

    Raises
    ------
    AgentError
        ``agent-failed`` with its error message, if it ends or does not answer in time.
    """
    running = state(path)
    if running is not None:
        return running, False
    chosen = [] if home is None else ["--home", str(home)]
    first = [] if model is None else ["--model", model]
    isolated = ["-I"] if sys.flags.isolated else ["-P"]
    # Its stderr goes to memory: a pipe would break once this process stops reading, and a file needs a place.
    with open(os.memfd_create("said"), "w+b") as said:  # noqa: PTH123 - a descriptor has no path
        process = subprocess.Popen(  # noqa: S603 - this program
            [sys.executable, *isolated, "-m", "faceunlock", *chosen, *first, "agent", "run"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
            cwd="/",
            umask=0o777 & ~DIRECTORY_MODE,
            start_new_session=True,
        )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            running = state(path)
            if running is not None:
                return running, running.pid == process.pid
            if process.poll() is not None:
                break
            time.sleep(_PAUSE)
        else:
            process.kill()
            process.wait()
        said.seek(0)
        lines = said.read().decode(errors="backslashreplace").strip().splitlines() or ["no error message"]
    reasons = [line for line in lines if line.startswith("faceunlock: ")] or lines[-1:]
    raise AgentError("agent-failed", f"it did not start: {reasons[0].removeprefix('faceunlock: ')}")


def stop(path: Path) -> AgentState | None:
    """Stop a resident process once it has finished its current work.

    Returns
    -------
    AgentState or None
        Its last state; None if none was running.

    Raises
    ------
    AgentError
        ``agent-failed`` if it is still running after `STOP_SECONDS`.
    """
    last = state(path)
    if last is None:
        return None
    _ask(path, "stop")
    deadline = time.monotonic() + STOP_SECONDS
    while time.monotonic() < deadline:
        if not _alive(last.pid):
            return last
        time.sleep(_PAUSE)
    raise AgentError("agent-failed", f"process {last.pid} did not stop", hint=f"Run: kill -9 {last.pid}")


def _alive(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    # A zombie has ended, but its parent has not read its exit code yet.
    return not status.rpartition(")")[2].lstrip().startswith("Z")


def _ask(path: Path, kind: str) -> list[str] | None:
    fields = [f"version={protocol.VERSION}", f"ask={kind}", "package=", "prefix=", "home="]
    try:
        with client.connect(str(path)) as connection:
            client.send(connection, fields)
            answer = protocol.receive(connection, protocol.MAX_ANSWER, protocol.QUEUE_SECONDS)
    except (OSError, ValueError):
        return None
    return answer[1:] if answer[0] == protocol.ANSWERED else None
