import errno
import os
import socket
import subprocess
import sys

import pytest
from support.crippled import without_locks

from faceunlock.agent.listener import listening
from faceunlock.errors import AgentError, GalleryError


@pytest.fixture
def path(tmp_path):
    return tmp_path / "private" / "agent.sock"


def test_the_socket_is_private_and_gone_at_the_end(path):
    with listening(path, {}):
        assert path.is_socket()
        assert path.stat().st_mode & 0o777 == 0o600 and path.parent.stat().st_mode & 0o777 == 0o700
    assert [entry.name for entry in path.parent.iterdir()] == ["agent.lock"]


def test_what_a_killed_process_left_is_replaced(path):
    path.parent.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    with listening(path, {}), socket.socket(socket.AF_UNIX) as caller:
        caller.connect(str(path))


def test_what_is_no_socket_is_left_alone(path):
    path.parent.mkdir(mode=0o700)
    path.write_text("mine")
    with pytest.raises(AgentError) as caught, listening(path, {}):
        pass
    assert caught.value.slug == "agent-failed" and path.read_text() == "mine"


def test_the_socket_of_another_is_not_removed(path):
    with listening(path, {}):
        path.unlink()
        path.write_text("somebody else's")
    assert path.exists()


def test_a_directory_that_others_can_write_is_refused(path):
    path.parent.mkdir(mode=0o700)
    path.parent.chmod(0o777)
    with pytest.raises(GalleryError) as caught, listening(path, {}):
        pass
    assert caught.value.slug == "insecure-permissions"


@pytest.mark.parametrize(
    ("number", "slug"),
    [(errno.ENOLCK, "locks-unsupported"), (errno.ENOTSUP, "locks-unsupported"), (errno.EIO, "agent-failed")],
)
def test_a_file_system_without_locks_is_not_a_running_process(path, monkeypatch, number, slug):
    without_locks(monkeypatch, number)
    with pytest.raises(AgentError) as caught, listening(path, {}):
        pass
    assert caught.value.slug == slug and "resident process holds" not in caught.value.message


def test_what_fails_inside_is_not_a_running_process(path):
    with pytest.raises(BlockingIOError), listening(path, {}):
        raise BlockingIOError(errno.EAGAIN, "somewhere else")


PASSED_ON = """
import os, sys
from pathlib import Path
from faceunlock.agent.listener import listening
from faceunlock.errors import AgentError
os.dup2(int(sys.argv[2]), 3)
os.environ["LISTEN_PID"], os.environ["LISTEN_FDS"] = str(os.getpid()), sys.argv[3]
try:
    with listening(Path(sys.argv[1])) as listener:
        print(listener.fileno(), listener.get_inheritable(), "LISTEN_PID" in os.environ)
        connection, _ = listener.accept()
        connection.send(b"hello")
except AgentError as error:
    print(error.slug)
"""


def test_a_socket_that_a_service_manager_passes_on(path):
    path.parent.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as caller:
        listener.bind(str(path))
        listener.listen()
        caller.connect(str(path))
        assert passed_on(path, listener.fileno(), "1") == "3 False False"
        assert caller.recv(10) == b"hello"
    assert path.exists(), "it belongs to the service manager"


def test_anything_else_that_is_passed_on_is_refused(path):
    path.parent.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        listener.bind(str(path))
        listener.listen()
        assert passed_on(path, listener.fileno(), "2") == "agent-failed"
        assert passed_on(path, other.fileno(), "1") == "agent-failed"
        assert passed_on(path, 0, "1") == "agent-failed"


def passed_on(path, descriptor, count):
    command = [sys.executable, "-c", PASSED_ON, str(path), str(descriptor), count]
    done = subprocess.run(
        command,
        pass_fds=[descriptor] if descriptor else [],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
    )
    return done.stdout.decode().strip()


def test_what_is_passed_on_to_somebody_else_is_not_ours(path):
    with listening(path, {"LISTEN_PID": str(os.getpid() + 1), "LISTEN_FDS": "1"}) as own:
        assert own.getsockname() == str(path)
