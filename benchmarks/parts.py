"""Where the time of one `faceunlock verify` goes, from the start of Python to the answer.

Run: python benchmarks/parts.py PHOTO --home HOME --as NAME [--runs 7]

Every run is a separate process. It imports what the program imports, then runs the program with its parts
timed. The time of an inner part is subtracted from the outer one, so the parts of the main thread add up.
Networks open in threads meanwhile; the longest of these is shown separately and is not in the sum. Imports
run one after the other here, so that each has its own time; in the program some overlap.
"""

from __future__ import annotations

import argparse
import functools
import json
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

WHOLE = "all of it"
REST = "command line, words, everything else"
IN_THREAD = "thread: "


class Stopwatch:
    """Adds up the time of each part, without the parts inside it."""

    def __init__(self) -> None:
        self.parts: dict[str, float] = defaultdict(float)
        self._stack: list[tuple[str, float]] = []

    @property
    def names(self) -> list[str]:
        """The parts that are running, the innermost last."""
        return [name for name, _ in self._stack]

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Time what the main thread does in this block."""
        self._stack.append((name, 0.0))
        started = time.perf_counter()
        try:
            yield
        finally:
            took = time.perf_counter() - started
            _, inner = self._stack.pop()
            self.parts[name] += took - inner
            if self._stack:
                outer, seconds = self._stack.pop()
                self._stack.append((outer, seconds + took))

    @contextmanager
    def thread(self, name: str) -> Iterator[None]:
        """Time what another thread does in this block; the longest time counts."""
        started = time.perf_counter()
        yield
        name = IN_THREAD + name
        self.parts[name] = max(self.parts[name], time.perf_counter() - started)

    def wrap(self, owner: Any, attribute: str, name: str) -> None:
        """Time every call of a function or method."""
        original: Callable[..., Any] = getattr(owner, attribute)

        @functools.wraps(original)
        def timed(*arguments: Any, **options: Any) -> Any:
            with self.part(name):
                return original(*arguments, **options)

        setattr(owner, attribute, timed)


def run_once(begun: float, arguments: list[str]) -> dict[str, float]:
    """Run the program in this process and return the seconds of each part.

    `begun` is the start of the process on the clock of `time.monotonic`.
    """
    watch = Stopwatch()
    watch.parts["start of Python"] = time.monotonic() - begun
    with watch.part("import the command line"):
        from faceunlock.cli import run
    with watch.part("import NumPy"):
        import numpy  # noqa: F401
    with watch.part("import Pillow"):
        from PIL import Image, JpegImagePlugin, features  # noqa: F401
    with watch.part("import the library"):
        _wrap_pieces(watch)
    with watch.part(REST):
        run(arguments)
    watch.parts[WHOLE] = time.monotonic() - begun
    return dict(watch.parts)


def _wrap_pieces(watch: Stopwatch) -> None:
    import typer.main

    from faceunlock.gallery.gallery import gallery
    from faceunlock.matching.similarity import similarity as matching
    from faceunlock.photos import photo as photos
    from faceunlock.pipeline import acquisition
    from faceunlock.pipeline import detection as detectors
    from faceunlock.pipeline import embedding as embedders
    from faceunlock.pipeline.detection import mtcnn
    from faceunlock.pipeline.embedding import aligned, facenet
    from faceunlock.pipeline.runtime import opening
    from faceunlock.tasks import models

    watch.wrap(typer.main, "get_command", "build the command line")
    for method in ("get", "people", "calibration", "close"):
        watch.wrap(gallery.Gallery, method, "gallery")
    watch.wrap(models.Models, "calibration", "calibration")
    watch.wrap(photos, "load_photo", "read the file")
    watch.wrap(photos.PhotoFile, "view", "decode")
    watch.wrap(detectors, "load_detector", "find the detector's weights")
    watch.wrap(embedders, "load_embedder", "find the embedder's weights")
    watch.wrap(mtcnn.MTCNN, "detect", "detect")
    watch.wrap(acquisition, "measure_quality", "quality")
    for embedder in (aligned.AlignedEmbedder, facenet.FaceNetEmbedder):
        watch.wrap(embedder, "crop", "crop")
        watch.wrap(embedder, "embed", "embed")
    watch.wrap(matching, "decide", "decide")
    _wrap_opening(watch, opening.Opening)


def _wrap_opening(watch: Stopwatch, opening: Any) -> None:
    start, call = opening.__init__, opening.__call__

    @functools.wraps(start)
    def timed_start(self: Any, open_network: Callable[[], Any]) -> None:
        def timed_open() -> Callable[[Any], Any]:
            with watch.thread("import ONNX Runtime"):
                import faceunlock.pipeline.runtime.conversion
                import faceunlock.pipeline.runtime.onnx_runtime  # noqa: F401
            with watch.thread("check and open a network"):
                network = open_network()

            def timed_network(batch: Any) -> Any:
                caller = next(name for name in reversed(watch.names) if name in ("detect", "embed"))
                with watch.part(f"{caller}: networks"):
                    return network(batch)

            return timed_network

        start(self, timed_open)

    @functools.wraps(call)
    def timed_call(self: Any, batch: Any) -> Any:
        with watch.part("wait for the networks to open"):
            return call(self, batch)

    opening.__init__, opening.__call__ = timed_start, timed_call


def measure(arguments: list[str], runs: int) -> dict[str, float]:
    """Return the median seconds of every part over `runs` processes, after one warm-up process."""
    found: dict[str, list[float]] = defaultdict(list)
    for number in range(runs + 1):
        command = [sys.executable, __file__, "--once", repr(time.monotonic()), *arguments]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode:
            sys.exit(f"{' '.join(command)}\n{result.stderr}")
        if number:
            for part, seconds in json.loads(result.stdout.splitlines()[-1]).items():
                found[part].append(seconds)
    return {part: statistics.median(times) for part, times in found.items()}


def show(title: str, parts: dict[str, float]) -> None:
    """Print the parts in the order in which they first ended, those of threads last."""
    print(f"\n{title}: parts, medians in milliseconds")
    for part, seconds in sorted(parts.items(), key=lambda item: item[0].startswith(IN_THREAD)):
        if part != WHOLE:
            print(f"  {part:<42} {1000 * seconds:>7.1f}")
    print(f"  {WHOLE:<42} {1000 * parts[WHOLE]:>7.1f}")


def main() -> None:
    """Measure and print."""
    if sys.argv[1:2] == ["--once"]:
        print(json.dumps(run_once(float(sys.argv[2]), sys.argv[3:])))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photo", type=Path)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--as", dest="name", required=True)
    parser.add_argument("--runs", type=int, default=7)
    arguments = parser.parse_args()
    command = ["--home", str(arguments.home), "verify", str(arguments.photo), "--as", arguments.name]
    command.append("--threshold=-1")  # always yes: after five times no, verify would be locked out
    show(arguments.photo.name, measure(command, arguments.runs))


if __name__ == "__main__":
    main()
