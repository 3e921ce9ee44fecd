"""Training: train a model of your own on a folder of people."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

from faceunlock.files.dependencies import before_others_write
from faceunlock.tasks.workspace import PhotoPath, Workspace, as_path

if TYPE_CHECKING:
    from faceunlock.pipeline.acquisition import Acquisition
    from faceunlock.pipeline.models.architecture import Architecture
    from faceunlock.training.recipe import TrainingRecipe
    from faceunlock.training.run import Observer, TrainingOutcome


class TrainOptions(TypedDict, total=False):
    """Options that `train` passes on to `faceunlock.training.run.train`."""

    resume: bool
    overwrite: bool
    workers: int


def train(
    workspace: Workspace,
    folder: PhotoPath,
    output: PhotoPath,
    recipe: TrainingRecipe,
    observer: Observer,
    *,
    start: str | None = None,
    **options: Unpack[TrainOptions],
) -> TrainingOutcome:
    """Train a model on a folder of people; see `faceunlock.training.run.train`.

    Parameters
    ----------
    workspace : Workspace
        Determines where weights are kept and where the networks run.
    folder, output, recipe, observer, options
        As for `faceunlock.training.run.train`.
    start : str, optional
        Folder or id of the model to start from; see `faceunlock.training.first_weights.first_weights`.
    """
    before_others_write()  # PyTorch does, as soon as its optimisers are imported
    from faceunlock.pipeline.runtime.torch_runtime import resolve_device
    from faceunlock.reports.training_curves import draw_curves
    from faceunlock.training.face_set import AlignedCrops
    from faceunlock.training.first_weights import first_weights
    from faceunlock.training.run import train as run

    def finder(architecture: Architecture, photos: int) -> Acquisition:
        return workspace.choice.loader.cropping(AlignedCrops(architecture), photos=photos)

    size, cache = recipe.architecture.input_size, workspace.locations.cache
    first = None if start is None else first_weights(start, size, cache)
    teacher = None if recipe.teacher is None else workspace.choose(recipe.teacher)
    return run(
        as_path(folder),
        Path(output),
        recipe,
        acquisition=finder if recipe.faces == "detect" else None,
        teacher=None if teacher is None else teacher.embedder(fetch=True, photos=1 << 20),
        device=resolve_device(workspace.device),
        max_pixels=workspace.settings.max_pixels,
        observer=observer,
        draw_curves=draw_curves,
        start=first,
        **options,
    )
