"""Put a model's weights into the cache, from a download or from a file that the user has.

Published files are pickles. `pickles` reads them once, running nothing, and they are never kept.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path

from faceunlock.errors import ModelError
from faceunlock.files.reading import NotAFileError, TooLargeError, read_file
from faceunlock.pipeline.models.registry import Bundled, Download, ModelSpec, Trained
from faceunlock.pipeline.weights import download, find, locate
from faceunlock.pipeline.weights.cache import (
    FORMAT,
    corrupt,
    missing,
    read_manifest,
    sha256,
    temporary,
    unexpected_source,
    write,
    writing,
)
from faceunlock.pipeline.weights.download import Progress


def can_fetch(spec: ModelSpec, mirror: str | None = None, timeout: float = 3.0) -> bool:
    """Return whether a model's weights are available right now.

    They may come from a package, from facenet-pytorch's own cache, or from a server that answers.

    Parameters
    ----------
    spec : ModelSpec
        The model.
    mirror : str, optional
        As for `pull`.
    timeout : float
        Total time limit in seconds; no answer by then counts as no.

    Raises
    ------
    SettingsError
        ``bad-setting`` if the mirror's URL is not allowed.
    """
    if not isinstance(spec.weights, Download):
        return find(spec, Path()).status == "present"
    with suppress(OSError):
        if spec.sha256 and _kept_by_torch(spec.weights).stat().st_size == spec.size_bytes:
            return True
    return download.answers(source_url(spec.weights, mirror), timeout)


def source_url(source: Download, mirror: str | None = None) -> str:
    """Return the URL of published weights; `mirror` replaces the folder they are published in."""
    return f"{(mirror or source.base).rstrip('/')}/{source.file}"


def pull(
    spec: ModelSpec,
    cache: Path,
    *,
    force: bool = False,
    mirror: str | None = None,
    file: Path | None = None,
    progress: Progress | None = None,
) -> Path:
    """Put a model's weights into the cache, unless they are already there, and return their path.

    The source is `file` if given, else facenet-pytorch's own cache if the checksum there is right, else a
    download. Two pulls at the same time are safe: the second waits and finds the work done.

    Parameters
    ----------
    spec : ModelSpec
        The model; if its weights are in a package, there is nothing to pull.
    cache : Path
        The cache directory; created if it does not exist.
    force : bool
        Pull even if the weights are already there.
    mirror : str, optional
        URL of a folder that offers the same file names; HTTPS, or HTTP on a loopback address.
    file : Path, optional
        The published ``.pt`` file, downloaded some other way.
    progress : callable, optional
        Called with the bytes of a download so far and in total.

    Returns
    -------
    Path
        Path of the weights.

    Raises
    ------
    ModelError
        ``download-failed``, ``weights-corrupt``, ``weights-missing`` (no such `file`, or the package is not
        installed), ``weights-unwritable`` or ``insecure-permissions``. No broken file is left behind.
    SettingsError
        ``bad-setting`` if the mirror's URL is not allowed.

    Notes
    -----
    If no checksum was published, it is recorded at the first pull. A later pull of a different file is
    refused, as `ssh` does with host keys.
    """
    source = spec.weights
    if isinstance(source, Bundled):
        return _bundled_path(spec)
    if isinstance(source, Trained):
        raise missing(spec)
    path = locate(spec, cache)
    if path is not None and not force and file is None:
        return path
    with writing(spec, cache):
        path = locate(spec, cache)
        if path is not None and not force and file is None:
            return path
        data, origin = _obtain(spec, source, cache, mirror=mirror, file=file, progress=progress)
        return _install(spec, cache, data, origin)


def _bundled_path(spec: ModelSpec) -> Path:
    state = find(spec, Path())
    if state.path is None:
        raise missing(spec)
    if state.problem:
        raise corrupt(spec, state.problem)
    return state.path


def _obtain(
    spec: ModelSpec,
    source: Download,
    cache: Path,
    *,
    mirror: str | None,
    file: Path | None,
    progress: Progress | None,
) -> tuple[bytes, str]:
    """Return the content of the published file, and the path or URL it came from."""
    limit = 2 * spec.size_bytes
    if file is not None:
        return _read_given(file, limit), str(file.absolute())
    kept = _kept_by_torch(source)
    with suppress(OSError):  # missing or not readable: download it
        data = read_file(kept, limit)
        if sha256(data) == _expected_source(spec, cache):
            return data, str(kept)
    url = source_url(source, mirror)
    with temporary(cache) as output:
        download.fetch(url, output, limit=limit, progress=progress)
        output.seek(0)
        return output.read(), url


def _install(spec: ModelSpec, cache: Path, data: bytes, origin: str) -> Path:
    """Check the published file and write the weights that are needed to the cache; return their path."""
    found, wanted = sha256(data), _expected_source(spec, cache)
    if wanted not in (None, found):
        raise unexpected_source(spec, cache, f"the checksum of {origin} is {found}, not {wanted}")

    from safetensors.numpy import save

    from faceunlock.pipeline.weights.facenet_format import read_checkpoint

    try:
        arrays = read_checkpoint(data)
    except ModelError as error:
        raise corrupt(spec, f"{origin}: {error.message}") from error
    # There is only one entry, since safetensors writes several in arbitrary order. So the same source gives
    # the same bytes, and replacing weights with the same ones never leaves a stale manifest.
    metadata = {"faceunlock": json.dumps({"format": FORMAT, "model": spec.id, "source_sha256": found})}
    content: bytes = save(arrays, metadata)
    return write(spec, cache, content, origin, found)


def _expected_source(spec: ModelSpec, cache: Path) -> str | None:
    """Return the published file's checksum from the registry, or as recorded when first seen, or None."""
    if spec.sha256 is not None:
        return spec.sha256
    manifest = read_manifest(spec, cache)
    return manifest.source_sha256 if manifest else None


def _read_given(file: Path, limit: int) -> bytes:
    hint = "Give the unchanged .pt file of the release."
    try:
        return read_file(file, limit)
    except TooLargeError as error:
        too_large = f"{file} is too large to be the published file"
        raise ModelError("weights-corrupt", too_large, hint=hint) from error
    except NotAFileError as error:
        raise ModelError("weights-missing", f"{file} {error.strerror}", hint=hint) from error
    except OSError as error:
        raise ModelError("weights-missing", f"{file} cannot be read: {error.strerror}", hint=hint) from error


def _kept_by_torch(source: Download) -> Path:
    """Return the path where facenet-pytorch itself would have put its download."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    home = Path(os.path.expanduser(os.environ.get("TORCH_HOME") or Path(base) / "torch"))  # noqa: PTH111
    return home / "checkpoints" / source.file
