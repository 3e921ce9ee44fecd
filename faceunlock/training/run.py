"""One training from a folder of people to a folder with a model."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from faceunlock.acquisition import Acquisition
from faceunlock.collection import Track
from faceunlock.embedders import Embedder
from faceunlock.embedders.architecture import Architecture
from faceunlock.errors import CalibrationError, SettingsError
from faceunlock.faces import Face
from faceunlock.templates import ModelIdentity
from faceunlock.training.face_set import (
    FaceSet,
    Split,
    collect_faces,
    split_by_person,
    split_by_photo,
    training_folders,
)
from faceunlock.training.recipe import BY_PAIRS, TrainingRecipe

if TYPE_CHECKING:
    from faceunlock.training.checkpoint import EpochRecord
    from faceunlock.training.loop import Training


@dataclass(frozen=True, slots=True)
class Beginning:
    """What is known before the first epoch.

    Attributes
    ----------
    recipe : TrainingRecipe
    faces : FaceSet
    split : Split
    sheet : Path
        The picture of the augmentations.
    resumed_epoch : int
        The epoch that goes on; 0 for a new training.
    device : str
    """

    recipe: TrainingRecipe
    faces: FaceSet = field(repr=False)
    split: Split = field(repr=False)
    sheet: Path
    resumed_epoch: int
    device: str


@dataclass(frozen=True, slots=True)
class TrainingOutcome:
    """A finished training.

    Attributes
    ----------
    folder : Path
        Of the model.
    card : dict
        The content of ``card.json``.
    head : bool
        Whether the folder can also be given to ``classify``.
    """

    folder: Path
    card: dict[str, Any] = field(repr=False)
    head: bool


@dataclass(frozen=True, slots=True)
class Observer:
    """Who is told how a training goes.

    Attributes
    ----------
    begin : callable
        Told before the first epoch.
    epoch : callable
        Told after each.
    track : callable
        Shows progress within.
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
    teacher: Embedder | None = None,
    start: Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
    workers: int = 0,
) -> TrainingOutcome:
    """Train a network and write it, with its card, into a folder.

    Parameters
    ----------
    folder : Path
        One sub-folder per person.
    output : Path
        The folder of the model.
    recipe : TrainingRecipe
        For ``distill`` the dimension becomes the teacher's; with `start` the architecture becomes that one's.
    acquisition : callable or None
        Finds and aligns the faces for an architecture and a number of photos; None with ``as-is``.
    device : {"cpu", "cuda"}
    observer : Observer
    max_pixels : int
        Larger photos are refused.
    teacher : Embedder, optional
        For ``distill``.
    start : Path, optional
        A model folder whose weights are the first ones.
    resume, overwrite : bool
        Go on with, or throw away, what is in the folder.
    workers : int
        Processes that vary crops.

    Raises
    ------
    CalibrationError
        ``bad-folder`` if the photos are too few for the loss.
    TrainingError
        ``file-exists``, ``file-unwritable``, ``training-mismatch``, ``checkpoint-damaged``,
        ``training-diverged``.
    """
    from faceunlock.training.output import clear_folder, model_folder

    if resume and overwrite:
        raise SettingsError("usage", "--resume and --overwrite exclude each other")
    found = training_folders(folder)
    recipe, first_weights = _completed(recipe, teacher, start)
    with model_folder(output, resume=resume, overwrite=overwrite):
        finder = None if acquisition is None else acquisition(recipe.architecture, found.count)
        faces = collect_faces(
            found,
            recipe.architecture.input_size,
            acquisition=finder,
            max_pixels=max_pixels,
            track=observer.track,
        )
        check_enough(faces, recipe, folder)
        split = _split(faces, recipe)
        from faceunlock.training.loop import Training

        training = Training(
            faces,
            split,
            recipe,
            output,
            device=device,
            teacher=None if teacher is None else teaching(teacher, recipe.architecture),
            start=first_weights,
            workers=workers,
        )
        resumed = resume and training.resume()
        if overwrite:  # not before it is certain that a training can begin
            clear_folder(output)
        sheet = _write_sheet(output, faces, split, recipe)
        epoch = training.progress.epoch if resumed else 0
        observer.begin(Beginning(recipe, faces, split, sheet, epoch, device))
        stopped_early = training.run(observer.epoch, observer.track)
        return _write_model(output, training, faces, split, recipe, device, stopped_early)


def _completed(
    recipe: TrainingRecipe, teacher: Embedder | None, start: Path | None
) -> tuple[TrainingRecipe, dict[str, Any] | None]:
    """Take in what teacher and first weights settle; return the first weights, too."""
    weights = None
    if start is not None:
        import torch

        from faceunlock.embedders.model_folder import read_model_folder, read_weights

        model = read_model_folder(start)
        recipe = replace(recipe, architecture=model.architecture, start=model.spec.sha256)
        weights = {name: torch.from_numpy(np.array(array)) for name, array in read_weights(model).items()}
    if teacher is not None:
        identity = teacher.identity
        if weights is not None and recipe.architecture.dimension != identity.dimension:
            raise SettingsError(
                "usage",
                f"the network to start with has {recipe.architecture.dimension} numbers, "
                f"the teacher {identity.dimension}",
            )
        architecture = replace(recipe.architecture, dimension=identity.dimension)
        name = f"{identity.model} {identity.weights_sha256}"
        recipe = replace(recipe, architecture=architecture, teacher=name)
    return recipe, weights


def check_enough(faces: FaceSet, recipe: TrainingRecipe, folder: Path) -> None:
    """Make sure that a loss has something to learn from.

    Raises
    ------
    CalibrationError
        ``bad-folder``.
    """
    usable = f"{folder} has {len(faces.crops)} usable photos of {len(faces.names)} people"
    if len(faces.names) == 1:
        usable = f"{folder} has {len(faces.crops)} usable photos of one person"
    if len(faces.crops) < 2:
        raise CalibrationError("bad-folder", f"{folder} has one usable photo; a training needs more")
    if recipe.loss == "distill":  # what the teacher says needs no people
        return
    if len(faces.names) < 2:
        raise CalibrationError("bad-folder", f"{usable}; there is nobody to tell them from")
    if int(np.bincount(faces.person).max()) < 2:
        raise CalibrationError(
            "bad-folder",
            f"{usable}, one photo each: nothing says what two photos of a person have in common",
            hint="Add photos; two of a person are the least, ten or more work better.",
        )
    if recipe.loss in BY_PAIRS and recipe.batch < 4:
        raise SettingsError("usage", f"--loss {recipe.loss} compares photos: --batch is at least 4")


def _split(faces: FaceSet, recipe: TrainingRecipe) -> Split:
    by = split_by_photo if recipe.loss == "softmax" else split_by_person
    return by(faces.person, recipe.validation, recipe.seed)


def teaching(
    teacher: Embedder, architecture: Architecture
) -> Callable[[NDArray[np.uint8]], NDArray[np.float32]]:
    """Return a teacher's embeddings of aligned crops, which it aligns again in its own way.

    The landmarks of an aligned crop are where the architecture wants them, so a crop is a photo with one
    known face. Its box is the one that the detector usually draws around such landmarks.
    """
    scale = architecture.input_size / 112
    face = Face((20.0 * scale, 8.0 * scale, 92.0 * scale, 110.0 * scale), architecture.target, 1.0)

    def embed(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        return teacher.embed(np.stack([teacher.crop(crop, face) for crop in crops]))

    return embed


def _write_sheet(output: Path, faces: FaceSet, split: Split, recipe: TrainingRecipe) -> Path:
    from faceunlock.training.augmentation import contact_sheet
    from faceunlock.training.checkpoint import write_file
    from faceunlock.training.output import SHEET

    content = io.BytesIO()
    contact_sheet(faces.crops[split.training], recipe.augment, recipe.seed).save(content, format="PNG")
    write_file(output / SHEET, content.getvalue())
    return output / SHEET


def _write_model(
    output: Path,
    training: Training,
    faces: FaceSet,
    split: Split,
    recipe: TrainingRecipe,
    device: str,
    stopped_early: bool,
) -> TrainingOutcome:
    import torch

    from faceunlock.person import now
    from faceunlock.training import output as files
    from faceunlock.training.card import card, card_text
    from faceunlock.training.checkpoint import write_file
    from faceunlock.training.curves import draw_curves
    from faceunlock.training.validation import first_threshold

    history, created = training.progress.history, now()
    sha256, size = files.write_weights(output, training.network, recipe.architecture)
    judged = split.validation if len(split.validation) else split.training
    what = "held-out photos" if len(split.validation) else "photos it was trained on"
    model = files.make_record(
        output.absolute().name,
        recipe.architecture,
        sha256,
        size,
        threshold=first_threshold(training.embed(judged), faces.person[judged]),
        threshold_data=f"a guess from pairs of {what}",
        training_data=f"{len(faces.crops)} photos of {len(faces.names)} people, loss {recipe.loss}",
        created=created,
    )
    content = card(
        model=model,
        faces=faces,
        split=split,
        recipe=recipe,
        history=history,
        device=device,
        threads=torch.get_num_threads(),
        stopped_early=stopped_early,
        created=created,
    )
    with_head = _write_head(output, training, faces, split, model)
    write_file(output / files.CURVES, draw_curves(history, f"{model['id']}: loss {recipe.loss}"))
    files.write_json(output / files.CARD_DATA, content)
    write_file(output / files.CARD, card_text(content).encode())
    files.finish(output, model)
    return TrainingOutcome(output, content, head=with_head)


def _write_head(
    output: Path, training: Training, faces: FaceSet, split: Split, model: dict[str, Any]
) -> bool:
    """Keep what ``softmax`` learned about its people as a head beside the weights."""
    directions = training.head()
    if directions is None:
        return False
    from faceunlock.classification import Head, centroids, measure_head
    from faceunlock.head_file import write_head
    from faceunlock.training.losses import SOFTMAX_SCALE

    positions = {faces.names.index(name): number for number, name in enumerate(training.people)}

    def person(chosen: NDArray[np.intp]) -> NDArray[np.intp]:
        return np.array([positions[one] for one in faces.person[chosen].tolist()], dtype=np.intp)

    learned, count = split.training, len(training.people)
    head = Head(
        training.people,
        SOFTMAX_SCALE * directions.astype(np.float64),
        np.zeros(count),
        centroids(training.embed(learned), person(learned), count),
        1.0,
    )
    judged = split.validation if len(split.validation) else learned
    how = "held-out photos, which also chose the epoch" if len(split.validation) else "photos it learned from"
    head, held_out = measure_head(head, training.embed(judged), person(judged), how)
    identity = ModelIdentity(
        model["id"],
        model["sha256"],
        model["calibration"]["preprocessing"],
        model["architecture"]["dimension"],
    )
    write_head(output, head, held_out, identity, "", overwrite=True)
    return True
