"""What a PAM service runs: ``python -I -m faceunlock.pam``, through ``pam_exec``.

It takes a photo, asks ``faceunlock verify`` about the user of ``PAM_USER`` and exits with its code: 0 for
yes, 1 for no, 2 for everything that could not be decided. ``pam_exec`` turns all but 0 into a failure, so a
line with the control ``sufficient`` then leaves the answer to the lines below it, that is, to the password.

Nothing of the environment is believed but what PAM says of the login: a user can put variables there. So this
module imports nothing that reads them before it has thrown them away.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from faceunlock.tasks.pam_options import CannotAskError, seconds, understand

COULD_NOT = 2
ANSWER_SECONDS = 2.0
"""Of the time, what is left for the answer once a photo has been taken."""

MAX_PHOTO_BYTES = 64 << 20
LOCAL_HOSTS = ("", "localhost", "127.0.0.1", "::1")
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
_FIRST = frozenset("abcdefghijklmnopqrstuvwxyz_")
_FOLLOWING = _FIRST | frozenset("0123456789.-")


def main(arguments: Sequence[str]) -> NoReturn:
    """Answer for one login, and exit.

    Parameters
    ----------
    arguments : sequence of str
        ``--home=DIRECTORY`` for the system gallery, without it the user's own; one of
        ``--camera[=DEVICE]``, ``--capture=PROGRAM`` (prints a photo) and ``--photo=FILE``;
        ``--timeout=SECONDS``; ``--require-live``.
    """
    told = dict(os.environ)
    os.environ.clear()
    try:
        options = understand(arguments)
        words = prepare(options, told)
    except CannotAskError as error:
        print(f"faceunlock: {error}", file=sys.stderr)
        os._exit(COULD_NOT)
    from faceunlock.__main__ import main as verify

    sys.argv = ["faceunlock", *words]
    verify()
    os._exit(COULD_NOT)  # never reached: it exits by itself


def prepare(options: dict[str, str], told: dict[str, str]) -> list[str]:
    """Make this process ready, and return the command line that gives the answer.

    Parameters
    ----------
    options : dict
        As `understand` returns them.
    told : dict
        The environment that PAM gave.

    Raises
    ------
    CannotAskError
        If there is no user to ask about, or none that may be asked about.
    """
    user = told.get("PAM_USER", "")
    if not sys.flags.isolated:
        raise CannotAskError("run Python with -I, so that nobody's modules are taken")
    if told.get("PAM_TYPE", "auth") != "auth":
        raise CannotAskError(f"a face answers auth, not {told['PAM_TYPE']}")
    if told.get("PAM_RHOST", "") not in LOCAL_HOSTS:
        raise CannotAskError("the camera does not see who is at the other end of a connection")
    # Upper and lower case are one name to the gallery but two users to the system.
    if not user or user[0] not in _FIRST or not _FOLLOWING.issuperset(user):
        raise CannotAskError(f"no face is enrolled for a user named {user!r}")
    home = _home(options, user)
    limit = seconds(options)
    os.umask(0o077)
    os.chdir("/")
    _give_up_after(limit)
    words = [f"--home={home}"] if home else []
    words += ["--quiet", "verify"]
    if "photo" in options:
        words.append(options["photo"])
    elif "capture" in options:
        _capture(options["capture"], max(0.5, limit - ANSWER_SECONDS))
        words.append("-")
    else:
        os.environ["FACEUNLOCK_CAMERA_SECONDS"] = f"{max(1.0, limit - ANSWER_SECONDS):g}"
        words += [*filter(None, [options["camera"]]), "--camera"]
    words += ["--require-live"] if "require-live" in options else []
    return [*words, f"--as={user}"]


def _home(options: dict[str, str], user: str) -> str:
    """Set up the environment of root or of the user, and return the gallery's directory if it was named."""
    import pwd

    os.environ["PATH"] = PATH
    number = os.geteuid()
    try:
        account = pwd.getpwuid(number)
    except KeyError as error:
        raise CannotAskError(f"there is no user with the number {number}") from error
    # A resident process answers only whoever has the same directories.
    os.environ["HOME"] = account.pw_dir
    if "home" in options:
        return options["home"]
    if number == 0:
        raise CannotAskError("root needs the system gallery: --home=DIRECTORY")
    if account.pw_name != user:
        raise CannotAskError(f"{account.pw_name} cannot answer for {user}")
    runtime = f"/run/user/{number}"
    if os.path.isdir(runtime):  # noqa: PTH112 - pathlib is slow to import
        os.environ["XDG_RUNTIME_DIR"] = runtime
        os.environ["DBUS_SESSION_BUS_ADDRESS"] = f"unix:path={runtime}/bus"
    return ""


def _give_up_after(limit: float) -> None:
    """End this process when time is over, whatever it is doing: pam_exec would wait for ever.

    Being killed is no yes, and what is written is written in one step each.
    """
    import signal

    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})
    signal.setitimer(signal.ITIMER_REAL, limit)


def _capture(program: str, limit: float) -> None:
    """Let a program print a photo, and make it this process's standard input; it touches no disk."""
    import resource
    import subprocess

    memory = os.memfd_create("photo")
    try:
        subprocess.run(  # noqa: S603
            [program],
            stdin=subprocess.DEVNULL,
            stdout=memory,
            stderr=subprocess.DEVNULL,
            timeout=limit,
            check=True,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (MAX_PHOTO_BYTES, MAX_PHOTO_BYTES)),
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise CannotAskError(f"{program} took no photo: {error}") from error
    os.lseek(memory, 0, os.SEEK_SET)
    os.dup2(memory, 0)


if __name__ == "__main__":
    main(sys.argv[1:])
