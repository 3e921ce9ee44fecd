"""Opening and reading files from outside: never a pipe or a device that blocks, never more than a limit."""

from __future__ import annotations

import errno
import os
import re
import stat
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO

from faceunlock.errors import SettingsError

_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NONBLOCK", 0)  # a pipe without a writer is opened at once, and then refused
    | getattr(os, "O_NOCTTY", 0)  # a terminal does not become ours
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)

_CHUNK = 1 << 20
_ADDRESS = re.compile(r"(https?|ftps?|s3|gs|data):/", re.IGNORECASE)
_DESCRIPTOR = re.compile(r"(/dev|/proc/self)/fd/(?P<number>[0-9]{1,6})|/dev/stdin")

SMALL = 1 << 24
"""Limit in bytes for records, tables, keys and passphrases, 16 MiB."""

LARGE = 1 << 32
"""Limit in bytes for weights and the states of trainings, 4 GiB."""


class NotAFileError(OSError):
    """A path leads to something that is not a regular file; ``strerror`` says what it is."""


class TooLargeError(OSError):
    """A file is larger than its reader allows."""


def local_path(path: str | os.PathLike[str]) -> Path:
    """Return the path that a user gave, or the one that a ``file:`` address leads to.

    File managers copy and drop addresses: ``file:///`` and a path with escapes. A `Path` has already lost the
    double slash before the name of a machine, so only a text can be refused for it.

    Raises
    ------
    SettingsError
        ``usage`` for an address on another machine, or on the web.

    Examples
    --------
    >>> local_path("a.jpg").name, local_path("file:///photos/me%20at%20home.jpg").name
    ('a.jpg', 'me at home.jpg')
    """
    text = os.fspath(path)
    if not text.casefold().startswith("file:/") or os.path.lexists(text):
        # A `Path` has lost one of the two slashes.
        if _ADDRESS.match(text) and not os.path.lexists(text):
            raise SettingsError(
                "usage",
                f"{text} is a web address, and faceunlock reads no URLs",
                hint="Download the photo, then name the file.",
            )
        return Path(path)
    import platform
    from urllib.parse import unquote

    rest = text[len("file:") :]
    if rest.startswith("//"):
        machine, _, rest = rest.removeprefix("//").partition("/")
        if machine.casefold() not in ("", "localhost", platform.node().casefold()):
            raise SettingsError(
                "usage",
                f"{text} is on another machine, {unquote(machine)}",
                hint="Copy it to this machine, or mount it, and name it by its path.",
            )
    return Path("/", unquote(rest.lstrip("/")))


def open_file(path: Path | str) -> BufferedReader:
    """Return a regular file opened for reading; this never waits, whatever the path leads to.

    The path is looked at first, so that no device is touched. What was opened is looked at again: somebody
    may have put a pipe in the file's place in between.

    Raises
    ------
    OSError
        If it cannot be opened; `NotAFileError` for a folder, pipe, socket or device. Each has a ``strerror``
        for people.
    """
    try:
        _require_file(os.stat(path), path)  # noqa: PTH116
        descriptor = os.open(path, _FLAGS)
    except ValueError as error:  # a null character in the path
        raise OSError(errno.EINVAL, str(error), str(path)) from error
    try:
        _require_file(os.fstat(descriptor), path)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_file(path: Path | str, limit: int) -> bytes:
    """Return the content of a regular file of at most `limit` bytes.

    Raises
    ------
    OSError
        As `open_file`; `TooLargeError` for more than `limit` bytes.
    """
    with open_file(path) as stream:
        if os.fstat(stream.fileno()).st_size > limit:
            raise _too_large(path, limit)
        return read_stream(stream, limit, path)


def read_stream(stream: BinaryIO, limit: int, name: Path | str) -> bytes:
    """Return the rest of a stream, of at most `limit` bytes.

    Raises
    ------
    OSError
        If reading fails; `TooLargeError` for more than `limit` bytes.
    """
    chunks: list[bytes] = []
    size = 0
    while chunk := stream.read(_CHUNK):
        chunks.append(chunk)
        size += len(chunk)
        if size > limit:
            raise _too_large(name, limit)
    return b"".join(chunks)


def parse_json(text: str | bytes, **options: Any) -> Any:
    """Return the value of a JSON text from outside.

    Parameters
    ----------
    text : str or bytes
    **options
        Passed to `json.loads`.

    Raises
    ------
    ValueError
        If it is not JSON, or is nested so deeply that Python's reader gives up.

    Examples
    --------
    >>> parse_json('{"a": [1, 2]}')
    {'a': [1, 2]}
    """
    import json

    try:
        return json.loads(text, **options)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _require_file(status: os.stat_result, path: Path | str) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise NotAFileError(errno.EISDIR, "is a folder, not a file", str(path))
    if not stat.S_ISREG(status.st_mode):
        raise NotAFileError(errno.EINVAL, "is a pipe, socket or device, not a file", str(path))


def _too_large(path: Path | str, limit: int) -> TooLargeError:
    shown = f"{limit >> 20} MiB" if limit >= 1 << 20 else f"{limit:,} bytes"
    return TooLargeError(errno.EFBIG, f"has more than {shown}, the limit", str(path))


def given_pipe(path: Path) -> int | None:
    """Return the descriptor of a pipe that this process was started with, if that is what a path names."""
    found = _DESCRIPTOR.fullmatch(str(path))
    if found is None:
        return None
    descriptor = int(found["number"] or 0)
    try:
        return descriptor if stat.S_ISFIFO(os.fstat(descriptor).st_mode) else None
    except OSError:
        return None
