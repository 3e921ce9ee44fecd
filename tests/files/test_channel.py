"""Messages from a process that is not trusted: too large, too slow, or no messages at all."""

from __future__ import annotations

import socket
import struct
import threading
import time

import pytest

from faceunlock.files.channel import MOST_WORDS, Channel


@pytest.fixture
def ends():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield Channel(ours), theirs


def test_what_is_sent_arrives(ends):
    channel, theirs = ends
    Channel(theirs).send("photo", b"\0\xff", name="é", numbers=[1, 2.5])
    found = channel.receive(1.0, most_data=2)
    assert (found.kind, found.words, found.data) == (
        "photo",
        {"name": "é", "numbers": [1, 2.5]},
        b"\0\xff",
    )


@pytest.mark.parametrize(("words", "data"), [(MOST_WORDS + 1, 0), (2, 101), ((1 << 32) - 1, (1 << 64) - 1)])
def test_a_message_that_is_too_large_is_refused_by_its_length(ends, words, data):
    channel, theirs = ends
    theirs.sendall(struct.pack("!IQ", words, data))
    with pytest.raises(ValueError, match="bytes"):
        channel.receive(1.0, most_data=100)


@pytest.mark.parametrize(
    "text",
    [b"", b"{}", b"[]", b'["x"]', b"[1, {}]", b'["x", []]', b'["x", {"a": NaN}]', b"\xff", b"[" * 100_000],
)
def test_what_is_no_message_is_refused(ends, text):
    channel, theirs = ends
    theirs.sendall(struct.pack("!IQ", len(text), 0) + text)
    with pytest.raises(ValueError):
        channel.receive(1.0)


def test_bytes_that_come_one_by_one_do_not_make_the_time_longer(ends):
    channel, theirs = ends
    over = threading.Event()

    def dribble() -> None:
        while not over.wait(0.02):
            theirs.sendall(b"\0")

    thread = threading.Thread(target=dribble)
    thread.start()
    started = time.monotonic()
    try:
        with pytest.raises(TimeoutError):
            # The first twelve bytes are the lengths, of a message whose words never end.
            channel._read(1 << 20, started + 0.5)
    finally:
        over.set()
        thread.join()
    assert time.monotonic() - started < 5


def test_a_message_that_nobody_takes_is_given_up(ends):
    channel, _ = ends
    with pytest.raises(TimeoutError):
        channel.send("photo", bytes(1 << 24), within=0.2)
