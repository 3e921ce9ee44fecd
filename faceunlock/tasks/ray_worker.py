"""What runs on each machine of a Ray cluster: networks loaded once, and photos turned into packed samples.

A worker has one thread, so that what it computes does not depend on how many there are. It reads the photos
itself, and only what it saw on them travels: no photo ever passes through Ray.
"""

from __future__ import annotations

import hashlib
import os
import platform
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from faceunlock.errors import FaceUnlockError, ModelError, PhotoError
from faceunlock.files.packages import installed_version
from faceunlock.gallery.journal import record_key
from faceunlock.matching.templates import ModelIdentity
from faceunlock.photos.photo import PhotoFile, load_photo, name_of
from faceunlock.pipeline.packing import pack
from faceunlock.settings import Settings, locate
from faceunlock.tasks.apart import ApartAcquisition
from faceunlock.tasks.apart_process import loaded
from faceunlock.tasks.workspace import needs_apart

TOGETHER = 16
"""Photos looked at together."""

TOGETHER_APART = 64
"""The same for a process without rights, which serves once and loads its networks each time."""

BYTES_TOGETHER = 256 << 20
"""Fewer are looked at together if their files have more bytes than this."""

DECIDE = ("numpy", "onnxruntime", "pillow", "pillow-heif", "torch", "facenet-pytorch")
"""Packages that decide what is seen on a photo."""

State = Literal["seen", "known", "unread"]


@dataclass(frozen=True, slots=True)
class Asked:
    """A photo to look at.

    Attributes
    ----------
    index : int
        Its place among all photos.
    path : bytes
        Where it is, on every machine.
    size, modified : int
        Bytes of the file, and when it was last written, in nanoseconds: what tells it from another file.
    """

    index: int
    path: bytes
    size: int
    modified: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a photo.

    Attributes
    ----------
    index : int
        As `Asked.index`.
    state : {"seen", "known", "unread"}
        ``known`` if the journal has it already, ``unread`` if this machine has no such photo.
    digest : bytes
        SHA-256 of the file's content; empty if it is unread.
    packed : bytes
        What was seen, as `faceunlock.pipeline.packing.pack` packs it; why it is unread; empty if it is known.
    """

    index: int
    state: State
    digest: bytes
    packed: bytes


class Looker:
    """Looks at photos, one batch at a time.

    Parameters
    ----------
    words : dict
        As `faceunlock.tasks.apart.words_to_load` returns them.
    identity : ModelIdentity
        What must make the embeddings.
    context : str
        Everything but the photo that decides what is seen on it.
    known : frozenset of bytes
        Keys of the photos that need not be looked at again.

    Raises
    ------
    ModelError
        The weights or the device cannot be used, or are not those of the machine that asks.
    """

    def __init__(
        self, words: dict[str, Any], identity: ModelIdentity, context: str, known: frozenset[bytes]
    ) -> None:
        self._settings = Settings(**words["settings"])
        self._context, self._known = context, known
        cache = Path(words["cache"])
        words = {**words, "cache": str(cache if cache.is_dir() else locate().cache)}
        if needs_apart(self._settings, root=True):
            words["device"] = "cpu"  # as for this machine's own
            self._acquisition: Any = ApartAcquisition(self._settings, words, ahead=True)
            self._together, made_by = TOGETHER_APART, self._acquisition.identity
        else:
            self._acquisition = loaded(self._settings, words)[1]
            self._together, made_by = TOGETHER, self._acquisition.embedder.identity
        if made_by != identity:
            raise ModelError(
                "weights-corrupt", f"the weights of {identity.model} are not those of the machine that asks"
            )

    def look(self, asked: Sequence[Asked]) -> Iterator[Answer]:
        """Yield an answer for each photo, in any order."""
        waiting: list[tuple[int, PhotoFile]] = []
        size = 0
        for one in asked:
            file = self._read(one)
            if isinstance(file, str):
                yield Answer(one.index, "unread", b"", file.encode())
            elif record_key(self._context, file.digest) in self._known:
                yield Answer(one.index, "known", file.digest, b"")
            else:
                if waiting and (len(waiting) == self._together or size + len(file.data) > BYTES_TOGETHER):
                    yield from self._seen(waiting)
                    waiting, size = [], 0
                waiting.append((one.index, file))
                size += len(file.data)
        yield from self._seen(waiting)

    def _read(self, asked: Asked) -> PhotoFile | str:
        """Return a photo's file, or why this machine has no such file."""
        path = Path(os.fsdecode(asked.path))
        try:
            info = path.stat()
            if (info.st_size, info.st_mtime_ns) != (asked.size, asked.modified):
                return "it is another file there"
            return load_photo(path, name=name_of(path), max_pixels=self._settings.max_pixels)
        except OSError as error:
            return error.strerror or str(error)
        except PhotoError as error:
            return error.message

    def _seen(self, files: list[tuple[int, PhotoFile]]) -> Iterator[Answer]:
        if not files:
            return
        outcomes = self._acquisition.samples([file for _, file in files])
        for (index, file), outcome in zip(files, outcomes, strict=True):
            yield Answer(index, "seen", file.digest, pack(outcome))


class Actor:
    """A `Looker` as Ray Data uses it: from a table of photos to a table of answers.

    What keeps it from loading is an answer, too: Ray would only say that an actor died.
    """

    def __init__(self, *arguments: Any) -> None:
        self._error: FaceUnlockError | None = None
        try:
            self._looker = Looker(*arguments)
        except FaceUnlockError as error:
            self._error = error

    def __call__(self, table: Any) -> Any:
        """Return the answers to one block of questions, as `ANSWERS` describes them."""
        import pyarrow

        rows: list[dict[str, object]]
        try:
            if self._error is not None:
                raise self._error
            rows = [
                {"index": one.index, "state": one.state, "digest": one.digest, "packed": one.packed}
                for one in self._looker.look([Asked(**row) for row in table.to_pylist()])
            ]
        except FaceUnlockError as error:
            said = "\n".join((error.slug, error.message, error.hint or ""))
            rows = [{"index": -1, "state": "error", "digest": b"", "packed": said.encode()}]
        node = socket.gethostname()
        return pyarrow.Table.from_pylist([{**row, "node": node} for row in rows], schema=answers())


def answers() -> Any:
    """Return the columns of what an `Actor` returns."""
    import pyarrow

    return pyarrow.schema(
        [
            ("index", pyarrow.int64()),
            ("state", pyarrow.string()),
            ("digest", pyarrow.binary()),
            ("packed", pyarrow.binary()),
            ("node", pyarrow.string()),
        ]
    )


def fingerprint() -> dict[str, str]:
    """Return what must be the same on every machine: this program's code, Python and `DECIDE`."""
    package = Path(__file__).parents[1]
    code = hashlib.sha256()
    for file in sorted(package.rglob("*.py")):
        code.update(str(file.relative_to(package)).encode() + b"\0" + file.read_bytes() + b"\0")
    return {
        "faceunlock": code.hexdigest()[:16],
        "Python": platform.python_version(),
        **{name: installed_version(name) for name in DECIDE},
    }
