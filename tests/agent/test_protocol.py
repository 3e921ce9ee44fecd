import os
import socket
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceunlock.agent import protocol
from faceunlock.agent.protocol import Address, frame, peer_user, receive, socket_path

FIELD = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"))


@pytest.fixture
def pair():
    left, right = socket.socketpair()
    with left, right:
        yield left, right


@given(st.lists(FIELD, min_size=1, max_size=5).filter(lambda fields: fields != [""]), st.data())
def test_fields_come_back_in_whatever_pieces(fields, data):
    left, right = socket.socketpair()
    with left, right:
        message = frame(fields)
        begun = data.draw(st.integers(0, len(message)))
        left.sendall(message[begun:])
        assert receive(right, protocol.MAX_QUESTION, 5, message[:begun]) == fields


def test_paths_that_are_no_text_survive(pair):
    name = os.fsdecode(b"photo \xff.jpg")
    pair[0].sendall(frame([name]))
    assert receive(pair[1], 100, 5) == [name]


def test_a_null_character_cannot_be_smuggled_in():
    with pytest.raises(ValueError, match="null"):
        frame(["photo=a\0as=Eve"])


@pytest.mark.parametrize("length", [0, 97, 2**32 - 1])
def test_a_message_of_another_length_is_refused_before_it_is_read(pair, length):
    pair[0].sendall(length.to_bytes(4, "big"))
    with pytest.raises(ValueError, match="a message of"):
        receive(pair[1], 100, 5)


def test_half_a_message_is_none(pair):
    pair[0].sendall(frame(["whole"])[:-1])
    pair[0].close()
    with pytest.raises(ConnectionResetError):
        receive(pair[1], 100, 5)


def test_a_message_that_drips_is_too_late(pair):
    stop = threading.Event()

    def drip():
        while not stop.wait(0.02):
            pair[0].send(b"\0\0\1\0"[:1])

    thread = threading.Thread(target=drip)
    pair[0].sendall((60_000).to_bytes(4, "big"))
    thread.start()
    try:
        begun = time.monotonic()
        with pytest.raises(TimeoutError):
            receive(pair[1], protocol.MAX_QUESTION, 0.2)
        assert time.monotonic() - begun < 10, "every drop began the wait anew"
    finally:
        stop.set()
        thread.join()


def test_the_kernel_says_who_is_there(pair):
    assert peer_user(pair[0]) == os.geteuid()


def test_where_the_socket_is(tmp_path):
    runtime = str(tmp_path)
    assert socket_path("/srv/faces", {"XDG_RUNTIME_DIR": runtime}) == "/srv/faces/agent.sock"
    assert socket_path(None, {"XDG_RUNTIME_DIR": runtime}) == f"{runtime}/faceunlock/agent.sock"
    data = {"XDG_DATA_HOME": "/data"}
    for unusable in ("", "relative", "/nonexistent"):
        assert socket_path(None, {"XDG_RUNTIME_DIR": unusable, **data}) == "/data/faceunlock/agent.sock"
    assert socket_path(None, {"XDG_RUNTIME_DIR": ""}).endswith("/.local/share/faceunlock/agent.sock")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a directory of another user")
def test_the_runtime_directory_of_another_user_is_not_used(tmp_path):
    os.chown(tmp_path, 12345, -1)
    environ = {"XDG_RUNTIME_DIR": str(tmp_path), "XDG_DATA_HOME": "/data"}
    assert socket_path(None, environ) == "/data/faceunlock/agent.sock"


def descriptors():
    return {entry.name for entry in Path("/proc/self/fd").iterdir()}


def test_a_long_path_is_reached_through_its_directory(tmp_path):
    folder = tmp_path / ("x" * 120)
    folder.mkdir()
    path = str(folder / "agent.sock")
    before = descriptors()
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as caller:
        with Address(path) as address:
            listener.bind(address)
        listener.listen()
        with Address(path) as address:
            caller.connect(address)
    assert descriptors() == before
