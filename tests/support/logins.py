"""Real PAM: two accounts, their sessions, a system gallery, and a service of its own that asks for a face.

Needs root, ``pamtester`` and ``pam_exec``. Everything made is removed.
"""

from __future__ import annotations

import fcntl
import os
import pwd
import secrets
import shutil
import subprocess
import sys
import tempfile
import termios
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import pytest

import faceunlock as package
from faceunlock.tasks.pam import propose

PASSWORD = secrets.token_urlsafe(12)
SERVICE = f"faceunlock-test-{os.getpid()}"
SERVICE_FILE = Path("/etc/pam.d") / SERVICE
RUN = Path("/run/systemd")
REST = "auth required pam_unix.so nodelay\naccount required pam_permit.so\n"


def _missing() -> str | None:
    if sys.platform != "linux" or os.geteuid() != 0:
        return "needs root on Linux"
    if shutil.which("useradd") is None or shutil.which("runuser") is None:
        return "needs useradd and runuser"
    if not any(Path("/").glob("*lib*/**/security/pam_exec.so")) and not any(
        Path("/usr").glob("lib*/**/security/pam_exec.so")
    ):
        return "needs pam_exec.so"
    if shutil.which("pamtester") is None:
        return "needs pamtester"
    where = [sys.executable, "-I", "-c", "import faceunlock; print(faceunlock.__file__)"]
    found = subprocess.run(where, capture_output=True, text=True, check=False).stdout.strip()
    if found != package.__file__:
        return f"the installed faceunlock is another one: {found}"
    return None


@pytest.fixture(scope="session")
def accounts() -> Iterator[tuple[str, str]]:
    """Two users with a password and without a home directory."""
    reason = _missing()
    if reason is not None:
        pytest.skip(reason)
    names = f"fua{os.getpid()}", f"fub{os.getpid()}"
    try:
        for name in names:
            subprocess.run(
                ["useradd", "--no-create-home", "--home-dir", f"/nonexistent/{name}", name], check=True
            )
            subprocess.run(["chpasswd"], input=f"{name}:{PASSWORD}", text=True, check=True)
        yield names
    finally:
        for name in names:
            subprocess.run(["userdel", "--force", name], check=False, capture_output=True)


class Sessions:
    """What logind would say of two people who sit at this machine, and the control groups of their programs.

    On a machine with logind its own files stay as they are: new accounts have no sessions there.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        self._made: list[Path] = []
        self._groups: dict[str, Path] = {}
        self.has_logind = (RUN / "seats").is_dir() and any((RUN / "seats").iterdir())
        root = _group_root()
        for number, name in enumerate(names):
            uid, session = pwd.getpwnam(name).pw_uid, f"futest{os.getpid()}x{number}"
            self._groups[name] = root / "user.slice" / f"user-{uid}.slice" / f"session-{session}.scope"
            self._groups[name].mkdir(parents=True)
            self.say(name)
        if not self.has_logind:
            self._write(RUN / "seats" / "seat0", {"IS_SEAT0": 1})

    def say(self, name: str, **state: object) -> None:
        """Say what the session of a person is like: a local one, on the screen, unless told otherwise."""
        uid, session = pwd.getpwnam(name).pw_uid, self._groups[name].name[len("session-") : -len(".scope")]
        usual = {"UID": uid, "USER": name, "ACTIVE": 1, "STATE": "active", "REMOTE": 0, "SEAT": "seat0"}
        self._write(RUN / "sessions" / session, {**usual, "CLASS": "user", **state})
        self._write(RUN / "users" / str(uid), {"NAME": name, "DISPLAY": session, "SESSIONS": session})

    def without_logind(self) -> None:
        """Make it look as if no logind ran."""
        if self.has_logind:
            pytest.skip("logind runs here")
        (RUN / "seats" / "seat0").unlink()

    def join(self, name: str) -> None:
        """Put this process into the session of a person."""
        (self._groups[name] / "cgroup.procs").write_text(str(os.getpid()))

    def _write(self, path: Path, state: dict[str, object]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{key}={value}\n" for key, value in state.items()))
        self._made.append(path)

    def remove(self) -> None:
        """Leave everything as it was."""
        for path in self._made:
            path.unlink(missing_ok=True)
        for group in self._groups.values():
            for folder in (group, group.parent):
                with suppress(OSError):
                    folder.rmdir()


def _group_root() -> Path:
    """Return where the service manager's control groups are, if one can be made there."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, place, kind, options, *_ = line.split()
        if kind == "cgroup2" or (kind == "cgroup" and "name=systemd" in options.split(",")):
            trial = Path(place) / f"futest{os.getpid()}"
            try:
                trial.mkdir()
                trial.rmdir()
            except OSError:
                continue
            return Path(place)
    pytest.skip("needs a control group hierarchy that can be written")


def offered(source: str, **options: object) -> str:
    """Return the line that ``pam print`` gives; who could change each file of Python takes seconds to see."""
    with patch("faceunlock.tasks.pam.installation_problems", lambda _: ()):
        return propose(SERVICE, source, **options).line


@dataclass
class Login:
    """A system gallery and a service that asks it; the photo is a file that tests replace."""

    program: object
    home: Path
    photo: Path
    enrolled: str
    other: str
    sessions: Sessions

    def serve(self, line: str | None = None, **options: object) -> None:
        """Write the service file; by default with the line that ``pam print`` gives."""
        line = line or offered(f"--photo={self.photo}", home=self.home, timeout=30, **options)
        SERVICE_FILE.write_text(f"{line}\n{REST}")

    def serve_source(self, source: str, **options: object) -> None:
        """Write the service file with the line that ``pam print`` gives for another source of photos."""
        self.serve(offered(source, home=self.home, **options))

    def without_logind(self) -> None:
        """Make it look as if no logind ran."""
        self.sessions.without_logind()

    def show(self, photo: Path) -> None:
        """Hold another photo before the camera."""
        shutil.copy(photo, self.photo)

    def enter(self, user: str, password: str = "", **how: object) -> bool:
        """Return whether PAM lets a user in; the camera program has just written the photo."""
        if self.photo.exists():
            os.utime(self.photo)
        return self.enter_now(user, password, **how)

    def enter_now(
        self,
        user: str,
        password: str = "",
        *,
        before: tuple[str, ...] = (),
        options: tuple[str, ...] = (),
        terminal: bool = False,
        session: bool = True,
    ) -> bool:
        """Return whether PAM lets a user in, with the photo as it lies there.

        The program that asks belongs to the user's session, and has a terminal if the test says so.
        """
        words = [*before, "pamtester", *options, SERVICE, user, "authenticate"]
        ours, theirs = os.openpty()

        def prepare() -> None:
            if session and user in (self.enrolled, self.other):
                self.sessions.join(user)
            if terminal:
                fcntl.ioctl(theirs, termios.TIOCSCTTY, 0)

        try:
            done = subprocess.run(
                words,
                input=f"{password}\n",
                capture_output=True,
                text=True,
                check=False,
                start_new_session=True,
                preexec_fn=prepare,
            )
        finally:
            os.close(ours)
            os.close(theirs)
        assert "successfully authenticated" in done.stdout or done.returncode != 0
        return done.returncode == 0

    def outcomes(self) -> list[str]:
        """Return what the log says."""
        return [entry["outcome"] for entry in self.program("log", "--json").data["entries"]]


@pytest.fixture
def sessions(accounts: tuple[str, str]) -> Iterator[Sessions]:
    """A local session on the screen for each account."""
    made = Sessions(accounts)
    try:
        yield made
    finally:
        made.remove()


@pytest.fixture
def login(accounts, sessions, enrolled, pictures) -> Iterator[Login]:
    """Eileen enrolled under the name of the first account, below a directory that others can enter."""
    folder = Path(tempfile.mkdtemp(prefix="faceunlock-"))
    try:
        folder.chmod(0o755)
        shutil.copytree(enrolled.home, folder / "system")
        program = type(enrolled)(folder / "system")
        assert program("people", "rename", "Eileen", accounts[0]).code == 0
        made = Login(program, folder / "system", folder / "face.jpg", *accounts, sessions)
        made.serve()
        made.show(pictures / "unseen.jpg")
        yield made
    finally:
        SERVICE_FILE.unlink(missing_ok=True)
        shutil.rmtree(folder)
