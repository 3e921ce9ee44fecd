"""The systemd user units of the resident process: systemd listens, and starts it when a client connects."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from faceunlock.errors import SettingsError
from faceunlock.files.private import atomic_write
from faceunlock.files.text import fits_a_line

NAME = "faceunlock-agent"

SOCKET = """\
[Unit]
Description=Socket of the resident process of faceunlock

[Socket]
ListenStream={socket}
SocketMode=0600
DirectoryMode=0700

[Install]
WantedBy=sockets.target
"""

SERVICE = """\
[Unit]
Description=Resident process of faceunlock
Requires={name}.socket
After={name}.socket

[Service]
ExecStart={command}
UMask=0077
LimitCORE=0
NoNewPrivileges=yes
"""


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit file.

    Attributes
    ----------
    path : Path
        Where to write it.
    text : str
    """

    path: Path
    text: str


def units(socket: Path, home: Path | None) -> tuple[Unit, ...]:
    """Return the unit files for a gallery.

    Parameters
    ----------
    socket : Path
        Path of the socket that clients connect to.
    home : Path or None
        The chosen home; None for the user's own directories.

    Raises
    ------
    SettingsError
        ``usage`` for a path that a line of a unit file cannot hold; ``no-home`` if the user has no home
        directory, which would hold them.
    """
    for path in (sys.executable, str(socket), str(home or "")):
        if not fits_a_line(path):
            raise SettingsError(
                "usage",
                f"{path!r} has a line break or another character that a unit file cannot hold",
                hint="Choose a path without it.",
            )
    words = [sys.executable, "-P", "-m", "faceunlock"]
    if home is not None:
        words += ["--home", str(home)]
    name = NAME if home is None else f"{NAME}-{_escaped(home.name)}-{_digest(home)}"
    command = " ".join(map(_quoted, [*words, "agent", "run"]))
    folder = Path(os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config"))  # noqa: PTH111 - no error
    if not folder.is_absolute():
        raise SettingsError("no-home", hint="Set XDG_CONFIG_HOME or HOME.")
    folder = folder / "systemd" / "user"
    return (
        Unit(folder / f"{name}.socket", SOCKET.format(socket=_specifiers(str(socket)))),
        Unit(folder / f"{name}.service", SERVICE.format(name=name, command=command)),
    )


def write(made: Sequence[Unit], *, overwrite: bool = False) -> None:
    """Write unit files, except those that already exist with the same text.

    Raises
    ------
    SettingsError
        ``file-exists`` if a file has different text and `overwrite` is false; nothing is written then.
        ``file-unwritable``.
    """
    try:
        missing = [unit for unit in made if not unit.path.exists() or unit.path.read_text() != unit.text]
        for unit in missing:
            if unit.path.exists() and not overwrite:
                raise SettingsError(
                    "file-exists",
                    f"{unit.path} exists with different text",
                    hint="Replace it with --overwrite.",
                )
        for unit in missing:
            unit.path.parent.mkdir(parents=True, exist_ok=True)
            atomic_write(unit.path, unit.text.encode(), mode=0o644)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError("file-unwritable", f"{made[0].path.parent}: {error}") from error


def _digest(home: Path) -> str:
    """Return digits that differ between two homes of the same last name."""
    return hashlib.sha256(os.fsencode(home)).hexdigest()[:8]


def _escaped(name: str) -> str:
    return "".join(char if char.isascii() and char.isalnum() else "-" for char in name)


def _specifiers(text: str) -> str:
    return text.replace("%", "%%")


def _quoted(word: str) -> str:
    """Return a word quoted for ExecStart= (systemd.service(5)): C escapes, no specifiers, no variables."""
    text = word.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + _specifiers(text).replace("$", "$$") + '"'
