"""Benchmark: how fast this machine runs a model, for the parts of a verification and for many photos at once.

Everything is measured in one warm process. The photos go through `faceunlock.pipeline.acquisition`, as in
`verify` and `enroll`; `faceunlock.tasks.stopwatch` times the parts.
"""

from __future__ import annotations

import statistics
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from faceunlock.errors import SettingsError
from faceunlock.photos.decoding import stored_size
from faceunlock.photos.photo import PhotoListing, find_photos, load_photo, nothing_found
from faceunlock.pipeline.acquisition import BATCH, FIRST_LOOK, Acquisition
from faceunlock.pipeline.runtime.machine import Machine, describe_machine
from faceunlock.pipeline.samples import LeftOut, NoneUsableError, Track, untracked
from faceunlock.tasks.loading import Networks
from faceunlock.tasks.models import AUTO, ModelChoice
from faceunlock.tasks.stopwatch import Clock, Stopwatch, WatchedFile, watched
from faceunlock.tasks.workspace import PhotoPath, Workspace, as_paths

if TYPE_CHECKING:
    from faceunlock.matching.templates import ModelIdentity
    from faceunlock.photos.face import RGBImage
    from faceunlock.pipeline.runtime import Engine
    from faceunlock.pipeline.samples import Track

RUNS, MOST_RUNS = 7, 1000
"""How often everything is measured: the default, and the maximum."""

LOAD, WHOLE, REST, MANY = "load", "whole", "rest", "many"

PARTS = ("read", "decode", "detect", "align", "embed")
"""The timed parts of the whole; the rest is checksum, choice of the subject and quality."""


@dataclass(frozen=True, slots=True)
class PartTime:
    """How long one part takes.

    Attributes
    ----------
    part : str
        ``load``, one of `PARTS`, ``rest``, ``whole`` or ``many``.
    seconds : tuple of float
        One value for each run; except for ``load``, the mean over the photos of the run.
    """

    part: str
    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The median of the runs, in seconds."""
        return statistics.median(self.seconds)

    @property
    def fastest(self) -> float:
        """The fastest run, in seconds."""
        return min(self.seconds)


@dataclass(frozen=True, slots=True)
class Setup:
    """How the networks were run.

    Attributes
    ----------
    runtime : {"onnx", "torch"} or None
        None if the caller passed in the networks.
    device : {"cpu", "cuda"} or None
    workers : int
        Number of threads that look at photos at the same time; the same number embeds.
    network_threads : int or None
        Threads inside a network; None if the runtime chooses the number.
    """

    runtime: str | None
    device: str | None
    workers: int
    network_threads: int | None


@dataclass(frozen=True, slots=True)
class Timing:
    """How fast this machine runs a model.

    Attributes
    ----------
    identity : ModelIdentity
        The model.
    machine : Machine
        The machine it was measured on.
    runs : int
        How often each part was measured, after one warm-up run that does not count.
    parts : tuple of PartTime
        ``load``, then `PARTS`, ``rest`` and ``whole`` of one photo at a time, then ``many``, per photo.
    one, many : Setup
        How the networks were run for one photo at a time, and for many at once.
    portraits : bool
        Whether the photos are the portraits of the demonstration.
    megapixels : tuple of float
        Size of each timed photo, in order.
    many_photos : int
        Number of photos in one run of many at once; a photo may be repeated.
    left_out : tuple of LeftOut
        Photos that were not timed, because they have no clear face or cannot be read.
    skipped : int
        Number of files that are not photos.
    """

    identity: ModelIdentity
    machine: Machine
    runs: int
    parts: tuple[PartTime, ...]
    one: Setup
    many: Setup
    portraits: bool
    megapixels: tuple[float, ...]
    many_photos: int
    left_out: tuple[LeftOut, ...]
    skipped: int


class BenchOptions(TypedDict, total=False):
    """Options of `bench`."""

    runs: int
    track: Track


def bench(
    workspace: Workspace,
    photos: PhotoPath | Sequence[PhotoPath] = (),
    *,
    runs: int = RUNS,
    track: Track = untracked,
    clock: Clock = time.perf_counter,
) -> Timing:
    """Measure how long a model takes for photos.

    Parameters
    ----------
    workspace : Workspace
        Its model is measured.
    photos : path or sequence of paths
        Photos, and folders that are searched for photos; the portraits of the demonstration when omitted.
    runs : int
        How often to measure, 1 to `MOST_RUNS`.
    track : callable
        Shows progress: ``track(items, total, label)`` yields the items.
    clock : callable
        Returns the time in seconds.

    Raises
    ------
    SettingsError
        ``usage`` if the number of runs is out of range.
    PhotoError
        ``photo-not-found`` if a file is missing or there are no photos; `NoneUsableError` if none has a clear
        face.
    ModelError
        The weights or the device cannot be used.
    """
    if not 1 <= runs <= MOST_RUNS:
        raise SettingsError("usage", f"the number of runs must be from 1 to {MOST_RUNS:,}, not {runs}")
    sources, max_pixels = as_paths(photos), workspace.settings.max_pixels
    with _photos(sources, workspace.locations.cache) as listing:
        models = _fresh(workspace, None)
        # At least two: with one photo nothing would run in parallel.
        together = models.networks(fetch=True, photos=max(2, len(listing.photos)))
        acquisition = models.loader.acquiring(together)
        usable = _usable(acquisition, listing.photos, track)
        paths, identity = usable.paths, together.embedder.identity
        # Two batches for each worker, so that no worker is idle.
        rounds = ceil(2 * BATCH * _workers(together) / len(paths))
        many = _time_many(acquisition, paths * rounds, runs, track, clock)

        example = load_photo(paths[0], max_pixels=max_pixels).view(FIRST_LOOK).image, usable.crop
        load, alone = _time_load(lambda: _fresh(workspace, identity.model), example, runs, track, clock)
        watch = Stopwatch(clock)
        parts = _time_one(
            models.loader.acquiring(watched(alone, watch)), paths, runs, max_pixels, track, watch
        )
        return Timing(
            identity=identity,
            machine=describe_machine(),
            runs=runs,
            parts=(load, *parts, many),
            one=_setup(alone.engine),
            many=_setup(together.engine),
            portraits=not sources,
            megapixels=tuple(_megapixels(path, max_pixels) for path in paths),
            many_photos=len(paths) * rounds,
            left_out=usable.left_out,
            skipped=listing.skipped,
        )


def _fresh(workspace: Workspace, model: str | None) -> ModelChoice:
    """Return a model choice with no network loaded; with ``auto``, `model` keeps the model chosen first."""
    return workspace.choose(model if model is not None and workspace.named == AUTO else workspace.named)


@contextmanager
def _photos(sources: Sequence[Path], cache: Path) -> Iterator[PhotoListing]:
    """Yield the photos to look at; the portraits exist only inside the ``with`` block."""
    if sources:
        listing = find_photos(sources)
        if not listing.photos:
            raise nothing_found(sources, listing.others)
        yield listing
        return
    from faceunlock.files.temporary import temporary_folder
    from faceunlock.tasks.demo import make_pictures

    with temporary_folder("faceunlock-bench-", cache) as folder:
        make_pictures(folder)
        yield find_photos([folder / "photos", folder / "unseen.jpg", folder / "stranger.jpg"])


@dataclass(frozen=True, slots=True, eq=False)
class _Usable:
    """The photos with a clear face (at least one), and the face of the first as the network sees it."""

    paths: tuple[Path, ...]
    crop: RGBImage
    left_out: tuple[LeftOut, ...]


def _usable(acquisition: Acquisition, photos: Sequence[Path], track: Track) -> _Usable:
    """Look at every photo once, which also warms up the networks for many photos at once."""
    paths: list[Path] = []
    left_out: list[LeftOut] = []
    crops: list[RGBImage] = []
    outcomes = acquisition.samples(photos, keep_crops=True)
    for path, outcome in zip(photos, track(outcomes, len(photos), "photos"), strict=True):
        if isinstance(outcome, LeftOut):
            left_out.append(outcome)
            continue
        paths.append(path)
        if not crops and outcome.crop is not None:
            crops.append(outcome.crop)
    if not paths:
        raise NoneUsableError(left_out)
    return _Usable(tuple(paths), crops[0], tuple(left_out))


def _time_many(
    acquisition: Acquisition, paths: Sequence[Path], runs: int, track: Track, clock: Clock
) -> PartTime:
    """Measure the time per photo when many are processed together, as in `enroll` and `calibrate`."""
    seconds = []
    for _ in track(range(runs), runs, "many at once"):
        started = clock()
        deque(acquisition.samples(paths), maxlen=0)
        seconds.append((clock() - started) / len(paths))
    return PartTime(MANY, tuple(seconds))


def _time_load(
    open_models: Callable[[], ModelChoice],
    example: tuple[RGBImage, RGBImage],
    runs: int,
    track: Track,
    clock: Clock,
) -> tuple[PartTime, Networks]:
    """Measure how long networks take to open and to answer once; also return the networks opened last.

    They open in threads, so only their answers for a photo and a crop show that they are open.
    """
    image, crop = example
    seconds = []
    for _ in track(range(runs + 1), runs + 1, "opening the networks"):
        started = clock()
        networks = open_models().networks()
        networks.detector.detect(image)
        networks.embedder.embed(crop[None])
        seconds.append(clock() - started)
    return PartTime(LOAD, tuple(seconds[1:])), networks


def _time_one(
    acquisition: Acquisition,
    paths: Sequence[Path],
    runs: int,
    max_pixels: int,
    track: Track,
    watch: Stopwatch,
) -> tuple[PartTime, ...]:
    """Measure the parts for one photo at a time, processed as in `verify`."""
    found = []
    for _ in track(range(runs + 1), runs + 1, "one at a time"):
        for path in paths:
            with watch.part(WHOLE):
                with watch.part("read"):
                    file = load_photo(path, max_pixels=max_pixels)
                acquisition.sample(WatchedFile(file.name, file.data, file.max_pixels, watch))
        seconds = watch.taken()
        seconds[REST] = seconds[WHOLE] - sum(seconds[part] for part in PARTS)
        found.append(seconds)
    return tuple(
        PartTime(part, tuple(seconds[part] / len(paths) for seconds in found[1:]))
        for part in (*PARTS, REST, WHOLE)
    )


def _workers(networks: Networks) -> int:
    return 1 if networks.engine is None else networks.engine.workers


def _setup(engine: Engine | None) -> Setup:
    if engine is None:
        return Setup(None, None, 1, None)
    alone = engine.runtime == "onnx" and engine.workers > 1
    return Setup(engine.runtime, engine.device, engine.workers, 1 if alone else None)


def _megapixels(path: Path, max_pixels: int) -> float:
    file = load_photo(path, max_pixels=max_pixels)
    width, height = stored_size(file.data, file.name, max_pixels)
    return width * height / 1e6
