"""Messages between a process and a child that it does not trust: a word, a few plain values, and bytes."""

from __future__ import annotations

import json
import select
import socket
import struct
import time
from dataclasses import dataclass, field
from typing import Any

from faceunlock.files.reading import parse_json

MOST_WORDS = 1 << 20
"""Bytes of everything in a message but its data."""

_LENGTHS = struct.Struct("!IQ")


@dataclass(frozen=True, slots=True)
class Message:
    """One message.

    Attributes
    ----------
    kind : str
        What it is about.
    words : dict
        Plain values: what JSON can hold.
    data : bytes
        Whatever is large.
    """

    kind: str
    words: dict[str, Any]
    data: bytes = field(default=b"", repr=False)


class Channel:
    """One end of a pair of connected sockets.

    Parameters
    ----------
    connection : socket
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def send(self, kind: str, data: bytes = b"", *, within: float | None = None, **words: Any) -> None:
        """Send a message; `OSError` if the other end is gone, or does not take it `within` these seconds."""
        text = json.dumps([kind, words]).encode("ascii")
        self._connection.settimeout(within)
        self._connection.sendall(_LENGTHS.pack(len(text), len(data)) + text)
        if data:
            self._connection.sendall(data)

    def receive(self, seconds: float | None = None, *, most_data: int = 0) -> Message:
        """Return the next message.

        Parameters
        ----------
        seconds : float or None
            How long to wait for all of it.
        most_data : int
            Largest number of bytes of data.

        Raises
        ------
        OSError
            The other end is gone (`EOFError` is not used), or `TimeoutError`.
        ValueError
            What came is not a message, or is too large.
        """
        until = None if seconds is None else time.monotonic() + seconds
        length, size = _LENGTHS.unpack(self._read(_LENGTHS.size, until))
        if length > MOST_WORDS or size > most_data:
            raise ValueError(f"a message of {length} and {size} bytes")
        content = parse_json(self._read(length, until).decode("ascii"), parse_constant=_no_number)
        if not (isinstance(content, list) and len(content) == 2):
            raise ValueError("not a message")
        kind, words = content
        if not isinstance(kind, str) or not isinstance(words, dict):
            raise ValueError("not a message")
        return Message(kind, words, bytes(self._read(size, until)))

    def is_alone(self) -> bool:
        """Return whether the other end is gone, or has sent something that nobody waits for."""
        return bool(select.select([self._connection], [], [], 0)[0])

    def close(self) -> None:
        """Close this end."""
        self._connection.close()

    def _read(self, size: int, until: float | None) -> bytearray:
        received = bytearray(size)
        view, at = memoryview(received), 0
        while at < size:
            left = None if until is None else until - time.monotonic()
            if left is not None and left <= 0:
                raise TimeoutError
            self._connection.settimeout(left)
            count = self._connection.recv_into(view[at:])
            if not count:
                raise ConnectionResetError
            at += count
        return received


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is not a number")
