"""The program that a PAM service runs through ``pam_exec``: ``python -I -m faceunlock.pam``.

It takes a photo, asks ``faceunlock verify`` about the user in ``PAM_USER`` and exits with its code: 0 for
yes, 1 for no, 2 for everything that could not be decided. ``pam_exec`` turns every code but 0 into a
failure. A line with the control ``sufficient`` then leaves the decision to the lines below it, that is, to
the password.

A user can set environment variables, so only what PAM says about the login is trusted. This module imports
nothing that reads the environment before it has cleared it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from faceunlock.tasks.pam_limits import reset_limits
from faceunlock.tasks.pam_options import (
    ANSWER_SECONDS,
    NEVER_UNASKED,
    SCREEN_LOCKERS,
    CannotAskError,
    looking,
    seconds,
    understand,
    unsuitable,
)

COULD_NOT = 2
MAX_PHOTO_BYTES = 64 << 20
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
MOST_PHOTO_SECONDS = 10.0
"""How long ago the file of ``--photo`` may have been written: an older one shows who sat there then."""

MAX_USER_LENGTH = 64  # as `faceunlock.matching.people.MAX_NAME_LENGTH`
_FIRST = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_")
_FOLLOWING = _FIRST | frozenset(".-@+")


def main(arguments: Sequence[str]) -> NoReturn:
    """Answer one login, and exit.

    Parameters
    ----------
    arguments : sequence of str
        ``--home=DIRECTORY`` for the system gallery instead of the user's own; one of
        ``--camera[=DEVICE]``, ``--capture=PROGRAM`` (prints a photo) and ``--photo=FILE`` (just written);
        ``--timeout=SECONDS``; ``--require-live``, for which ``pam_exec`` needs its option ``stdout``;
        ``--security=LEVEL``, ``strict`` when omitted except for a screen locker, which uses the setting;
        ``--ask``, for which ``pam_exec`` needs its option ``expose_authtok``: look only if Enter was pressed
        instead of a password.
    """
    told = dict(os.environ)
    os.environ.clear()
    if "--ask" in arguments and _password_typed():
        os._exit(COULD_NOT)  # nothing was looked at, and there is nothing to say
    from faceunlock.__main__ import main as verify
    from faceunlock.__main__ import report_bug

    sys.excepthook = report_bug
    try:
        reset_limits()
        options = understand(arguments)
        words = prepare(options, told)
    except CannotAskError as error:
        _refuse(error)

    sys.argv = ["faceunlock", *words]
    verify(login=True)
    os._exit(COULD_NOT)  # never reached: `verify` exits


def _password_typed() -> bool:
    """Return whether PAM passes on a password: somebody typed one instead of pressing Enter alone.

    Only its first byte is read, to see that there is one, and is overwritten at once. What the kernel and
    PAM hold of it, this process cannot reach.
    """
    first = bytearray(1)
    try:
        there = os.readv(0, [first]) == 1 and first[0] != 0  # some versions of pam_exec send the final null
    except OSError:
        return False  # no pipe: `_require_key` says so
    first[0] = 0
    return there


def _require_key() -> None:
    """Refuse unless standard input is the pipe through which ``pam_exec`` would have passed on a password."""
    if not _is_pipe(0):
        raise CannotAskError("--ask needs the option expose_authtok in the line, or no key was waited for")


def _is_pipe(descriptor: int) -> bool:
    import stat

    try:
        return stat.S_ISFIFO(os.fstat(descriptor).st_mode)
    except OSError:
        return False


def _refuse(error: CannotAskError) -> NoReturn:
    """Say why, and exit with 2 even if nobody can be told: Python would exit with another code."""
    from faceunlock.files.text import printable

    try:
        print(printable(f"faceunlock: {error}"), file=sys.stderr, flush=True)
    finally:
        os._exit(COULD_NOT)


def prepare(options: dict[str, str], told: dict[str, str]) -> list[str]:
    """Set up this process, and return the command line that gives the answer.

    Parameters
    ----------
    options : dict
        As `understand` returns them.
    told : dict
        The environment that PAM gave.

    Raises
    ------
    CannotAskError
        If Python is not isolated, this user or this login cannot be answered for, or no photo was taken.
    """
    user, service = told.get("PAM_USER", ""), told.get("PAM_SERVICE", "")
    if not sys.flags.isolated:
        raise CannotAskError("run Python with -I, so that nobody else's modules are imported")
    if told.get("PAM_TYPE", "auth") != "auth":
        raise CannotAskError(f"a face can only answer auth, not {told['PAM_TYPE']}")
    if told.get("PAM_RHOST"):
        raise CannotAskError("the camera does not see who is at the other end of a connection")
    reason = unsuitable(service)
    if reason is not None:
        raise CannotAskError(f"{service} must not ask for a face: {reason}")
    if service in NEVER_UNASKED and "ask" not in options:
        raise CannotAskError(f"no face answers {service} unasked: put --ask on the line")
    refusal = _why_not(user)
    if refusal is not None:
        raise CannotAskError(f"a face cannot log in a user named {user!r}: {refusal}")
    if "ask" in options:
        _require_key()
    home = _home(options, user)
    _require_file(home)
    _require_local(options, user, service)
    limit = seconds(options)
    os.umask(0o077)
    os.chdir("/")
    _give_up_after(limit)
    # Preparing networks takes longer than a login may: a killed preparation would only be killed again.
    os.environ["FACEUNLOCK_PREPARE_NETWORKS"] = "never"
    # A film shows the same face each time, whether this line or the config file names it.
    os.environ["FACEUNLOCK_CAMERA_FILMS"] = "never"
    # What decodes the bytes of a stranger must not be able to do what this process can.
    os.environ["FACEUNLOCK_DECODE_APART"] = "always"
    live = "require-live" in options
    _announce(options, shown=_words_are_shown(live=live))
    words = [f"--home={home}"] if home else []
    words += ["--quiet", "verify"]
    if "photo" in options:
        _show(options["photo"])
        words.append("-")
    elif "capture" in options:
        _capture(options["capture"], max(0.5, limit - ANSWER_SECONDS))
        words.append("-")
    else:
        os.environ["FACEUNLOCK_CAMERA_SECONDS"] = f"{looking(options):g}"
        words += [*filter(None, [options["camera"]]), "--camera"]
    words += ["--require-live"] if live else []
    return [*words, *_security(options, service), f"--as={user}"]


def _require_file(home: str) -> None:
    """Refuse a gallery on a server: a login must not depend on the network, nor on who else may enroll there.

    A config file that cannot be read is told by the command itself.
    """
    from faceunlock.errors import FaceUnlockError
    from faceunlock.settings import LOCAL, load_settings, locate

    try:
        where = load_settings(locate(home or None).config, {}).gallery
    except FaceUnlockError:
        return
    if where != LOCAL:
        raise CannotAskError('a gallery on a server cannot answer a login; set gallery = "local" here')


def _require_local(options: dict[str, str], user: str, service: str) -> None:
    """Refuse unless somebody at this machine asks; see `faceunlock.tasks.pam_session.require_local`."""
    import pwd

    from faceunlock.tasks.pam_session import require_local

    try:
        number = pwd.getpwnam(user).pw_uid
    except KeyError:
        number = -1  # has no session either
    require_local(number, service, os.getppid(), asks="ask" in options)


def _words_are_shown(*, live: bool) -> bool:
    """Return whether the user reads what is said, and hide the answer from them.

    With the option ``stdout``, ``pam_exec`` reads both streams from a pipe and shows each line through PAM's
    conversation. Otherwise they end in the null device or in a log. How similar a face was is not for
    everybody to read. A dialogue that nobody could read is refused.
    """
    shown = _is_pipe(2)
    if live and not shown:
        raise CannotAskError(
            "--require-live says what to do, and this login cannot show it; put stdout before seteuid or "
            "type=auth in the line, or remove --require-live"
        )
    if shown:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return shown


def _announce(options: dict[str, str], *, shown: bool) -> None:
    """Say what is happening and how to skip it: a key at the terminal ends the look, and this process."""
    terminal = None
    if "ask" in options and "camera" in options:
        from faceunlock.tasks.pam_session import open_terminal

        terminal = open_terminal(os.getppid())
    if terminal is not None:
        import threading

        threading.Thread(target=_stop_at_a_key, args=(terminal,), daemon=True).start()
    if shown and "camera" in options:
        skip = "" if terminal is None else " To use the password instead, press Enter."
        print(f"Looking at the camera for up to {looking(options):.0f} s.{skip}", file=sys.stderr, flush=True)


def _stop_at_a_key(terminal: int) -> None:
    """End this process when Enter is pressed, which is not left for the password prompt to read."""
    import select
    import termios

    if select.select([terminal], [], [])[0]:
        try:
            termios.tcflush(terminal, termios.TCIFLUSH)
        finally:
            os._exit(COULD_NOT)


def _security(options: dict[str, str], service: str) -> list[str]:
    """Return the option that sets the level: a login asks more of a face than a screen locker does."""
    if "security" in options:
        return [f"--security={options['security']}"]
    return [] if service in SCREEN_LOCKERS else ["--security=strict"]


def _why_not(user: str) -> str | None:
    """Return why a login name cannot be a name in the gallery that means this user alone, or None."""
    if not user:
        return "PAM gave no name"
    if "\\" in user or "/" in user:
        return "the gallery takes no slashes in names; have the system write domain logins as name@domain"
    if user != user.lower():
        return "upper and lower case are one name in the gallery, and two to the system"
    if user.isdigit():
        return "a number could also mean a user id"
    if user[0] not in _FIRST or not _FOLLOWING.issuperset(user):
        return "only a to z, 0 to 9 and _ . - @ + are allowed, with a letter, a digit or _ at the start"
    return f"it is longer than {MAX_USER_LENGTH} characters" if len(user) > MAX_USER_LENGTH else None


def _home(options: dict[str, str], user: str) -> str:
    """Set up the environment of root or the user, and return the gallery's directory, empty if not given."""
    import pwd

    os.environ["PATH"] = PATH
    number = os.geteuid()
    try:
        account = pwd.getpwuid(number)
    except KeyError as error:
        raise CannotAskError(f"there is no user with the uid {number}") from error
    # The resident process answers only a client that has the same directories.
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
    """Kill this process when the time is up, even if it is busy: pam_exec would wait for ever.

    A killed process does not count as a yes, and every file is written in one step.
    """
    import signal

    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})
    signal.setitimer(signal.ITIMER_REAL, limit)


def _show(photo: str) -> None:
    """Make a photo that was written just now this process's standard input.

    What is looked at is the open file, so that nothing can be put in its place after the look.
    """
    import stat
    import time

    try:
        descriptor = os.open(photo, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        info = os.fstat(descriptor)
    except OSError as error:
        raise CannotAskError(f"{photo}: {error.strerror}") from error
    if not stat.S_ISREG(info.st_mode):
        raise CannotAskError(f"{photo} is not a file")
    if info.st_uid not in (0, os.geteuid()):
        raise CannotAskError(f"{photo} belongs to another user (uid {info.st_uid})")
    age = (time.time_ns() - info.st_mtime_ns) / 1e9
    if age < 0:
        raise CannotAskError(f"{photo} was written in the future; the clock cannot be right")
    if age > MOST_PHOTO_SECONDS:
        raise CannotAskError(
            f"{photo} was written {age:.0f} seconds ago, and may be at most {MOST_PHOTO_SECONDS:.0f} old"
        )
    os.dup2(descriptor, 0)


def _capture(program: str, limit: float) -> None:
    """Run a program that prints a photo, and make the photo this process's standard input, without a disk."""
    import resource
    import select
    import signal
    import subprocess

    largest = (MAX_PHOTO_BYTES, MAX_PHOTO_BYTES)
    try:
        memory = os.memfd_create("photo")
        with subprocess.Popen(  # noqa: S603
            [program],
            stdin=subprocess.DEVNULL,
            stdout=memory,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, largest),  # noqa: PLW1509 - one thread
        ) as started:
            in_time, _, _ = select.select([os.pidfd_open(started.pid)], [], [], limit)
            # Also what it started itself: that would keep the camera, or go on writing the photo.
            os.killpg(started.pid, signal.SIGKILL)
        if not in_time:
            raise subprocess.TimeoutExpired(program, limit)
        if started.returncode != 0:
            raise subprocess.CalledProcessError(started.returncode, program)
    except (OSError, subprocess.SubprocessError) as error:
        raise CannotAskError(f"{program} took no photo: {error}") from error
    os.lseek(memory, 0, os.SEEK_SET)
    os.dup2(memory, 0)


if __name__ == "__main__":
    main(sys.argv[1:])
