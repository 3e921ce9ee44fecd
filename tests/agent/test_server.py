import contextlib
import os
import socket
import threading
import time
from pathlib import Path

import pytest
from support.fakes import paint, save

from faceunlock.agent import client, control, protocol, server
from faceunlock.agent.listener import listening
from faceunlock.agent.protocol import frame


class Slow:
    """Answers when it is told to."""

    def __init__(self):
        self.go, self.begun = threading.Event(), threading.Event()

    def prepare(self, settings):
        pass

    def answer(self, question, photo):
        self.begun.set()
        assert self.go.wait(20)
        return ["1", "1", str(os.fstat(photo).st_size)]


@pytest.fixture
def photo(tmp_path):
    return save(tmp_path / "photo.png", paint(1, 9))


def waiting(path, message, photo):
    """Ask, and do not wait for the answer."""
    connection = client.connect(str(path)).__enter__()
    descriptor = os.open(photo, os.O_RDONLY)
    client.send(connection, message, descriptor)
    os.close(descriptor)
    assert protocol.receive(connection, 100, 20) == [protocol.TAKEN]
    return connection


def _descriptors():
    return len(list(Path("/proc/self/fd").iterdir()))


def until(condition):
    for _ in range(1000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it never came")


def test_a_question(serving, question, exchange, photo, unlock, ada):
    unlock.enroll("Ada", ada)
    with serving() as (_, path):
        for _ in range(3):
            taken, answer = exchange(path, frame(question(photo)), photo)
            assert taken == [protocol.TAKEN]
            assert answer[:3] == [protocol.ANSWERED, "0", "1"] and answer[3].startswith("yes  Ada")
        state = control.state(path)
        assert (state.pid, state.answered, state.declined) == (os.getpid(), 3, 0)
    assert control.state(path) is None and not path.exists()


def test_many_at_once(serving, question, exchange, photo, unlock, ada, tmp_path):
    unlock.enroll("Ada", ada)
    stranger = save(tmp_path / "stranger.png", paint(5))
    wrong = []

    def ask(number):
        one = (photo, "0") if number % 2 else (stranger, "1")
        for _ in range(10):
            frames = exchange(path, frame(question(one[0])), one[0])
            if frames[-1][:2] != [protocol.ANSWERED, one[1]]:
                wrong.append(frames)

    with serving() as (_, path):
        threads = [threading.Thread(target=ask, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not wrong and control.state(path).answered == 60


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\0\0",
        b"\0\0\0\0",
        b"\xff" * 8,
        frame(["nonsense"]),
        frame(["version=1", "ask=verify", "photo=x"]),
    ],
)
def test_nonsense_is_refused_and_harms_nobody(serving, exchange, message, monkeypatch):
    monkeypatch.setattr(server, "QUESTION_SECONDS", 0.2)
    with serving() as (_, path):
        frames = exchange(path, message)
        assert frames == [] or frames[0][0] == protocol.DECLINED
        assert control.state(path) is not None


def test_questions_of_other_programs_are_declined(serving, question, exchange, photo):
    with serving() as (_, path):
        for key in ("package=", "prefix="):
            fields = [f"{key}/x" if field.startswith(key) else field for field in question(photo)]
            assert exchange(path, frame(fields), photo) == [[protocol.DECLINED, "a different installation"]]
        assert exchange(path, frame(question(photo))) == [[protocol.DECLINED, "not understood"]], "no photo"


def test_it_ends_when_the_program_was_changed(serving, question, exchange, photo, monkeypatch):
    with serving() as (running, path):
        monkeypatch.setattr(running._program, "_stamps", [])
        assert exchange(path, frame(question(photo)), photo) == [
            [protocol.DECLINED, "the program was changed"]
        ]
        until(lambda: running._waker.fileno() < 0)


def test_it_ends_when_nobody_asks(serving):
    with serving(agent_idle_minutes=0.001) as (running, _):
        until(lambda: running._waker.fileno() < 0)


def test_others_are_not_listened_to(serving, exchange, question, photo, monkeypatch):
    with serving() as (_, path):
        monkeypatch.setattr(server.os, "geteuid", lambda: 12345)
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(path))
            connection.sendall(frame(question(photo)))
            with contextlib.suppress(ConnectionResetError):
                assert connection.recv(100) == b""


def test_what_waits_too_long_is_declined(serving, question, exchange, photo, monkeypatch):
    monkeypatch.setattr(protocol, "QUEUE_SECONDS", 0.1)
    slow = Slow()
    with serving(slow) as (_, path):
        first = waiting(path, question(photo), photo)
        assert slow.begun.wait(20)
        assert exchange(path, frame(question(photo)), photo) == [
            [protocol.TAKEN],
            [protocol.DECLINED, "busy"],
        ]
        slow.go.set()
        assert protocol.receive(first, 1000, 20)[:2] == [protocol.ANSWERED, "1"]
        first.close()


def test_what_nobody_waits_for_is_not_looked_at(serving, question, photo):
    slow = Slow()
    with serving(slow) as (_, path):
        first = waiting(path, question(photo), photo)
        assert slow.begun.wait(20)
        second = waiting(path, question(photo), photo)
        second.close()
        slow.begun.clear()
        slow.go.set()
        assert protocol.receive(first, 1000, 20)[0] == protocol.ANSWERED
        first.close()
        until(lambda: control.state(path).declined == 1)
        assert not slow.begun.is_set()


def test_more_clients_than_places_do_without(serving, photo, question, exchange, monkeypatch):
    with serving() as (_, path):
        idle = [client.connect(str(path)) for _ in range(server.CONNECTIONS)]
        until(lambda: exchange(path, frame(["version=1"])) == [])
        for one in idle:
            one.__exit__()
        until(lambda: control.state(path) is not None)


def test_told_to_end_it_finishes_what_it_began(serving, question, photo):
    slow = Slow()
    with serving(slow) as (running, path):
        first = waiting(path, question(photo), photo)
        assert slow.begun.wait(20)
        second = waiting(path, question(photo), photo)
        with client.connect(str(path)) as connection:
            client.send(connection, ["version=1", "ask=stop", "package=", "prefix=", "home="])
            assert protocol.receive(connection, 100, 20) == [protocol.ANSWERED]
        until(lambda: running._worker._shutdown)
        slow.go.set()
        assert protocol.receive(first, 1000, 20)[0] == protocol.ANSWERED
        assert protocol.receive(second, 1000, 20) == [protocol.DECLINED, "shutting down"]
        first.close()
        second.close()


def test_a_bug_only_ends_the_conversation(serving, question, exchange, photo, monkeypatch):
    class Broken(Slow):
        def answer(self, question, photo):
            raise ZeroDivisionError

    seen = []
    monkeypatch.setattr(threading, "excepthook", lambda caught: seen.append(caught.exc_type))
    with serving(Broken()) as (_, path):
        assert exchange(path, frame(question(photo)), photo) == [[protocol.TAKEN]]
        assert control.state(path) is not None
    assert seen == [ZeroDivisionError]


def test_no_descriptor_stays_open(serving, question, exchange, photo):
    with serving() as (_, path):
        exchange(path, frame(question(photo)), photo)
        before = _descriptors()
        for message in (frame(question(photo)), frame(["x"]), b"\0"):
            for _ in range(5):
                with client.connect(str(path)) as connection, photo.open("rb") as opened:
                    rights = (1, 1, client._descriptor(opened.fileno()) * 3)
                    connection.sendmsg([message], [rights])
        until(lambda: _descriptors() <= before)


def test_only_one_listens(serving, tmp_path):
    from faceunlock.errors import AgentError

    with serving() as (_, path):
        with pytest.raises(AgentError) as caught, listening(path, {}):
            pass
        assert caught.value.slug == "agent-running"
        assert control.state(path) is not None
