"""A child process that reads photos, as its parent sees it: starting, asking, ending, and what to believe."""

from __future__ import annotations

import socket
import subprocess
import sys
import weakref
from collections.abc import Callable
from typing import Any

from faceunlock import errors
from faceunlock.errors import SLUGS, CameraError, FaceUnlockError, PhotoError
from faceunlock.files.channel import Channel, Message
from faceunlock.files.text import printable
from faceunlock.liveness.asking import Word
from faceunlock.liveness.dialogue import Turned
from faceunlock.liveness.guidance import Guidance
from faceunlock.liveness.guidance import Word as GuidanceWord
from faceunlock.matching.templates import ModelIdentity
from faceunlock.photos.face import Quality

LOADING_SECONDS = 120.0
"""How long a child may load networks; preparing them takes longest."""

TAKING_SECONDS = 30.0
"""How long a child may leave a message unread: it asks before it gets one."""

_QUALITIES = 4
"""Numbers of a quality that are always known; two more follow, each of which may be null."""

_MOST_TEXT = 500

_LARGEST = 1e9
"""No quality, angle or time of a frame is larger; JSON also has whole numbers that are no `float`."""

_START = (
    "import sys; sys.path[:] = {path!r}; from faceunlock.tasks.apart_process import main; main({descriptor})"
)
_VARIABLES = {
    "PATH": "/usr/bin:/bin",
    "HOME": "/nonexistent",
    "LC_CTYPE": "C.UTF-8",
    "OPENBLAS_NUM_THREADS": "1",
}


class Job:
    """A child for the time of its job; it ends with it, whatever happens."""

    def __init__(self, child: Child, after: Callable[[], None]) -> None:
        self._child, self._after = child, after

    def __enter__(self) -> Child:
        return self._child

    def __exit__(self, *_: object) -> None:
        self._child.end()
        self._after()


class Child:
    """A process that has loaded networks, or is about to.

    Parameters
    ----------
    words : dict
        What it needs to load.
    """

    def __init__(self, words: dict[str, Any]) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        code = _START.format(path=sys.path, descriptor=theirs.fileno())
        with theirs:
            try:
                self._process = subprocess.Popen(  # noqa: S603 - this program itself
                    [sys.executable, "-I", "-c", code],
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,  # or it could read and type at the terminal of its parent
                    cwd="/",
                    env=_VARIABLES,
                )
            except OSError as error:
                ours.close()
                raise PhotoError("reader-failed", f"it cannot be started: {error.strerror}") from error
        self._channel = Channel(ours)
        self._identity: ModelIdentity | None = None
        self._end = weakref.finalize(self, _end, self._process, self._channel)
        self.send("load", **words)

    def is_alive(self) -> bool:
        """Return whether it still runs."""
        return self._process.poll() is None

    def loaded(self) -> ModelIdentity:
        """Return what makes the embeddings, once the networks are loaded; nothing strange was read yet."""
        if self._identity is None:
            message = self.receive(LOADING_SECONDS, trusted=True)
            if message.kind != "loaded":
                raise nonsense()
            self._identity = ModelIdentity(**message.words)
        return self._identity

    def send(self, kind: str, data: bytes = b"", **words: Any) -> None:
        """Send a message."""
        try:
            self._channel.send(kind, data, within=TAKING_SECONDS, **words)
        except OSError as error:
            raise self._gone() from error

    def receive(self, seconds: float, most_data: int = 1 << 16, *, trusted: bool = False) -> Message:
        """Return the next message; raise what it says is wrong.

        Raises
        ------
        PhotoError, CameraError
            What the child says, or ``reader-failed``. If it is `trusted`, any `FaceUnlockError`.
        """
        try:
            message = self._channel.receive(seconds, most_data=most_data)
        except TimeoutError as error:
            raise PhotoError("reader-failed", f"it gave no answer within {seconds:.0f} s") from error
        except (OSError, ValueError) as error:
            raise self._gone() from error
        if message.kind == "error":
            raise error_of(message.words, trusted=trusted)
        return message

    def _gone(self) -> PhotoError:
        """Return the error of a child that ended before it answered."""
        self._process.kill()
        code = self._process.wait()
        why = f"by signal {-code}" if code < 0 else "without an answer"
        return PhotoError("reader-failed", f"the process that reads photos ended {why}")

    def end(self) -> None:
        """End it at once: with it goes the camera, if it has one."""
        self._end()


def _end(process: subprocess.Popen[bytes], channel: Channel) -> None:
    channel.close()
    process.kill()
    process.wait()


def error_of(words: dict[str, Any], *, trusted: bool = False) -> FaceUnlockError:
    """Return the error that a child reports: about a photo or a camera, unless it is `trusted`."""
    slug, kind = words.get("slug"), words.get("type")
    if not isinstance(slug, str) or not isinstance(kind, str) or slug not in SLUGS:
        raise nonsense()
    hint = words.get("hint")
    classes: dict[str, type[FaceUnlockError]] = {"PhotoError": PhotoError, "CameraError": CameraError}
    if trusted:
        found = getattr(errors, kind, None)
        if isinstance(found, type) and issubclass(found, FaceUnlockError):
            classes = {kind: found}
    if kind not in classes:
        raise nonsense()
    return classes[kind](slug, text_of(words.get("message")), hint=None if hint is None else text_of(hint))


def text_of(value: object) -> str:
    """Return a text of a child, short and printable."""
    if not isinstance(value, str):
        raise nonsense()
    return printable(value[:_MOST_TEXT])


def _finite(values: object, count: int) -> list[float]:
    if not isinstance(values, list) or len(values) != count:
        raise nonsense()
    if not all(type(value) in (int, float) and abs(value) <= _LARGEST for value in values):
        raise nonsense()  # a NaN, too, is not at most anything
    return [float(value) for value in values]


def quality_of(message: Message) -> Quality:
    """Return the quality of a face in a message."""
    values = message.words.get("quality")
    if not isinstance(values, list) or len(values) != _QUALITIES + 2:
        raise nonsense()
    size, sharpness, brightness, cut_off = _finite(values[:_QUALITIES], _QUALITIES)
    turn, eye_light = (None if one is None else _finite([one], 1)[0] for one in values[_QUALITIES:])
    return Quality(size, sharpness, brightness, turn, cut_off, eye_light)


def word_of(message: Message) -> Word:
    """Return the word of a dialogue in a message."""
    try:
        return Word(str(message.words.get("word")))
    except ValueError as error:
        raise nonsense() from error


def guidance_of(message: Message, count: int) -> Guidance:
    """Return the word about the picture in a message of a sitting for so many photos."""
    number = message.words.get("number")
    if type(number) is not int or not 1 <= number <= count:
        raise nonsense()
    try:
        return Guidance(GuidanceWord(str(message.words.get("word"))), number, count)
    except ValueError as error:
        raise nonsense() from error


def turned_of(message: Message) -> Turned:
    """Return what a child says it saw of a dialogue."""
    turns = message.words.get("turns")
    if not isinstance(turns, list) or len(turns) > 9 or any(one not in ("left", "right") for one in turns):
        raise nonsense()
    return Turned(tuple(turns), *_finite(message.words.get("numbers"), 4))


def nonsense() -> PhotoError:
    """Return the error for an answer that no child of ours gives."""
    return PhotoError("reader-failed", "the process that reads photos answered nonsense")
