"""A client's question to the resident process, and the photo that it sends along."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from fcntl import F_GETFL, fcntl
from typing import Any, Self

from faceunlock.agent import protocol

_KNOWN = {
    *("photo", "as", "threshold", "security", "faces"),
    *("json", "quiet", "model", "device", "colour", "directory"),
}


class Declined(Exception):  # noqa: N818 - not an error: the client does the work itself
    """The resident process leaves a question to its client; the message says why, for debugging."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question from a client.

    Attributes
    ----------
    kind : str
        ``verify``, ``status`` or ``stop``.
    home : str or None
        The home that the client chose.
    environ : mapping of str to str
        The client's environment variables that matter.
    options : mapping of str to str
        The options on the client's command line.
    package, prefix : str
        Folder of the client's program, and the prefix of its Python.
    """

    kind: str
    home: str | None
    environ: Mapping[str, str]
    options: Mapping[str, str]
    package: str
    prefix: str

    @classmethod
    def from_fields(cls, fields: list[str]) -> Self:
        """Return the question that a message contains.

        Raises
        ------
        Declined
            If a client of this version would not send it.
        """
        pairs = dict(field.partition("=")[::2] for field in fields)
        if len(pairs) != len(fields) or pairs.pop("version", "") != protocol.VERSION:
            raise Declined("not understood")
        try:
            ask, package, prefix, home = (pairs.pop(key) for key in ("ask", "package", "prefix", "home"))
        except KeyError as error:
            raise Declined("not understood") from error
        environ = {key[4:]: pairs.pop(key) for key in list(pairs) if key.startswith("env:")}
        if not pairs.keys() <= _KNOWN or (ask == "verify") != ("photo" in pairs):
            raise Declined("not understood")
        return cls(ask, home or None, environ, pairs, package, prefix)


class SentPhoto(io.RawIOBase):
    """An open file that a client sent, read from its beginning even if part of it was read before.

    Only the descriptor is used, never a path, so nothing is read that the sender could not read.

    Parameters
    ----------
    descriptor : int
        Descriptor of the file; it stays open.
    name : str
        The client's name for the file.

    Raises
    ------
    Declined
        If it is not a regular file opened for reading, is empty, or is too large to be sent.
    """

    def __init__(self, descriptor: int, name: str) -> None:
        status, flags = os.fstat(descriptor), fcntl(descriptor, F_GETFL)
        readable = flags & os.O_ACCMODE in (os.O_RDONLY, os.O_RDWR) and not flags & os.O_PATH
        if not (stat.S_ISREG(status.st_mode) and readable and 0 < status.st_size <= protocol.MAX_PHOTO):
            raise Declined("not a photo that can be sent")
        self._descriptor, self._position = descriptor, 0
        self.name = name

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read the next bytes into a buffer; return their number."""
        size = os.preadv(self._descriptor, [buffer], self._position)
        self._position += size
        return size
