"""Who asks: sessions as logind describes them, and processes as the kernel does, in a folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from faceunlock.tasks.pam_options import CannotAskError
from faceunlock.tasks.pam_session import System, open_terminal, require_local

ADA, BOB = 1000, 1001
ASKING = 500
CONSOLE = os.makedev(4, 2)
PSEUDO = os.makedev(136, 7)


class Machine:
    """A machine on which Ada sits in session 2 and runs a program in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.system = System(str(root / "proc"), str(root / "run"), str(root / "active"))
        (root / "active").write_text("tty2\n")
        self.seat(ACTIVE="2", ACTIVE_UID=ADA)
        self.session("2", ADA)
        self.user(ADA, "2")
        self.process(ASKING, "sudo", 400, group="user.slice/user-1000.slice/session-2.scope")
        self.process(400, "bash (login)", 300)
        self.process(300, "konsole", 1)

    def _state(self, kind: str, name: str, state: dict[str, object]) -> None:
        path = self.root / "run" / kind / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("# made by logind\n" + "".join(f"{key}={value}\n" for key, value in state.items()))

    def seat(self, **state: object) -> None:
        self._state("seats", "seat0", {"IS_SEAT0": 1, **state})

    def session(self, name: str, uid: int, **state: object) -> None:
        usual = {"UID": uid, "ACTIVE": 1, "STATE": "active", "REMOTE": 0, "SEAT": "seat0", "CLASS": "user"}
        self._state("sessions", name, {**usual, **state})

    def user(self, uid: int, *sessions: str) -> None:
        self._state("users", str(uid), {"DISPLAY": sessions[0], "SESSIONS": " ".join(sessions)})

    def process(
        self, number: int, name: str, parent: int, *, terminal: int = PSEUDO, group: str = "system.slice"
    ) -> None:
        folder = self.root / "proc" / str(number)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "stat").write_text(f"{number} ({name}) S {parent} 1 1 {terminal} -1 0")
        (folder / "cgroup").write_text(f"4:memory:/elsewhere\n1:name=systemd:/{group}\n0::/\n")

    def ask(self, user: int = ADA, service: str = "sudo", *, asks: bool = True) -> str | None:
        """Return why nobody is looked at, or None if somebody is."""
        try:
            require_local(user, service, ASKING, asks=asks, system=self.system)
        except CannotAskError as error:
            return str(error)
        return None


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def test_somebody_in_the_session_on_the_screen_is_looked_at(machine):
    assert machine.ask() is None
    assert machine.ask(asks=False, service="swaylock") is None


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"REMOTE": 1}, "local"),
        ({"SEAT": ""}, "seat"),
        ({"ACTIVE": 0, "STATE": "online"}, "active"),
        ({"STATE": "closing"}, "active"),
        ({"UID": BOB}, "belongs to"),
    ],
)
def test_any_other_session_is_refused(machine, state, words):
    machine.session("2", ADA, **state)
    assert words in machine.ask()


def test_a_session_that_logind_does_not_know_is_refused(machine):
    (machine.root / "run" / "sessions" / "2").unlink()
    assert "local" in machine.ask()


def test_a_person_answers_in_their_own_session_only(machine):
    assert "not to this user" in machine.ask(BOB)
    assert "not to this user" in machine.ask(-1)


@pytest.mark.parametrize(
    "group",
    [
        "system.slice/cron.service",
        "user.slice/user-1000.slice",
        "user.slice/user-1001.slice/session-2.scope",
        "user.slice/user-1000.slice/user@1001.service/app.slice",
        # Made by the user, below what the service manager gave them.
        "user.slice/user-1001.slice/user@1001.service/user.slice/user-1000.slice/session-2.scope",
        "system.slice/evil.service/user.slice/user-1000.slice/session-2.scope",
        "user.slice/user-1000.slice/session-2.scopes",
    ],
)
def test_a_program_of_no_session_or_of_somebody_elses_is_refused(machine, group):
    machine.session("3", BOB, SEAT="")
    machine.user(BOB, "3")
    machine.process(ASKING, "sudo", 400, group=group)
    assert machine.ask() is not None


def test_a_program_of_the_desktop_belongs_to_the_session_on_the_screen(machine):
    machine.process(ASKING, "sudo", 400, group="user.slice/user-1000.slice/user@1000.service/app.slice/x")
    assert machine.ask() is None
    machine.session("2", ADA, ACTIVE=0)
    assert machine.ask() is not None


@pytest.mark.parametrize("group", ["session-2.scope", "user@1000.service/app.slice"])
def test_a_session_over_the_network_counts_for_all_programs_of_its_user(machine, group):
    """It could have started the program, or be attached to the terminal of a multiplexer."""
    machine.process(ASKING, "sudo", 400, group=f"user.slice/user-1000.slice/{group}")
    machine.session("7", ADA, REMOTE=1, SEAT="", ACTIVE=1)
    machine.user(ADA, "2", "7")
    assert "over the network (7)" in machine.ask()
    (machine.root / "run" / "sessions" / "7").unlink()
    assert machine.ask() is not None, "one that cannot be read may be remote"


@pytest.mark.parametrize("name", ["sshd", "sshd-session", "mosh-server", "xrdp-sesman", "tailscaled", "ttyd"])
def test_a_program_that_descends_from_a_server_is_refused(machine, name):
    machine.process(300, name, 1)
    assert name in machine.ask()


def test_a_key_is_pressed_on_a_terminal(machine):
    machine.process(ASKING, "sudo", 400, terminal=0, group="user.slice/user-1000.slice/session-2.scope")
    assert "no terminal" in machine.ask()
    assert machine.ask(service="swaylock") is None, "a screen locker has a window"


def test_without_logind_a_key_is_needed(machine):
    (machine.root / "run" / "seats" / "seat0").unlink()
    assert "no logind" in machine.ask(asks=False) and "--ask" in machine.ask(asks=False)
    assert machine.ask(asks=True) is None
    machine.process(300, "sshd", 1)
    assert "sshd" in machine.ask(asks=True)


@pytest.mark.parametrize("service", ["gdm-password", "sddm", "lightdm", "greetd"])
def test_a_greeter_is_asked_for_whoever_sits_before_it(machine, service):
    machine.session("c1", 120, CLASS="greeter")
    machine.seat(ACTIVE="c1", ACTIVE_UID=120)
    machine.process(ASKING, "gdm-session-wor", 1, terminal=0)
    assert machine.ask(service=service, asks=False) is None
    machine.session("c1", 120, CLASS="greeter", REMOTE=1)
    assert machine.ask(service=service, asks=False) is not None
    machine.seat(ACTIVE="2", ACTIVE_UID=ADA)
    assert machine.ask(service=service, asks=False) is None, "the lock screen of the same user"
    assert "somebody else" in machine.ask(BOB, service=service, asks=False)
    machine.seat()
    assert machine.ask(service=service, asks=False) is not None


@pytest.mark.parametrize(
    ("terminal", "good"),
    [(CONSOLE, True), (os.makedev(4, 3), False), (PSEUDO, False), (os.makedev(4, 64), False), (0, False)],
    ids=["on the screen", "another console", "a window", "a serial line", "none"],
)
def test_login_is_answered_on_the_console_on_the_screen(machine, terminal, good):
    machine.process(ASKING, "login", 1, terminal=terminal)
    assert (machine.ask(service="login") is None) == good


@pytest.mark.parametrize("text", ["", "1 (x", "1 (x) S", "1 (x) S a b c d"])
def test_what_the_kernel_does_not_say_is_refused(machine, text):
    (machine.root / "proc" / str(ASKING) / "stat").write_text(text)
    assert machine.ask() is not None


def test_the_terminal_of_this_process_is_opened_as_a_device_and_nothing_else(tmp_path, machine):
    ours, theirs = os.openpty()
    try:
        number = os.fstat(theirs).st_rdev
        machine.process(ASKING, "sudo", 400, terminal=number)
        opened = open_terminal(ASKING, machine.system)
        if opened is None:
            pytest.skip("the terminals of this machine are not under /dev/pts")
        assert os.fstat(opened).st_rdev == number
        os.close(opened)
        machine.process(ASKING, "sudo", 400, terminal=os.makedev(1, 3))
        assert open_terminal(ASKING, machine.system) is None
    finally:
        os.close(ours)
        os.close(theirs)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can write logind's files")
@pytest.mark.parametrize("state", [{}, {"REMOTE": 1}, {"ACTIVE": 0}, {"SEAT": ""}])
def test_the_files_say_the_same_to_libsystemd(machine, state):
    """It reads the same files, at their usual place."""
    import ctypes
    import ctypes.util

    library = ctypes.util.find_library("systemd")
    if library is None or not Path("/run/systemd/sessions").is_dir():
        pytest.skip("needs libsystemd and the directory of logind")
    name = f"futest{os.getpid()}"
    place = Path("/run/systemd/sessions", name)
    machine.session("2", ADA, **state)
    place.write_text((machine.root / "run" / "sessions" / "2").read_text())
    try:
        systemd, seat = ctypes.CDLL(library), ctypes.c_char_p()
        ours = System().state("sessions", name)
        assert (systemd.sd_session_is_remote(name.encode()) > 0) == (ours["REMOTE"] != "0")
        assert (systemd.sd_session_is_active(name.encode()) > 0) == (ours["ACTIVE"] == "1")
        assert (systemd.sd_session_get_seat(name.encode(), ctypes.byref(seat)) >= 0) == bool(ours["SEAT"])
    finally:
        place.unlink()
