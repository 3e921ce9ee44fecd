"""The text and JSON documents of ``faceunlock agent``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from faceunlock.files.text import local_time, printable
from faceunlock.matching.wording import counted

if TYPE_CHECKING:
    from faceunlock.agent.control import AgentState
    from faceunlock.agent.units import Unit


def started(state: AgentState, now: bool) -> str:
    """Return the answer to ``agent start``."""
    which = "The resident process is running" if now else "A resident process is already running"
    limit = _minutes(state.idle_limit_seconds)
    return f"{which}: process {state.pid}; it ends after {limit} without a request."


def stopped(last: AgentState | None) -> str:
    """Return the answer to ``agent stop``."""
    if last is None:
        return "No resident process is running."
    return f"The resident process {last.pid} has ended; it answered {_questions(last.answered)}."


def state(socket: Path, running: AgentState | None) -> str:
    """Return the answer to ``agent status``."""
    if running is None:
        return f"No resident process listens at {printable(socket)}. To start one: faceunlock agent start"
    return "\n".join(
        (
            f"process   {running.pid}, since {local_time(running.started)}",
            f"socket    {printable(socket)}",
            f"answered  {_questions(running.answered)}, declined {running.declined:,}",
            f"idle      {running.idle_seconds} s; ends after {_minutes(running.idle_limit_seconds)}",
        )
    )


def state_document(socket: Path, running: AgentState | None) -> dict[str, Any]:
    """Return the data of ``agent start`` and ``agent status``."""
    nothing = dict.fromkeys(("pid", "started", "answered", "declined", "idle_seconds", "idle_limit_seconds"))
    said = nothing if running is None else asdict(running)
    return {"running": running is not None, "socket": str(socket), **said}


def installation(units: Sequence[Unit], *, written: bool) -> str:
    """Return the units, how to use them and how to undo it."""
    socket = units[0].path.name
    lines = []
    for unit in units:
        lines.append(f"{'written' if written else '#'} {printable(unit.path)}")
        if not written:
            lines.append(unit.text)
    if not written:
        lines.append("Nothing was written. To write these units: faceunlock agent install")
    files = " ".join(_shell(str(unit.path)) for unit in units)
    lines += [
        "To use them:",
        "  systemctl --user daemon-reload",
        f"  systemctl --user enable --now {socket}",
        "To undo it:",
        f"  systemctl --user disable --now {socket} {units[1].path.name}",
        f"  rm {files}",
    ]
    return "\n".join(lines)


def installation_document(units: Sequence[Unit], *, written: bool) -> dict[str, Any]:
    """Return the data of ``agent install``."""
    return {"written": written, "units": [{"path": str(unit.path), "text": unit.text} for unit in units]}


def _shell(word: str) -> str:
    import shlex

    return printable(shlex.quote(word))


def _minutes(seconds: int) -> str:
    minutes = seconds // 60
    return counted(minutes, "minute")


def _questions(count: int) -> str:
    return counted(count, "request")
