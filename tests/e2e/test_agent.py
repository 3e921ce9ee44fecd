"""The resident process and the real program: the same answers, whatever happens to it."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.made_models import write_model

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the resident process needs Linux")

FUZZ = Path(__file__).resolve().parents[2] / "benchmarks" / "fuzz.py"


@pytest.fixture
def agent(enrolled):
    """The program with Eileen enrolled and a resident process that is ready."""
    started = enrolled("agent", "start", "--json").data
    assert started["running"] and started["answered"] == 0
    yield enrolled
    enrolled("agent", "stop")


def without(agent, *words, **options):
    """The answer without the resident process."""
    socket = agent.home / "agent.sock"
    aside = socket.with_name("aside")
    socket.rename(aside)
    try:
        return agent(*words, **options)
    finally:
        aside.rename(socket)


def answered(agent):
    return agent("agent", "status", "--json").data["answered"]


def ready(agent, photo):
    """Wait until the models are loaded."""
    for _ in range(600):
        agent("verify", photo)
        if answered(agent):
            return
        time.sleep(0.1)
    raise AssertionError("it never answered")


def test_answers_are_the_same_to_the_byte(agent, pictures):
    ready(agent, pictures / "unseen.jpg")
    lines = [
        ("verify", "unseen.jpg"),
        ("verify", "unseen.jpg", "--as", "eileen", "--json"),
        ("--json", "verify", "--as=Eileen", "stranger.jpg"),
        ("verify", "./stranger.jpg", "-q"),
        ("verify", "flower.jpg", "--json"),
        ("verify", "unseen.jpg", "--threshold", "1"),
        ("verify", "unseen.jpg", "--as", "Nobody"),
        ("verify", "unseen.jpg", "--model", "dlib", "--faces", "largest", "--device", "cpu"),
    ]
    for words in lines:
        agent("unlock-attempts", "--all")
        before = answered(agent)
        served = agent(*words, cwd=pictures)
        assert answered(agent) == before + 1, words
        assert served == without(agent, *words, cwd=pictures), words
    photo = (pictures / "unseen.jpg").read_bytes()
    before = answered(agent)
    served = agent("verify", "-", "--json", stdin=photo)
    assert served == without(agent, "verify", "-", "--json", stdin=photo) and served.code == 0
    assert answered(agent) == before + 1


def test_a_model_in_a_folder(enrolled, pictures, tmp_path):
    model = write_model(tmp_path / "mine")
    for wrong, slug in ((tmp_path, "weights-missing"), ("mein", "unknown-model")):
        refused = enrolled("agent", "start", "--model", wrong, "--json")
        assert refused.code == 2 and refused.error["code"] == slug
        assert enrolled("agent", "status").code == 1
    assert enrolled("enroll", "Tiny", pictures / "few", "--model", model).code == 0
    enrolled("agent", "start", "--model", "mine", cwd=tmp_path)
    try:
        words = ("verify", pictures / "unseen.jpg", "--as", "Tiny", "--model", "mine")
        for _ in range(600):
            served = enrolled(*words, cwd=tmp_path)
            if answered(enrolled):
                break
            time.sleep(0.1)
        assert answered(enrolled) == 1 and served == without(enrolled, *words, cwd=tmp_path)
        assert served.code in (0, 1)
    finally:
        enrolled("agent", "stop")


def test_what_it_does_not_serve_is_done_without_it(agent, pictures, tmp_path):
    ready(agent, pictures / "unseen.jpg")
    before = answered(agent)
    lines = [
        ("verify", "unseen.jpg", "--verbose"),
        ("verify", "missing.jpg"),
        ("verify", "unseen.jpg", "--threshold", "2"),
        ("verify", "."),
        ("verify", "-"),
    ]
    for words in lines:
        assert agent(*words, cwd=pictures) == without(agent, *words, cwd=pictures), words
    assert answered(agent) == before


def test_a_line_that_is_served_imports_next_to_nothing(agent, pictures):
    ready(agent, pictures / "unseen.jpg")
    before = answered(agent)
    probe = (
        "import sys; before = set(sys.modules); sys.argv = ['faceunlock', *sys.argv[1:]];"
        "import os; leave = os._exit;"
        "os._exit = lambda code: (print(*sorted(set(sys.modules) - before), file=sys.stderr), leave(code));"
        "from faceunlock.__main__ import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe, "verify", str(pictures / "unseen.jpg")],
        capture_output=True,
        text=True,
        env=agent.environment(),
        check=False,
    )
    assert done.returncode == 0 and answered(agent) == before + 1
    ours = {"", ".__main__", ".agent", ".agent.client", ".agent.protocol"}
    assert set(done.stderr.split()) <= {"__future__", "_socket", *(f"faceunlock{name}" for name in ours)}


def test_a_killed_one_is_not_missed_and_replaced(agent, pictures):
    first = agent("agent", "status", "--json").data["pid"]
    os.kill(first, signal.SIGKILL)
    _gone(first)
    assert (agent.home / "agent.sock").is_socket(), "it could not clean up"
    assert agent("verify", pictures / "unseen.jpg").code == 0
    status = agent("agent", "status", "--json")
    assert status.code == 1 and status.data["running"] is False and status.data["pid"] is None
    again = agent("agent", "start", "--json").data
    assert again["running"] and again["pid"] != first
    assert agent("agent", "start").stdout.startswith("A resident process is already running")
    assert agent("agent", "run", "--json").error["code"] == "agent-running"


def test_one_that_sleeps_is_not_waited_for(agent, pictures):
    pid = agent("agent", "status", "--json").data["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        assert agent("verify", pictures / "unseen.jpg").code == 0
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_signals_end_it_cleanly(enrolled, number, code):
    with subprocess.Popen(enrolled.command("agent", "run"), env=enrolled.environment()) as process:
        for _ in range(600):
            if enrolled("agent", "status").code == 0:
                break
            time.sleep(0.05)
        process.send_signal(number)
        assert process.wait(30) == code
    assert not (enrolled.home / "agent.sock").exists()


def test_a_signal_that_another_thread_gets_ends_it_too(enrolled, pictures):
    system = ctypes.CDLL(None)
    process = subprocess.Popen(enrolled.command("agent", "run"), env=enrolled.environment())
    try:
        for _ in range(600):
            if enrolled("agent", "status").code == 0:
                break
            time.sleep(0.05)
        assert enrolled("verify", pictures / "unseen.jpg").code == 0
        # The oldest thread but the main one answers; those of connections come and go.
        others = {int(task.name) for task in Path(f"/proc/{process.pid}/task").iterdir()} - {process.pid}
        assert system.tgkill(process.pid, min(others), signal.SIGTERM) == 0
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
    assert not (enrolled.home / "agent.sock").exists()


def test_the_own_gallery_is_served_from_the_runtime_directory(first_enrolment, pictures, tmp_path):
    from support.program import Program

    runtime = tmp_path / "run"
    runtime.mkdir(mode=0o700)
    places = {f"XDG_{kind}_HOME": str(tmp_path / kind) for kind in ("DATA", "CACHE", "CONFIG")}
    environment = {**places, "XDG_RUNTIME_DIR": str(runtime), "FACEUNLOCK_HOME": ""}
    (tmp_path / "CACHE").mkdir()
    (tmp_path / "CACHE" / "faceunlock").symlink_to(first_enrolment[0] / "cache")
    program = Program(Path())
    started = program("agent", "start", "--json", env=environment).data
    try:
        assert started["socket"] == str(runtime / "faceunlock" / "agent.sock")
        result = program("verify", pictures / "unseen.jpg", "--json", env=environment)
        assert result.error["code"] == "nobody-enrolled"
        assert program("agent", "status", "--json", env=environment).data["answered"] == 1
    finally:
        assert program("agent", "stop", env=environment).code == 0
    assert program("agent", "stop", "--json", env=environment).data == {"stopped": False}


def test_units_are_shown_before_anything_is_written(faceunlock, tmp_path):
    config = {"XDG_CONFIG_HOME": str(tmp_path / "config")}
    shown = faceunlock("agent", "install", "--dry-run", env=config)
    assert shown.code == 0 and "ListenStream=" in shown.stdout and not (tmp_path / "config").exists()
    assert "systemctl --user enable --now" in shown.stdout and "To undo it:" in shown.stdout
    units = faceunlock("agent", "install", "--json", env=config).data["units"]
    assert [Path(unit["path"]).read_text() for unit in units] == [unit["text"] for unit in units]


def test_damaged_photos_and_messages(enrolled):
    words = ["--home", str(enrolled.home), "--photos", "150", "--messages", "400", "--no-save"]
    done = subprocess.run(
        [sys.executable, str(FUZZ), *words],
        capture_output=True,
        text=True,
        env=enrolled.environment(),
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"findings": []' in done.stdout


def _gone(pid):
    for _ in range(200):
        try:
            if ") Z " in Path(f"/proc/{pid}/stat").read_text():
                return
        except OSError:
            return
        time.sleep(0.05)
    raise AssertionError(f"{pid} is still there")
