"""The resident process: takes questions from several clients and answers one after the other."""

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
"""Clients that are listened to at the same time; whoever comes then does the work itself."""

QUESTION_SECONDS = 5.0
"""How long a client may take to say what it wants."""

FAREWELL_SECONDS = 5.0
"""How long an answer that is being worked on may still take when the process is told to end."""

_MOST_DESCRIPTORS = 4


class Answers(Protocol):
    """What a server asks; all of it happens in one thread."""

    def prepare(self, settings: Settings) -> None:
        """Load what the next ``verify`` will need."""
        ...

    def answer(self, question: Question, photo: int) -> list[str]:
        """Return the exit code, and in turn a stream and a text; `photo` is a descriptor and stays open.

        Raises
        ------
        Declined
            If the client must do the work itself.
        """
        ...


class Server:
    """Serves one gallery until it is told to stop, nobody asks any more, or the program was changed.

    Parameters
    ----------
    listener : socket
        Where clients connect; stays open.
    answers : Answers
    settings : Settings
        Those of the process itself: what to load at once, and how long to stay without questions.
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
        """Take connections; return after `stop`, or when nobody has asked for long enough."""
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
        # What is being answered is finished, what waits is left to those who asked.
        self._worker.shutdown(wait=False, cancel_futures=True)
        preparing.cancel()
        deadline = time.monotonic() + FAREWELL_SECONDS
        for _ in range(CONNECTIONS):
            self._places.acquire(timeout=max(0.0, deadline - time.monotonic()))
        self._waker.close()
        self._woken.close()

    def stop(self) -> None:
        """End `serve` soon; may be called from a signal handler and from any thread."""
        with contextlib.suppress(OSError):
            self._waker.send(b".", socket.MSG_DONTWAIT)

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:  # gone already, or no descriptors left
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
            raise Declined("another program")
        if self._program.changed:
            self.stop()
            raise Declined("the program was changed")

        def answer() -> list[str]:
            if _gone(connection):
                raise Declined("nobody waits for it")
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
            raise Declined("about to end") from error

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
    """Wait for the turn, then for the answer.

    Raises
    ------
    Declined
        If the turn does not come in time. A bug ends the connection, and the client then meets it, too.
    """
    try:
        return future.result(protocol.QUEUE_SECONDS)
    except CancelledError:
        raise Declined("about to end") from None
    except NotYet:
        if future.cancel():
            raise Declined("busy") from None
    return future.result()


@contextlib.contextmanager
def _question(connection: socket.socket) -> Iterator[tuple[list[str], list[int]]]:
    """Give the fields of a question and the descriptors that came with it, which are closed afterwards."""
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
    """Whether a client has hung up."""
    connection.setblocking(False)  # with a time-out, Python waits for it whatever the flags say
    try:
        return not connection.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError:
        return True


class _Program:
    """The files of this program, and the folder with the packages it is built on."""

    def __init__(self) -> None:
        package = Path(protocol.PACKAGE)
        self._paths = [str(path) for path in (*package.rglob("*.py"), Path(np.__file__).parents[1])]
        self._stamps = self._look()

    @property
    def changed(self) -> bool:
        """Whether anything was exchanged since this process began."""
        return self._look() != self._stamps

    def _look(self) -> list[tuple[int, int, int]]:
        try:
            found = map(os.stat, self._paths)
            return [(info.st_ino, info.st_mtime_ns, info.st_size) for info in found]
        except OSError:
            return []
