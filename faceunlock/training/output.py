"""The folder of a model, during training and afterwards; ``model.json`` is written last."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from faceunlock.errors import TrainingError
from faceunlock.files.file_system import lock
from faceunlock.files.private import make_private_directories, remove_leftovers
from faceunlock.pipeline.models.architecture import Architecture
from faceunlock.pipeline.models.folder import RECORD, WEIGHTS, make_id, record
from faceunlock.training.checkpoint import CHECKPOINT, write_file

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from faceunlock.pipeline.weights.storage import Storage

SHEET, CURVES, CARD, CARD_DATA = "augmentations.png", "curves.png", "card.md", "card.json"

OURS = frozenset(
    {RECORD, WEIGHTS, CHECKPOINT, SHEET, CURVES, CARD, CARD_DATA, "head.json", "head.safetensors"}
)
"""Files that a training may leave in its folder, and may therefore remove."""


@contextmanager
def model_folder(folder: Path, *, resume: bool, overwrite: bool) -> Iterator[None]:
    """Lock the folder of a model for one training.

    Parameters
    ----------
    folder : Path
        Created with mode 0700 if it does not exist; removed again if nothing is written to it.
    resume : bool
        Whether it may contain an unfinished training.
    overwrite : bool
        Whether a model or an unfinished training in it may be deleted; see `clear_folder`.

    Raises
    ------
    TrainingError
        ``file-exists`` if it contains anything else; ``file-unwritable``, also while another training
        has it locked; ``locks-unsupported``.
    """
    made = [path for path in (folder.absolute(), *folder.absolute().parents) if not path.exists()]
    try:
        make_private_directories(folder.absolute())
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise TrainingError("file-unwritable", f"{folder} cannot be created: {error.strerror}") from error
    try:
        try:
            free = lock(descriptor, folder, TrainingError, wait=False)
        except OSError as error:
            raise TrainingError("file-unwritable", f"{folder} cannot be locked: {error.strerror}") from error
        if not free:
            raise TrainingError(
                "file-unwritable",
                f"another training is writing to {folder}",
                hint="Wait for it to finish, or stop it.",
            )
        remove_leftovers(folder, older_than=-1.0)  # left by a killed training; no other process writes here
        _check(folder, resume=resume, overwrite=overwrite)
        yield
    finally:
        os.close(descriptor)
        with suppress(OSError):  # not empty: the training wrote something
            for path in made:
                path.rmdir()


def _check(folder: Path, *, resume: bool, overwrite: bool) -> None:
    found = {path.name for path in folder.iterdir() if not path.name.startswith(".faceunlock-")}
    if not found <= OURS:
        stranger = sorted(found - OURS)[0]
        raise TrainingError(
            "file-exists",
            f"{folder} contains something other than a model: {stranger}",
            hint="Name a folder that does not exist yet.",
        )
    if overwrite:
        return
    if RECORD in found:
        raise TrainingError(
            "file-exists",
            f"{folder} holds a finished model",
            hint="Choose another folder, or use --overwrite to train it again.",
        )
    if CHECKPOINT in found and not resume:
        raise TrainingError(
            "file-exists",
            f"{folder} holds an unfinished training",
            hint="Continue it with --resume, or start again with --overwrite.",
        )


def clear_folder(folder: Path) -> None:
    """Delete the files that a training left in its folder.

    Raises
    ------
    TrainingError
        ``file-unwritable``.
    """
    # Delete the record first: without it, the folder does not count as a model.
    for name in (RECORD, *sorted(OURS - {RECORD})):
        try:
            (folder / name).unlink(missing_ok=True)
        except OSError as error:
            raise TrainingError(
                "file-unwritable", f"{folder / name} cannot be removed: {error.strerror}"
            ) from error


def write_weights(
    folder: Path, packed: dict[str, NDArray[Any]], architecture: Architecture, storage: Storage
) -> tuple[str, int]:
    """Write the weights; return their checksum and their size in bytes.

    Parameters
    ----------
    folder : Path
        Folder of the model.
    packed : dict of str to ndarray
        As returned by `faceunlock.pipeline.weights.storage.pack` for `storage`.
    architecture : Architecture
    storage : {"float32", "int8"}

    Raises
    ------
    TrainingError
        ``file-unwritable``.
    """
    from faceunlock.pipeline.weights.storage import write

    content = write(packed, architecture, storage)
    write_file(folder / WEIGHTS, content)
    return hashlib.sha256(content).hexdigest(), len(content)


def make_record(
    name: str,
    architecture: Architecture,
    sha256: str,
    size_bytes: int,
    *,
    threshold: float,
    threshold_data: str,
    training_data: str,
    created: str,
) -> dict[str, Any]:
    """Return the content of ``model.json``.

    Parameters
    ----------
    name : str
        Name of the folder.
    architecture : Architecture
    sha256, size_bytes : str, int
        Checksum and size of the weights.
    threshold : float
        A first guess, in [-1, 1].
    threshold_data, training_data : str
        Where the threshold comes from, and what the weights were trained on.
    created : str
        When the model was created, in ISO 8601.
    """
    from faceunlock.matching.calibration import Calibration

    model = make_id(name, sha256)
    calibration = Calibration(
        model=model,
        weights_sha256=sha256,
        preprocessing=architecture.preprocessing,
        threshold=threshold,
        target_fmr=None,
        status="not-calibrated",
        data=threshold_data,
        created=created,
    )
    return record(architecture.to_dict(), calibration.to_dict(), model, sha256, size_bytes, training_data)


def finish(folder: Path, content: dict[str, Any]) -> None:
    """Write ``model.json``, which makes the folder a model; then delete the checkpoint.

    Raises
    ------
    TrainingError
        ``file-unwritable``.
    """
    write_json(folder / RECORD, content)
    with suppress(OSError):
        (folder / CHECKPOINT).unlink(missing_ok=True)


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write plain JSON values to a file; raise `TrainingError` ``file-unwritable`` if that fails."""
    write_file(path, (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode())
