"""The recipe of a training: every setting that decides the resulting weights."""

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
"""Losses that compare the photos of one batch, so that it must hold several photos of a person."""


@dataclass(frozen=True, slots=True)
class TrainingRecipe:
    """The settings that decide the weights, together with the photos and the machine.

    Attributes
    ----------
    loss : {"contrastive", "triplet", "arcface", "cosface", "softmax", "distill"}
    architecture : Architecture
    faces : {"detect", "aligned", "as-is"}
        ``detect`` finds and aligns the faces. ``aligned`` takes photos as crops with the usual alignment of
        the field (see `faceunlock.pipeline.models.architecture.TARGET_112`). ``as-is`` takes photos as crops
        that already have the alignment of the network.
    epochs : int
        Maximum number of passes over the photos.
    batch : int
        Photos per step, at least 2.
    learning_rate : float
        Highest learning rate; it rises over the first 5 % of the steps and then falls as a cosine.
    direction_rate : float or None
        The same for the directions of the people, if the loss learns any; None uses `learning_rate`.
    weight_decay : float
        Weight decay of AdamW, for matrices and kernels only.
    average : float
        Decay of the moving average of the weights, below 1; 0 averages nothing.
    augment : {"none", "light", "strong"}
    cutmix : float
        Share of the batches in which photos swap parts with each other, for `softmax` only; 0 to 1.
    validation : float
        Share of the people (`softmax`: of each person's photos) held out, below 1; 0 holds nobody out.
    hold_out : tuple of str
        Names of the people held out, instead of a share of them; empty chooses by `validation`.
    patience : int
        Epochs without a better validation after which training stops; 0 never stops early.
    precision : {"float32", "bfloat16"}
        Precision of the convolutions during training; weights are always float32.
    seed : int
        Seed of everything random.
    teacher : str or None
        The teacher to imitate: its model id and the checksum of its weights. With a loss other than
        `distill`, that loss and the imitation both count.
    teacher_weight : float
        Weight of the imitation beside a loss other than `distill`.
    teacher_sees : {"same", "clean"}
        Whether the teacher sees exactly the picture that the network sees, or the crop before it was
        varied.
    start : str or None
        Checksum of the weights that the network starts from; None starts from random weights.
    storage : {"float32", "int8"}
        How the final weights are stored.

    Raises
    ------
    SettingsError
        ``usage`` if a number is out of range, or the loss and the teacher do not fit together.
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
    hold_out: tuple[str, ...] = ()
    patience: int = 10
    precision: Precision = "float32"
    seed: int = 0
    teacher: str | None = None
    teacher_weight: float = 1.0
    teacher_sees: TeacherSees = "same"
    start: str | None = None
    storage: Storage = "float32"

    def __post_init__(self) -> None:
        _require(1 <= self.epochs <= 100_000, "--epochs must be 1 to 100000")
        _require(2 <= self.batch <= 65_536, "--batch must be 2 to 65536")
        _require(0.0 < self.learning_rate <= 10.0, "--learning-rate must be above 0 and at most 10")
        _require(
            self.direction_rate is None or 0.0 < self.direction_rate <= 10.0,
            "--direction-rate must be above 0 and at most 10",
        )
        _require(0.0 <= self.weight_decay <= 10.0, "--weight-decay must be 0 to 10")
        _require(0.0 <= self.average < 1.0, "--average must be at least 0 and below 1")
        _require(0.0 <= self.cutmix <= 1.0, "--cutmix must be 0 to 1")
        _require(
            self.cutmix == 0.0 or (self.loss == "softmax" and self.teacher is None),
            "--cutmix needs --loss softmax and no teacher: only that can use two people in one picture",
        )
        _require(0.0 <= self.validation < 1.0, "--validation must be at least 0 and below 1")
        _require(
            not self.hold_out or self.loss != "softmax",
            "--hold-out needs another loss: softmax must know everybody, so it holds out photos, not people",
        )
        _require(self.patience >= 0, "--patience must be at least 0")
        _require(0 <= self.seed < 1 << 63, "--seed must be a whole number, at least 0 and below 2**63")
        _require(0.0 < self.teacher_weight <= 1000.0, "--teacher-weight must be above 0 and at most 1000")
        _require(self.loss != "distill" or self.teacher is not None, "--loss distill needs --teacher")
        _require(
            self.teacher is not None or (self.teacher_weight, self.teacher_sees) == (1.0, "same"),
            "--teacher-weight and --teacher-sees need --teacher",
        )
        _require(
            self.loss != "distill" or self.teacher_weight == 1.0,
            "--teacher-weight needs a loss other than distill",
        )

    @property
    def photos_per_person(self) -> int:
        """Number of a person's photos kept together in a batch: 4 if the loss compares them, otherwise 1."""
        return 4 if self.loss in BY_PAIRS else 1

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes as plain JSON values."""
        return {
            **asdict(self),
            "architecture": self.architecture.to_dict(),
            "hold_out": list(self.hold_out),
        }


def _require(condition: bool, sentence: str) -> None:
    if not condition:
        raise SettingsError("usage", sentence)


BFLOAT16_FLAGS = frozenset({"avx512_bf16", "amx_bf16"})
"""CPU flags with which bfloat16 pays off; one is enough. A step of 32 crops then took half the time."""


def best_precision(device: str, cpuinfo: Path = CPUINFO) -> Precision:
    """Return bfloat16 if the device has instructions for it, otherwise float32.

    Parameters
    ----------
    device : {"cpu", "cuda"}
    cpuinfo : Path
        File in which Linux lists what the CPU supports.
    """
    if device == "cuda":
        import torch

        return "bfloat16" if torch.cuda.is_bf16_supported() else "float32"
    try:
        flags = set(cpuinfo.read_text(encoding="utf-8", errors="replace").split())
    except OSError:
        return "float32"
    return "bfloat16" if flags & BFLOAT16_FLAGS else "float32"
