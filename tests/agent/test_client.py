import os
import socket
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceunlock.agent import client, protocol
from faceunlock.agent.client import ask, understand
from faceunlock.photos.photo import MAX_BYTES

WORDS = [
    "verify", "enroll", "a.jpg", "-", "--", "--as", "--as=Ada", "Ada", "--json", "--quiet", "-q", "-qv",
    "-v", "--home", "--home=/tmp", "--threshold", "0.5", "1e3", "nan", "--faces", "largest", "central",
    "--device", "cuda", "cpu", "--model=dlib", "--camera", "--help", "--version", "", "=", "<stdin>",
]  # fmt: skip


def test_a_plain_line():
    words = "--json verify selfie.jpg --as Ada --threshold=0.9 --faces largest -q --home /h --model dlib"
    assert understand([*words.split(), "--device=cpu"]) == {
        "json": "1",
        "photo": "selfie.jpg",
        "--as": "Ada",
        "--threshold": "0.9",
        "--faces": "largest",
        "quiet": "1",
        "--home": "/h",
        "--model": "dlib",
        "--device": "cpu",
    }


@pytest.mark.parametrize(
    "line",
    [
        "",
        "verify",
        "people verify",
        "verify a.jpg b.jpg",
        "--as Ada verify a.jpg",
        "verify a.jpg --as",
        "verify a.jpg --as -x",
        "verify a.jpg --as=",
        "verify a.jpg --as Ada --as Bob",
        "verify a.jpg --verbose",
        "verify -- a.jpg",
        "verify a.jpg --threshold -1",
        "verify a.jpg --threshold=--",
        "verify a.jpg --threshold nan",
        "verify a.jpg --faces central",
        "verify a.jpg --device cuda",
        "verify a.jpg --help",
        "verify -qv a.jpg",
        "verify a.jpg --camera",
        "verify --camera --require-live --as Ada",
        "verify a.jpg --require-live",
    ],
)
def test_every_other_line_is_left_to_the_command_line(line):
    assert understand(line.split()) is None


@given(st.lists(st.sampled_from(WORDS), max_size=7))
def test_what_is_understood_holds_every_word_that_was_said(words):
    said = understand(words)
    if said is not None:
        known = {"verify", "--json", "--quiet", "-q", *said, *said.values()}
        known |= {f"{option}={value}" for option, value in said.items()}
        assert set(words) <= known
        assert words.count("verify") >= 1 and "photo" in said


def test_a_number_below_zero():
    assert understand(["verify", "a.jpg", "--threshold=-1"]) == {"photo": "a.jpg", "--threshold": "-1"}


def test_the_limit_of_standard_input_is_that_of_photos():
    assert client.MOST_BYTES == MAX_BYTES


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"a photo")
    return path


@pytest.fixture
def listener(home):
    home.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(home / "agent.sock"))
        listening.listen()
        yield listening


@pytest.fixture
def replies(listener, monkeypatch):
    """Answer one question with the given bytes; the descriptor that came along is compared with the photo."""
    monkeypatch.setattr(protocol, "ACCEPT_SECONDS", 20.0)  # this machine may have other work
    threads = []

    def reply(content):
        def serve():
            connection, _ = listener.accept()
            with connection:
                _, descriptors, _, _ = socket.recv_fds(connection, 1 << 16, 2)
                for descriptor in descriptors:
                    assert os.pread(descriptor, 100, 0) == b"a photo"
                    os.close(descriptor)
                connection.sendall(content)

        threads.append(threading.Thread(target=serve))
        threads[-1].start()

    yield reply
    for thread in threads:
        thread.join(10)


def line(photo, home):
    return ["verify", str(photo), "--home", str(home)]


TAKEN = protocol.frame([protocol.TAKEN])
YES = protocol.frame([protocol.ANSWERED, "0", "1", "yes\n", "2", "note\n"])


def test_an_answer(photo, home, replies):
    replies(TAKEN + YES)
    assert ask(line(photo, home)) == (0, [("1", "yes\n"), ("2", "note\n")])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        YES,
        TAKEN,
        TAKEN + YES[:-1],
        TAKEN + protocol.frame([protocol.DECLINED, "busy"]),
        protocol.frame([protocol.DECLINED, "busy"]),
        TAKEN + protocol.frame([protocol.ANSWERED]),
        TAKEN + protocol.frame([protocol.ANSWERED, "3"]),
        TAKEN + protocol.frame([protocol.ANSWERED, "0", "1"]),
        TAKEN + protocol.frame([protocol.ANSWERED, "0", "3", "yes\n"]),
        TAKEN + b"\xff\xff\xff\xff" + b"x" * 100,
        b"HTTP/1.1 200 OK\r\n\r\n",
    ],
)
def test_anything_but_a_whole_answer_is_none(photo, home, replies, content):
    replies(content)
    assert ask(line(photo, home)) is None


@pytest.mark.parametrize(
    ("content", "answer"),
    [
        (TAKEN, 2),
        (TAKEN + YES[:-1], 2),
        (TAKEN + b"\xff\xff\xff\xff", 2),
        (b"", None),
        (protocol.frame([protocol.DECLINED, "busy"]), None),
        (TAKEN + YES, 0),
    ],
)
def test_a_login_does_not_wait_for_a_process_that_died_with_the_question(
    photo, home, replies, content, answer
):
    """Before that, and without a login, the work is done here."""
    replies(content)
    said = ask(line(photo, home), login=True)
    assert (None if said is None else said[0]) == answer


def test_an_answer_of_another_user_is_not_believed(photo, home, listener, monkeypatch):
    monkeypatch.setattr(protocol, "peer_user", lambda _: os.geteuid() + 1)
    assert ask(line(photo, home)) is None


def test_a_process_that_sleeps_is_not_waited_for(photo, home, listener, monkeypatch):
    monkeypatch.setattr(protocol, "ACCEPT_SECONDS", 0.1)
    assert ask(line(photo, home)) is None


def test_a_process_that_is_gone(photo, home):
    home.mkdir(mode=0o700)
    assert ask(line(photo, home)) is None
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(home / "agent.sock"))
    assert ask(line(photo, home)) is None
    (home / "agent.sock").unlink()
    (home / "agent.sock").write_text("no socket")
    assert ask(line(photo, home)) is None


def test_only_regular_files_of_a_sensible_size_are_sent(photo, home, listener, tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "empty").touch()
    (tmp_path / "huge").touch()
    os.truncate(tmp_path / "huge", protocol.MAX_PHOTO + 1)
    listener.setblocking(False)
    for name in ("missing", "pipe", "empty", "huge", "."):
        assert ask(line(tmp_path / name, home)) is None
    with pytest.raises(BlockingIOError):
        listener.accept()


def test_nothing_stays_open(photo, home, replies):
    before = len(list(Path("/proc/self/fd").iterdir()))
    for content in (TAKEN + YES, b""):
        replies(content)
        ask(line(photo, home))
    ask(line(photo, "/nonexistent"))
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 2  # those of the threads that answer


def test_other_homes(home):
    assert client.chosen_home(None, {}) is None
    assert client.chosen_home(None, {"FACEUNLOCK_HOME": "/h"}) == "/h"
    assert client.chosen_home("/a", {"FACEUNLOCK_HOME": "/h"}) == "/a"
    assert client.chosen_home("here", {}) == str(Path.cwd() / "here")
    with pytest.raises(ValueError):
        client.chosen_home("~/faces", {})
    assert ask(["verify", "a.jpg"], {"FACEUNLOCK_HOME": "~"}) is None
