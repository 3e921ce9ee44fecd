"""What a training is told: everything that decides which weights come out."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from faceunlock.errors import SettingsError
from faceunlock.pipeline.models.architecture import Architecture, ResidualArchitecture
from faceunlock.pipeline.runtime.machine import CPUINFO
from faceunlock.pipeline.weights.storage import Storage

Loss = Literal["contrastive", "triplet", "arcface", "cosface", "softmax", "distill"]
FacesRule = Literal["detect", "aligned", "as-is"]
Augment = Literal["none", "light", "strong"]
Precision = Literal["float32", "bfloat16"]
TeacherSees = Literal["same", "clean"]

BY_PAIRS = ("contrastive", "triplet")
"""Losses that compare the photos of one batch: it must hold several of a person."""


@dataclass(frozen=True, slots=True)
class TrainingRecipe:
    """What decides the weights, together with the photos and the machine.

    Attributes
    ----------
    loss : {"contrastive", "triplet", "arcface", "cosface", "softmax", "distill"}
    architecture : Architecture
    faces : {"detect", "aligned", "as-is"}
        Whether faces are found and aligned, photos are crops aligned as is usual in the field (see
        `faceunlock.pipeline.models.architecture.TARGET_112`), or a photo is a crop as the network wants it.
    epochs : int
        Passes over the photos, at most.
    batch : int
        Photos per step, at least 2.
    learning_rate : float
        The highest; it rises over the first 5 % of the steps and then falls as a cosine.
    direction_rate : float or None
        The same for the directions of the people, where the loss learns some; None is the same rate.
    weight_decay : float
        Of AdamW; for matrices and kernels only.
    average : float
        Decay of the moving average of the weights, below 1; 0 averages nothing.
    augment : {"none", "light", "strong"}
    cutmix : float
        Share of the batches in which photos exchange a part of each other, for `softmax`; 0 to 1.
    validation : float
        Share of the people (`softmax`: of each person's photos) held out, below 1; 0 holds nobody out.
    patience : int
        Epochs without a better validation after which to stop; 0 goes on.
    precision : {"float32", "bfloat16"}
        Of the convolutions while training; weights are always float32.
    seed : int
        Of everything random.
    teacher : str or None
        What is imitated: model id and checksum of its weights. With another loss than `distill` both
        count.
    teacher_weight : float
        What the imitation counts beside another loss than `distill`.
    teacher_sees : {"same", "clean"}
        Whether the teacher looks at exactly the picture that the network sees, or at the crop before it was
        varied.
    start : str or None
        Checksum of the weights that the network starts from; None starts at random.
    storage : {"float32", "int8"}
        How the weights are stored at the end.

    Raises
    ------
    SettingsError
        ``usage`` if a number is out of range, or loss and teacher do not fit.
    """

    loss: Loss
    architecture: Architecture = field(default_factory=ResidualArchitecture)
    faces: FacesRule = "detect"
    epochs: int = 30
    batch: int = 64
    learning_rate: float = 1e-3
    direction_rate: float | None = None
    weight_decay: float = 0.05
    average: float = 0.999
    augment: Augment = "light"
    cutmix: float = 0.0
    validation: float = 0.1
    patience: int = 10
    precision: Precision = "float32"
    seed: int = 0
    teacher: str | None = None
    teacher_weight: float = 1.0
    teacher_sees: TeacherSees = "same"
    start: str | None = None
    storage: Storage = "float32"

    def __post_init__(self) -> None:
        _require(1 <= self.epochs <= 100_000, "--epochs is 1 to 100000")
        _require(2 <= self.batch <= 65_536, "--batch is 2 to 65536")
        _require(0.0 < self.learning_rate <= 10.0, "--learning-rate is above 0 and at most 10")
        _require(
            self.direction_rate is None or 0.0 < self.direction_rate <= 10.0,
            "--direction-rate is above 0 and at most 10",
        )
        _require(0.0 <= self.weight_decay <= 10.0, "--weight-decay is 0 to 10")
        _require(0.0 <= self.average < 1.0, "--average is at least 0 and below 1")
        _require(0.0 <= self.cutmix <= 1.0, "--cutmix is 0 to 1")
        _require(
            self.cutmix == 0.0 or (self.loss == "softmax" and self.teacher is None),
            "--cutmix needs --loss softmax and no teacher: nothing else knows what half a person is",
        )
        _require(0.0 <= self.validation < 1.0, "--validation is at least 0 and below 1")
        _require(self.patience >= 0, "--patience is at least 0")
        _require(0 <= self.seed < 1 << 63, "--seed is a whole number from 0 on")
        _require(0.0 < self.teacher_weight <= 1000.0, "--teacher-weight is above 0 and at most 1000")
        _require(self.loss != "distill" or self.teacher is not None, "--loss distill needs --teacher")
        _require(
            self.teacher is not None or (self.teacher_weight, self.teacher_sees) == (1.0, "same"),
            "--teacher-weight and --teacher-sees need --teacher",
        )
        _require(
            self.loss != "distill" or self.teacher_weight == 1.0,
            "--teacher-weight weighs the teacher against another loss than distill",
        )

    @property
    def photos_per_person(self) -> int:
        """How many photos of a person lie in a batch together, where the loss compares them."""
        return 4 if self.loss in BY_PAIRS else 1

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes as plain JSON values."""
        return {**asdict(self), "architecture": self.architecture.to_dict()}


def _require(condition: bool, sentence: str) -> None:
    if not condition:
        raise SettingsError("usage", sentence)


BFLOAT16_FLAGS = frozenset({"avx512_bf16", "amx_bf16"})
"""What a processor must have for bfloat16 to pay: a step of 32 crops then took half the time."""


def best_precision(device: str, cpuinfo: Path = CPUINFO) -> Precision:
    """Return bfloat16 where the device has instructions for it, otherwise float32.

    Parameters
    ----------
    device : {"cpu", "cuda"}
    cpuinfo : Path
        Where Linux tells what the processor can do.
    """
    if device == "cuda":
        import torch

        return "bfloat16" if torch.cuda.is_bf16_supported() else "float32"
    try:
        flags = set(cpuinfo.read_text(encoding="utf-8", errors="replace").split())
    except OSError:
        return "float32"
    return "bfloat16" if flags & BFLOAT16_FLAGS else "float32"
