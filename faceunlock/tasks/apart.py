"""Photos and frames are read and searched by a child process without rights; only embeddings come back.

The child loads the networks while it still has rights and has seen nothing strange. Each child does one job,
so that a photo that took it over has seen nobody else's face. What comes back is checked: it can be a wrong
embedding, which is as good as a wrong photo, and nothing else. See `faceunlock.files.confinement`.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from faceunlock.errors import GalleryError, PhotoError
from faceunlock.liveness.asking import LONGEST
from faceunlock.photos.capture import Capture
from faceunlock.photos.photo import PhotoFile, Source, load_photo, name_of
from faceunlock.pipeline.models.folder import weights_file
from faceunlock.pipeline.samples import LeftOut, Sample
from faceunlock.tasks.apart_child import (
    Child,
    Job,
    error_of,
    guidance_of,
    nonsense,
    quality_of,
    text_of,
    turned_of,
    word_of,
)
from faceunlock.tasks.models import NETWORKS
from faceunlock.tasks.sitting import longest
from faceunlock.tasks.turns import SHOWN

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from faceunlock.files.channel import Message
    from faceunlock.liveness.dialogue import Turned
    from faceunlock.liveness.guidance import Guidance
    from faceunlock.matching.people import Person
    from faceunlock.matching.templates import ModelIdentity
    from faceunlock.photos.face import SubjectRule
    from faceunlock.pipeline.enrolment import Gates
    from faceunlock.pipeline.models.registry import ModelSpec
    from faceunlock.settings import Settings
    from faceunlock.tasks.models import ModelChoice
    from faceunlock.tasks.turns import Judge
    from faceunlock.tasks.workspace import Workspace

PHOTO_SECONDS = 60.0
"""How long a child may read and search one photo."""

MOST_FRAME = 256 << 20
"""Bytes of one frame that a child may send."""

MOST_WORDS = 1000
"""Words about the picture that a child may say in one sitting."""

_UNIT = 1e-3
"""How far the length of an embedding may be from 1."""


@dataclass(frozen=True, slots=True, eq=False)
class Taken(Capture):
    """A photo that a child took, of which only its sample is here.

    Attributes
    ----------
    sample : Sample
    identity : ModelIdentity
        What made the sample.
    """

    sample: Sample
    identity: ModelIdentity


@dataclass(frozen=True, slots=True)
class Sitting:
    """What a child is to say while it takes photos to enroll somebody, and what is done with it.

    Attributes
    ----------
    guide : callable or None
        Gets words for the person.
    mirrored : bool or None
        Whether the camera shows a mirror image; None if that is not known.
    turn : callable
        Asks the person to turn, which shows it.
    learn : callable or None
        Gets what the turn showed; None if nothing is to be learnt.
    """

    guide: Callable[[Guidance], None] | None
    mirrored: bool | None
    turn: Callable[[], None]
    learn: Callable[[bool | None], None] | None


def apart_acquisition(
    workspace: Workspace, person: Person | None = None, *, fetch: bool = False, photos: int = 1
) -> tuple[ApartAcquisition, ModelIdentity]:
    """Return what turns photos into samples in a child, and the identity of its embeddings.

    Parameters and errors are as for `faceunlock.tasks.models.ModelChoice.acquisition`.
    """
    choice = workspace.choice
    model = choice.chosen(person)
    spec = choice.spec(model)
    if fetch:
        choice.loader.fetch(spec)
    name = model_to_load(choice, spec)
    key = name, photos > 1
    if key not in workspace.readers:
        words = words_to_load(workspace, name, photos=photos)
        workspace.readers[key] = ApartAcquisition(workspace.settings, words, ahead=workspace.readers_ahead)
    acquisition: ApartAcquisition = workspace.readers[key]
    identity = acquisition.identity
    choice.check(person, identity)
    return acquisition, identity


def model_to_load(choice: ModelChoice, spec: ModelSpec) -> str:
    """Return what another process finds a model by: its id, or the folder of a trained one."""
    trained = choice.trained is not None and choice.trained.id == spec.id
    return str(weights_file(spec).parent.absolute()) if trained else spec.id


class ApartAcquisition:
    """Turns photos into samples as `faceunlock.pipeline.acquisition.Acquisition` does, each time in a child.

    Parameters
    ----------
    settings : Settings
        The limits.
    words : dict
        What a child needs to load networks, as `words_to_load` returns it.
    ahead : bool
        Whether the child for the next job is started as soon as one has ended.
    """

    def __init__(self, settings: Settings, words: dict[str, Any], *, ahead: bool = False) -> None:
        self._settings, self._words, self._ahead = settings, words, ahead
        self._waiting: Child | None = Child(self._words)
        self._identity: ModelIdentity | None = None

    @property
    def identity(self) -> ModelIdentity:
        """What makes the embeddings; waits until the first child has loaded it.

        Raises
        ------
        ModelError
            The weights or the device cannot be used.
        """
        if self._identity is None:
            child = self._waiting or Child(self._words)
            self._waiting = child
            self._identity = child.loaded()
        return self._identity

    def sample(self, file: PhotoFile, rule: SubjectRule = "dominant") -> Sample:
        """Return the sample of one photo; raises as `Acquisition.sample`, and ``reader-failed``."""
        (outcome,) = self.samples([file], rule)
        if isinstance(outcome, LeftOut):
            raise PhotoError(outcome.reason, f"{outcome.photo}: {outcome.detail}", hint=outcome.hint)
        return outcome

    def sample_of(self, source: object, file: PhotoFile, rule: SubjectRule) -> Sample:
        """Return the sample that came with a photo that a child took, or else that of a file."""
        if not isinstance(source, Taken):
            return self.sample(file, rule)
        if source.identity != self.identity:
            raise PhotoError("reader-failed", "the photo was taken for another model")
        return source.sample

    def samples(
        self, photos: Iterable[Source], rule: SubjectRule = "dominant", *, keep_crops: bool = False
    ) -> Iterator[Sample | LeftOut]:
        """Yield a sample, or the reason why there is none, for every photo in order.

        No sample holds its crop, not even with `keep_crops`: only embeddings come back.

        Raises
        ------
        PhotoError
            ``reader-failed`` if the child ends or answers nonsense.
        """
        remaining = iter(photos)
        pending: deque[LeftOut | tuple[str, bytes]] = deque()
        count = len(photos) if isinstance(photos, list) else 1
        all_given = False
        with self._child() as child:
            child.send("photos", faces=rule, processor_seconds=PHOTO_SECONDS * max(1, count))
            while True:
                message = child.receive(PHOTO_SECONDS)
                if message.kind == "next" and not all_given:
                    file = self._next(remaining, pending)
                    if file is None:
                        all_given = True
                        child.send("end")
                    else:
                        child.send("photo", file.data, name=file.name)
                    continue
                yield from _left_out_before(pending)
                if message.kind == "end" and all_given and not pending:
                    return
                if not pending:
                    raise nonsense()
                name, digest = cast("tuple[str, bytes]", pending.popleft())
                yield self._outcome(message, name, digest)

    def _next(
        self, remaining: Iterator[Source], pending: deque[LeftOut | tuple[str, bytes]]
    ) -> PhotoFile | None:
        """Return the next photo that can be read; note those that cannot, in their place."""
        for source in remaining:
            name = name_of(source)
            try:
                file = load_photo(source, name=name, max_pixels=self._settings.max_pixels)
            except PhotoError as error:
                pending.append(LeftOut.because(name, error))
                continue
            pending.append((name, file.digest))
            return file
        return None

    def _outcome(self, message: Message, name: str, digest: bytes) -> Sample | LeftOut:
        if message.kind == "sample":
            return self._sample(message, name, digest)
        if message.kind != "left-out":
            raise nonsense()
        error = error_of({**message.words, "message": message.words.get("detail"), "type": "PhotoError"})
        return LeftOut(name, error.slug, error.message, error.hint)

    def _sample(self, message: Message, name: str, digest: bytes) -> Sample:
        return Sample(name, digest, quality_of(message), self._embedding(message))

    def _embedding(self, message: Message) -> NDArray[np.float32]:
        """Return the embedding of a message, which must be a unit vector of the right length."""
        found = np.frombuffer(message.data, np.float32).copy() if len(message.data) % 4 == 0 else None
        if found is None or found.shape != (self.identity.dimension,) or not np.isfinite(found).all():
            raise nonsense()
        if abs(float(np.linalg.norm(found.astype(np.float64))) - 1.0) > _UNIT:
            raise nonsense()
        return found

    def take(self, device: str, gates: Gates, rule: SubjectRule = "dominant") -> Taken:
        """Return the first frame of a camera with a good face; raises as `one_good` and `open_camera`."""
        with self._child() as child:
            child.send("look", faces=rule, **self._camera(device, gates))
            message = child.receive(self._settings.camera_seconds + PHOTO_SECONDS)
            if message.kind != "sample":
                raise nonsense()
            camera = text_of(message.words.get("camera"))
            name = f"a frame of {camera}"
            sample = self._sample(message, name, b"")
        file = PhotoFile(name, b"", self._settings.max_pixels)
        return Taken(file, camera, sample, self.identity)

    def several(self, device: str, gates: Gates, sitting: Sitting) -> Iterator[PhotoFile]:
        """Yield different frames with good faces, which nobody has decoded here."""
        photos = 0
        with self._child() as child:
            child.send(
                "several",
                guide=sitting.guide is not None,
                mirrored=sitting.mirrored,
                mirror=sitting.learn is not None,
                **self._camera(device, gates),
            )
            for message in self._messages(child, MOST_WORDS, MOST_FRAME):
                if message.kind == "end":
                    return
                if message.kind == "photo" and photos < self._settings.camera_photos:
                    photos += 1
                    name = text_of(message.words.get("name"))
                    yield PhotoFile(name, message.data, self._settings.max_pixels)
                elif message.kind == "guide" and sitting.guide is not None:
                    sitting.guide(guidance_of(message, self._settings.camera_photos))
                elif message.kind == "turn" and sitting.learn is not None:
                    sitting.turn()
                elif message.kind == "mirror" and sitting.learn is not None:
                    found = message.words.get("mirrored")
                    sitting.learn(found if isinstance(found, bool) else None)
                else:
                    raise nonsense()

    def dialogue(self, device: str, gates: Gates, judge: Judge, *, mirrored: bool) -> Turned | None:
        """Let a child hold a dialogue of turns, and return what it saw: `faceunlock.tasks.turns.Watch`."""
        asked = False
        with self._child() as child:
            child.send("dialogue", mirrored=mirrored, **self._camera(device, gates))
            for message in self._messages(child, MOST_WORDS):
                if message.kind == "tell":
                    judge.tell(word_of(message))
                elif message.kind == "known" and not asked:
                    asked = True
                    if not judge.known(self._embedding(message), quality_of(message)):
                        return None  # whatever it says next: this attempt failed, and counts
                    child.send("judged", answer=True)
                elif message.kind == "shows" and asked and message.words.get("part") in SHOWN:
                    shown = judge.shows(message.words["part"], self._embedding(message))
                    child.send("judged", answer=shown)
                elif message.kind == "turned" and asked:
                    return turned_of(message)
                else:
                    raise nonsense()
        raise nonsense()

    def _messages(self, child: Child, count: int, most_data: int = 1 << 16) -> Iterator[Message]:
        """Yield what a child with a camera says, at most so many times and for so long in all."""
        until = time.monotonic() + self._job_seconds
        patience = longest(self._settings) + LONGEST + PHOTO_SECONDS
        for _ in range(count):
            yield child.receive(min(patience, max(0.0, until - time.monotonic())), most_data)
        raise nonsense()

    @property
    def _job_seconds(self) -> float:
        """How long a job with a camera may take, of the clock and of the processors."""
        return 8 * (longest(self._settings) + LONGEST) + PHOTO_SECONDS

    def _camera(self, device: str, gates: Gates) -> dict[str, Any]:
        return {
            "device": device,
            "films": self._settings.camera_films != "never",
            "min_sharpness": gates.min_sharpness,
            "min_brightness": gates.min_brightness,
            "processor_seconds": self._job_seconds,
        }

    def _child(self) -> Job:
        """Return a loaded child for one job; an idle one may have died since."""
        identity = self.identity
        child, self._waiting = self._waiting, None
        if child is None or not child.is_alive():
            child = Child(self._words)
        if child.loaded() != identity:
            raise nonsense()
        return Job(child, self._prepare if self._ahead else lambda: None)

    def _prepare(self) -> None:
        """Start the child for the next job, so that nobody waits for it."""
        self._waiting = Child(self._words)


def words_to_load(
    workspace: Workspace, model: str, *, photos: int, workers: int | None = None
) -> dict[str, Any]:
    """Return what another process needs to load networks: where they are, and what proves them.

    Parameters
    ----------
    workspace : Workspace
        Its settings hold the limits.
    model : str
        Id of a model, or the folder of a trained one.
    photos : int
        About how many photos will be looked at together.
    workers : int, optional
        Number of threads that look at photos; as many as there are cores when omitted.
    """
    key, key_error = None, None
    try:
        found = workspace.gallery.derived_key(NETWORKS)
        key = None if found is None else found.hex()
    except GalleryError as error:
        key_error = [error.slug, error.message]
    return {
        "settings": asdict(workspace.settings),
        "cache": str(workspace.locations.cache.absolute()),
        "model": model,
        "device": "cpu",  # a GPU is one more thing that a decoder could reach
        "photos": photos,
        "workers": workers,
        "texture": workspace.settings.texture == "on",
        "key": key,
        "key_error": key_error,
    }


def _left_out_before(pending: deque[LeftOut | tuple[str, bytes]]) -> Iterator[LeftOut]:
    """Yield the photos that were not sent, up to the first that was."""
    while pending and isinstance(pending[0], LeftOut):
        yield cast(LeftOut, pending.popleft())
