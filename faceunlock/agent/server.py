"""The resident process: it takes questions from several clients and answers them one at a time."""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from pathlib import Path
from typing import Protocol

import numpy as np

from faceunlock.agent import protocol
from faceunlock.agent.question import Declined, Question
from faceunlock.matching.people import now
from faceunlock.settings import Settings

CONNECTIONS = 16
"""Clients served at the same time; any further client does the work itself."""

QUESTION_SECONDS = 5.0
"""How long a client may take to send its question."""

FAREWELL_SECONDS = 5.0
"""Grace period in seconds for the answer in progress when the process is stopped."""

_MOST_DESCRIPTORS = 4


class Answers(Protocol):
    """What a server needs to answer questions; all calls are made in one thread."""

    def prepare(self, settings: Settings) -> None:
        """Load what the next ``verify`` will need."""
        ...

    def answer(self, question: Question, photo: int) -> list[str]:
        """Return the exit code, followed by streams and texts in turn.

        `photo` is a descriptor, which stays open.

        Raises
        ------
        Declined
            If the client must do the work itself.
        """
        ...


class Server:
    """Serves one gallery until it is told to stop, no more questions come, or the program changes.

    Parameters
    ----------
    listener : socket
        The socket that clients connect to; it stays open.
    answers : Answers
    settings : Settings
        Settings of the process itself: what to load at once, and how long to run without questions.
    """

    def __init__(self, listener: socket.socket, answers: Answers, settings: Settings) -> None:
        self._listener, self._answers, self._settings = listener, answers, settings
        self._places = threading.BoundedSemaphore(CONNECTIONS)
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="answers")
        self._waker, self._woken = socket.socketpair()
        self._program = _Program()
        self._started = now()
        self._last_asked = time.monotonic()
        self._answered = self._declined = 0

    def serve(self) -> None:
        """Serve connections; return after `stop`, or after too long without a question."""
        preparing = self._worker.submit(self._answers.prepare, self._settings)
        idle = self._settings.agent_idle_minutes * 60
        self._listener.setblocking(False)
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            while (left := self._last_asked + idle - time.monotonic()) > 0:
                ready = {key.fileobj for key, _ in selector.select(left)}
                if self._woken in ready:
                    break
                if self._listener in ready:
                    self._accept()
        # Finish the answer in progress; leave waiting questions to the clients that asked.
        self._worker.shutdown(wait=False, cancel_futures=True)
        preparing.cancel()
        deadline = time.monotonic() + FAREWELL_SECONDS
        for _ in range(CONNECTIONS):
            self._places.acquire(timeout=max(0.0, deadline - time.monotonic()))
        self._waker.close()
        self._woken.close()

    def stop(self) -> None:
        """Make `serve` end soon; may be called from a signal handler and from any thread."""
        with contextlib.suppress(OSError):
            self._waker.send(b".", socket.MSG_DONTWAIT)

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:  # the client has gone, or no descriptors are left
            time.sleep(0.01)
            return
        if not self._places.acquire(blocking=False):
            connection.close()
            return
        threading.Thread(target=self._serve, args=(connection,), name="connection", daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection, contextlib.suppress(OSError):
                try:
                    self._converse(connection)
                except (Declined, ValueError) as reason:
                    self._declined += 1
                    connection.sendall(protocol.frame([protocol.DECLINED, str(reason).replace("\0", "")]))
        finally:
            self._places.release()

    def _converse(self, connection: socket.socket) -> None:
        if protocol.peer_user(connection) != os.geteuid():
            return
        with _question(connection) as (fields, descriptors):
            question = Question.from_fields(fields)
            if question.kind == "status":
                connection.sendall(protocol.frame([protocol.ANSWERED, *self._state()]))
            elif question.kind == "stop":
                connection.sendall(protocol.frame([protocol.ANSWERED]))
                self.stop()
            elif question.kind == "verify" and len(descriptors) == 1:
                self._verify(connection, question, descriptors[0])
            else:
                raise Declined("not understood")

    def _verify(self, connection: socket.socket, question: Question, photo: int) -> None:
        self._last_asked = time.monotonic()
        if (question.package, question.prefix) != (protocol.PACKAGE, sys.prefix):
            raise Declined("a different installation")
        if self._program.changed:
            self.stop()
            raise Declined("the program was changed")

        def answer() -> list[str]:
            if _gone(connection):
                raise Declined("the client hung up")
            return self._answers.answer(question, photo)

        connection.settimeout(QUESTION_SECONDS)
        connection.sendall(protocol.frame([protocol.TAKEN]))
        parts = _result(self._submit(answer))
        self._answered += 1
        self._last_asked = time.monotonic()
        connection.settimeout(QUESTION_SECONDS)
        connection.sendall(protocol.frame([protocol.ANSWERED, *parts]))

    def _submit(self, answer: Callable[[], list[str]]) -> Future[list[str]]:
        try:
            return self._worker.submit(answer)
        except RuntimeError as error:
            raise Declined("shutting down") from error

    def _state(self) -> list[str]:
        values = {
            "pid": os.getpid(),
            "started": self._started,
            "answered": self._answered,
            "declined": self._declined,
            "idle_seconds": int(time.monotonic() - self._last_asked),
            "idle_limit_seconds": self._settings.agent_idle_minutes * 60,
        }
        return [f"{key}={value}" for key, value in values.items()]


def _result(future: Future[list[str]]) -> list[str]:
    """Return an answer, after waiting for its turn and then for its result.

    Raises
    ------
    Declined
        If its turn does not come in time, or the process is shutting down. Any other exception is a bug: it
        ends the connection, and the client then meets the same bug itself.
    """
    try:
        return future.result(protocol.QUEUE_SECONDS)
    except CancelledError:
        raise Declined("shutting down") from None
    except NotYet:
        if future.cancel():
            raise Declined("busy") from None
    return future.result()


@contextlib.contextmanager
def _question(connection: socket.socket) -> Iterator[tuple[list[str], list[int]]]:
    """Yield the fields of a question and the descriptors sent with it; close the descriptors afterwards."""
    connection.settimeout(QUESTION_SECONDS)
    begun, descriptors, _, _ = socket.recv_fds(
        connection, protocol.MAX_QUESTION, _MOST_DESCRIPTORS, socket.MSG_CMSG_CLOEXEC
    )
    try:
        if not begun:
            raise ConnectionResetError
        yield protocol.receive(connection, protocol.MAX_QUESTION, QUESTION_SECONDS, begun), descriptors
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def _gone(connection: socket.socket) -> bool:
    """Return whether a client has hung up."""
    connection.setblocking(False)  # with a timeout, Python would wait despite the flags
    try:
        return not connection.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError:
        return True


class _Program:
    """The files of this program, and the folder of the packages it depends on."""

    def __init__(self) -> None:
        package = Path(protocol.PACKAGE)
        self._paths = [str(path) for path in (*package.rglob("*.py"), Path(np.__file__).parents[1])]
        self._stamps = self._look()

    @property
    def changed(self) -> bool:
        """Whether any of these was changed since this process started."""
        return self._look() != self._stamps

    def _look(self) -> list[tuple[int, int, int]]:
        try:
            found = map(os.stat, self._paths)
            return [(info.st_ino, info.st_mtime_ns, info.st_size) for info in found]
        except OSError:
            return []
