"""``faceunlock train``: a model from a folder of people."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from faceunlock.cli.options import command
from faceunlock.cli.session import Session
from faceunlock.errors import SettingsError

if TYPE_CHECKING:
    from faceunlock.training.checkpoint import EpochRecord
    from faceunlock.training.recipe import TrainingRecipe
    from faceunlock.training.run import Beginning


class LossChoice(StrEnum):
    """What is minimised."""

    contrastive = "contrastive"
    triplet = "triplet"
    arcface = "arcface"
    cosface = "cosface"
    softmax = "softmax"
    distill = "distill"


class FacesChoice(StrEnum):
    """What the photos are."""

    detect = "detect"
    aligned = "aligned"
    as_is = "as-is"


class AugmentChoice(StrEnum):
    """How far crops are varied."""

    none = "none"
    light = "light"
    strong = "strong"


class PrecisionChoice(StrEnum):
    """In which numbers convolutions are computed."""

    auto = "auto"
    float32 = "float32"
    bfloat16 = "bfloat16"


class TeacherSeesChoice(StrEnum):
    """Which picture the teacher looks at."""

    same = "same"
    clean = "clean"


class StorageChoice(StrEnum):
    """How weights are stored."""

    float32 = "float32"
    int8 = "int8"


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    command(app, "train")(train)


def train(
    session: Session,
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="One sub-folder per person.", show_default=False)
    ],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="MODEL", help="Folder of the model.", show_default=False),
    ],
    loss: Annotated[LossChoice, typer.Option("--loss", help="What is minimised.", show_default=False)],
    teacher: Annotated[
        str | None,
        typer.Option(
            "--teacher", metavar="MODEL", help="A model to imitate, with any loss.", show_default=False
        ),
    ] = None,
    teacher_weight: Annotated[
        float, typer.Option("--teacher-weight", help="What imitation counts beside another loss.")
    ] = 1.0,
    teacher_sees: Annotated[
        TeacherSeesChoice,
        typer.Option("--teacher-sees", help="The same picture as the network, or the crop before variation."),
    ] = TeacherSeesChoice.same,
    faces: Annotated[
        FacesChoice,
        typer.Option(
            "--faces", help="detect finds and aligns faces; aligned and as-is take photos as crops."
        ),
    ] = FacesChoice.detect,
    epochs: Annotated[int, typer.Option("--epochs", help="Passes over the photos, at most.")] = 30,
    batch: Annotated[int, typer.Option("--batch", help="Photos per step.")] = 64,
    learning_rate: Annotated[float, typer.Option("--learning-rate", help="The highest.")] = 1e-3,
    direction_rate: Annotated[
        float | None,
        typer.Option(
            "--direction-rate", help="The same for the directions of the people.", show_default=False
        ),
    ] = None,
    weight_decay: Annotated[float, typer.Option("--weight-decay", help="Of AdamW.")] = 0.05,
    average: Annotated[
        float, typer.Option("--average", help="Decay of the moving average of the weights.")
    ] = 0.999,
    augment: Annotated[
        AugmentChoice, typer.Option("--augment", help="How far crops are varied.")
    ] = AugmentChoice.light,
    cutmix: Annotated[
        float, typer.Option("--cutmix", help="Share of batches whose photos exchange parts (softmax).")
    ] = 0.0,
    validation: Annotated[
        float, typer.Option("--validation", help="Share of the people held out (softmax: of the photos).")
    ] = 0.1,
    patience: Annotated[
        int, typer.Option("--patience", help="Stop after so many epochs without a better one; 0 never.")
    ] = 10,
    seed: Annotated[int, typer.Option("--seed", help="Of everything random.")] = 0,
    precision: Annotated[
        PrecisionChoice, typer.Option("--precision", help="Of the convolutions.")
    ] = PrecisionChoice.auto,
    size: Annotated[int, typer.Option("--size", help="Side of the crops in pixels.")] = 112,
    dimension: Annotated[
        int, typer.Option("--dimension", help="Numbers in an embedding; distill takes the teacher's.")
    ] = 128,
    widths: Annotated[
        str, typer.Option("--widths", metavar="N,N,...", help="Channels of each stage.")
    ] = "32,64,128,256",
    blocks: Annotated[
        str, typer.Option("--blocks", metavar="N,N,...", help="Residual blocks of each stage.")
    ] = "1,1,1,1",
    gray: Annotated[bool, typer.Option("--gray", help="Look at luma only.")] = False,
    mirror: Annotated[
        bool, typer.Option("--mirror", help="Average over the mirror image when the model is used.")
    ] = False,
    shift: Annotated[
        int,
        typer.Option("--shift", help="Average over the crop moved by so many pixels, too."),
    ] = 0,
    start: Annotated[
        str | None,
        typer.Option(
            "--start", metavar="MODEL", help="A trained model's folder, or dlib.", show_default=False
        ),
    ] = None,
    storage: Annotated[
        StorageChoice, typer.Option("--storage", help="How matrices and kernels are kept.")
    ] = StorageChoice.float32,
    workers: Annotated[int, typer.Option("--workers", min=0, max=256, help="Processes that vary crops.")] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an unfinished training.")] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Throw away what is in the folder of the model.")
    ] = False,
) -> None:
    """Train a model on a folder of people.

    Model and card are written into a folder of their own. The result is a model like any other:
    --model MODEL. It is not calibrated: see faceunlock calibrate.
    """
    from faceunlock.cli.answers import train as answers
    from faceunlock.pipeline.models.architecture import ResidualArchitecture
    from faceunlock.training.recipe import TrainingRecipe

    try:
        architecture = ResidualArchitecture(
            input_size=size,
            gray=gray,
            mirror=mirror,
            shift=shift,
            widths=_numbers("--widths", widths),
            blocks=_numbers("--blocks", blocks),
            dimension=dimension,
        )
    except ValueError as error:
        raise SettingsError("usage", f"the network: {error}") from error
    recipe = TrainingRecipe(
        loss=loss.value,
        architecture=architecture,
        faces=faces.value,
        epochs=epochs,
        batch=batch,
        learning_rate=learning_rate,
        direction_rate=direction_rate,
        weight_decay=weight_decay,
        average=average,
        augment=augment.value,
        cutmix=cutmix,
        validation=validation,
        patience=patience,
        precision=_precision(session, precision),
        seed=seed,
        teacher=teacher,
        teacher_weight=teacher_weight,
        teacher_sees=teacher_sees.value,
        storage=storage.value,
    )
    outcome = _train(
        session,
        folder,
        output,
        recipe,
        start=start,
        resume=resume,
        overwrite=overwrite,
        workers=workers,
    )
    session.console.answer(answers.trained(outcome), answers.document(outcome))


def _train(session: Session, folder: Path, output: Path, recipe: TrainingRecipe, **options: Any) -> Any:
    from faceunlock.cli.answers import train as answers
    from faceunlock.training.run import Observer

    console = session.console

    def begin(beginning: Beginning) -> None:
        console.left_out(beginning.faces.left_out)
        for line in answers.beginning(beginning):
            console.note(line)

    def epoch(record: EpochRecord) -> None:
        console.note(answers.epoch(record, recipe.epochs))

    with console.progress() as progress, session.unlock(progress) as unlock:
        return unlock.train(folder, output, recipe, Observer(begin, epoch, progress.track), **options)


def _numbers(option: str, text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise SettingsError("usage", f"{option} takes whole numbers and commas, not {text!r}") from error


def _precision(session: Session, choice: PrecisionChoice) -> Any:
    if choice is not PrecisionChoice.auto:
        return choice.value
    from faceunlock.training.recipe import best_precision

    if session.settings.device == "cpu":
        return best_precision("cpu")
    from faceunlock.pipeline.runtime.torch_runtime import resolve_device

    return best_precision(resolve_device(session.settings.device))
