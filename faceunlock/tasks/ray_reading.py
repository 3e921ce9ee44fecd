"""Photos to samples on a Ray cluster: for `faceunlock.tasks.enroll_each`, in place of this machine's threads.

What comes back is written to the journal of the gallery before anything is made of it. So it arrives once,
however often a worker or this process is killed.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from faceunlock.errors import ClusterError, ModelError, PhotoError, SettingsError
from faceunlock.files.text import printable
from faceunlock.gallery.journal import PURPOSE, Journal, record_key
from faceunlock.matching.wording import counted
from faceunlock.photos.photo import Source, load_photo, name_of
from faceunlock.pipeline.packing import pack, unpack
from faceunlock.pipeline.samples import LeftOut, Sample
from faceunlock.settings import Settings
from faceunlock.tasks.apart import model_to_load, words_to_load
from faceunlock.tasks.ray_cluster import LOCAL, check_address, open_cluster, require_ray
from faceunlock.tasks.ray_worker import Answer, Asked, fingerprint

if TYPE_CHECKING:
    from faceunlock.matching.people import Person
    from faceunlock.matching.templates import ModelIdentity
    from faceunlock.photos.face import SubjectRule
    from faceunlock.tasks.workspace import Workspace

_log = logging.getLogger(__name__)


class Workers(Protocol):
    """What looks at photos elsewhere: `faceunlock.tasks.ray_cluster.Cluster`."""

    def look(self, asked: Sequence[Asked], *arguments: object) -> Iterator[tuple[str, list[Answer]]]:
        """Yield answers as they come, with the name of the machine they come from."""
        ...


class RayAcquisition:
    """Turns photos into samples as `faceunlock.pipeline.acquisition.Acquisition` does, on a cluster.

    Parameters
    ----------
    workers : callable
        Returns what looks at the photos; not called if there are none.
    journal : Journal or None
        Where everything that comes is kept; None keeps nothing.
    identity : ModelIdentity
        What makes the embeddings.
    words : dict
        As `faceunlock.tasks.apart.words_to_load` returns them.
    """

    def __init__(
        self,
        workers: Callable[[], Workers],
        journal: Journal | None,
        identity: ModelIdentity,
        words: dict[str, Any],
    ) -> None:
        self._workers, self._journal, self._identity, self._words = workers, journal, identity, words
        self._context = context_of(identity, words)
        self._max_pixels = Settings(**words["settings"]).max_pixels

    def samples(
        self, photos: Iterable[Source], rule: SubjectRule = "dominant", *, keep_crops: bool = False
    ) -> Iterator[Sample | LeftOut]:
        """Yield a sample, or the reason why there is none, for every photo in order.

        Parameters
        ----------
        photos : iterable of Path
            Files that every machine of the cluster sees under the same absolute path.
        rule : {"dominant"}
        keep_crops : bool
            No sample holds its crop, not even then.

        Raises
        ------
        ClusterError
            ``ray-worker-unfit`` if a machine does not see the same photos; ``ray-failed``.
        """
        sources = [_path(source) for source in photos]
        arrived: dict[int, Sample | LeftOut] = {}
        following = 0
        for index, outcome in self._arriving(sources):
            arrived[index] = outcome
            while following in arrived:
                yield arrived.pop(following)
                following += 1
        if following != len(sources):
            raise ClusterError("ray-failed", f"Ray left out {counted(len(sources) - following, 'photo')}")

    def _arriving(self, sources: list[Path]) -> Iterator[tuple[int, Sample | LeftOut]]:
        """Yield what was seen on the photos, in any order, each with its index."""
        asked: list[Asked] = []
        for index, source in enumerate(sources):
            try:
                info = source.stat()
            except (OSError, ValueError):
                yield index, self._unreadable(source)
                continue
            path = os.fsencode(source.absolute())
            asked.append(Asked(index, path, info.st_size, info.st_mtime_ns))
        if not asked:
            return
        known = self._journal.recorded() if self._journal is not None else frozenset()
        for node, answers in self._workers().look(asked, self._words, self._identity, self._context, known):
            outcomes = [(one.index, self._outcome(sources[one.index], one, node)) for one in answers]
            if self._journal is not None:
                self._journal.flush()  # before anything is made of them
            yield from outcomes

    def _outcome(self, source: Path, answer: Answer, node: str) -> Sample | LeftOut:
        if answer.state == "unread":
            return self._unreadable(source, node, answer.packed.decode("utf-8", "replace"))
        key = record_key(self._context, answer.digest)
        packed: bytes | None = answer.packed
        if answer.state == "known":
            packed = None if self._journal is None else self._journal.get(key)
        try:
            if packed is None:
                raise ValueError("not in the journal")
            outcome = unpack(packed, name_of(source), answer.digest, self._identity.dimension)
        except ValueError as error:
            raise ClusterError("ray-failed", f"{node} answered nonsense: {error}") from error
        if self._journal is not None:
            self._journal.put(key, pack(outcome))
        return outcome

    def _unreadable(self, source: Path, node: str | None = None, why: str = "") -> LeftOut:
        """Return why a photo cannot be read here; if it can, a machine of the cluster sees another one."""
        try:
            load_photo(source, name=name_of(source), max_pixels=self._max_pixels)
        except PhotoError as error:
            return LeftOut.because(name_of(source), error)
        said = f"{node} does not see it as this machine does" if node else "it appeared just now"
        raise ClusterError(
            "ray-worker-unfit",
            f"{name_of(source)}: {said}{f': {printable(why)}' if why else ''}",
            hint="Put the photos where every machine sees them under the same path: on a shared file system, "
            "or copied with rsync -a. Do not change them meanwhile.",
        )


class RayReading:
    """Everything that one bulk enrolment on Ray needs, from the first photo to the last; a context manager.

    Parameters
    ----------
    workspace : Workspace
    address : str
        ``local``, or HOST:PORT of a running cluster.
    keep : bool
        Whether what is seen is kept in the journal until the end.

    Raises
    ------
    ClusterError
        ``ray-missing``, ``ray-sealed``.
    SettingsError
        ``usage``.
    """

    def __init__(self, workspace: Workspace, address: str, *, keep: bool = True) -> None:
        check_address(address)
        require_ray()
        if workspace.choice.loader.is_own:
            raise SettingsError("usage", "ray needs a model by its name: networks of your own do not travel")
        state = workspace.gallery.protection()
        if address != LOCAL and (state.sealed or state.waiting is not None):  # it will be sealed again
            raise ClusterError("ray-sealed")
        self._workspace, self._address, self._keep = workspace, address, keep
        self._stack = ExitStack()
        self._cluster: Workers | None = None
        self._journal: Journal | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the cluster; the journal goes only if all is done."""
        if self._journal is not None:
            if kind is None or not len(self._journal):
                self._journal.remove()
            else:
                _log.warning(
                    "What was seen on %s is kept beside the gallery. The same command again does the rest.",
                    counted(len(self._journal), "photo"),
                )
        self._stack.close()

    def reader(
        self, workspace: Workspace, known: Person | None, photos: int
    ) -> tuple[RayAcquisition, ModelIdentity]:
        """Return what turns photos into samples; parameters and errors as `enrolling.photo_reader`."""
        choice = workspace.choice
        model = choice.chosen(known)
        spec = choice.spec(model)
        choice.loader.fetch(spec)
        identity = choice.identity(spec)
        choice.check(known, identity)
        settings = workspace.settings
        if self._address == LOCAL and settings.runtime != "torch" and settings.prepare_networks != "never":
            with suppress(ModelError):  # a cache that cannot be written: then each worker makes them
                choice.loader.prepare(spec)
        words = words_to_load(workspace, model_to_load(choice, spec), photos=2, workers=1)
        words["device"] = "cuda" if self._gpus else "cpu"
        if self._keep and self._journal is None:
            key = workspace.gallery.derived_key(PURPOSE)
            self._journal = self._stack.enter_context(Journal(workspace.locations.data, key))
        return RayAcquisition(self._workers, self._journal, identity, words), identity

    @property
    def _gpus(self) -> bool:
        return self._workspace.device == "cuda"

    def _workers(self) -> Workers:
        if self._cluster is None:
            cache = self._workspace.locations.cache
            self._cluster = self._stack.enter_context(open_cluster(self._address, cache, gpus=self._gpus))
        return self._cluster


def context_of(identity: ModelIdentity, words: dict[str, Any]) -> str:
    """Return everything but a photo that decides what is seen on it: model, settings, code and packages."""
    settings = Settings(**words["settings"])
    decide = [settings.max_pixels, settings.min_face_pixels, settings.runtime]
    return json.dumps([asdict(identity), decide, words["device"], fingerprint()], sort_keys=True)


def _path(source: Source) -> Path:
    if not isinstance(source, Path):
        raise SettingsError("usage", "ray reads photos from files only")
    return source
