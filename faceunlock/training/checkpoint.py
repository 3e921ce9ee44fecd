"""The state of a training on disk, from which a killed run resumes as if nothing had happened.

It holds no generator state: batches and variations depend only on seed, epoch and position, so the position
in the run is enough. The file begins with the checksum of the rest, which is read without running anything
that it may hold.
"""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from faceunlock.errors import TrainingError
from faceunlock.files.outputs import noted
from faceunlock.files.private import atomic_write
from faceunlock.files.reading import LARGE, parse_json, read_file
from faceunlock.pipeline.weights.pickles import UNREADABLE, load_plain
from faceunlock.training.validation import Validation

CHECKPOINT = "checkpoint.pt"
FORMAT = 1

State = dict[str, Any]


@dataclass(frozen=True, slots=True)
class EpochRecord:
    """The record of one pass over the photos.

    Attributes
    ----------
    epoch : int
        Number of the epoch, starting at 1.
    loss : float
        Mean over the photos of the epoch.
    images, seconds : int, float
        Number of photos trained on, and how long that took.
    validation : Validation or None
        Results of the averaged weights; None if nobody is held out.
    best : bool
        Whether these weights are the best so far.
    """

    epoch: int
    loss: float
    images: int
    seconds: float
    validation: Validation | None
    best: bool

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes as plain JSON values."""
        values: dict[str, Any] = {name: getattr(self, name) for name in self.__slots__}
        return {**values, "validation": None if self.validation is None else self.validation.to_dict()}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> EpochRecord:
        """Read what `to_dict` wrote; raises one of `UNREADABLE` for anything else."""
        validation = data["validation"]
        record = cls(
            **{**data, "validation": None if validation is None else Validation.from_dict(validation)}
        )
        whole, numbers = (record.epoch, record.images), (record.loss, record.seconds)
        if not all(type(number) is int for number in whole) or type(record.best) is not bool:
            raise ValueError("not the record of an epoch")
        if not all(type(number) in (int, float) for number in numbers):
            raise ValueError("not the record of an epoch")
        return record


@dataclass(slots=True)
class TrainingState:
    """The current position of a training.

    Attributes
    ----------
    epoch, step : int
        The current epoch, and how many of its steps are done.
    loss_sum, images, seconds : float, int, float
        Sum of the loss over the photos, number of photos, and time taken, all in the current epoch.
    history : list of EpochRecord
        The finished epochs.
    """

    epoch: int = 1
    step: int = 0
    loss_sum: float = 0.0
    images: int = 0
    seconds: float = 0.0
    history: list[EpochRecord] = field(default_factory=list)

    def close_epoch(self, validation: Validation | None, best: bool) -> EpochRecord:
        """Move on to the next epoch; return the record of this one."""
        loss = self.loss_sum / max(1, self.images)
        record = EpochRecord(self.epoch, loss, self.images, self.seconds, validation, best)
        self.history.append(record)
        self.epoch, self.step, self.loss_sum, self.images, self.seconds = self.epoch + 1, 0, 0.0, 0, 0.0
        return record


def write_checkpoint(folder: Path, made_from: dict[str, Any], progress: TrainingState, state: State) -> None:
    """Write the state of a training.

    Parameters
    ----------
    folder : Path
        The folder of the model.
    made_from : dict
        Recipe and photos as plain JSON values; only a run with the same values may resume.
    progress : TrainingState
    state : dict
        Tensors in dicts, as returned by torch's ``state_dict``.

    Raises
    ------
    TrainingError
        ``file-unwritable``; an older checkpoint then remains.
    """
    plain = {name: getattr(progress, name) for name in progress.__slots__ if name != "history"}
    plain["history"] = [record.to_dict() for record in progress.history]
    content = io.BytesIO()
    torch.save(
        {"format": FORMAT, "made_from": json.dumps(made_from), "progress": json.dumps(plain), "state": state},
        content,
    )
    data = content.getvalue()
    write_file(folder / CHECKPOINT, hashlib.sha256(data).digest() + data)


def read_checkpoint(folder: Path, made_from: dict[str, Any]) -> tuple[TrainingState, State] | None:
    """Return the position and the state of a training; None if there is no checkpoint.

    Raises
    ------
    TrainingError
        ``checkpoint-damaged``; ``training-mismatch`` if `made_from` is different; ``file-unreadable``.
    """
    path = folder / CHECKPOINT
    try:
        data = read_file(path, LARGE)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise TrainingError("file-unreadable", f"{path} cannot be read: {error.strerror}") from error
    if hashlib.sha256(data[32:]).digest() != data[:32]:
        raise TrainingError("checkpoint-damaged", f"{path} is not a complete checkpoint")
    try:
        content = load_plain(data[32:])
        if content["format"] != FORMAT:
            raise TrainingError(
                "checkpoint-damaged", f"{path} was written by a different version of faceunlock"
            )
        before, progress, state = _parsed(content)
    except UNREADABLE as error:
        raise TrainingError("checkpoint-damaged", f"{path} does not hold the state of a training") from error
    now = json.loads(json.dumps(made_from))
    if before != now:
        changed = ", ".join(sorted(_differences(before, now)))
        raise TrainingError("training-mismatch", f"{path} belongs to a training that differs in: {changed}")
    return progress, state


def _parsed(content: dict[str, Any]) -> tuple[dict[str, Any], TrainingState, State]:
    """Return what the training was made from, its position and its state; see `UNREADABLE` for the errors."""
    before, plain = parse_json(content["made_from"]), parse_json(content["progress"])
    history = [EpochRecord.from_dict(record) for record in plain.pop("history")]
    progress = TrainingState(**plain, history=history)
    counts = (progress.epoch, progress.step, progress.images)
    numbers = (*counts, progress.loss_sum, progress.seconds)
    known = all(type(count) is int and count >= 0 for count in counts) and progress.epoch >= 1
    if not known or not all(isinstance(number, int | float) for number in numbers):
        raise ValueError("not the position of a training")
    state: State = content["state"]
    if not isinstance(before, dict) or not isinstance(state, dict):
        raise ValueError("not the state of a training")
    return before, progress, _with_tensors(state)


def _with_tensors(value: Any) -> Any:
    """Return plain values as they are, with a tensor in the place of every array."""
    if isinstance(value, np.ndarray):
        return torch.from_numpy(np.require(value, requirements="W"))
    if isinstance(value, dict):
        return {key: _with_tensors(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(_with_tensors, value))
    return value


def _differences(before: dict[str, Any], now: dict[str, Any]) -> set[str]:
    return {
        name.replace("_", " ") for name in before.keys() | now.keys() if before.get(name) != now.get(name)
    }


def write_file(path: Path, content: bytes) -> None:
    """Write a file in the model's folder, completely or not at all.

    Raises
    ------
    TrainingError
        ``file-unwritable``.
    """
    try:
        with noted(path, "Continue it with --resume instead of --overwrite."):
            atomic_write(path, content)
    except OSError as error:
        raise TrainingError("file-unwritable", f"{path} cannot be written: {error.strerror}") from error
