"""Real PAM, real accounts: what a login gets from a face, and what another user gets of the gallery.

Needs root, ``pamtester`` and ``pam_exec``. Makes two accounts and a service file, and removes them.
"""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.logins import PASSWORD, SERVICE

from faceunlock.tasks.pam import check


def test_a_face_that_matches_needs_no_password(login):
    assert login.enter(login.enrolled)
    assert login.outcomes() == ["yes"]


@pytest.mark.parametrize(("picture", "outcome"), [("stranger.jpg", "no"), ("flower.jpg", "no-face")])
def test_anything_else_leaves_it_to_the_password(login, pictures, picture, outcome):
    login.show(pictures / picture)
    assert not login.enter(login.enrolled, "wrong")
    assert login.enter(login.enrolled, PASSWORD)
    assert login.outcomes() == [outcome] * 2


def test_whoever_is_locked_out_still_has_the_password(login, pictures):
    login.show(pictures / "stranger.jpg")
    for _ in range(5):
        assert not login.enter(login.enrolled)
    login.show(pictures / "unseen.jpg")
    assert not login.enter(login.enrolled)
    assert login.enter(login.enrolled, PASSWORD)
    assert login.outcomes() == ["no"] * 5 + ["locked-out"] * 2
    assert login.program("unlock-attempts", login.enrolled).code == 0
    assert login.enter(login.enrolled)


def test_a_user_without_a_template_has_the_password(login):
    assert not login.enter(login.other)
    assert login.enter(login.other, PASSWORD)
    assert login.outcomes() == ["not-enrolled"] * 2


@pytest.mark.parametrize(
    "harm",
    [
        lambda login: shutil.rmtree(login.home),
        lambda login: (login.home / "gallery.db").write_bytes(b"damaged"),
        lambda login: (login.home / "attempts.db").write_bytes(b"damaged"),
        lambda login: (login.home / "gallery.db").chmod(0o666),
        lambda login: (login.home / "config.toml").write_text("unheard_of = 1"),
        lambda login: shutil.rmtree(login.home / "cache") or login.photo.unlink(),
    ],
    ids=["no gallery", "damaged gallery", "damaged count", "open gallery", "bad config", "no photo"],
)
def test_what_is_broken_lets_nobody_in_and_nobody_out(login, harm):
    harm(login)
    assert not login.enter(login.enrolled)
    assert login.enter(login.enrolled, PASSWORD)


@pytest.fixture
def resident(login) -> Iterator[Callable[[], int]]:
    """A resident process of root's that has its models loaded; gives how many questions it has answered."""
    program = login.program

    def answered() -> int:
        for _ in range(20):  # a machine with much to do answers late
            count = program("agent", "status", "--json").data["answered"]
            if count is not None:
                break
        return count

    def start() -> None:
        assert program("agent", "start").code == 0
        for _ in range(300):
            program("verify", login.photo)
            if answered():
                return
            time.sleep(0.1)
        raise AssertionError("it never answered")

    start()
    yield answered
    program("agent", "stop")


def test_a_resident_process_answers_and_may_be_stopped(login, pictures, resident):
    before = resident()
    assert login.enter(login.enrolled)
    assert resident() == before + 1, "it was not asked"
    login.show(pictures / "stranger.jpg")
    assert not login.enter(login.enrolled)
    assert resident() == before + 2
    assert login.program("agent", "stop").code == 0
    assert not login.enter(login.enrolled)
    login.show(pictures / "unseen.jpg")
    assert login.enter(login.enrolled)
    assert login.outcomes()[-4:] == ["yes", "no", "no", "yes"]


@pytest.mark.parametrize(("picture", "recognised"), [("unseen.jpg", True), ("stranger.jpg", False)])
def test_a_resident_process_may_be_killed_in_the_middle(login, pictures, resident, picture, recognised):
    login.show(pictures / picture)
    pid = login.program("agent", "status", "--json").data["pid"]
    os.kill(pid, signal.SIGSTOP)  # it will take the question and get no further
    with ThreadPoolExecutor(1) as background:
        entered = background.submit(login.enter, login.enrolled)
        time.sleep(0.5)
        os.kill(pid, signal.SIGKILL)
        assert entered.result() == recognised


def test_a_film_in_the_place_of_a_camera_lets_nobody_in(login, astronaut):
    """Named on the line or by the config file."""
    pytest.importorskip("cv2")
    from support.clips import panned, write_clip

    clip = write_clip(login.home.parent / "clip.avi", panned(astronaut, 400, 500, 10))
    for source, config in (
        (f"--camera={clip}", ""),
        ("--camera", f'camera = "{clip}"\ncamera_films = "auto"'),
    ):
        (login.home / "config.toml").write_text(config)
        login.serve_source(source, timeout=30)
        assert not login.enter(login.enrolled)
    assert login.outcomes() == ["no-camera", "no-camera"]


def test_a_photo_of_three_years_ago_lets_nobody_in(login):
    then = time.time() - 3 * 365 * 86400
    os.utime(login.photo, (then, then))
    assert not login.enter_now(login.enrolled)
    assert login.enter_now(login.enrolled, PASSWORD)
    assert login.outcomes() == []
    assert login.enter(login.enrolled)


@pytest.mark.skipif(shutil.which("prlimit") is None, reason="needs prlimit")
@pytest.mark.parametrize("hard", [False, True], ids=["soft", "hard"])
@pytest.mark.parametrize("limit", ["fsize=0", "nofile=30", "data=100000000", "nproc=1"])
def test_low_limits_of_who_logs_in_spare_no_count(login, pictures, limit, hard):
    before = ("prlimit", f"--{limit}:{limit.partition('=')[2] if hard else ''}")
    login.show(pictures / "stranger.jpg")
    for _ in range(6):
        assert not login.enter(login.enrolled, before=before)
    counted = login.outcomes()
    # Root without CAP_SYS_RESOURCE cannot lift a hard limit; then nobody is let in under it.
    assert counted == ["no"] * 5 + ["locked-out"] or (hard and counted == [])
    login.show(pictures / "unseen.jpg")
    assert not login.enter(login.enrolled, before=before)
    assert login.program("unlock-attempts", login.enrolled).code == 0
    assert login.enter(login.enrolled, before=before if counted else ())


def test_a_login_of_a_domain(login):
    """No session of this machine is theirs, so only a key says that somebody is there."""
    login.without_logind()
    login.serve(ask=True)
    name = f"{login.enrolled}@corp.example"
    assert not login.enter(name, terminal=True)
    assert login.outcomes() == ["not-enrolled"]
    assert login.program("people", "rename", login.enrolled, name).code == 0
    assert login.enter(name, terminal=True)
    assert not login.enter(name.upper(), terminal=True)
    assert not login.enter(f"CORP\\{login.enrolled}", terminal=True)
    assert login.outcomes() == ["not-enrolled", "yes"]


def test_time_ends(login):
    slow = login.home / "slow"
    slow.write_text("#!/bin/sh\nexec sleep 600\n")
    slow.chmod(0o700)
    login.serve_source(f"--capture={slow}", timeout=2)
    started = time.monotonic()
    assert not login.enter(login.enrolled)
    assert time.monotonic() - started < 60


def test_the_environment_of_pam_is_not_believed(login, pictures):
    evil = login.home.parent / "evil"
    evil.mkdir()
    for module in ("sitecustomize", "usercustomize", "faceunlock", "numpy", "typer"):
        (evil / f"{module}.py").write_text("import os\nos._exit(0)\n")
    login.show(pictures / "stranger.jpg")
    variables = {
        "PYTHONPATH": evil,
        "PYTHONHOME": evil,
        "PYTHONSTARTUP": evil / "faceunlock.py",
        "HOME": evil,
        "FACEUNLOCK_HOME": evil,
        "FACEUNLOCK_FAILURES_BEFORE_WAIT": "10",
    }
    options = tuple(word for name, value in variables.items() for word in ("-E", f"{name}={value}"))
    assert not login.enter(login.enrolled, options=options)
    assert login.outcomes() == ["no"]


def test_a_screen_locker_of_a_user_without_a_home_directory(login):
    login.serve(f"auth sufficient pam_exec.so quiet type=auth {sys.executable} -I -m faceunlock.pam --camera")
    before = ("runuser", "-u", login.other, "--")
    assert not login.enter(login.other, "wrong", before=before)
    assert login.enter(login.other, PASSWORD, before=before)


def test_the_check_accepts_the_line_and_refuses_what_the_user_could_change(login):
    report = check(SERVICE)
    assert all("gallery must belong to root" not in problem for problem in report.problems), report
    assert [line.number for line in report.lines] == [1]
    shutil.chown(login.home / "gallery.db", login.enrolled)
    assert any("gallery must belong to root" in problem for problem in check(SERVICE).problems)


def test_another_user_reads_nothing(login, request):
    login.enter(login.enrolled)
    assert login.program("agent", "start").code == 0
    request.addfinalizer(lambda: login.program("agent", "stop"))
    assert login.program("protect", "on", "--key", "file").code == 0
    assert login.enter(login.enrolled), "root reads the key"
    user = ("runuser", "-u", login.other, "--")

    def reads(*words: object) -> bool:
        done = subprocess.run([*user, *map(str, words)], capture_output=True, check=False)
        return done.returncode == 0

    assert reads("ls", login.home.parent), "the test must be about the gallery's own permissions"
    assert not reads("ls", login.home)
    keys = list((login.home / "keys").iterdir())
    private = [login.home / "gallery.db", login.home / "attempts.db", *keys]
    assert keys
    for file in private:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert not reads("cat", file)
    socket = login.home / "agent.sock"
    assert stat.S_ISSOCK(socket.stat().st_mode) and stat.S_IMODE(socket.stat().st_mode) == 0o600
    # Even if the directory were open, the files would not be.
    for directory in (login.home, login.home / "keys"):
        directory.chmod(0o755)
        assert reads("ls", directory)
    for file in private:
        assert not reads("cat", file)
        assert not reads("dd", f"of={file}", "if=/dev/null", "conv=notrunc")
    assert reads("test", "-e", socket) and not reads("test", "-r", socket) and not reads("test", "-w", socket)
