"""Try to get weights that nobody asked for by name: briefly, and not again for an hour if it failed.

``weights/ID.tried`` remembers a failure: its content is the URL, its time of change is when.
"""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from pathlib import Path

from faceunlock.errors import ModelError
from faceunlock.files.private import atomic_write, make_private_directories
from faceunlock.files.reading import SMALL, read_file
from faceunlock.pipeline.models.registry import Download, ModelSpec
from faceunlock.pipeline.weights.cache import folder
from faceunlock.pipeline.weights.download import Progress
from faceunlock.pipeline.weights.pull import can_fetch, pull, source_url

_log = logging.getLogger(__name__)

ANSWER_SECONDS = 1.8
"""How long a server may take to answer at all; without a network nobody waits longer than this."""

FETCH_SECONDS = 8.0
"""How long the download may take once the server has answered."""

AGAIN_AFTER = 3600.0
"""Seconds after a failure in which there is no other attempt."""

TEMPORARY = {"download-failed", "weights-unwritable", "locks-unsupported"}
"""Errors for which another model can be used instead; wrong weights are an error for everybody."""


def try_to_pull(
    spec: ModelSpec, cache: Path, *, mirror: str | None = None, progress: Progress | None = None
) -> bool:
    """Put a model's weights into the cache if that takes only seconds, and return whether they are there.

    Parameters
    ----------
    spec, cache, mirror, progress
        As for `faceunlock.pipeline.weights.pull.pull`.

    Raises
    ------
    ModelError
        ``weights-corrupt`` if something else was downloaded; ``insecure-permissions``.
    SettingsError
        ``bad-setting`` if the mirror's URL is not allowed.
    """
    if not isinstance(spec.weights, Download):
        return can_fetch(spec)
    url = source_url(spec.weights, spec.weights.files[0], mirror)
    if _failed_lately(spec, cache, url):
        return False
    if can_fetch(spec, mirror, ANSWER_SECONDS):
        _log.warning(
            "Downloading the weights of %s (%.0f MB), only this once", spec.id, spec.size_bytes / 1e6
        )
        deadline = time.monotonic() + FETCH_SECONDS
        try:
            pull(spec, cache, mirror=mirror, progress=progress, deadline=deadline)
            return True
        except ModelError as error:
            if error.slug not in TEMPORARY:
                raise
            _log.info("%s", error.message)
    _remember(spec, cache, url)
    return False


def _tried(spec: ModelSpec, cache: Path) -> Path:
    return folder(cache) / f"{spec.id}.tried"


def _failed_lately(spec: ModelSpec, cache: Path, url: str) -> bool:
    path = _tried(spec, cache)
    try:
        # A time in the future is that of another clock.
        lately = 0 <= time.time() - path.stat().st_mtime < AGAIN_AFTER
        return lately and read_file(path, SMALL) == url.encode()
    except OSError:
        return False


def _remember(spec: ModelSpec, cache: Path, url: str) -> None:
    # Where it cannot be remembered, the next command asks again.
    with suppress(OSError, ModelError):
        make_private_directories(folder(cache))
        atomic_write(_tried(spec, cache), url.encode())
