"""Real PAM with ``--ask``: one prompt, at which Enter asks the camera and a password goes straight on.

The camera is a program that takes the photo, so that a test can see whether it was started at all.
"""

from __future__ import annotations

import os
import pty
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support.logins import PASSWORD, SERVICE, SERVICE_FILE, offered

import faceunlock as package
from faceunlock.agent import protocol

SUDOERS = Path("/etc/sudoers.d") / SERVICE.replace("-", "")


@pytest.fixture
def asking(login) -> Callable[[], int]:
    """A line with ``--ask``; gives how often the camera was asked."""
    started = login.home / "started"
    camera = login.home / "camera"
    camera.write_text(f"#!/bin/sh\necho >> {started}\nexec cat {login.photo}\n")
    camera.chmod(0o700)
    login.serve_source(f"--capture={camera}", ask=True, timeout=30)
    return lambda: len(started.read_text()) if started.exists() else 0


def test_enter_and_the_right_face(login, asking):
    assert login.enter(login.enrolled, terminal=True)
    assert (login.outcomes(), asking()) == (["yes"], 1)


def test_enter_and_a_wrong_face_then_the_password(login, asking, pictures):
    login.show(pictures / "stranger.jpg")
    assert not login.enter(login.enrolled, terminal=True)
    assert (login.outcomes(), asking()) == (["no"], 1)
    assert login.enter(login.enrolled, PASSWORD, terminal=True)
    assert (login.outcomes(), asking()) == (["no"], 1)


def test_a_typed_password_starts_no_camera_and_is_decided_by_the_password_module(login, asking):
    """The owner's face is there all the time."""
    assert login.enter(login.enrolled, PASSWORD, terminal=True)
    assert not login.enter(login.enrolled, "wrong", terminal=True)
    assert (login.outcomes(), asking()) == ([], 0)


def test_without_a_terminal_nobody_can_press_a_key(login, asking):
    assert not login.enter(login.enrolled)
    assert login.enter(login.enrolled, PASSWORD)
    assert (login.outcomes(), asking()) == ([], 0)


@pytest.mark.parametrize("state", [{"REMOTE": 1, "SEAT": ""}, {"ACTIVE": 0, "STATE": "online"}])
def test_a_session_over_the_network_or_not_on_the_screen_has_the_password(login, asking, state):
    login.sessions.say(login.enrolled, **state)
    assert not login.enter(login.enrolled, terminal=True)
    assert login.enter(login.enrolled, PASSWORD, terminal=True)
    assert (login.outcomes(), asking()) == ([], 0)


def test_a_program_in_the_background_has_the_password(login, asking):
    """It belongs to no session, even if it made itself a terminal."""
    assert not login.enter(login.enrolled, terminal=True, session=False)
    assert login.enter(login.enrolled, PASSWORD, terminal=True, session=False)
    assert asking() == 0


@pytest.mark.skipif(shutil.which("prlimit") is None, reason="needs prlimit")
@pytest.mark.parametrize("limit", ["fsize=0", "nofile=30", "data=100000000", "nproc=1"])
def test_limits_of_who_asks_change_nothing(login, asking, limit):
    before = ("prlimit", f"--{limit}:")
    assert login.enter(login.enrolled, terminal=True, before=before)
    assert login.enter(login.enrolled, PASSWORD, terminal=True, before=before)
    assert (login.outcomes(), asking()) == (["yes"], 1)


@pytest.mark.parametrize("ending", ["stopped", "killed", "slow"])
def test_a_resident_process_that_does_not_answer_ends_in_the_password(login, asking, ending):
    assert login.program("agent", "start").code == 0
    try:
        assert login.enter(login.enrolled, terminal=True)
        pid = login.program("agent", "status", "--json").data["pid"]
        if ending == "killed":
            os.kill(pid, signal.SIGKILL)
            assert login.enter(login.enrolled, terminal=True), "nobody took the question, so it is answered"
        elif ending == "stopped":
            assert login.program("agent", "stop").code == 0
            assert login.enter(login.enrolled, terminal=True)
        else:
            os.kill(pid, signal.SIGSTOP)
            started = time.monotonic()
            assert login.enter(login.enrolled, PASSWORD, terminal=True)
            assert time.monotonic() - started < 10
            os.kill(pid, signal.SIGCONT)
    finally:
        login.program("agent", "stop")


def test_a_resident_process_that_does_not_take_the_question_leaves_it_to_the_program(login, asking):
    assert login.program("agent", "start").code == 0
    pid = login.program("agent", "status", "--json").data["pid"]
    try:
        os.kill(pid, signal.SIGSTOP)
        assert login.enter(login.enrolled, terminal=True)
        assert asking() == 1
    finally:
        os.kill(pid, signal.SIGCONT)
        login.program("agent", "stop")


def test_a_resident_process_that_is_slow_after_enter_ends_in_the_password(login, asking):
    """It took the question, so nobody else answers it, although the face is right."""
    taken = threading.Event()

    def take() -> None:
        with listening.accept()[0] as connection:
            connection.recv(1 << 16)
            connection.sendall(protocol.frame([protocol.TAKEN]))
            taken.set()
            connection.recv(1 << 16)  # until the client has gone

    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(login.home / "agent.sock"))
        (login.home / "agent.sock").chmod(0o600)
        listening.listen()
        threading.Thread(target=take, daemon=True).start()
        started = time.monotonic()
        assert not login.enter(login.enrolled, terminal=True)
        assert time.monotonic() - started < 15
        assert taken.is_set() and asking() == 1
        assert login.enter(login.enrolled, PASSWORD, terminal=True)
    assert login.outcomes() == []


_CAMERA = """
import numpy as np
from PIL import Image

CAP_V4L2, CAP_FFMPEG, CAP_PROP_FPS, COLOR_BGR2RGB, COLOR_GRAY2RGB = range(5)
error = type("error", (Exception,), {{}})


def cvtColor(pixels, code):
    return pixels


class VideoCapture:
    def __init__(self, device, *_):
        kind = open({kind!r}).read()
        picture = np.asarray(Image.open({photo!r}).convert("RGB"))
        self._frame = {{"there": picture, "black": np.zeros_like(picture), "busy": None}}[kind]

    def isOpened(self):
        return True

    def get(self, _):
        return 0.0

    def read(self):
        return self._frame is not None, self._frame

    def release(self):
        pass
"""
"""What stands in the place of OpenCV: this machine need not have a camera."""


@pytest.fixture
def camera(login) -> Callable[[str], None]:
    """A line with a camera of the machine, in an installation whose OpenCV is made; says what it shows."""
    folder = login.home.parent / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", "--symlinks", folder], check=True)
    (modules,) = folder.glob("lib/python*/site-packages")
    places = [Path(package.__file__).parents[1], *(one for one in sys.path if one.endswith("-packages"))]
    (modules / "real.pth").write_text("\n".join(map(str, places)))
    kind = login.home.parent / "kind"
    (modules / "cv2.py").write_text(_CAMERA.format(kind=str(kind), photo=str(login.photo)))
    line = offered("--camera=/dev/null", home=login.home, ask=True, timeout=12)
    assert str(sys.executable) in line
    login.serve(line.replace(str(sys.executable), str(folder / "bin" / "python")))
    return kind.write_text


@pytest.mark.parametrize(
    ("shows", "outcome"), [("there", "yes"), ("black", "camera-black"), ("busy", "camera-busy")]
)
def test_a_camera_of_the_machine_that_works_is_black_or_is_in_use(login, camera, shows, outcome):
    camera(shows)
    assert login.enter(login.enrolled, terminal=True) == (outcome == "yes")
    assert login.enter(login.enrolled, PASSWORD, terminal=True)
    assert login.outcomes() == [outcome]


def test_a_camera_that_is_missing_ends_in_the_password_at_once(login):
    login.serve_source("--camera=/dev/video77", ask=True)
    assert not login.enter(login.enrolled, terminal=True)
    assert login.enter(login.enrolled, PASSWORD, terminal=True)
    assert login.outcomes() == ["no-camera"]


class Terminal:
    """A program on a terminal of its own, and a person who reads and types."""

    def __init__(self, words: list[str], prepare: Callable[[], None]) -> None:
        self.seen = b""
        self._pid, self._end = pty.fork()
        if self._pid == 0:
            prepare()
            os.execvp(words[0], words)

    def wait_for(self, text: str, seconds: float = 60.0) -> None:
        until = time.monotonic() + seconds
        while text.encode() not in self.seen:
            left = until - time.monotonic()
            assert left > 0 and self._read(left), f"{text!r} was not shown: {self.seen!r}"
        self.seen = self.seen.partition(text.encode())[2]

    def _read(self, seconds: float) -> bool:
        if not select.select([self._end], [], [], seconds)[0]:
            return False
        try:
            part = os.read(self._end, 4096)
        except OSError:  # the program has ended
            return False
        self.seen += part
        return bool(part)

    def type(self, text: str) -> None:
        os.write(self._end, f"{text}\n".encode())

    def code(self) -> int:
        while self._read(60.0):
            pass
        os.close(self._end)
        return os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])


@pytest.fixture
def sudo(login, asking) -> Callable[[], Terminal]:
    """The real sudo, with a service of its own, started by the enrolled user on a terminal."""
    if shutil.which("sudo") is None or not SUDOERS.parent.is_dir():
        pytest.skip("needs sudo")
    SUDOERS.write_text(
        f"Defaults:{login.enrolled} pam_service={SERVICE}, pam_session=false, timestamp_timeout=0, !lecture\n"
        f'Defaults:{login.enrolled} passprompt="Password, or Enter for the camera: "\n'
        f"{login.enrolled} ALL=(root) ALL\n"
    )
    SUDOERS.chmod(0o440)

    def start() -> Terminal:
        if login.photo.exists():
            os.utime(login.photo)
        words = ["setpriv", f"--reuid={login.enrolled}", f"--regid={login.enrolled}", "--clear-groups"]
        return Terminal([*words, "sudo", "id", "-u"], lambda: login.sessions.join(login.enrolled))

    yield start
    SUDOERS.unlink()


def test_sudo_with_enter_and_the_right_face(sudo, login, asking):
    there = sudo()
    there.wait_for("Enter for the camera: ")
    there.type("")
    assert there.code() == 0 and b"0\r\n" in there.seen
    assert (login.outcomes(), asking()) == (["yes"], 1)


def test_sudo_with_enter_and_a_wrong_face_asks_again(sudo, login, asking, pictures):
    login.show(pictures / "stranger.jpg")
    there = sudo()
    there.wait_for("Enter for the camera: ")
    there.type("")
    there.wait_for("Enter for the camera: ")
    there.type(PASSWORD)
    assert there.code() == 0
    assert (login.outcomes(), asking()) == (["no"], 1)


def test_sudo_with_a_password(sudo, login, asking):
    there = sudo()
    there.wait_for("Enter for the camera: ")
    there.type(PASSWORD)
    assert there.code() == 0
    assert (login.outcomes(), asking()) == ([], 0)


def test_sudo_without_a_terminal_looks_at_nobody(login, asking, sudo):
    """As a program in the background would start it, with Enter from a pipe."""
    words = ["setpriv", f"--reuid={login.enrolled}", f"--regid={login.enrolled}", "--clear-groups"]
    done = subprocess.run(
        [*words, "sudo", "-S", "id", "-u"],
        input=b"\n\n\n",
        capture_output=True,
        check=False,
        start_new_session=True,
        preexec_fn=lambda: login.sessions.join(login.enrolled),
    )
    assert done.returncode == 1
    assert (login.outcomes(), asking()) == ([], 0)


def test_the_password_is_in_no_file_and_no_message(login, asking, tmp_path):
    """Everything that the login wrote or said."""
    done = subprocess.run(
        ["strace", "-f", "-e", "trace=write,sendto,sendmsg,openat", "-s", "200", "-o", tmp_path / "calls",
         "pamtester", SERVICE, login.enrolled, "authenticate"],
        input=f"{PASSWORD}\n", capture_output=True, text=True, check=False,
    ) if shutil.which("strace") else pytest.skip("needs strace")  # fmt: skip
    assert PASSWORD not in done.stdout + done.stderr
    said = [line for line in (tmp_path / "calls").read_text().splitlines() if PASSWORD in line]
    assert len(said) <= 2, "PAM passes it on, to the pipe and to the program that checks it, and nobody else"
    for file in login.home.rglob("*"):
        assert not file.is_file() or PASSWORD.encode() not in file.read_bytes()
    assert SERVICE_FILE.exists()
