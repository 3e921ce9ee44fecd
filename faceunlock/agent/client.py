"""Ask the resident process, with as few imports as Python allows.

`ask` returns None if this client does not fully understand the command line, if the resident process does not
serve it, or if anything fails. The real command line then does all the work, and the user sees no difference.
"""

from __future__ import annotations

import _socket
import os
import stat
import sys

from faceunlock.agent import protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Answer = tuple[int, list[tuple[str, str]]]

SWITCHES = {"--json": "json", "--quiet": "quiet", "-q": "quiet"}
COMMON = ("--home", "--model", "--device")
OWN = ("--as", "--threshold", "--security", "--faces")
CHOICES = {
    "--device": ("auto", "cpu"),
    "--faces": ("dominant", "largest"),
    "--security": ("relaxed", "normal", "strict"),
}
_LOST = 2, [("2", "faceunlock: the resident process did not answer\n")]
_NUMBER = frozenset("0123456789.")
CODES = ("0", "1", "2")
MOST_BYTES = 1 << 30  # as `faceunlock.photos.photo.MAX_BYTES`
_STANDARD_INPUT = 0


def ask(
    words: Sequence[str], environ: Mapping[str, str] = os.environ, *, login: bool = False
) -> Answer | None:
    """Return the answer of the resident process to a command line.

    Parameters
    ----------
    words : sequence of str
        The command line without the program's name.
    environ : mapping
        Environment variables.
    login : bool
        Whether somebody waits for a login. If the resident process took the question, and ends or is too slow
        to answer, the answer is then that none can be given: the password is quicker than a second try.

    Returns
    -------
    tuple of int and list, or None
        The exit code, and pairs of a stream (``"1"`` or ``"2"``) and its text, in order; None if this
        process must do the work itself.
    """
    if sys.platform != "linux" or "verify" not in words:
        return None
    question = understand(words)
    if question is None or sys.getfilesystemencoding() != "utf-8":
        return None
    try:
        home = chosen_home(question.pop("--home", None), environ)
        path = protocol.socket_path(home, environ)
        if not path.startswith("/") or not stat.S_ISSOCK(os.stat(path).st_mode):  # noqa: PTH116
            return None
        photo = _open_photo(question["photo"])
        if photo is None:
            return None
        try:
            return _ask(path, [*_fields("verify", home, environ), *_given(question)], photo, login=login)
        finally:
            os.close(photo)
    except (OSError, ValueError):
        return None


def understand(words: Sequence[str]) -> dict[str, str] | None:
    """Return the photo and options of a simple ``verify`` command line; None for any other line.

    Examples
    --------
    >>> understand(["--json", "verify", "selfie.jpg", "--as=Ada"])
    {'json': '1', 'photo': 'selfie.jpg', '--as': 'Ada'}
    >>> understand(["verify", "--camera"]) is None
    True
    """
    said: dict[str, str] = {}
    command_seen = False
    remaining = iter(words)
    for word in remaining:
        if word in SWITCHES:
            said[SWITCHES[word]] = "1"
        elif word.startswith("-") and word != "-":
            option, given, value = word.partition("=")
            value = value if given else next(remaining, "")
            known = option in COMMON or (command_seen and option in OWN)
            if not known or option in said or not _plain(option, value):
                return None
            if (value.startswith("-") and not given) or _is_address(value):
                return None
            said[option] = value
        elif not command_seen:
            if word != "verify":
                return None
            command_seen = True
        elif "photo" in said or not word or word.startswith("<") or _is_address(word):
            return None
        else:
            said["photo"] = word
    return said if "photo" in said else None


def _is_address(value: str) -> bool:
    return value.casefold().startswith("file:") or "://" in value


def _plain(option: str, value: str) -> bool:
    """Return whether an option's value is unambiguous."""
    if option in CHOICES:
        return value in CHOICES[option]
    return bool(value) and (option != "--threshold" or _NUMBER.issuperset(value.removeprefix("-")))


def wants_colour(environ: Mapping[str, str] = os.environ) -> bool:
    """Return whether an answer is shown in colour: only on a terminal that can, unless ``NO_COLOR`` is set.

    ``NO_COLOR`` is the convention of https://no-color.org: set, and not empty.
    """
    can = sys.stdout is not None and sys.stdout.isatty() and environ.get("TERM", "dumb") != "dumb"
    return can and not environ.get("NO_COLOR")


def chosen_home(home: str | None, environ: Mapping[str, str]) -> str | None:
    """Return the chosen home as an absolute path; None for the user's own directories.

    Raises
    ------
    ValueError
        If it starts with ``~``, which this module cannot expand.
    """
    home = home or environ.get("FACEUNLOCK_HOME")
    if not home:
        return None
    if home.startswith("~"):
        raise ValueError(home)
    return os.path.join(os.getcwd(), home)  # noqa: PTH109, PTH118


def _fields(kind: str, home: str | None, environ: Mapping[str, str]) -> list[str]:
    """Return the fields that identify the client.

    Only a process with the same program, home and settings gives the same answer.
    """
    variables = [
        f"env:{name}={value}"
        for name, value in environ.items()
        if name in protocol.ENVIRONMENT or name.startswith((protocol.SETTINGS_PREFIX, protocol.SERVER_PREFIX))
    ]
    package = [f"package={protocol.PACKAGE}", f"prefix={sys.prefix}"]
    return [f"version={protocol.VERSION}", f"ask={kind}", *package, f"home={home or ''}", *variables]


def _given(question: dict[str, str]) -> list[str]:
    given = [f"{key.removeprefix('--')}={value}" for key, value in question.items()]
    # Whether it is in colour depends on the terminal of the process that asks.
    colour = ["colour=1"] if wants_colour() else []
    return [*given, *colour, f"directory={os.getcwd()}"]  # noqa: PTH109


def _open_photo(photo: str) -> int | None:
    """Return a descriptor of the photo's file, or None if it is not a regular file that can be sent."""
    if photo == "-":
        return _standard_input()
    # Check before opening: a pipe would block.
    if not _sendable(os.stat(photo)):  # noqa: PTH116
        return None
    descriptor = os.open(photo, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    if _sendable(os.fstat(descriptor)):
        return descriptor
    os.close(descriptor)
    return None


def _sendable(status: os.stat_result) -> bool:
    return stat.S_ISREG(status.st_mode) and 0 < status.st_size <= protocol.MAX_PHOTO


def _standard_input() -> int | None:
    """Return a descriptor of a copy of standard input in memory, or None if it cannot be sent.

    A terminal is not read. Otherwise the copy replaces standard input for later readers.
    """
    if os.isatty(_STANDARD_INPUT):
        return None
    copy = os.memfd_create("photo", os.MFD_CLOEXEC)
    size = 0
    while size <= MOST_BYTES and (part := os.read(_STANDARD_INPUT, 1 << 20)):
        size += len(part)
        while part:
            part = part[os.write(copy, part) :]
    # Open it a second time: a descriptor that was sent shares its file position with the receiver.
    again = os.open(f"/proc/self/fd/{copy}", os.O_RDONLY)
    os.dup2(again, _STANDARD_INPUT)
    os.close(again)
    if 0 < size <= protocol.MAX_PHOTO:
        return copy
    os.close(copy)
    return None


def _ask(path: str, fields: Sequence[str], photo: int, *, login: bool) -> Answer | None:
    with connect(path) as connection:
        send(connection, fields, photo)
        if protocol.receive(connection, protocol.MAX_ANSWER, protocol.ACCEPT_SECONDS) != [protocol.TAKEN]:
            return None
        seconds = protocol.LOGIN_SECONDS if login else protocol.ANSWER_SECONDS
        try:
            return _answer(protocol.receive(connection, protocol.MAX_ANSWER, seconds))
        except (OSError, ValueError):
            if login:
                return _LOST
            raise


def _answer(fields: list[str]) -> Answer | None:
    word, code, *parts = fields
    streams = parts[::2]
    if word != protocol.ANSWERED or code not in CODES or not {"1", "2"}.issuperset(streams):
        return None
    return int(code), list(zip(streams, parts[1::2], strict=True))


class connect:  # noqa: N801 - used like a function, as `contextlib.closing` is
    """A connection to a resident process of the current user; a context manager.

    Raises
    ------
    OSError
        If no process answers there, or a process of another user does.
    """

    def __init__(self, path: str) -> None:
        self._connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
        try:
            self._connection.settimeout(protocol.ACCEPT_SECONDS)
            with protocol.Address(path) as address:
                self._connection.connect(address)
            if protocol.peer_user(self._connection) != os.geteuid():
                raise PermissionError(path)
        except BaseException:
            self._connection.close()
            raise

    def __enter__(self) -> _socket.socket:
        return self._connection

    def __exit__(self, *_: object) -> None:
        self._connection.close()


def send(connection: _socket.socket, fields: Sequence[str], photo: int | None = None) -> None:
    """Send a question, with or without an open file."""
    message = protocol.frame(fields)
    rights = [] if photo is None else [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, _descriptor(photo))]
    sent = connection.sendmsg([message], rights)
    if sent < len(message):  # even sending nothing fails if the other end has already answered and hung up
        connection.sendall(message[sent:])


def _descriptor(number: int) -> bytes:
    return number.to_bytes(4, sys.byteorder)
