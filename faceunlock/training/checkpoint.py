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


MOST_STEPS = 1_000
"""Maximum number of losses that are kept for the curve; with twice as many, neighbours are put together."""


@dataclass(slots=True)
class StepLosses:
    """The loss by step, in as much detail as a curve can show.

    Attributes
    ----------
    each : int
        Number of steps behind each mean.
    means : list of float
        Mean loss of each group of `each` steps, in order.
    open_sum, open_count : float, int
        Sum and number of the losses since the last mean.

    Examples
    --------
    >>> losses = StepLosses()
    >>> losses.note(2.0), losses.note(1.0), losses.means
    (None, None, [2.0, 1.0])
    """

    each: int = 1
    means: list[float] = field(default_factory=list)
    open_sum: float = 0.0
    open_count: int = 0

    @property
    def count(self) -> int:
        """Number of steps noted."""
        return self.each * len(self.means) + self.open_count

    def note(self, loss: float) -> None:
        """Add the loss of the next step."""
        self.open_sum, self.open_count = self.open_sum + loss, self.open_count + 1
        if self.open_count == self.each:
            self.means.append(self.open_sum / self.each)
            self.open_sum, self.open_count = 0.0, 0
        if len(self.means) == 2 * MOST_STEPS:
            pairs = zip(self.means[::2], self.means[1::2], strict=True)
            self.means = [(one + other) / 2 for one, other in pairs]
            self.each *= 2

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes as plain JSON values."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> StepLosses:
        """Read what `to_dict` wrote; raises one of `UNREADABLE` for anything else."""
        losses = cls(**data)
        numbers = (losses.open_sum, *losses.means)
        if type(losses.each) is not int or type(losses.open_count) is not int or losses.each < 1:
            raise ValueError("not the losses of steps")
        if not all(type(number) in (int, float) for number in numbers) or len(losses.means) > 2 * MOST_STEPS:
            raise ValueError("not the losses of steps")
        if not 0 <= losses.open_count < losses.each:
            raise ValueError("not the losses of steps")
        return losses


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
    steps : StepLosses
        The losses of all steps.
    """

    epoch: int = 1
    step: int = 0
    loss_sum: float = 0.0
    images: int = 0
    seconds: float = 0.0
    history: list[EpochRecord] = field(default_factory=list)
    steps: StepLosses = field(default_factory=StepLosses)

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
    plain = {name: getattr(progress, name) for name in progress.__slots__ if name not in ("history", "steps")}
    plain["history"] = [record.to_dict() for record in progress.history]
    plain["steps"] = progress.steps.to_dict()
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
    steps = StepLosses.from_dict(plain.pop("steps", {}))  # an older checkpoint has none
    progress = TrainingState(**plain, history=history, steps=steps)
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
