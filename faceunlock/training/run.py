"""One training, from a folder of people to the folder of a model."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from faceunlock.errors import CalibrationError, SettingsError
from faceunlock.matching.templates import ModelIdentity
from faceunlock.matching.wording import counted
from faceunlock.pipeline.acquisition import Acquisition
from faceunlock.pipeline.embedding import Embedder
from faceunlock.pipeline.models.architecture import Architecture, ResidualArchitecture
from faceunlock.pipeline.samples import Track
from faceunlock.pipeline.weights.storage import pack, unpack
from faceunlock.training.face_set import (
    FaceSet,
    HeldOutSplit,
    collect_faces,
    counted_reasons,
    split_by_name,
    split_by_person,
    split_by_photo,
    training_folders,
)
from faceunlock.training.first_weights import FirstWeights
from faceunlock.training.recipe import BY_PAIRS, TrainingRecipe
from faceunlock.training.teacher import embed_all, make_teacher, open_teacher

if TYPE_CHECKING:
    from faceunlock.training.checkpoint import EpochRecord, StepLosses
    from faceunlock.training.learner import Learner
    from faceunlock.training.loop import Training


DrawCurves = Callable[[Sequence["EpochRecord"], "StepLosses", str], bytes]
"""Takes the epochs, the losses of the steps and a title; returns a PNG file."""


@dataclass(frozen=True, slots=True)
class Beginning:
    """What is known before the first epoch.

    Attributes
    ----------
    recipe : TrainingRecipe
    faces : FaceSet
    split : HeldOutSplit
    sheet : Path
        Picture of the augmentations.
    resumed_epoch : int
        The epoch at which the training resumes; 0 for a new training.
    device : str
    """

    recipe: TrainingRecipe
    faces: FaceSet = field(repr=False)
    split: HeldOutSplit = field(repr=False)
    sheet: Path
    resumed_epoch: int
    device: str


@dataclass(frozen=True, slots=True)
class TrainingOutcome:
    """A finished training.

    Attributes
    ----------
    folder : Path
        Folder of the model.
    card : dict
        The content of ``card.json``.
    head : bool
        Whether ``classify`` can use the folder, too.
    """

    folder: Path
    card: dict[str, Any] = field(repr=False)
    head: bool


@dataclass(frozen=True, slots=True)
class Observer:
    """Callbacks that follow a training.

    Attributes
    ----------
    begin : callable
        Called before the first epoch.
    epoch : callable
        Called after each epoch.
    track : callable
        Shows progress within an epoch.
    """

    begin: Callable[[Beginning], None]
    epoch: Callable[[EpochRecord], None]
    track: Track


def train(
    folder: Path,
    output: Path,
    recipe: TrainingRecipe,
    *,
    acquisition: Callable[[Architecture, int], Acquisition] | None,
    device: str,
    observer: Observer,
    max_pixels: int,
    draw_curves: DrawCurves,
    teacher: Embedder | None = None,
    start: FirstWeights | None = None,
    resume: bool = False,
    overwrite: bool = False,
    workers: int = 0,
) -> TrainingOutcome:
    """Train a network and write it to a folder, with its card.

    Parameters
    ----------
    folder : Path
        Folder with one sub-folder per person.
    output : Path
        The folder of the model.
    recipe : TrainingRecipe
        A teacher replaces its dimension; `start` replaces its architecture.
    acquisition : callable or None
        Returns what finds and aligns the faces, for an architecture and a number of photos; None with
        ``aligned`` or ``as-is``.
    device : {"cpu", "cuda"}
    observer : Observer
    max_pixels : int
        Larger photos are refused.
    draw_curves : callable
        Draws the figure of the training; see `faceunlock.reports.training_curves.draw_curves`.
    teacher : Embedder, optional
        The teacher to imitate.
    start : FirstWeights, optional
        Weights that the network starts from.
    resume, overwrite : bool
        Whether to continue, or to delete, what is in the output folder.
    workers : int
        Processes that vary crops.

    Raises
    ------
    CalibrationError
        ``bad-folder`` if the photos are too few for the loss.
    SettingsError
        ``usage``, also if `output` lies inside `folder`.
    TrainingError
        ``file-exists``, ``file-unwritable``, ``training-mismatch``, ``checkpoint-damaged``,
        ``training-diverged``.
    """
    from faceunlock.training.output import clear_folder, model_folder

    if resume and overwrite:
        raise SettingsError("usage", "--resume and --overwrite exclude each other")
    if output.resolve().is_relative_to(folder.resolve()):
        raise SettingsError(
            "usage", f"{output} lies in {folder}: the next training would take the model for a person"
        )
    found = training_folders(folder)
    recipe = _completed(recipe, teacher, start)
    with model_folder(output, resume=resume, overwrite=overwrite):
        finder = None if acquisition is None else acquisition(recipe.architecture, found.count)
        faces = collect_faces(
            found,
            recipe.architecture.input_size,
            acquisition=finder,
            framing=recipe.architecture if recipe.faces == "aligned" else None,
            max_pixels=max_pixels,
            track=observer.track,
        )
        check_enough(faces, recipe, folder)
        split = _split(faces, recipe)
        from faceunlock.training.loop import Training

        embed = None if teacher is None else open_teacher(teacher, recipe.architecture)
        training = Training(
            faces,
            split,
            recipe,
            output,
            device=device,
            start=None if start is None else start.arrays,
            workers=workers,
        )
        resumed = resume and training.resume()
        if overwrite:  # only once it is certain that training can begin
            clear_folder(output)
        sheet = _write_sheet(output, faces, split, recipe)
        epoch = training.progress.epoch if resumed else 0
        observer.begin(Beginning(recipe, faces, split, sheet, epoch, device))
        taught, held_out_taught = None, None
        if embed is not None:
            taught = make_teacher(embed, recipe.teacher_sees, faces.crops[split.training], observer.track)
            if len(split.validation):
                held_out = faces.crops[split.validation]
                held_out_taught = embed_all(embed, held_out, observer.track, "the teacher, held out")
        stopped_early = training.run(observer.epoch, observer.track, taught, held_out_taught)
        return _write_model(
            output, training, faces, split, recipe, device, stopped_early, held_out_taught, draw_curves
        )


def _completed(
    recipe: TrainingRecipe, teacher: Embedder | None, start: FirstWeights | None
) -> TrainingRecipe:
    """Return the recipe with the values that the teacher and the first weights determine."""
    if start is not None:
        recipe = replace(recipe, architecture=start.architecture, start=start.sha256)
    if teacher is None:
        return recipe
    identity, architecture = teacher.identity, recipe.architecture
    if identity.dimension != architecture.dimension:
        if not isinstance(architecture, ResidualArchitecture) or start is not None:
            raise SettingsError(
                "usage",
                f"the embedding of the network to start from has {architecture.dimension} numbers, "
                f"the teacher's has {identity.dimension}",
            )
        architecture = replace(architecture, dimension=identity.dimension)
    name = f"{identity.model} {identity.weights_sha256}"
    return replace(recipe, architecture=architecture, teacher=name)


def check_enough(faces: FaceSet, recipe: TrainingRecipe, folder: Path) -> None:
    """Check that a loss has enough to learn from.

    Raises
    ------
    CalibrationError
        ``bad-folder`` if the photos or the people are too few.
    SettingsError
        ``usage`` if the batch is too small for the loss.
    """
    usable = f"{folder} has {len(faces.crops)} usable photos of {len(faces.names)} people"
    if len(faces.names) == 1:
        usable = f"{folder} has {len(faces.crops)} usable photos of one person"
    if faces.left_out:
        usable += f" ({len(faces.left_out)} left out: {counted_reasons(faces.left_out)})"
    if len(faces.crops) < 2:
        raise CalibrationError("bad-folder", f"{usable}; training needs at least two")
    if recipe.loss == "distill":  # imitating a teacher does not need people
        return
    if len(faces.names) < 2:
        raise CalibrationError("bad-folder", f"{usable}; training needs at least two people")
    if int(np.bincount(faces.person).max()) < 2:
        raise CalibrationError(
            "bad-folder",
            f"{usable}, one photo each; training needs at least two photos of a person",
            hint="Add photos: at least two of a person; ten or more work better.",
        )
    if recipe.loss in BY_PAIRS and recipe.batch < 4:
        raise SettingsError("usage", f"--loss {recipe.loss} compares photos: --batch must be at least 4")


def _split(faces: FaceSet, recipe: TrainingRecipe) -> HeldOutSplit:
    if recipe.hold_out:
        return split_by_name(faces.person, faces.names, recipe.hold_out)
    by = split_by_photo if recipe.loss == "softmax" else split_by_person
    return by(faces.person, recipe.validation, recipe.seed)


def _write_sheet(output: Path, faces: FaceSet, split: HeldOutSplit, recipe: TrainingRecipe) -> Path:
    from faceunlock.training.augmentation import contact_sheet
    from faceunlock.training.checkpoint import write_file
    from faceunlock.training.output import SHEET

    content = io.BytesIO()
    sheet = contact_sheet(faces.crops[split.training], recipe.augment, recipe.seed, recipe.cutmix)
    sheet.save(content, format="PNG")
    write_file(output / SHEET, content.getvalue())
    return output / SHEET


def _write_model(
    output: Path,
    training: Training,
    faces: FaceSet,
    split: HeldOutSplit,
    recipe: TrainingRecipe,
    device: str,
    stopped_early: bool,
    held_out_taught: NDArray[np.float32] | None,
    draw_curves: DrawCurves,
) -> TrainingOutcome:
    import torch

    from faceunlock.matching.people import now
    from faceunlock.training import output as files
    from faceunlock.training.card import card, card_text
    from faceunlock.training.checkpoint import write_file
    from faceunlock.training.learner import layers_of
    from faceunlock.training.validation import first_threshold

    history, created = training.progress.history, now()
    learner = training.kept()
    packed = pack(learner.weights(), recipe.storage)
    sha256, size = files.write_weights(output, packed, recipe.architecture, recipe.storage)
    learner.take(unpack(packed))  # from here on, measure the weights as stored
    judged = split.validation if len(split.validation) else split.training
    what = "held-out photos" if len(split.validation) else "photos it was trained on"
    embeddings = learner.embed(faces.crops[judged])
    validation = (
        learner.measure(embeddings, faces, judged, held_out_taught) if len(split.validation) else None
    )
    model = files.make_record(
        output.absolute().name,
        recipe.architecture,
        sha256,
        size,
        threshold=first_threshold(embeddings, faces.person[judged]),
        threshold_data=f"a guess from pairs of {what}",
        training_data=f"{counted(len(faces.crops), 'photo')} of "
        f"{counted(len(faces.names), 'person', 'people')}"
        f"{', cropped as they were' if recipe.faces == 'as-is' else ''}, loss {recipe.loss}",
        created=created,
    )
    content = card(
        model=model,
        faces=faces,
        split=split,
        recipe=recipe,
        history=history,
        steps=training.progress.steps,
        layers=layers_of(learner.network, recipe.architecture.input_size),
        validation=validation,
        device=device,
        threads=torch.get_num_threads(),
        stopped_early=stopped_early,
        created=created,
    )
    with_head = _write_head(output, learner, training.people, faces, split, model)
    curves = draw_curves(history, training.progress.steps, f"{model['id']}: loss {recipe.loss}")
    write_file(output / files.CURVES, curves)
    files.write_json(output / files.CARD_DATA, content)
    write_file(output / files.CARD, card_text(content).encode())
    files.finish(output, model)
    return TrainingOutcome(output, content, head=with_head)


def _write_head(
    output: Path,
    learner: Learner,
    people: tuple[str, ...],
    faces: FaceSet,
    split: HeldOutSplit,
    model: dict[str, Any],
) -> bool:
    """Write the head that ``softmax`` learned beside the weights; return whether there is one."""
    directions = learner.directions()
    if directions is None:
        return False
    from faceunlock.training.head import Head, centroids, measure_head
    from faceunlock.training.head_file import write_head
    from faceunlock.training.losses import SOFTMAX_SCALE

    positions = {faces.names.index(name): number for number, name in enumerate(people)}

    def person(chosen: NDArray[np.intp]) -> NDArray[np.intp]:
        return np.array([positions[one] for one in faces.person[chosen].tolist()], dtype=np.intp)

    learned, count = split.training, len(people)
    head = Head(
        people,
        SOFTMAX_SCALE * directions.astype(np.float64),
        np.zeros(count),
        centroids(learner.embed(faces.crops[learned]), person(learned), count),
        1.0,
    )
    judged = split.validation if len(split.validation) else learned
    how = "held-out photos, which also chose the epoch" if len(split.validation) else "photos it learned from"
    head, held_out = measure_head(head, learner.embed(faces.crops[judged]), person(judged), how)
    identity = ModelIdentity(
        model["id"],
        model["sha256"],
        model["calibration"]["preprocessing"],
        model["architecture"]["dimension"],
    )
    write_head(output, head, held_out, identity, "", overwrite=True)
    return True
