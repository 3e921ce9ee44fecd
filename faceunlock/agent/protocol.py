"""What the resident process and those who ask it say to each other, and where they meet.

A message is a frame: four bytes of length, then fields between null characters, which no argument, path or
environment variable can hold. A question is fields ``key=value``; an open file comes along with
``ask=verify``. An answer is a word, and what belongs to it. The client imports this module and next to
nothing else, so there is no JSON, no `dataclasses`, no `socket` and no `typing` here.
"""

from __future__ import annotations

import _socket
import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PACKAGE = os.path.dirname(os.path.dirname(__file__))  # noqa: PTH120 - see `socket_path`
"""Folder of this program; a client of another installation is declined."""

VERSION = "1"
"""Of the protocol; whoever hears another one does not answer."""

MAX_QUESTION = 64 * 1024
"""Bytes of the longest question."""

MAX_ANSWER = 1 << 20
"""Bytes of the longest answer."""

MAX_PHOTO = 64 << 20
"""Bytes of the largest photo that is sent; whoever has a larger one looks at it without help."""

ACCEPT_SECONDS = 1.0
"""How long a client waits until its question has been taken."""

QUEUE_SECONDS = 2.0
"""How long a question may wait for its turn before it is declined."""

ANSWER_SECONDS = 30.0
"""How long a client waits for the answer to a question that was taken."""

TAKEN, ANSWERED, DECLINED = "taken", "answered", "declined"

ENVIRONMENT = ("HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME")
"""What decides where the per-user directories are."""

SETTINGS_PREFIX = "FACEUNLOCK_"

_SOCKET = "agent.sock"
_LONGEST_ADDRESS = 107
_LENGTH = 4


def socket_path(home: str | None, environ: Mapping[str, str] = os.environ) -> str:
    """Return the path of the socket of a gallery.

    Parameters
    ----------
    home : str or None
        Absolute path of a chosen home; its socket lies in it, which is private. Otherwise it lies in
        ``XDG_RUNTIME_DIR`` (``/run/user/ID`` if that is not set) if that is a directory of the current user,
        or else in the data directory.
    environ : mapping
        Environment variables.

    Examples
    --------
    >>> socket_path("/srv/faces")
    '/srv/faces/agent.sock'
    """
    if home:
        return os.path.join(home, _SOCKET)  # noqa: PTH118 - pathlib takes longer to import than all of this
    # Under PAM the variable is not there, but the directory may be.
    runtime = environ.get("XDG_RUNTIME_DIR", f"/run/user/{os.geteuid()}")
    if runtime.startswith("/") and _own_directory(runtime):
        return f"{runtime}/faceunlock/{_SOCKET}"
    data = environ.get("XDG_DATA_HOME", "").strip() or os.path.expanduser("~/.local/share")  # noqa: PTH111
    return f"{data}/faceunlock/{_SOCKET}"


def _own_directory(path: str) -> bool:
    try:
        return os.stat(path).st_uid == os.geteuid()  # noqa: PTH116
    except OSError:
        return False


class Address:
    """A path as the system takes it for a socket; use it as a context manager.

    Such paths have at most 107 bytes. A longer one is reached through its opened directory.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._directory = -1

    def __enter__(self) -> str:
        if len(os.fsencode(self._path)) <= _LONGEST_ADDRESS:
            return self._path
        directory, name = os.path.split(self._path)
        self._directory = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        return f"/proc/self/fd/{self._directory}/{name}"

    def __exit__(self, *_: object) -> None:
        if self._directory >= 0:
            os.close(self._directory)


def peer_user(connection: _socket.socket) -> int:
    """Return the user id of the process at the other end, as the kernel knows it."""
    credentials = connection.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, 12)
    return int.from_bytes(credentials[4:8], sys.byteorder)


def frame(fields: Sequence[str]) -> bytes:
    """Return a message.

    Raises
    ------
    ValueError
        If a field holds a null character.
    """
    if any("\0" in field for field in fields):
        raise ValueError("a field holds a null character")
    content = b"\0".join(field.encode("utf-8", "surrogateescape") for field in fields)
    return len(content).to_bytes(_LENGTH, "big") + content


def receive(connection: _socket.socket, limit: int, seconds: float, begun: bytes = b"") -> list[str]:
    """Return the fields of the next message.

    Parameters
    ----------
    connection : socket
    limit : int
        Bytes that a message may have.
    seconds : float
        Until it must be whole.
    begun : bytes
        What was read of it already.

    Raises
    ------
    OSError
        If it does not come in time (`TimeoutError`), or not whole.
    ValueError
        If it is too long or no text.
    """
    deadline = time.monotonic() + seconds
    received = begun
    length = _LENGTH
    while len(received) < length or length == _LENGTH:
        if length == _LENGTH and len(received) >= _LENGTH:
            length = _LENGTH + int.from_bytes(received[:_LENGTH], "big")
            if not _LENGTH < length <= limit:
                raise ValueError(f"a message of {length} bytes")
            continue
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        connection.settimeout(left)
        part = connection.recv(length - len(received))
        if not part:
            raise ConnectionResetError
        received += part
    return received[_LENGTH:length].decode("utf-8", "surrogateescape").split("\0")
