"""The training loop: optimiser steps, a moving average of the weights, validation, checkpoints."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader

from faceunlock.errors import TrainingError
from faceunlock.pipeline.samples import Track
from faceunlock.pipeline.weights.pickles import UNREADABLE
from faceunlock.training.augmentation import BATCH_LEVEL, AugmentedFaces, exchange_parts, seed_of
from faceunlock.training.batches import epoch_batches
from faceunlock.training.checkpoint import (
    EpochRecord,
    State,
    TrainingState,
    read_checkpoint,
    write_checkpoint,
)
from faceunlock.training.face_set import FaceSet, HeldOutSplit
from faceunlock.training.learner import EMBED_BATCH, Learner, normalised
from faceunlock.training.recipe import TrainingRecipe
from faceunlock.training.teacher import Teacher
from faceunlock.training.validation import Validation

CHECKPOINT_SECONDS = 60.0
"""Time between checkpoints; a killed run loses no more than that, or one epoch if that is shorter."""

WARM_UP = 0.05


class Training:
    """One training, new or resumed.

    Parameters
    ----------
    faces : FaceSet
    split : HeldOutSplit
        Which photos are trained on, and which are held out.
    recipe : TrainingRecipe
    folder : Path
        Folder of the checkpoint.
    device : {"cpu", "cuda"}
    start : mapping of str to ndarray of float32, optional
        Weights to start from; None starts from random weights.
    workers : int
        Processes that vary crops; their number affects only the speed.
    """

    def __init__(
        self,
        faces: FaceSet,
        split: HeldOutSplit,
        recipe: TrainingRecipe,
        folder: Path,
        *,
        device: str = "cpu",
        start: Mapping[str, NDArray[np.float32]] | None = None,
        workers: int = 0,
    ) -> None:
        self._recipe, self._folder, self._workers = recipe, folder, workers
        self._device = torch.device(device)
        self._faces, self._split = faces, split
        self._crops = faces.crops[split.training]
        people, self._person = np.unique(faces.person[split.training], return_inverse=True)
        self.people = tuple(faces.names[one] for one in people)
        self._made_from = {
            "recipe": recipe.to_dict(),
            "photos": faces.sha256,
            "device": device,
            "number of threads": torch.get_num_threads(),
        }
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            learner = Learner(recipe, self.people)
        if start is not None:
            learner.take(start)
        self._learner = learner.to(self._device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._average = AveragedModel(self._learner, avg_fn=self._averaged, use_buffers=True)
        self._optimizer = torch.optim.AdamW(self._groups(), lr=recipe.learning_rate)
        self._best: State | None = None
        self._teacher: Teacher | None = None
        self._held_out_taught: NDArray[np.float32] | None = None
        self.progress = TrainingState()

    def resume(self) -> bool:
        """Resume from the checkpoint in the folder; return whether there is one.

        Raises
        ------
        TrainingError
            ``checkpoint-damaged``, ``training-mismatch``.
        """
        found = read_checkpoint(self._folder, self._made_from)
        if found is None:
            return False
        self.progress, state = found
        try:
            self._learner.load_state_dict(state["learner"])
            self._average.load_state_dict(state["average"])
            self._optimizer.load_state_dict(state["optimizer"])
            _check_moments(self._optimizer)
            self._best = state["best"]
            if self._best is not None:
                _check_alike(self._best, self._average.module.state_dict())
        except UNREADABLE as error:
            raise TrainingError(
                "checkpoint-damaged", f"the checkpoint in {self._folder} does not fit its network"
            ) from error
        return True

    def run(
        self,
        report: Callable[[EpochRecord], None],
        track: Track,
        teacher: Teacher | None = None,
        held_out_taught: NDArray[np.float32] | None = None,
    ) -> bool:
        """Train to the end; return whether it stopped early.

        Parameters
        ----------
        report : callable
            Called with the record of each epoch.
        track : callable
            Shows the steps of an epoch.
        teacher : callable, optional
            The teacher to imitate.
        held_out_taught : ndarray of float32, shape (n, dimension), optional
            The teacher's embeddings of the held-out photos.

        Raises
        ------
        TrainingError
            ``training-diverged``; ``file-unwritable`` if no checkpoint can be written.
        """
        self._teacher, self._held_out_taught = teacher, held_out_taught
        with self._repeatable():
            if self._recipe.start is not None and self.progress == TrainingState():
                self._aim(track)
            while self.progress.epoch <= self._recipe.epochs:
                if self._is_stale():
                    return True
                self._run_epoch(track)
                report(self.progress.history[-1])
        return False

    def kept(self) -> Learner:
        """Return the learner to keep, on the CPU.

        It has the averaged weights of the best epoch, or the latest averages if no epoch is known to be best.
        """
        learner = Learner(self._recipe, self.people)
        learner.load_state_dict(self._best if self._best is not None else self._average.module.state_dict())
        return learner.cpu().eval()

    # steps

    def _run_epoch(self, track: Track) -> None:
        progress, recipe = self.progress, self._recipe
        batches = epoch_batches(self._person, recipe, progress.epoch)
        total = recipe.epochs * len(batches)
        written = began = time.monotonic()
        left = batches[progress.step :]
        label = f"epoch {progress.epoch}/{recipe.epochs}"
        for batch, pictures in track(zip(left, self._pictures(left), strict=True), len(left), label):
            self._step(batch, pictures, (progress.epoch - 1) * len(batches) + progress.step, total)
            progress.step += 1
            progress.images += len(batch)
            # Count all of the time: varying the pictures takes as long as training on them.
            now = time.monotonic()
            progress.seconds, began = progress.seconds + now - began, now
            if now - written > CHECKPOINT_SECONDS and progress.step < len(batches):
                self._write()
                written = time.monotonic()
        validation = self._validated()
        best = validation is not None and self._badness(validation) < self._lowest()
        if best:
            self._best = {name: value.detach().cpu().clone() for name, value in self._averages().items()}
        progress.close_epoch(validation, best)
        self._write()

    def _pictures(self, batches: list[list[int]]) -> Iterable[Tensor]:
        recipe, epoch = self._recipe, self.progress.epoch
        return DataLoader(
            AugmentedFaces(self._crops, recipe.augment, recipe.seed, epoch),
            batch_sampler=batches,
            num_workers=self._workers,
            pin_memory=self._device.type == "cuda",
            generator=torch.Generator(),  # otherwise the loader would draw from the process's own
        )

    def _step(self, batch: list[int], pictures: Tensor, number: int, total: int) -> None:
        for group in self._optimizer.param_groups:
            group["lr"] = group["highest"] * schedule(number, total)
        person = torch.from_numpy(self._person[batch])
        if self._recipe.cutmix:
            pictures, person = self._cut_and_mixed(pictures, person)
        taught = self._taught(batch, pictures)
        self._learner.train()
        with torch.autocast(
            self._device.type, dtype=torch.bfloat16, enabled=self._recipe.precision == "bfloat16"
        ):
            outputs = self._learner.network(normalised(pictures, self._recipe.architecture, self._device))
        loss = self._learner.objective(outputs.float(), person.to(self._device), taught)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise TrainingError(
                "training-diverged", f"the loss became {value} in epoch {self.progress.epoch}"
            )
        self._optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self._learner.parameters(), 5.0)
        self._optimizer.step()
        self._average.update_parameters(self._learner)
        self.progress.loss_sum += value * len(batch)
        self.progress.steps.note(value)

    def _cut_and_mixed(self, pictures: Tensor, person: Tensor) -> tuple[Tensor, Tensor]:
        progress, recipe = self.progress, self._recipe
        seed = seed_of(recipe.seed, progress.epoch, progress.step, BATCH_LEVEL)
        return exchange_parts(pictures, person, people=len(self.people), share=recipe.cutmix, seed=seed)

    def _taught(self, batch: list[int], pictures: Tensor) -> Tensor | None:
        if self._teacher is None:
            return None
        crops = pictures.permute(0, 2, 3, 1).contiguous().numpy()
        return torch.from_numpy(self._teacher(batch, crops)).to(self._device)

    def _aim(self, track: Track) -> None:
        """Start the directions of the people at the mean embeddings that the pretrained network gives."""
        count = len(self._crops)
        starts = range(0, count, EMBED_BATCH)
        parts = [
            self._learner.embed(self._crops[start : start + EMBED_BATCH])
            for start in track(starts, len(starts), "first directions")
        ]
        self._learner.aim(np.concatenate(parts), self._person)

    def _groups(self) -> list[dict[str, Any]]:
        """Return the optimiser's parameter groups.

        Matrices and kernels have weight decay; slopes, offsets and scales have none. The network and the loss
        each have a learning rate.
        """
        recipe, learner = self._recipe, self._learner
        rates = (
            (learner.network, recipe.learning_rate),
            (learner.loss, recipe.direction_rate or recipe.learning_rate),
        )
        return [
            {
                "params": [one for one in module.parameters() if (one.ndim > 1) == decays],
                "weight_decay": recipe.weight_decay if decays else 0.0,
                "highest": rate,
            }
            for module, rate in rates
            for decays in (True, False)
        ]

    def _averaged(self, average: Tensor, latest: Tensor, count: Tensor | int) -> Tensor:
        """Return the next moving average.

        A random start should be forgotten, so the early average covers few steps. Pretrained weights should
        not be forgotten: they know more people than this training does, and the midpoint between old and new
        weights does better on new people than either (Wortsman et al., 2022).
        """
        decay = self._recipe.average
        if self._recipe.start is None:
            decay = min(decay, (1.0 + float(count)) / (10.0 + float(count)))
        return average * decay + latest * (1.0 - decay)

    # validation

    def _validated(self) -> Validation | None:
        held_out = self._split.validation
        if not len(held_out):
            return None
        learner = self._average.module
        assert isinstance(learner, Learner)  # noqa: S101 - what AveragedModel was given
        embeddings = learner.embed(self._faces.crops[held_out])
        return learner.measure(embeddings, self._faces, held_out, self._held_out_taught)

    def _lowest(self) -> float:
        known = [self._badness(record.validation) for record in self.progress.history if record.validation]
        return min(known, default=math.inf)

    def _badness(self, validation: Validation) -> float:
        # An imitation does not depend on who is on the photos: the folders need not even be people.
        if self._recipe.loss == "distill" and validation.teacher_cosine is not None:
            return 1.0 - validation.teacher_cosine
        return validation.badness

    def _is_stale(self) -> bool:
        history, patience = self.progress.history, self._recipe.patience
        if not patience or self._best is None or self.progress.step:
            return False
        return len(history) - max(record.epoch for record in history if record.best) >= patience

    # state

    def _averages(self) -> State:
        return self._average.module.state_dict()

    def _write(self) -> None:
        state = {
            "learner": self._learner.state_dict(),
            "average": self._average.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "best": self._best,
        }
        write_checkpoint(self._folder, self._made_from, self.progress, state)

    @contextlib.contextmanager
    def _repeatable(self) -> Iterator[None]:
        """Make the GPU compute the same numbers every time; a CPU does so anyway."""
        if self._device.type == "cpu":
            yield
            return
        with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=True):
            yield


def schedule(step: int, total: int) -> float:
    """Return the share of the highest learning rate: it rises over the first steps, then falls as a cosine.

    Examples
    --------
    >>> [round(schedule(step, 100), 3) for step in (0, 4, 52, 99)]
    [0.2, 1.0, 0.5, 0.0]
    """
    rising = max(1, round(WARM_UP * total))
    if step < rising:
        return (step + 1) / rising
    return 0.5 * (1.0 + math.cos(math.pi * (step + 1 - rising) / (total + 1 - rising)))


def _check_alike(weights: State, expected: State) -> None:
    """Refuse weights that are not those of the same network; loading them later would be too late.

    Raises
    ------
    ValueError
        If a tensor is missing, unknown, or has another shape or type.
    """
    shapes = {name: (tensor.shape, tensor.dtype) for name, tensor in expected.items()}
    if {name: (tensor.shape, tensor.dtype) for name, tensor in weights.items()} != shapes:
        raise ValueError("not the weights of this network")


def _check_moments(optimizer: torch.optim.Optimizer) -> None:
    """Refuse an optimizer's state that does not fit its parameters, which PyTorch finds out only in a step.

    Raises
    ------
    ValueError
        If what it remembers of a parameter is neither one number nor of the parameter's shape.
    """
    for parameter, remembered in optimizer.state.items():
        for value in remembered.values():
            if torch.is_tensor(value) and value.dim() and value.shape != parameter.shape:
                raise ValueError("not the state of this optimizer")
