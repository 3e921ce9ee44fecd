"""Put a model's weights into the cache, from a download or from files that the user has.

The files of facenet-pytorch and of MiniFASNet are pickles. `pickles` reads them once, running nothing, and
they are never kept. Intel's are kept as published, in one file of ours.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from faceunlock.errors import ModelError, SettingsError
from faceunlock.files.reading import NotAFileError, TooLargeError, read_file
from faceunlock.pipeline.models.architecture import RetailArchitecture
from faceunlock.pipeline.models.registry import Bundled, Download, ModelSpec, PublishedFile, Trained
from faceunlock.pipeline.weights import download, find, locate, published_layers
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

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


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
    return download.answers(source_url(spec.weights, spec.weights.files[0], mirror), timeout)


def source_url(source: Download, file: PublishedFile, mirror: str | None = None) -> str:
    """Return the URL of a published file; `mirror` replaces the folder it is published in."""
    return f"{(mirror or source.base).rstrip('/')}/{file.name}"


def pull(
    spec: ModelSpec,
    cache: Path,
    *,
    force: bool = False,
    mirror: str | None = None,
    file: Path | None = None,
    progress: Progress | None = None,
    deadline: float | None = None,
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
        The published file, downloaded some other way, or the folder that holds the published files.
    progress : callable, optional
        Called with the bytes of a download so far and in total.
    deadline : float, optional
        When to give up a download, in seconds of `time.monotonic`.

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
        ``bad-setting`` if the mirror's URL is not allowed; ``usage`` for a `file` of a model that comes in a
        package or in a folder.

    Notes
    -----
    If no checksum was published, it is recorded at the first pull. A later pull of a different file is
    refused, as `ssh` does with host keys.
    """
    source = spec.weights
    if file is not None and not isinstance(source, Download):
        raise SettingsError(
            "usage", f"the weights of {spec.id} are not downloaded, so there is no file to take them from"
        )
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
        data, origin = _obtain(
            spec, source, cache, mirror=mirror, file=file, progress=progress, deadline=deadline
        )
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
    deadline: float | None,
) -> tuple[dict[str, bytes], str]:
    """Return the content of the published files by their names, and the path or URL they came from."""
    if file is not None:
        return {one.name: _read_given(spec, one, path) for one, path in _given(source, file)}, str(
            file.absolute()
        )
    kept = _kept_by_torch(source)
    with suppress(OSError):  # missing or not readable: download it
        data = read_file(kept, 2 * spec.size_bytes)
        if sha256(data) == _expected_source(spec, cache):
            return {source.files[0].name: data}, str(kept)
    contents: dict[str, bytes] = {}
    done = 0
    for one in source.files:
        url = source_url(source, one, mirror)
        limit = one.size_bytes or 2 * spec.size_bytes
        step = None if progress is None else _shifted(progress, done, spec, alone=len(source.files) == 1)
        with temporary(cache) as output:
            download.fetch(url, output, limit=limit, progress=step, deadline=deadline)
            output.seek(0)
            contents[one.name] = output.read()
        _check(spec, one, contents[one.name], url)
        done += len(contents[one.name])
    return contents, url if len(source.files) == 1 else url.removesuffix(one.name)


def _shifted(progress: Progress, before: int, spec: ModelSpec, *, alone: bool) -> Progress:
    """Return what shows the progress of one file as a part of them all."""
    if alone:
        return progress
    return lambda done, total: progress(before + done, spec.size_bytes)


def _check(spec: ModelSpec, file: PublishedFile, data: bytes, origin: str) -> None:
    """Compare a file with what its publisher says of it."""
    if file.size_bytes not in (None, len(data)):
        raise corrupt(spec, f"{origin} has {len(data):,} bytes, not {file.size_bytes:,}")
    if file.checksum is None:
        return
    name = CHECKSUMS[len(file.checksum)]
    found = hashlib.new(name, data).hexdigest()
    if found != file.checksum:
        shown = f"{name[:3].upper()}-{name[3:]}"
        raise corrupt(spec, f"the {shown} of {origin} is {found}, not {file.checksum}")


CHECKSUMS = {64: "sha256", 96: "sha384"}
"""Kinds of published checksums by their number of hexadecimal digits."""


def _install(spec: ModelSpec, cache: Path, files: Mapping[str, bytes], origin: str) -> Path:
    """Check the published files and write the weights that are needed to the cache; return their path."""
    found, wanted = sha256(b"".join(files.values())), _expected_source(spec, cache)
    if wanted not in (None, found):
        raise unexpected_source(spec, cache, f"the checksum of {origin} is {found}, not {wanted}")
    # There is only one entry, since safetensors writes several in arbitrary order. So the same source gives
    # the same bytes, and replacing weights with the same ones never leaves a stale manifest.
    metadata = {"faceunlock": json.dumps({"format": FORMAT, "model": spec.id, "source_sha256": found})}
    from safetensors.numpy import save

    if isinstance(spec.architecture, RetailArchitecture):
        import numpy as np

        try:
            published_layers(spec, files)
        except ValueError as error:
            raise corrupt(spec, f"{origin}: {error}") from error
        contents = {name: np.frombuffer(data, dtype=np.uint8) for name, data in files.items()}
        return write(spec, cache, save(contents, metadata), origin, found)

    try:
        arrays = _arrays(spec, files)
    except ModelError as error:
        raise corrupt(spec, f"{origin}: {error.message}") from error
    return write(spec, cache, save(arrays, metadata), origin, found)


def _arrays(spec: ModelSpec, files: Mapping[str, bytes]) -> dict[str, NDArray[np.float32]]:
    """Return the weights in published files that are pickles."""
    if spec.purpose == "liveness":
        from faceunlock.pipeline.weights.minifasnet_format import read_checkpoints

        return read_checkpoints(files)
    from faceunlock.pipeline.weights.facenet_format import read_checkpoint

    (data,) = files.values()
    return read_checkpoint(data)


def _expected_source(spec: ModelSpec, cache: Path) -> str | None:
    """Return the published file's checksum from the registry, or as recorded when first seen, or None."""
    if spec.sha256 is not None:
        return spec.sha256
    manifest = read_manifest(spec, cache)
    return manifest.source_sha256 if manifest else None


def _given(source: Download, path: Path) -> list[tuple[PublishedFile, Path]]:
    """Return where each published file is, for the file or folder that the user names."""
    if len(source.files) == 1 and not path.is_dir():
        return [(source.files[0], path)]
    if len(source.files) > 1 and not path.is_dir():
        names = " and ".join(file.name for file in source.files)
        raise ModelError(
            "weights-missing", f"{path} is not a folder", hint=f"Give the folder that holds {names}."
        )
    return [(file, path / file.name) for file in source.files]


def _read_given(spec: ModelSpec, published: PublishedFile, file: Path) -> bytes:
    hint = f"Give the unchanged file {published.name}, as it was published."
    try:
        data = read_file(file, 2 * spec.size_bytes)
    except TooLargeError as error:
        too_large = f"{file} is too large to be the published file"
        raise ModelError("weights-corrupt", too_large, hint=hint) from error
    except NotAFileError as error:
        raise ModelError("weights-missing", f"{file} {error.strerror}", hint=hint) from error
    except OSError as error:
        raise ModelError("weights-missing", f"{file} cannot be read: {error.strerror}", hint=hint) from error
    _check(spec, published, data, str(file))
    return data


def _kept_by_torch(source: Download) -> Path:
    """Return the path where facenet-pytorch itself would have put its download."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    home = Path(os.path.expanduser(os.environ.get("TORCH_HOME") or Path(base) / "torch"))  # noqa: PTH111
    return home / "checkpoints" / source.files[0].name
