"""Find, check and read a model's weights, in an installed package, the cache or a model folder."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from faceunlock.errors import ModelError
from faceunlock.files.packages import find_in_package
from faceunlock.files.reading import LARGE, read_file
from faceunlock.files.trust import refuse_if_others_write
from faceunlock.pipeline.models.architecture import RetailArchitecture
from faceunlock.pipeline.models.folder import TRAIN_AGAIN, weights_file
from faceunlock.pipeline.models.registry import Bundled, Download, ModelSpec, Trained
from faceunlock.pipeline.weights.cache import (
    corrupt,
    missing,
    read_manifest,
    sha256,
    weights_path,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from faceunlock.pipeline.runtime.layers import Layer


@dataclass(frozen=True, slots=True)
class WeightsState:
    """The state of a model's weights on this machine.

    Attributes
    ----------
    model : str
        Id of the model.
    status : {"present", "absent", "corrupt"}
        ``present`` means that the size is right and, after `verify`, the checksum too.
    path : Path or None
        The weights file, if there is one.
    size_bytes : int or None
        Size of the file.
    sha256 : str or None
        Checksum of the published files, which templates record; None if it is not known yet.
    source : str or None
        URL, file or package that the weights came from.
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
    """Return the state of a model's weights, judged by names and sizes alone; reads no weights.

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
    """Return the path of a model's weights, or None if they are absent or obviously corrupt."""
    state = find(spec, cache)
    return state.path if state.status == "present" else None


def verify(spec: ModelSpec, cache: Path) -> WeightsState:
    """Return the state like `find`, but also read the weights and compare their checksum."""
    state = find(spec, cache)
    if state.status != "present":
        return state
    try:
        if isinstance(spec.weights, Trained):
            checked_sha256(spec)
        else:
            _read_trusted(spec, cache, state)
    except ModelError as error:
        return replace(state, status="corrupt", problem=error.message)
    return state


def load(spec: ModelSpec, cache: Path) -> Weights:
    """Read a model's weights, check them and return them.

    Parameters
    ----------
    spec : ModelSpec
        The model.
    cache : Path
        The cache directory.

    Raises
    ------
    ModelError
        ``weights-missing``; ``weights-corrupt`` if the size, checksum or content differs from the record;
        ``insecure-permissions`` if other users could have written the weights.
    """
    state, sha256 = _trusted(spec, cache)
    data = _read_trusted(spec, cache, state)
    if isinstance(spec.weights, Bundled) and spec.weights.file.endswith(".dat"):
        from faceunlock.pipeline.weights.dlib_format import parse

        return Weights(parse(data), sha256)
    from faceunlock.pipeline.weights.storage import UNREADABLE, read

    if spec.architecture is not None:
        try:
            return Weights(read(data, spec.architecture), sha256)
        except ValueError as error:
            raise corrupt(spec, str(error)) from error
    from safetensors import SafetensorError
    from safetensors.numpy import load as parse_safetensors

    try:
        return Weights(parse_safetensors(data), sha256)
    except (*UNREADABLE, SafetensorError) as error:
        raise corrupt(spec, str(error)) from error


def load_layers(spec: ModelSpec, cache: Path) -> list[Layer]:
    """Read a network whose published files hold its layers, and check them.

    Parameters
    ----------
    spec : ModelSpec
        A model of `RetailArchitecture`.
    cache : Path
        The cache directory.

    Raises
    ------
    ModelError
        As `load`.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load as parse_safetensors

    from faceunlock.pipeline.weights.storage import UNREADABLE

    state, _ = _trusted(spec, cache)
    try:
        files = parse_safetensors(_read_trusted(spec, cache, state))
        return published_layers(spec, {name: array.tobytes() for name, array in files.items()})
    except (*UNREADABLE, SafetensorError) as error:
        raise corrupt(spec, str(error)) from error


def published_layers(spec: ModelSpec, files: Mapping[str, bytes]) -> list[Layer]:
    """Return the layers in the published files of a model.

    Parameters
    ----------
    spec : ModelSpec
        A model of `RetailArchitecture`.
    files : mapping of str to bytes
        Content of each file by its name.

    Raises
    ------
    ValueError
        If they do not describe such a network.
    """
    from faceunlock.pipeline.weights.openvino_format import read_layers

    if not isinstance(spec.weights, Download) or not isinstance(spec.architecture, RetailArchitecture):
        raise TypeError(f"the published files of {spec.id} hold no layers")
    description, numbers = (files[file.name] for file in spec.weights.files)
    return read_layers(description, numbers, side=spec.input_size, dimension=spec.dimension)


def trusted_sha256(spec: ModelSpec, cache: Path) -> str:
    """Return the checksum that templates record; reads no weights.

    Raises
    ------
    ModelError
        ``weights-missing`` if the weights are absent, or ``weights-corrupt``.
    """
    return _trusted(spec, cache)[1]


def _trusted(spec: ModelSpec, cache: Path) -> tuple[WeightsState, str]:
    state = find(spec, cache)
    if state.status == "absent":
        raise missing(spec)
    if state.status == "corrupt" or state.sha256 is None:
        raise corrupt(spec, state.problem or "their checksum is not recorded")
    return state, state.sha256


def _find_bundled(spec: ModelSpec, source: Bundled) -> WeightsState:
    path = find_in_package(source.package, source.file)
    if path is None:
        return WeightsState(spec.id, "absent", sha256=spec.sha256, source=source.package)
    size = path.stat().st_size
    problem = None if size == spec.size_bytes else f"{path} has {size:,} bytes, not {spec.size_bytes:,}"
    status: Literal["present", "corrupt"] = "corrupt" if problem else "present"
    return WeightsState(spec.id, status, path, size, spec.sha256, source.package, problem)


def _find_trained(spec: ModelSpec, source: Trained) -> WeightsState:
    from faceunlock.pipeline.models.folder import weights_file

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
        problem = f"{path} was not made from the published file"
    status: Literal["present", "corrupt"] = "corrupt" if problem else "present"
    return WeightsState(spec.id, status, path, size, manifest.source_sha256, manifest.source, problem)


def _read_trusted(spec: ModelSpec, cache: Path, state: WeightsState) -> bytes:
    """Return the bytes of weights that are present, after checking permissions (cache only) and checksum."""
    path = state.path
    manifest = None if isinstance(spec.weights, Bundled) else read_manifest(spec, cache)
    wanted = manifest.sha256 if manifest else spec.sha256
    if path is None:
        raise missing(spec)
    try:
        # A package is where its installer put it; only the cache's permissions are ours to check.
        for private in (path.parent, path) if manifest else ():
            refuse_if_others_write(private)
        data = read_file(path, LARGE)
    except OSError as error:
        raise corrupt(spec, f"{path} cannot be read: {error.strerror}") from error
    if sha256(data) != wanted:
        raise corrupt(spec, f"the checksum of {path} is {sha256(data)}, not {wanted}")
    return data


def read_weights(spec: ModelSpec) -> dict[str, NDArray[np.float32]]:
    """Return the weights in a model's folder, in any storage format, after checking them against its record.

    Raises
    ------
    ModelError
        ``weights-missing``, ``weights-corrupt`` or ``insecure-permissions``.
    """
    from faceunlock.pipeline.weights.storage import read

    if spec.architecture is None:
        raise TypeError(f"{spec.id} is not a model in a folder")
    data = _trusted_bytes(spec)
    try:
        return read(data, spec.architecture)
    except ValueError as error:
        raise _corrupt(spec, "they do not fit the architecture in the record") from error


def checked_sha256(spec: ModelSpec) -> str:
    """Compute the checksum of a model's weights and return it if it matches the record.

    Raises
    ------
    ModelError
        ``weights-missing``, ``weights-corrupt`` or ``insecure-permissions``.
    """
    _trusted_bytes(spec)
    return str(spec.sha256)


def _trusted_bytes(spec: ModelSpec) -> bytes:
    path = weights_file(spec)
    try:
        refuse_if_others_write(path)
        data = read_file(path, LARGE)
    except FileNotFoundError as error:
        raise ModelError("weights-missing", f"{path} is missing", hint=TRAIN_AGAIN) from error
    except OSError as error:
        raise _corrupt(spec, f"{path} cannot be read: {error.strerror}") from error
    found = hashlib.sha256(data).hexdigest()
    if found != spec.sha256:
        raise _corrupt(spec, f"the checksum of {path} is {found}, not {spec.sha256}")
    return data


def _corrupt(spec: ModelSpec, detail: str) -> ModelError:
    return ModelError(
        "weights-corrupt", f"the weights of {spec.id} cannot be trusted: {detail}", hint=TRAIN_AGAIN
    )
