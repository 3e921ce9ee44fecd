"""The child that reads photos, with a made detector and embedder: it works, dies, or tries what it can.

Runs instead of `faceunlock.tasks.apart_process.main`, which it calls. What it was told to do happens at the
moment when a real decoder would have been taken over: while it searches a photo.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import resource
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import numpy as np
from support.fakes import FakeDetector, FakeEmbedder, paint
from support.made_heads import HEAD, MARK, HeadDetector, Live, Obedient, Stage, View, paint_heads

from faceunlock.errors import PhotoError
from faceunlock.files.channel import Channel
from faceunlock.photos import capture
from faceunlock.photos.camera import Camera
from faceunlock.photos.face import Face
from faceunlock.pipeline.acquisition import Acquisition
from faceunlock.tasks import apart_process


def run(descriptor: int, action: str, argument: str) -> NoReturn:
    """Be the child, and do something at its moment."""
    if action == "dies at once":
        os._exit(1)
    loader = SimpleNamespace(
        networks=lambda spec, photos: spec,
        acquiring=lambda networks, workers=None: _acquisition(action, argument),
        texture=lambda: None,
    )
    apart_process.NetworkLoader = lambda *args, **options: loader  # type: ignore[assignment, misc]
    if action.startswith("camera "):
        _use_camera(action.removeprefix("camera "))
    if action.startswith("says "):
        _say(action.removeprefix("says "))
    apart_process.main(descriptor)


def _acquisition(action: str, argument: str) -> Acquisition:
    if action == "dies while loading":
        os._exit(1)
    if action in ("camera head", "camera sitting"):
        return Acquisition(HeadDetector(), HeadEmbedder())
    return Acquisition(Taken(action, argument), FakeEmbedder())


class HeadEmbedder(FakeEmbedder):
    """Reads who is on a painted head."""

    def crop(self, image: np.ndarray, face: Face) -> np.ndarray:
        left, top = round(face.box[0]), round(face.box[1])
        if not (image[top : top + 1, left : left + 1] == MARK).all():
            raise PhotoError("no-face", "not a painted head")
        return np.tile(image[top : top + 1, left : left + 3], (3, 1, 1))


class Taken(FakeDetector):
    """A detector that is taken over by the first photo it sees; before, it only warms up."""

    def __init__(self, action: str, argument: str) -> None:
        super().__init__()
        self._action, self._argument = action, argument

    def detect(self, image: np.ndarray) -> list[Face]:
        if self.calls:
            if self._action == "tries":
                raise PhotoError(
                    "no-face", " ".join(f"{key}={value}" for key, value in _tries(self._argument))
                )
            ENDS.get(self._action, lambda: None)()
        return super().detect(image)


ENDS: dict[str, Callable[[], Any]] = {
    "exits": lambda: os._exit(0),
    "crashes": lambda: ctypes.string_at(0),
    "hangs": lambda: time.sleep(600),
    "eats memory": lambda: [np.ones(1 << 27) for _ in range(64)],
    "burns time": lambda: [None for _ in iter(int, 1)],
}


def _tries(secret: str) -> Iterator[tuple[str, str]]:
    """Yield what happens to everything that a photo could want to do."""
    wishes: dict[str, Callable[[], Any]] = {
        "uid": lambda: os.getresuid()[0],
        "secret": lambda: Path(secret).read_bytes(),
        "shadow": lambda: Path("/etc/shadow").read_bytes(),
        "passwd": lambda: len(Path("/etc/passwd").read_bytes()) > 0,
        "write": lambda: Path("/tmp/faceunlock-hostile").write_text("x"),
        "append": lambda: os.open("/dev/null", os.O_WRONLY),
        "mkdir": lambda: os.mkdir("/tmp/faceunlock-hostile"),  # noqa: PTH102
        "unlink": lambda: os.unlink(secret),  # noqa: PTH108
        "socket": socket.socket,
        "unix": lambda: socket.socket(socket.AF_UNIX),
        "pair": socket.socketpair,
        "fork": os.fork,
        "exec": lambda: os.execv("/bin/true", ["true"]),
        "spawn": lambda: subprocess.run(["/bin/true"], check=False),
        "kill": lambda: os.kill(os.getppid(), 0),
        "root": lambda: os.setuid(0),
        "ptrace": lambda: _called(101, 16, os.getppid(), 0, 0),
        "terminal": lambda: os.open("/dev/tty", os.O_RDONLY),
        "read-itself": lambda: Path("/proc/self/maps").read_bytes(),
        "queue-signal": lambda: _called(129, os.getppid(), 18, 0),
        "signal-thread": lambda: _called(234, os.getppid(), os.getppid(), 0),
        "own-io": lambda: fcntl.fcntl(0, fcntl.F_SETOWN, os.getppid()),
        "own-io-device": lambda: fcntl.ioctl(0, 0x8901, struct.pack("i", os.getppid())),
        "limit-parent": lambda: resource.prlimit(os.getppid(), resource.RLIMIT_CPU),
        "limits": lambda: resource.getrlimit(resource.RLIMIT_CPU)[0] > 0,
        "outlive": lambda: _called(157, 1, 0, 0, 0, 0),
        "message-queue": lambda: _called(69, 0, b"", 0, 0),
        "session": lambda: os.getsid(0) == os.getpid(),
        "thread": lambda: threading.Thread(target=lambda: None).start() or "started",
        "from-thread": _socket_of_a_thread,
    }
    for name, wish in wishes.items():
        try:
            yield name, str(wish())[:20]
        except OSError as error:
            yield name, f"E{error.errno}"


def _called(*numbers: int) -> object:
    answer = ctypes.CDLL(None, use_errno=True).syscall(*numbers)
    if answer == -1:
        raise OSError(ctypes.get_errno(), "refused")
    return answer


def _socket_of_a_thread() -> object:
    found: list[object] = []

    def attempt() -> None:
        try:
            found.append(socket.socket())
        except OSError as error:
            found.append(error)

    thread = threading.Thread(target=attempt)
    thread.start()
    thread.join()
    if isinstance(found[0], OSError):
        raise found[0]
    return found[0]


def _use_head(*, sitting: bool) -> None:
    """Put somebody before the camera who does what is said: in a dialogue, or in a sitting for photos."""
    head = (
        Obedient(HEAD, 1, angle=24.0, view=View(centre=(200.0, 150.0), eyes=22.0))
        if sitting
        else Obedient(HEAD, 1, view=View(centre=(200.0, 150.0), eyes=22.0))
    )
    stage = Stage(lambda now: paint_heads([(5 if sitting else 1, head.face(now))]), 10.0)
    usual = Channel.send

    def send(self: Channel, kind: str, data: bytes = b"", **words: Any) -> None:
        usual(self, kind, data, **words)
        if kind in ("tell", "guide"):
            head.hear(words["word"], stage.now)

    Channel.send = send  # type: ignore[method-assign]
    made = Live(stage, "camera 0", live=True) if sitting else Camera(stage, "camera 0", live=False)
    apart_process.open_camera = lambda device, films: made  # type: ignore[assignment]
    capture.DIFFERENT = 0.0


def _use_camera(kind: str) -> None:
    """Put a made camera in the place of OpenCV's."""
    if kind in ("head", "sitting"):
        _use_head(sitting=kind == "sitting")
        return
    pictures = {
        "person": np.ascontiguousarray(paint(1)[:, :, ::-1]),
        "stranger": np.ascontiguousarray(paint(9)[:, :, ::-1]),
        "black": np.zeros((100, 100, 3), np.uint8),
    }
    made = SimpleNamespace(
        isOpened=lambda: True,
        get=lambda _: 0.0,
        read=lambda: (time.sleep(0.02), (kind in pictures, pictures.get(kind)))[1],
        release=lambda: None,
    )
    apart_process.open_camera = lambda device, films: Camera(made, device, live=True)  # type: ignore[assignment]


def _say(what: str) -> None:
    """Answer nonsense where a sample was to come."""
    usual = Channel.send

    def send(self: Channel, kind: str, data: bytes = b"", **words: Any) -> None:
        if kind == "sample":
            vector = np.frombuffer(data, np.float32)
            kind, data, words = {
                "too long a vector": (kind, data * 2, words),
                "no unit vector": (kind, (vector * 2).astype(np.float32).tobytes(), words),
                "not a number": (kind, (vector * np.float32(np.nan)).tobytes(), words),
                "no quality": (kind, data, {}),
                "an odd quality": (kind, data, {"quality": [1.0, True, "x"]}),
                "another word": ("matched", data, words),
                "yes": ("error", b"", {"slug": "yes", "type": "PhotoError", "message": "yes"}),
                "an error of another kind": (
                    "error",
                    b"",
                    {"slug": "locked-out", "type": "SystemExit", "message": "0"},
                ),
                "much": (kind, data * 4096, words),
                "two answers": (kind, data, words),
            }[what]
            if what == "two answers":
                usual(self, kind, data, **words)
        usual(self, kind, data, **words)

    Channel.send = send  # type: ignore[method-assign]
