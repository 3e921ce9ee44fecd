"""The protocol between the resident process and its clients, and the path of their socket.

A message is a frame: four bytes of length, then fields separated by null characters, which no argument, path
or environment variable can contain. A question consists of fields ``key=value``. With ``ask=verify``, an open
file is sent along. An answer is a word, followed by its content. The client imports this module and little
else, so it uses no JSON, no `dataclasses`, no `socket` and no `typing`.
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
"""Folder of this program; a client from a different installation is declined."""

VERSION = "1"
"""Protocol version; a mismatch is declined."""

MAX_QUESTION = 64 * 1024
"""Maximum size of a question, in bytes."""

MAX_ANSWER = 1 << 20
"""Maximum size of an answer, in bytes."""

MAX_PHOTO = 64 << 20
"""Maximum size of a photo that is sent, in bytes; the client processes a larger one itself."""

ACCEPT_SECONDS = 1.0
"""How long a client waits for its question to be taken."""

QUEUE_SECONDS = 2.0
"""How long a question may wait for its turn before it is declined."""

ANSWER_SECONDS = 30.0
"""How long a client waits for the answer to a question that was taken."""

LOGIN_SECONDS = 3.0
"""The same for a login, whose user waits for the password prompt meanwhile."""

TAKEN, ANSWERED, DECLINED = "taken", "answered", "declined"

ENVIRONMENT = ("HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME")
"""Variables that decide where the per-user directories are."""

SETTINGS_PREFIX = "FACEUNLOCK_"

SERVER_PREFIX = "PG"
"""Of the variables with which libpq finds a PostgreSQL server."""

_SOCKET = "agent.sock"
_LONGEST_ADDRESS = 107
_LENGTH = 4


def socket_path(home: str | None, environ: Mapping[str, str] = os.environ) -> str:
    """Return the path of a gallery's socket.

    Parameters
    ----------
    home : str or None
        Absolute path of a chosen home, which is private and holds the socket. Without one, the socket lies in
        ``XDG_RUNTIME_DIR`` (``/run/user/ID`` if that is not set) if that is a directory of the current user,
        otherwise in the data directory.
    environ : mapping
        Environment variables.

    Examples
    --------
    >>> socket_path("/srv/faces")
    '/srv/faces/agent.sock'
    """
    if home:
        return os.path.join(home, _SOCKET)  # noqa: PTH118 - pathlib takes longer to import than all of this
    # Under PAM the variable is not set, but the directory may exist.
    runtime = environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.geteuid()}"
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
    """A socket path in a form that the system accepts; a context manager.

    The system accepts at most 107 bytes. A longer path is reached through its opened directory.
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
    """Return the user id of the process at the other end, as the kernel reports it."""
    credentials = connection.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, 12)
    return int.from_bytes(credentials[4:8], sys.byteorder)


def frame(fields: Sequence[str]) -> bytes:
    """Return the message made of some fields.

    Raises
    ------
    ValueError
        If a field contains a null character.
    """
    if any("\0" in field for field in fields):
        raise ValueError("a field contains a null character")
    content = b"\0".join(field.encode("utf-8", "surrogateescape") for field in fields)
    return len(content).to_bytes(_LENGTH, "big") + content


def receive(connection: _socket.socket, limit: int, seconds: float, begun: bytes = b"") -> list[str]:
    """Return the fields of the next message.

    Parameters
    ----------
    connection : socket
    limit : int
        Maximum size of the message, in bytes.
    seconds : float
        How long to wait for the complete message.
    begun : bytes
        The part of it that was already read.

    Raises
    ------
    OSError
        If it does not arrive in time (`TimeoutError`), or not completely.
    ValueError
        If it is too long, or empty.
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
