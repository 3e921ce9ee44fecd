"""The socket of the resident process: one process per gallery, reachable only by its user."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
from collections.abc import Iterator, MutableMapping
from pathlib import Path

from faceunlock.agent import protocol
from faceunlock.errors import AgentError
from faceunlock.files.file_system import lock as take_lock
from faceunlock.files.private import FILE_MODE, ensure_private_directory
from faceunlock.gallery.file import FILE_NAME

LOCK = "agent.lock"
BACKLOG = 64
FIRST_PASSED_ON = 3
"""First descriptor of the sockets that a service manager passes on (sd_listen_fds(3))."""


@contextlib.contextmanager
def listening(path: Path, environ: MutableMapping[str, str] = os.environ) -> Iterator[socket.socket]:
    """Yield the socket that clients connect to; if it was created here, remove it at the end.

    A running process holds a lock. A killed process leaves its socket behind, which is then replaced.

    Parameters
    ----------
    path : Path
        Where clients look for the socket.
    environ : mapping
        Its ``LISTEN_FDS`` announces a socket that a service manager passes on.

    Raises
    ------
    AgentError
        ``agent-running`` if another process listens there; ``agent-failed`` if the socket cannot be
        created; ``locks-unsupported``.
    GalleryError
        ``insecure-permissions`` if its directory is not private; ``gallery-unwritable``.
    """
    ensure_private_directory(path.parent, holds=(path.name, LOCK, FILE_NAME))
    with _only_one(path.with_name(LOCK)):
        passed_on = _passed_on(environ)
        if passed_on is not None:
            with passed_on:
                yield passed_on
            return
        try:
            own = _bind(path)
        except OSError as error:
            raise AgentError("agent-failed", f"{path} cannot be created: {error.strerror}") from error
        made = path.lstat().st_ino
        try:
            with own:
                yield own
        finally:
            with contextlib.suppress(OSError):
                if path.lstat().st_ino == made:
                    path.unlink()


@contextlib.contextmanager
def _only_one(lock: Path) -> Iterator[None]:
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, FILE_MODE)
    except OSError as error:
        raise AgentError("agent-failed", f"{lock} cannot be opened: {error.strerror}") from error
    try:
        try:
            free = take_lock(descriptor, lock, AgentError, wait=False)
        except OSError as error:
            raise AgentError("agent-failed", f"{lock} cannot be locked: {error.strerror}") from error
        if not free:
            raise AgentError("agent-running", f"a resident process holds {lock}")
        yield
    finally:
        os.close(descriptor)


def _bind(path: Path) -> socket.socket:
    if path.exists() and not path.is_socket():
        raise FileExistsError(17, "it exists and is not a socket")
    path.unlink(missing_ok=True)
    own = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # No other user can connect, from the first moment on. The directory would not let them in either.
    before = os.umask(0o777 & ~FILE_MODE)
    try:
        with protocol.Address(str(path)) as address:
            own.bind(address)
        own.listen(BACKLOG)
    except BaseException:
        own.close()
        raise
    finally:
        os.umask(before)
    return own


def _passed_on(environ: MutableMapping[str, str]) -> socket.socket | None:
    """Return the socket that a service manager opened for this process; None if there is none."""
    process, count = environ.pop("LISTEN_PID", ""), environ.pop("LISTEN_FDS", "")
    environ.pop("LISTEN_FDNAMES", None)
    if process != str(os.getpid()) or not count:
        return None
    try:
        is_socket = stat.S_ISSOCK(os.fstat(FIRST_PASSED_ON).st_mode)
    except OSError:
        is_socket = False
    if count != "1" or not is_socket:
        raise AgentError("agent-failed", f"LISTEN_FDS={count}: exactly one socket is needed")
    passed_on = socket.socket(fileno=FIRST_PASSED_ON)
    accepts = passed_on.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    if (passed_on.family, passed_on.type) != (socket.AF_UNIX, socket.SOCK_STREAM) or not accepts:
        raise AgentError("agent-failed", "the socket passed on is not a listening Unix stream socket")
    passed_on.set_inheritable(False)
    return passed_on
