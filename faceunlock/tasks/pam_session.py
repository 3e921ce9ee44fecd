"""Who asks PAM: whether somebody who sits at this machine does; imports nothing that reads the environment.

logind knows every session: whose it is, on which seat, whether it came over a network, and whether it is the
one on the screen. The kernel says to which session a process belongs: the control group in which logind, or
the service manager of its user, put it. Nobody but root can change either. See sd-login(3) for the files.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from faceunlock.tasks.pam_options import GREETERS, SCREEN_LOCKERS, CannotAskError

REMOTE_PROGRAMS = frozenset(
    (
        "cockpit-session", "dropbear", "gotty", "in.rlogind", "in.rshd", "in.telnetd", "mosh-server",
        "shellinaboxd", "sshd", "sshd-session", "tailscaled", "teleport", "telnetd", "ttyd", "xrdp-sesexec",
        "xrdp-sesman",
    )
)  # fmt: skip
"""What a session over the network descends from; names of processes, as the kernel shortens them."""

RUN = "/run/systemd"

_SESSION = re.compile(r"/user\.slice/user-(\d+)\.slice/session-([A-Za-z0-9_-]+)\.scope(?:/|$)")
_MANAGER = re.compile(r"/user\.slice/user-(\d+)\.slice/user@\1\.service(?:/|$)")
_MOST_ANCESTORS = 64
_VIRTUAL_CONSOLES = 4  # major number of /dev/tty1 to /dev/tty63
_PSEUDO_TERMINALS = range(136, 144)


@dataclass(frozen=True, slots=True)
class System:
    """Where the kernel and logind say what they know; tests use other directories.

    Attributes
    ----------
    proc, run, console : str
        ``/proc``; logind's directory; the file that names the virtual console on the screen.
    """

    proc: str = "/proc"
    run: str = RUN
    console: str = "/sys/class/tty/tty0/active"

    @property
    def has_logind(self) -> bool:
        """Whether logind, or elogind, runs: it then knows a seat."""
        try:
            return any(Path(self.run, "seats").iterdir())
        except OSError:
            return False

    def state(self, kind: str, name: str) -> dict[str, str]:
        """Return what logind says of a session, a user or a seat; empty if it does not know it."""
        try:
            with Path(self.run, kind, name).open(encoding="utf-8", errors="replace") as file:
                if os.fstat(file.fileno()).st_uid != 0 and self.run == RUN:
                    return {}
                lines = (line.rstrip("\n").partition("=") for line in file)
                return {key: value for key, _, value in lines}
        except OSError:
            return {}

    def _stat(self, process: int) -> list[str]:
        """Return the name of a process, then the fields after it; see proc_pid_stat(5)."""
        text = Path(self.proc, str(process), "stat").read_text(encoding="utf-8", errors="replace")
        before, _, after = text.rpartition(")")
        return [before.partition("(")[2], *after.split()]

    def terminal(self, process: int) -> tuple[int, int] | None:
        """Return the major and minor number of a process's terminal, or None if it has none."""
        try:
            number = int(self._stat(process)[5])
        except (OSError, ValueError, IndexError):
            return None
        return (os.major(number), os.minor(number)) if number else None

    def remote_ancestor(self, process: int) -> str | None:
        """Return the program of a process, or of one it descends from, that serves connections; or None."""
        for _ in range(_MOST_ANCESTORS):
            try:
                name, _, parent, *_ = self._stat(process)
            except (OSError, ValueError):
                return None
            if name in REMOTE_PROGRAMS:
                return name
            process = int(parent)
            if process <= 1:
                return None
        return None

    def groups(self, process: int) -> list[str]:
        """Return the control groups in which the service manager put a process."""
        try:
            text = Path(self.proc, str(process), "cgroup").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return []
        lines = (line.split(":", 2) for line in text.splitlines())
        return [line[2] for line in lines if len(line) == 3 and line[1] in ("", "name=systemd")]


def require_local(user: int, service: str, process: int, *, asks: bool, system: System | None = None) -> None:
    """Refuse unless somebody who sits at this machine asks.

    Parameters
    ----------
    user : int
        User id of the person who is to be recognised.
    service : str
        The PAM service.
    process : int
        The process that asks PAM.
    asks : bool
        Whether the line waits for a key. Without logind nothing else says that somebody is there.
    system : System, optional
        Where to look; this machine when omitted.

    Raises
    ------
    CannotAskError
        With the reason.
    """
    system = system or System()
    terminal = system.terminal(process)
    if asks and terminal is None and service not in GREETERS | SCREEN_LOCKERS:
        raise CannotAskError("--ask waits for a key, and the program that asks has no terminal")
    remote = system.remote_ancestor(process)
    if remote is not None:
        raise CannotAskError(f"it was asked through {remote}, and the camera does not see who is there")
    if not system.has_logind:
        if not asks:
            raise CannotAskError("there is no logind here to say who is asking; put --ask on the line")
        return
    if service == "login":
        _require_console(terminal, system)
    elif service in GREETERS:
        _require_seat(user, system)
    else:
        _require_session(user, process, system)


def _require_console(terminal: tuple[int, int] | None, system: System) -> None:
    """Refuse unless a terminal is the virtual console on the screen."""
    if terminal is None or terminal[0] != _VIRTUAL_CONSOLES:
        raise CannotAskError("login was not started on a console of this machine")
    try:
        shown = Path(system.console).read_text(encoding="ascii").split()
    except (OSError, ValueError):
        shown = []
    if f"tty{terminal[1]}" not in shown:
        raise CannotAskError(f"tty{terminal[1]} is not the console on the screen")


def _require_seat(user: int, system: System) -> None:
    """Refuse unless the seat shows a greeter, or the locked session of this user."""
    active = system.state("seats", "seat0").get("ACTIVE", "")
    session = system.state("sessions", active) if active else {}
    _require_active(session, active)
    if session.get("CLASS") != "greeter" and session.get("UID") != str(user):
        raise CannotAskError(f"the screen shows session {active}, which is somebody else's")


def _require_session(user: int, process: int, system: System) -> None:
    """Refuse unless a process belongs to the active local session of this user, who has no remote one."""
    owner = name = None
    for group in system.groups(process):
        if (found := _SESSION.match(group)) is not None:
            owner, name = found[1], found[2]
        elif (found := _MANAGER.match(group)) is not None:
            # A desktop starts its programs through the user's own service manager, which has no session.
            owner, name = found[1], system.state("users", found[1]).get("DISPLAY", "")
    if owner is None:
        raise CannotAskError("the program that asks belongs to no session")
    if not name:
        raise CannotAskError("its user has no session on a screen")
    session = system.state("sessions", name)
    _require_active(session, name)
    if not owner == session.get("UID") == str(user):
        raise CannotAskError(f"session {name} belongs to the user with the uid {owner}, not to this user")
    for other in system.state("users", owner).get("SESSIONS", "").split():
        # It could have started this program, or attached to its terminal.
        if system.state("sessions", other).get("REMOTE") != "0":
            raise CannotAskError(f"its user also has a session over the network ({other})")


def _require_active(session: dict[str, str], name: str) -> None:
    """Refuse unless logind knows a session as local, on a seat, and shown now."""
    if session.get("REMOTE") != "0":
        raise CannotAskError(f"session {name or '(none)'} is not known as a local one")
    if not session.get("SEAT"):
        raise CannotAskError(f"session {name} is not on a seat of this machine")
    if session.get("ACTIVE") != "1" or session.get("STATE", "active") != "active":
        raise CannotAskError(f"session {name} is not the active one")


def open_terminal(process: int, system: System | None = None) -> int | None:
    """Return a descriptor of a process's terminal, to see whether a key is pressed; None if there is none."""
    terminal = (system or System()).terminal(process)
    if terminal is None:
        return None
    major, minor = terminal
    if major in _PSEUDO_TERMINALS:
        path = f"/dev/pts/{minor + 256 * (major - _PSEUDO_TERMINALS.start)}"
    elif major == _VIRTUAL_CONSOLES and 0 < minor < 64:
        path = f"/dev/tty{minor}"
    else:
        return None
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return None
    info = os.fstat(descriptor)
    if stat.S_ISCHR(info.st_mode) and (os.major(info.st_rdev), os.minor(info.st_rdev)) == terminal:
        return descriptor
    os.close(descriptor)
    return None
