"""A stopwatch around the parts of a verification: wraps the file, the detector and the embedder."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from faceunlock.photos.photo import Photo, PhotoFile
from faceunlock.tasks.loading import Networks

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from faceunlock.matching.templates import ModelIdentity
    from faceunlock.photos.face import Face, RGBImage
    from faceunlock.pipeline.detection import Detector
    from faceunlock.pipeline.embedding import Embedder


Clock = Callable[[], float]


class Stopwatch:
    """Adds up how long each named part takes.

    Parameters
    ----------
    clock : callable
        Returns the time in seconds.

    Examples
    --------
    >>> watch = Stopwatch(iter([1.0, 3.5]).__next__)
    >>> with watch.part("nothing"):
    ...     pass
    >>> watch.taken()["nothing"]
    2.5
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seconds: defaultdict[str, float] = defaultdict(float)

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Add the time spent inside the ``with`` block to a part."""
        started = self._clock()
        yield
        self._seconds[name] += self._clock() - started

    def taken(self) -> dict[str, float]:
        """Return the seconds of each part, 0 for unknown parts, and reset the stopwatch."""
        seconds, self._seconds = self._seconds, defaultdict(float)
        return seconds


def watched(networks: Networks, watch: Stopwatch) -> Networks:
    """Return networks whose every use is timed by the stopwatch."""
    return replace(
        networks,
        detector=_WatchedDetector(networks.detector, watch),
        embedder=_WatchedEmbedder(networks.embedder, watch),
    )


@dataclass(frozen=True, slots=True, eq=False)
class WatchedFile(PhotoFile):
    """A photo whose decoding is timed by a stopwatch."""

    watch: Stopwatch = field(repr=False)

    def view(self, at_least: int | None = None) -> Photo:
        """Decode the photo; see `PhotoFile.view`."""
        with self.watch.part("decode"):
            return PhotoFile.view(self, at_least)


class _WatchedDetector:
    def __init__(self, detector: Detector, watch: Stopwatch) -> None:
        self._detector, self._watch = detector, watch

    def detect(self, image: RGBImage) -> list[Face]:
        with self._watch.part("detect"):
            return self._detector.detect(image)


class _WatchedEmbedder:
    def __init__(self, embedder: Embedder, watch: Stopwatch) -> None:
        self._embedder, self._watch = embedder, watch

    @property
    def identity(self) -> ModelIdentity:
        return self._embedder.identity

    @property
    def input_size(self) -> int:
        return self._embedder.input_size

    def crop(self, image: RGBImage, face: Face) -> NDArray[np.uint8]:
        with self._watch.part("align"):
            return self._embedder.crop(image, face)

    def embed(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        with self._watch.part("embed"):
            return self._embedder.embed(crops)
