"""The process that reads the bytes of strangers: loads networks, gives up every right, then does one job.

What it sends after that may be anything: `faceunlock.tasks.apart` believes nothing of it. It never learns who
is enrolled.
"""

from __future__ import annotations

import importlib
import os
import socket
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from faceunlock.errors import CameraError, FaceUnlockError, GalleryError, ModelError
from faceunlock.files.channel import Channel, Message
from faceunlock.files.confinement import ConfinementError, confine
from faceunlock.liveness.asking import Word
from faceunlock.photos.camera import Camera, open_camera, open_film
from faceunlock.photos.capture import one_good
from faceunlock.photos.face import Quality
from faceunlock.photos.photo import PhotoFile
from faceunlock.pipeline.enrolment import Gates
from faceunlock.pipeline.models.folder import names_folder, read_model_folder
from faceunlock.pipeline.models.registry import WITH_WEIGHTS
from faceunlock.pipeline.samples import LeftOut, Sample
from faceunlock.settings import Settings
from faceunlock.tasks.loading import NetworkLoader
from faceunlock.tasks.mirrors import LEARNING_SECONDS, first_turn
from faceunlock.tasks.sitting import sit
from faceunlock.tasks.turns import hold
from faceunlock.tasks.workspace import examiner

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from faceunlock.liveness.guidance import Guidance
    from faceunlock.photos.camera import Frame
    from faceunlock.pipeline.acquisition import Acquisition

_DECODERS = (
    "cv2", "encodings.latin_1", "encodings.utf_16", "pillow_heif", "PIL.AvifImagePlugin",
    "PIL.BmpImagePlugin", "PIL.GifImagePlugin", "PIL.ImageCms", "PIL.JpegImagePlugin", "PIL.MpoImagePlugin",
    "PIL.PngImagePlugin", "PIL.PpmImagePlugin", "PIL.TiffImagePlugin", "PIL.WebPImagePlugin", "PIL.features",
    "faceunlock.photos.gray", "faceunlock.pipeline.detection.following",
)  # fmt: skip
"""Modules that are imported when they are needed, which is too late here: no file can be opened then."""


def main(descriptor: int) -> NoReturn:
    """Do one job for the process at the other end of a socket, and exit."""
    channel = Channel(socket.socket(fileno=descriptor))
    try:
        work = Work(channel, channel.receive().words)
        identity = work.acquisition.embedder.identity
        channel.send(
            "loaded",
            model=identity.model,
            weights_sha256=identity.weights_sha256,
            preprocessing=identity.preprocessing,
            dimension=identity.dimension,
        )
        work.do(channel.receive())
    except FaceUnlockError as error:
        with suppress(OSError):
            channel.send(
                "error", type=type(error).__name__, slug=error.slug, message=error.message, hint=error.hint
            )
    except ConfinementError as error:  # no picture was read
        with suppress(OSError):
            channel.send("error", type="PhotoError", slug="reader-failed", message=str(error))
    except (OSError, ValueError, MemoryError):
        pass  # nobody is there, or nothing can be done: the other end notices
    finally:
        os._exit(0)


class Work:
    """What is loaded, and the jobs that it can do.

    Parameters
    ----------
    channel : Channel
        To the process that asks.
    words : dict
        As `faceunlock.tasks.apart` sends them.
    """

    def __init__(self, channel: Channel, words: dict[str, Any]) -> None:
        self._channel = channel
        self._settings = Settings(**words["settings"])
        loader, self.acquisition = loaded(self._settings, words)
        texture = loader.texture() if words["texture"] else None
        self._deny = None if texture is None else texture.mean
        for module in _DECODERS:
            with suppress(ImportError):
                importlib.import_module(module)
        self._load_all()

    def _load_all(self) -> None:
        """Wait until everything is loaded, and let it run once: later no file can be counted on."""
        for thread in threading.enumerate():
            if thread is not threading.current_thread():
                thread.join()
        self.acquisition.detector.detect(np.full((96, 96, 3), 128, np.uint8))
        side = self.acquisition.embedder.input_size
        self.acquisition.embedder.embed(np.zeros((1, side, side, 3), np.uint8))

    def do(self, job: Message) -> None:
        """Do one job."""
        jobs: dict[str, Callable[[dict[str, Any]], None]] = {
            "photos": self._photos,
            "look": self._look,
            "dialogue": self._dialogue,
            "several": self._several,
        }
        jobs[job.kind](job.words)

    def _photos(self, words: dict[str, Any]) -> None:
        confine(words["processor_seconds"])
        for outcome in self.acquisition.samples(self._given(), words["faces"]):
            if isinstance(outcome, Sample):
                self._send_sample(outcome)
            else:
                self._send_left_out(outcome)
        self._channel.send("end")

    def _given(self) -> Iterator[PhotoFile]:
        while True:
            self._channel.send("next")
            given = self._channel.receive(most_data=1 << 40)
            if given.kind == "end":
                return
            yield PhotoFile(given.words["name"], given.data, self._settings.max_pixels)

    def _look(self, words: dict[str, Any]) -> None:
        with self._camera(words) as camera:
            look = examiner(self.acquisition, _gates(words), self._settings.max_pixels, words["faces"])
            taken = one_good(self._frames(camera, self._settings.camera_seconds), look)
        self._send_sample(self.acquisition.sample(taken.photo, words["faces"]), camera=taken.camera)

    def _several(self, words: dict[str, Any]) -> None:
        def guide(guidance: Guidance) -> None:
            self._channel.send("guide", word=str(guidance.word), number=guidance.number)

        with self._camera(words) as camera:
            photos = sit(
                partial(self._frames, camera),
                self.acquisition,
                _gates(words),
                self._settings,
                guide if words["guide"] else None,
                live=camera.live,
                mirrored=words["mirrored"],
            )
            for photo in photos:
                self._channel.send("photo", photo.data, name=photo.name)
            if words["mirror"] and camera.live:
                self._channel.send("turn")
                found = first_turn(self._frames(camera, LEARNING_SECONDS), self.acquisition.detector)
                self._channel.send("mirror", mirrored=found)
        self._channel.send("end")

    def _dialogue(self, words: dict[str, Any]) -> None:
        with self._camera(words) as camera:
            turned = hold(
                partial(self._frames, camera),
                self.acquisition,
                _gates(words),
                self._settings,
                self._deny,
                self,
                mirrored=words["mirrored"],
            )
        if turned is not None:  # otherwise this process was ended
            self._channel.send(
                "turned",
                turns=list(turned.turns),
                numbers=[turned.middle, turned.left, turned.right, turned.seconds],
            )

    # the judge of a dialogue is at the other end

    def tell(self, word: Word) -> None:
        """Pass on a word."""
        self._channel.send("tell", word=str(word))

    def known(self, embedding: NDArray[np.float32], quality: Quality) -> bool:
        """Ask whether somebody enrolled is there."""
        self._channel.send("known", embedding.tobytes(), quality=_numbers(quality))
        return self._channel.receive().words["answer"] is True

    def shows(self, part: str, embedding: NDArray[np.float32]) -> bool:
        """Ask whether the same person is still there."""
        self._channel.send("shows", embedding.tobytes(), part=part)
        return self._channel.receive().words["answer"] is True

    def _camera(self, words: dict[str, Any]) -> Camera:
        """Return an open camera; this process has no more rights when the first picture is read.

        A device or a file is opened before, because it cannot be later. OpenCV gets the file after that: it
        is strange from its first byte.
        """
        device, films = words["device"], words["films"]
        if not _is_file(device):
            opened = open_camera(device, films=films)
            confine(words["processor_seconds"])
            return opened
        film = open_film(device, films=films)
        confine(words["processor_seconds"])
        return film()

    def _frames(self, camera: Camera, seconds: float) -> Iterator[Frame]:
        """Yield frames as long as somebody waits for an answer: the camera is let go at once."""
        for frame in camera.frames(seconds):
            if self._channel.is_alone():
                raise CameraError("camera-failed", "nobody waits for an answer any more")
            yield frame

    def _send_sample(self, sample: Sample, **more: Any) -> None:
        embedding = np.ascontiguousarray(sample.embedding, dtype=np.float32).tobytes()
        self._channel.send("sample", embedding, quality=_numbers(sample.quality), **more)

    def _send_left_out(self, outcome: LeftOut) -> None:
        self._channel.send("left-out", slug=outcome.reason, detail=outcome.detail, hint=outcome.hint)


def _numbers(quality: Quality) -> list[float | None]:
    known = [float(one) for one in (quality.size, quality.sharpness, quality.brightness, quality.cut_off)]
    return known + [None if one is None else float(one) for one in (quality.turn, quality.eye_light)]


def _gates(words: dict[str, Any]) -> Gates:
    """Return what a face in a frame must meet; nothing here compares faces."""
    return Gates(words["min_sharpness"], words["min_brightness"], min_similarity=0.0, min_photos=2)


def _is_file(device: str) -> bool:
    try:
        return stat.S_ISREG(Path(device).stat().st_mode)
    except OSError:
        return False


def loaded(settings: Settings, words: dict[str, Any]) -> tuple[NetworkLoader, Acquisition]:
    """Return the networks that words of `faceunlock.tasks.apart.words_to_load` name, and what loads more.

    Raises
    ------
    ModelError
        The weights or the device cannot be used.
    """
    loader = NetworkLoader(Path(words["cache"]), settings, words["device"], _pull_nothing, key=_key_of(words))
    model = words["model"]
    spec = read_model_folder(Path(model)).spec if names_folder(model) else WITH_WEIGHTS[model]
    networks = loader.networks(spec, photos=words["photos"])
    return loader, loader.acquiring(networks, workers=words["workers"])


def _key_of(words: dict[str, Any]) -> Callable[[], bytes | None]:
    """Return what proves prepared networks: their key and no other, or why it cannot be had."""
    key, error = words.pop("key"), words.pop("key_error")

    def proves() -> bytes | None:
        if error is not None:
            raise GalleryError(*error)
        return None if key is None else bytes.fromhex(key)

    return proves


def _pull_nothing(model: str) -> None:
    raise ModelError("weights-missing", f"the weights of {model} are not on this machine")
