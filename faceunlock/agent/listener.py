"""The socket of the resident process: one process per gallery, reachable by its user alone."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import stat
from collections.abc import Iterator, MutableMapping
from pathlib import Path

from faceunlock.agent import protocol
from faceunlock.errors import AgentError
from faceunlock.files.private import FILE_MODE, ensure_private_directory
from faceunlock.gallery.file import FILE_NAME

LOCK = "agent.lock"
BACKLOG = 64
FIRST_PASSED_ON = 3
"""Descriptor from which on a service manager passes on sockets (sd_listen_fds(3))."""


@contextlib.contextmanager
def listening(path: Path, environ: MutableMapping[str, str] = os.environ) -> Iterator[socket.socket]:
    """Give the socket that clients connect to; one that we made ourselves is removed at the end.

    Whoever was killed leaves its socket behind, and it is replaced; who is alive holds a lock.

    Parameters
    ----------
    path : Path
        Where clients look for it.
    environ : mapping
        Tells, in ``LISTEN_FDS``, of a socket that a service manager passes on.

    Raises
    ------
    AgentError
        ``agent-running`` if another process listens there; ``agent-failed`` if the socket cannot be made.
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
            raise AgentError("agent-failed", f"{path} cannot be made: {error.strerror}") from error
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
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise AgentError("agent-running", f"a resident process holds {lock}") from error
    finally:
        os.close(descriptor)


def _bind(path: Path) -> socket.socket:
    if path.exists() and not path.is_socket():
        raise FileExistsError(17, "something else is there")
    path.unlink(missing_ok=True)
    own = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # From the first moment on nobody else can connect; the directory would not let them, either.
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
    """Return the socket that a service manager opened for us, if there is one."""
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
        raise AgentError(
            "agent-failed", "the socket passed on is not a listening stream socket of this machine"
        )
    passed_on.set_inheritable(False)
    return passed_on
